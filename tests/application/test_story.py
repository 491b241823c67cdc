"""Stories: complete, in the order of the log, and with minutes that end where the balance stands."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, get_args
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings

from application.projections.audit_trail import trail
from application.projections.balances import MovementKind, balance
from application.story import Hero, Scene, Story, story
from domain.booking import HoursRequested, SessionCorrected, SessionLogged, SessionReversed
from domain.refusals import NotFound
from tests.application.projections.driver import Log, Opener, opened_log
from tests.application.projections.histories import CASES, POOL, History, steps
from tests.conftest import STORE_KINDS
from tests.domain.facts import (
    BOOKING,
    SERVED_AT,
    WORKER,
    approved,
    case_opened,
    confirmed,
    corrected,
    hours_requested,
    logged,
    pool_opened,
    reversed_,
    session,
)

EXAMPLES = {"sqlite": 10, "postgres": 2}


def told(log: Log, of: Hero, id: Any) -> Story:
    """A whole story, put together from pages of three, which must come to the same as all at once."""
    whole = log.ask(story, of, str(id), limit=None)
    scenes, after = list[Scene](), None
    while True:
        page = log.ask(story, of, str(id), after=after, limit=3)
        scenes += page.scenes
        after = page.next
        if after is None:
            break
    assert tuple(scenes) == whole.scenes
    return whole


def ends(found: Story) -> dict[str, int]:
    """What a story has come to."""
    total: dict[str, int] = dict.fromkeys(get_args(MovementKind), 0)
    for scene in found.scenes:
        for kind, minutes in scene.minutes.items():
            total[kind] += minutes
            assert scene.total[kind] == total[kind]
    return total


@pytest.mark.parametrize("kind", STORE_KINDS)
def test_stories_tell_everything(kind: str, fresh_url: Callable[[str], str]) -> None:
    """given any history / when cases, bookings, the pool and the worker are told / then lines are the trail's, none is missing, and
    minutes end where the balance stands."""

    @settings(max_examples=EXAMPLES[kind], deadline=None, suppress_health_check=list(HealthCheck))
    @given(steps)
    def hold(steps: list[tuple[int, int, bool]]) -> None:
        with opened_log(fresh_url(kind)) as log:
            log.append_all(History().play(steps))
            lines = log.ask(trail, provider=None, limit=10_000)[0]
            groups = {by: log.ask(balance, POOL, by=by).groups or () for by in ("case", "booking")}
            bookings = [event.stream for event in log.recorded if isinstance(event.data, HoursRequested)]
            for of, ids in (("case", CASES), ("booking", bookings)):
                stands = {group.key: group for group in groups[of]}
                for id in ids:
                    found = told(log, of, id)  # type: ignore[arg-type]
                    assert [scene.line for scene in found.scenes] == [line for line in lines if getattr(line, of) == id]
                    group, total = stands.get(str(id)), ends(found)
                    kinds = ("granted", "released", "consumed")
                    assert [total[kind] for kind in kinds] == [getattr(group, kind, 0) for kind in kinds]
            found = told(log, "pool", POOL)
            assert [scene.line for scene in found.scenes] == [line for line in lines if line.booking is None and line.case is None]
            assert ends(found)["budget"] == log.ask(balance, POOL).budget
            sessions = (SessionLogged, SessionCorrected, SessionReversed)
            if any(isinstance(event.data, sessions) for event in log.recorded):  # all of them are one worker's
                assert ends(told(log, "worker", "w"))["consumed"] == log.ask(balance, POOL).consumed

    hold()


def test_a_session_that_was_another_worker_s_is_told_of_both(store_url: str) -> None:
    """given a session that a correction gave to somebody else / when both are told / then each has its own minutes."""
    with opened_log(store_url) as log:
        log.append([pool_opened(600), case_opened(), hours_requested(240), *approved(240), logged(60), logged(30, UUID(int=77))])
        log.append([confirmed()])
        log.append([corrected(session(60), session(45, worker="worker-2"))])
        log.append([reversed_(session(45, worker="worker-2"))])
        last = len(log.recorded)
        first = [(scene.line.position, scene.minutes, scene.total) for scene in told(log, "worker", WORKER).scenes]
        sessions = [scene for scene in first if scene[0] > last - 5]
        assert sessions == [
            (last - 4, {"consumed": 60}, {"consumed": 60}),
            (last - 3, {"consumed": 30}, {"consumed": 90}),
            (last - 2, {}, {}),
            (last - 1, {"consumed": -60}, {"consumed": 30}),
            (last, {}, {}),
        ]
        second = [(scene.line.position, scene.minutes) for scene in told(log, "worker", "worker-2").scenes]
        assert second == [(last - 4, {}), (last - 2, {}), (last - 1, {"consumed": 45}), (last, {"consumed": -45})]


def test_a_scene_says_what_it_comes_to(store_url: str) -> None:
    """given two sessions / when their booking is told / then hours are said; reasons need an opener."""
    with opened_log(store_url) as log:
        log.append([pool_opened(600), case_opened(), hours_requested(240), *approved(240), logged(60)])
        log.append([reversed_(session(60))], at=SERVED_AT + timedelta(days=1))
        found = told(log, "booking", BOOKING)
        decided, served = "16.03.2022", "15.03.2022"
        assert [scene.effect for scene in found.scenes if scene.effect] == [
            f"wirksam am {decided}: bewilligt +4,00 Std., zusammen 4,00 Std.",
            f"wirksam am {served}: geleistet +1,00 Std., zusammen 1,00 Std.",
            f"wirksam am {served}: geleistet -1,00 Std., zusammen 0,00 Std.",
        ]
        assert all(scene.line.line.endswith(f" – {scene.told}") for scene in found.scenes)
        assert "Grund: (vertraulich)." in found.scenes[-1].line.line
        opened = log.ask(story, "booking", str(BOOKING), limit=None, opening=lambda cases: Opener())
        assert "Grund: nach Prüfung." in opened.scenes[-1].line.line


def test_a_session_that_was_moved_is_effective_on_both_days(store_url: str) -> None:
    """given a session that was put on the day after / when booking and worker are told / then both name both days."""
    with opened_log(store_url) as log:
        log.append([pool_opened(600), case_opened(), hours_requested(240), *approved(240), logged(60)])
        log.append([corrected(session(60), session(90, SERVED_AT + timedelta(days=1)))])
        both = (SERVED_AT.date(), SERVED_AT.date() + timedelta(days=1))
        for of, id in (("booking", BOOKING), ("worker", WORKER)):
            last = told(log, of, id).scenes[-1]  # type: ignore[arg-type]
            assert (last.days, last.minutes) == (both, {"consumed": 30})


def test_of_what_is_not_there_nothing_is_told(store_url: str) -> None:
    """given a log / when a story of something else is asked for / then it is not found."""
    with opened_log(store_url) as log:
        log.append([pool_opened(600), case_opened()])
        for of in get_args(Hero):
            with pytest.raises(NotFound):
                told(log, of, UUID(int=99))
