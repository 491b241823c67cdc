"""What becomes of a person's data: requested, held, erased; what is due; and everything about one person (Art. 15 and 20 GDPR)."""

from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID

import msgspec

from application import commands, subject
from application.projections import retention
from application.projections.retention import Person
from application.reads import Disclosure, disclosures_of
from application.subject import SubjectFile
from application.views import CaseView
from domain.erasure import due_from
from domain.personal_data import CLASSES, Ground, PersonalClass
from domain.quantities import berlin_day
from interfaces.http import bodies, parameters
from interfaces.http.operations import DISCLOSING, Asking, Command, Operation, Query
from interfaces.http.policies import OFFICERS


class RetentionView(msgspec.Struct, frozen=True):
    """A person's data as they stand; ``due`` is the first day on which a class may be erased, once the case has ended."""

    case: UUID
    reference: str
    provider: str
    ended_on: date | None
    due: dict[PersonalClass, date]
    held: bool
    requested: tuple[PersonalClass, ...]
    ground: Ground | None
    requested_by: str | None
    erased: tuple[PersonalClass, ...]
    confirmed: tuple[PersonalClass, ...]


class RetentionFile(RetentionView, frozen=True):
    """One person's data, and what of them left the house."""

    disclosures: tuple[Disclosure, ...]


class Calendar(msgspec.Struct, frozen=True):
    """Whose data are due on a day, whether held or not."""

    on: date
    persons: tuple[RetentionView, ...]


def with_periods(asking: Asking, case: UUID, **stated: Any) -> Mapping[str, Any]:
    return stated | {"periods": asking.periods}


def get_retention(asking: Asking, _: parameters.Parameters, case: UUID) -> RetentionFile:
    stands = viewed(asking, retention.person(asking.reader, case))
    return RetentionFile(**msgspec.structs.asdict(stands), disclosures=disclosures_of(asking.reader, case))


def list_due(asking: Asking, wanted: parameters.DueOn) -> Calendar:
    on = wanted.on or berlin_day(asking.now)
    return Calendar(on, tuple(viewed(asking, person) for person in retention.due(asking.reader, on, asking.periods)))


def get_subject(asking: Asking, _: parameters.Parameters, case: UUID) -> SubjectFile:
    """Whoever asks what is stored about them gets it although it is restricted: that is what the restriction keeps it for."""
    asking.exception = "access"
    return subject.gathered(asking.reader, case, asking, asking.now)


def viewed(asking: Asking, person: Person) -> RetentionView:
    data = person.data
    due = due_from(person.ended_on, asking.periods) if person.ended_on else {}
    return RetentionView(
        person.case,
        person.reference,
        person.provider,
        person.ended_on,
        {kept: due[kept] for kept in CLASSES if kept in due},
        data.held,
        data.requested,
        data.ground,
        data.requested_by,
        data.erased,
        data.confirmed,
    )


CLOSED = ("open_pool", "open_case", "close_case")

OPERATIONS: tuple[Operation, ...] = (
    Command(
        path="/cases/{case}/erasure",
        policy=OFFICERS,
        summary="Personenbezogenes löschen: erst beantragen, dann durch eine zweite Person",
        note="Der erste Aufruf beantragt (202) und schränkt die Verarbeitung ein; derselbe einer zweiten Person löscht (200). "
        "`ground`: `request` (Antrag der Person) und `retention` löschen nur, was nicht mehr aufzubewahren ist; `order` löscht aus "
        "dem angegebenen Grund sofort.",
        decide=commands.erase,
        beforehand=with_periods,
        body=bodies.Erasure,
        view=CaseView,
        may_await_second=True,
        given=CLOSED,
        example={"ground": "order", "reason": "Speicherung war unzulässig"},
        shows={"restricted": True, "erased": False},
    ),
    Command(
        path="/cases/{case}/erasure/withdrawal",
        policy=OFFICERS,
        summary="Antrag auf Löschung zurücknehmen",
        decide=commands.withdraw_erasure,
        body=bodies.Reason,
        view=CaseView,
        given=(*CLOSED, "erase"),
        example={"reason": "Antrag irrtümlich gestellt"},
        shows={"restricted": False},
    ),
    Command(
        path="/cases/{case}/hold",
        policy=OFFICERS,
        summary="Löschsperre setzen",
        decide=commands.set_hold,
        body=bodies.Reason,
        view=CaseView,
        given=CLOSED,
        example={"reason": "Widerspruchsverfahren"},
    ),
    Command(
        path="/cases/{case}/hold/lifting",
        policy=OFFICERS,
        summary="Löschsperre aufheben",
        decide=commands.lift_hold,
        body=bodies.Reason,
        view=CaseView,
        given=(*CLOSED, "set_hold"),
        example={"reason": "Verfahren beendet"},
    ),
    Query(
        path="/cases/{case}/erasure",
        policy=OFFICERS,
        summary="Wie es um das Personenbezogene eines Falls steht, und was davon herausgegeben wurde",
        note="`disclosures` nennt, wer wann Lesbares herausgegeben hat: mit `files` und `answer` alles, mit `texts` einzelne "
        "Texte. Nach dem Löschen sind die Empfänger zu unterrichten (Art. 19 DSGVO).",
        read=get_retention,
        parameters=parameters.Parameters,
        view=RetentionFile,
        given=CLOSED,
    ),
    Query(
        path="/cases/{case}/subject",
        policy=OFFICERS,
        summary="Alles über eine Person: Auskunft (Art. 15 DSGVO) und Datenübertragung (Art. 20 DSGVO)",
        note="Alle Texte und Ereignisse, und wer sie gelesen hat. Auch diese Auskunft wird festgehalten, bevor sie ergeht.",
        read=get_subject,
        parameters=parameters.Parameters,
        view=SubjectFile,
        opens_texts=DISCLOSING,
        given=CLOSED,
    ),
    Query(
        path="/retention",
        policy=OFFICERS,
        summary="Wessen Personenbezogenes zu löschen ist",
        read=list_due,
        parameters=parameters.DueOn,
        view=Calendar,
    ),
)
