"""The catalogue: stable names, and the class of every field."""

import re
from dataclasses import dataclass, make_dataclass
from typing import Any, get_args

import pytest

from application import catalogue
from application.catalogue import BY_CLASS, BY_NAME, CATALOGUE
from domain.booking import BookingEvent, Event
from domain.case import CaseEvent
from domain.handling import FindingEvent
from domain.pool import PoolEvent
from domain.registry import ProviderEvent


@dataclass(frozen=True)
class LetterSent:
    """A made-up event."""

    minutes: int
    text: str


def classify(clear: str, **personal: str) -> Any:
    """The class of its fields: clear ones, and after them personal ones by their retention class."""
    return catalogue._type("letter-sent", 1, LetterSent, clear, **personal)  # type: ignore[arg-type]


class TestClassification:
    def test_every_field_is_clear_or_personal(self) -> None:
        """Then the event has a place in the catalogue."""
        entry = classify("minutes", file="text")
        assert (entry.clear, entry.personal) == ({"minutes"}, {"text": "file"})

    @pytest.mark.parametrize(
        ("clear", "personal", "named"),
        [
            ("minutes", "", "text"),
            ("", "text", "minutes"),
            ("minutes text", "text", "text"),
            ("minutes", "text reason", "reason"),
            ("minutes note", "text", "note"),
        ],
        ids=["personal forgotten", "clear forgotten", "both at once", "personal unknown", "clear unknown"],
    )
    def test_an_unclassified_field_does_not_even_import(self, clear: str, personal: str, named: str) -> None:
        """The catalogue is built on import, so the error names event and field before anything is stored."""
        with pytest.raises(TypeError, match=f"letter-sent: .*{named}"):
            classify(clear, file=personal)

    def test_a_field_is_of_one_retention_class(self) -> None:
        """It is sealed under one key, and so ends at one time."""
        with pytest.raises(TypeError, match="text"):
            classify("minutes", file="text", voucher="text")

    def test_reasons_about_a_pool_are_the_office_s(self) -> None:
        """And what is the office's is about nothing else: an event about a person has a class that ends with the person's data."""
        of_office = {entry.cls for entry in CATALOGUE if "office" in entry.personal.values()}
        assert of_office == {entry.cls for entry in CATALOGUE if entry.personal and entry.cls.__module__ == "domain.pool"}
        assert all(set(entry.personal.values()) == {"office"} for entry in CATALOGUE if entry.cls in of_office)

    def test_a_new_field_of_a_known_event_is_noticed(self) -> None:
        """As it is not classified."""
        grown = make_dataclass("HoursApproved", ["remark"], bases=(BY_NAME["hours-approved"].cls,), frozen=True)
        entry = BY_NAME["hours-approved"]
        with pytest.raises(TypeError, match="remark"):
            catalogue._type(entry.name, 1, grown, " ".join(entry.clear), voucher=" ".join(entry.personal))


class TestNames:
    # Storage: a name is added here, and never changed or taken away.
    STORED = re.findall(
        r"\S+",
        """
        pool-opened demonstration-started budget-changed rules-changed hours-reserved hours-released pool-exhausted
        pool-replenished place-offered month-closed month-reopened import-recorded sample-drawn pool-closed
        case-opened case-amended case-transferred case-closed
        erasure-requested erasure-withdrawn legal-hold-set legal-hold-lifted personal-data-erased erasure-confirmed
        hours-requested request-waitlisted approval-proposed hours-approved request-declined request-withdrawn
        session-logged session-corrected session-reversed session-confirmed grant-reduced booking-settled
        finding-opened finding-explained finding-confirmed finding-closed
        provider-registered offer-registered worker-registered registration-ended
    """,
    )

    def test_names_are_storage(self) -> None:
        """Each stands for one event and the other way round."""
        assert [entry.name for entry in CATALOGUE] == self.STORED
        assert len(BY_NAME) == len(BY_CLASS) == len(CATALOGUE)

    def test_names_are_kebab_case(self) -> None:
        """As the outside sees them."""
        assert all(re.fullmatch(r"[a-z]+(-[a-z]+)+", entry.name) for entry in CATALOGUE)

    def test_every_event_of_the_domain_has_one(self) -> None:
        """Nothing that is decided cannot be stored."""
        assert set(BY_CLASS) == set(get_args(Event))
        streams = (PoolEvent, CaseEvent, BookingEvent, FindingEvent, ProviderEvent)
        assert set(get_args(Event)) == {event for of_stream in streams for event in get_args(of_stream)}
