"""Samples: drawn by their seed from what stands, and drawn again from the log as it was then."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest

from application import commands, sampling
from application.sampling import SampleView
from domain.refusals import Malformed, NotFound
from domain.sampling import digest, drawn
from tests.office import AUDITOR, LEAD, OFFICER, WORKER, Office, body, running_office

FIRST = datetime.fromisoformat("2024-03-01T23:30:00+01:00")
ANYTHING: dict[str, Any] = dict.fromkeys(("size", "share_percent", "provider", "first_day", "last_day", "seed"))


@pytest.fixture
def office(store_url: str, tmp_path: Path) -> Iterator[Office]:
    with running_office(store_url, tmp_path / "keys") as office:
        yield office


@pytest.fixture
def pool(office: Office) -> UUID:
    return office.open_pool("2021-11-01", "2199-12-31", 6000, unit_minutes=15)


@pytest.fixture
def sessions(office: Office, pool: UUID) -> list[UUID]:
    """Ten sessions of a booking on ten days, from before midnight on the first of March on."""
    booking = booked(office, pool)
    return [logged(office, booking, FIRST + timedelta(days=day)) for day in range(10)]


def booked(office: Office, pool: UUID) -> UUID:
    case = office.do(LEAD, commands.open_case, pool=pool, provider="traeger-a", district="n", service_area="11", concern="school")
    booking = UUID(body(office.do(WORKER, commands.request_hours, case=UUID(body(case)["id"]), minutes=600))["id"])
    assert office.do(OFFICER, commands.approve_hours, booking).outcome == "done"
    return booking


def logged(office: Office, booking: UUID, starts_at: datetime) -> UUID:
    return UUID(body(office.do(WORKER, commands.log_session, booking, starts_at=starts_at, minutes=15, kind="direct"))["id"])


def draw(office: Office, pool: UUID, **wanted: Any) -> SampleView:
    """A sample that is on record."""
    with office.store.reading() as reader:
        sample = sampling.draw(reader, pool, **ANYTHING | wanted)
    answer = office.do(AUDITOR, commands.draw_sample, pool=pool, sample=sample)
    return msgspec.json.decode(answer.body, type=SampleView)


def again(office: Office, sample: SampleView) -> SampleView:
    with office.store.reading() as reader:
        return sampling.drawn_again(reader, sample, lambda done, total: None)


def test_the_method_is_what_is_written_down(office: Office, pool: UUID, sessions: list[UUID]) -> None:
    """Smallest SHA-256 of seed, colon and id first; and the digest of the population is that of its lines."""
    sample = draw(office, pool, size=4, seed="17. Mai")
    by_hand = sorted(sessions, key=lambda each: hashlib.sha256(b"17. Mai:" + str(each).encode()).hexdigest())
    assert list(sample.sessions) == by_hand[:4]
    lines = "".join(f"{each}\n" for each in sorted(map(str, sessions)))
    assert (sample.population.size, sample.population.sha256) == (10, hashlib.sha256(lines.encode()).hexdigest())
    assert (sample.method, sample.seed, sample.population.position) == (1, "17. Mai", 15)


def test_it_is_drawn_again_the_same_from_the_log(office: Office, pool: UUID, sessions: list[UUID]) -> None:
    """Whatever was corrected, reversed, logged or closed since."""
    booking = next(event.stream for event in office.log() if event.type == "session-logged")
    office.do(WORKER, commands.reverse_session, booking, sessions[3], reason="doppelt")
    office.do(WORKER, commands.correct_session, booking, sessions[4], starts_at=FIRST + timedelta(days=30), reason="falsch")
    whole = draw(office, pool, share_percent=100)
    part = draw(office, pool, size=3, provider="traeger-a", first_day=date(2024, 3, 2), last_day=date(2024, 3, 9))
    assert set(whole.sessions) == set(sessions) - {sessions[3]}
    assert set(part.sessions) <= set(sessions[1:9]) - {sessions[3], sessions[4]}

    office.do(WORKER, commands.reverse_session, booking, sessions[1], reason="doppelt")
    office.do(WORKER, commands.correct_session, booking, sessions[4], starts_at=FIRST + timedelta(days=4), reason="doch")
    logged(office, booking, FIRST + timedelta(days=5))
    other = office.open_pool("2021-11-01", "2199-12-31", 6000)
    logged(office, booked(office, other), FIRST)
    office.do(OFFICER, commands.close_pool, pool, reason="Ende")

    assert [again(office, each) for each in (whole, part)] == [whole, part]
    with office.store.reading() as reader:
        assert sampling.list_samples(reader, pool) == [whole, part]
        assert sampling.list_samples(reader, other) == []
    assert draw(office, pool, size=1).population.size == 9  # a closed pool as well


def test_another_log_or_seed_is_noticed(office: Office, pool: UUID, sessions: list[UUID]) -> None:
    """What was drawn cannot be passed off as what another seed, or another population, gives."""
    sample = draw(office, pool, size=5)
    for otherwise in (
        msgspec.structs.replace(sample, seed="andere"),
        msgspec.structs.replace(sample, sessions=sample.sessions[::-1]),
        msgspec.structs.replace(sample, population=replace(sample.population, position=sample.population.position - 1)),
    ):
        assert again(office, otherwise) != otherwise


def test_seeds_differ_unless_they_are_given(office: Office, pool: UUID, sessions: list[UUID]) -> None:
    """Nobody foresees one that is chosen at random; a share is rounded up."""
    first, second = draw(office, pool, share_percent=15), draw(office, pool, share_percent=15)
    assert first.seed != second.seed
    assert len(first.seed) == 32
    assert (len(first.sessions), len(draw(office, pool, share_percent=1).sessions)) == (2, 1)
    assert len(draw(office, pool, size=500).sessions) == 10


def test_every_session_is_as_likely() -> None:
    """Over 2,000 seeds each of ten is drawn about as often: a fifth of them, by a margin of more than four deviations."""
    population = [UUID(int=number) for number in range(10)]
    times = dict.fromkeys(population, 0)
    for seed in range(2_000):
        for each in drawn(str(seed), population, 2):
            times[each] += 1
    assert all(320 < number < 480 for number in times.values()), times
    assert drawn("x", population[::-1], 3) == drawn("x", population, 3)
    assert digest(population[::-1]) == digest(population)


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"size": 1, "share_percent": 1},
        {"size": 1, "provider": "traeger-z"},
        {"size": 1, "first_day": date(2025, 1, 1)},
    ],
)
def test_what_cannot_be_drawn(office: Office, pool: UUID, sessions: list[UUID], wanted: dict[str, Any]) -> None:
    """Neither size nor share, both, or nothing to draw from."""
    with pytest.raises(Malformed):
        draw(office, pool, **wanted)
    with pytest.raises(NotFound):
        draw(office, UUID(int=7), size=1)


def test_a_sample_is_no_larger_than_anybody_checks(
    office: Office, pool: UUID, sessions: list[UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A share of many sessions is refused, and says how many it would be."""
    monkeypatch.setattr(sampling, "SIZE_MAX", 4)
    with pytest.raises(Malformed, match="das wären 5 Termine"):
        draw(office, pool, share_percent=50)
