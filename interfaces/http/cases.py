"""Cases: opened and seen by their provider; their personal texts are opened only where one case is read."""

from typing import Any
from uuid import UUID

import msgspec

from application import commands
from application.privacy import KeyErased
from application.projections import cases
from application.projections.texts import Restricted, SealedText
from application.receipts import Answer
from application.turn import Turn
from application.views import CaseView, Versioned
from interfaces.http import bodies, parameters
from interfaces.http.operations import READING, Asking, Command, Operation, Page, Query
from interfaces.http.policies import CASEWORK, LEADS, LEADS_AND_OFFICERS, OFFICERS, PROVIDERS


class PersonalView(msgspec.Struct, frozen=True):
    """What is personal about a case; ``null`` also where it was erased, or is restricted and no purpose is stated."""

    name: str | None
    birth_year: str | None
    contact: str | None
    notes: str | None
    closing_note: str | None


class CaseFile(CaseView, frozen=True):
    """A case with its personal texts, whose reading was recorded."""

    personal: PersonalView


def open_case(turn: Turn, **facts: Any) -> Answer:
    """Opens a case of the caller's own provider."""
    return commands.open_case(turn, provider=turn.actor.organisation, **facts)


def list_cases(asking: Asking, wanted: parameters.CasesOf) -> Page[CaseView]:
    owner = asking.provider or wanted.provider
    if wanted.provider not in (None, owner):
        return Page((), None)
    return Page(
        *cases.list_cases(
            asking.reader, pool=wanted.pool, provider=owner, district=wanted.district, after=wanted.after, limit=wanted.limit
        )
    )


def get_case(asking: Asking, _: parameters.CaseOf, case: UUID) -> Versioned[CaseFile]:
    found = cases.versioned_case(asking.reader, case, asking.provider)
    texts = cases.case_texts(asking.reader, case, asking.provider)
    opened = (opened_text(asking, getattr(texts, name)) for name in PersonalView.__struct_fields__)
    file = CaseFile(**msgspec.structs.asdict(found.view), personal=PersonalView(*opened))
    return Versioned(file, found.version, found.position)


def opened_text(asking: Asking, text: SealedText | None) -> str | None:
    """A personal text; ``None`` where there is none, none any more, or none for this purpose."""
    try:
        return None if text is None else text.open(asking)
    except (KeyErased, Restricted):
        return None


OPERATIONS: tuple[Operation, ...] = (
    Command(
        path="/cases",
        policy=PROVIDERS,
        summary="Fall eröffnen",
        note="Der Fall gehört dem eigenen Träger. Angaben zur Person werden versiegelt und stehen in keiner Antwort auf ein POST.",
        decide=open_case,
        body=bodies.CaseOpening,
        view=CaseView,
        created=True,
        given=("open_pool",),
        example={
            "pool": "5d1c1f60-0f5b-4d8e-9c61-6a5d1f0a7b01",
            "reference": "F-2024-017",
            "offer": "jugendclub-nord",
            "district": "stadtraum-01",
            "service_area": "13",
            "concern": "housing",
            "personal": {"name": "Kim Beispiel", "birth_year": 2008, "contact": "0000 000000", "notes": "kommt dienstags"},
        },
        shows={"reference": "F-2024-017"},
    ),
    Query(
        path="/cases",
        policy=CASEWORK,
        summary="Fälle; ein Träger sieht nur seine eigenen",
        read=list_cases,
        parameters=parameters.CasesOf,
        view=CaseView,
        paged=True,
    ),
    Query(
        path="/cases/{case}",
        policy=CASEWORK,
        summary="Ein Fall mit den Angaben zur Person",
        note="Wer sie wann wofür gelesen hat, wird festgehalten, bevor die Antwort ergeht.",
        read=get_case,
        parameters=parameters.CaseOf,
        view=CaseFile,
        opens_texts=READING,
        given=("open_pool", "open_case"),
    ),
    Command(
        path="/cases/{case}/amendment",
        policy=LEADS,
        summary="Stammdaten richtigstellen",
        decide=commands.amend_case,
        body=bodies.CaseAmendment,
        view=CaseView,
        given=("open_pool", "open_case"),
        example={"district": "stadtraum-02", "personal": {"contact": "0000 111111"}, "reason": "Umzug"},
        shows={"district": "stadtraum-02"},
    ),
    Command(
        path="/cases/{case}/transfer",
        policy=OFFICERS,
        summary="Fall an einen anderen Träger geben",
        decide=commands.transfer_case,
        body=bodies.CaseTransfer,
        view=CaseView,
        given=("open_pool", "open_case"),
        example={"provider": "traeger-b", "reason": "Wechsel des Angebots"},
        shows={"provider": "traeger-b"},
    ),
    Command(
        path="/cases/{case}/closure",
        policy=LEADS_AND_OFFICERS,
        summary="Fall abschließen",
        decide=commands.close_case,
        body=bodies.CaseClosure,
        view=CaseView,
        given=("open_pool", "open_case"),
        example={"outcome": "goal_reached", "note": "Wohnung gefunden"},
        shows={"closed": True, "outcome": "goal_reached"},
    ),
)
