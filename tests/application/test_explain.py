"""Explanations: every figure that is shown is what its parts make it, and each event behind it stands in the log, proven."""

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from application.explain import Explanation, Figure, OfBalance, OfEvaluation, Part, explain, figure_of, prove
from application.projections.balances import balance
from application.projections.evaluation import evaluation
from application.projections.figures import mean, percent
from application.proof import merkle, tree
from domain.refusals import Malformed, NotFound
from tests.application.projections.driver import Log, opened_log
from tests.application.projections.histories import POOL, PROVIDERS, START, History, steps
from tests.conftest import STORE_KINDS
from tests.domain.facts import POOL as FACTS_POOL
from tests.domain.facts import (
    PROVIDER,
    PROVIDER_2,
    approved,
    case_opened,
    corrected,
    hours_requested,
    logged,
    pool_opened,
    session,
)

EXAMPLES = {"sqlite": 5, "postgres": 1}
WHOLE = ("budget", "granted", "released", "consumed", "reserved", "available")
GROUPED = ("granted", "released", "consumed", "reserved")

instants = st.integers(-5 * 24 * 60, 150 * 24 * 60).map(lambda minutes: START + timedelta(minutes=minutes))
points = st.none() | instants | instants.map(lambda instant: instant.date())


def shown_balances(log: Log, as_of: Any, known_at: Any) -> Iterator[tuple[OfBalance, int]]:
    """Every figure of every balance in these times, with its value."""
    whole = log.ask(balance, POOL, as_of, known_at)
    for figure in WHOLE:
        yield OfBalance(POOL, figure, None, as_of, known_at), getattr(whole, figure)  # type: ignore[arg-type]
    for by in ("district", "provider", "case", "month", "booking"):
        for group in log.ask(balance, POOL, as_of, known_at, by).groups or ():
            for figure in GROUPED:
                yield OfBalance(POOL, figure, (by, group.key), as_of, known_at), getattr(group, figure)  # type: ignore[arg-type]


def shown_evaluation(log: Log) -> Iterator[tuple[OfEvaluation, int | None]]:
    """Every figure of the evaluation, over everything and over each group."""
    for figure in log.ask(evaluation, POOL).figures:
        yield OfEvaluation(POOL, figure.figure), figure.value
        for by, groups in figure.groups.items():
            for group in groups:
                yield OfEvaluation(POOL, figure.figure, (by, group.group)), group.value


def made_of(parts: tuple[Part, ...], counting: str) -> int | None:
    """What the parts come to; a quantile is one of them."""
    amounts = [part.amount for part in parts]
    match counting:
        case "sum":
            return sum(amounts)
        case "share":
            return percent([(part.amount, part.of or 0) for part in parts])
        case _:
            return mean(amounts)


def explained(log: Log, figure: Figure, provider: str | None = None) -> Explanation:
    """The whole explanation, put together from pages of three, which must come to the same as all at once."""
    whole = log.ask(explain, figure, provider=provider, limit=None)
    pages, after = list[Part](), None
    while True:
        page = log.ask(explain, figure, provider=provider, after=after, limit=3)
        pages += page.parts
        after = page.next
        if after is None:
            break
    assert tuple(pages) == whole.parts
    return whole


def is_proven(log: Log, explanation: Explanation) -> None:
    """Each event is in the tree, and is of the type that is said."""
    with log.store.turn() as turn:
        root, size = tree.whole(turn).root(), len(log.recorded)
    proven = log.ask(prove, explanation)
    assert (proven.size, proven.root) == (size, root)
    types = {event.position: event.type for part in explanation.parts for event in part.events}
    assert types == {position: log.recorded[position - 1].type for position in types}
    assert [proof.position for proof in proven.proofs] == sorted(types)
    for proof in proven.proofs:
        leaf_hash = sha256(b"\x00" + proof.leaf).digest()
        assert merkle.includes(root, size, proof.position - 1, leaf_hash, proof.path)
        assert types[proof.position].encode() in proof.leaf


@pytest.mark.parametrize("kind", STORE_KINDS)
def test_every_figure_is_what_its_parts_make_it(kind: str, fresh_url: Callable[[str], str]) -> None:
    """given any history / when any figure of any balance or of the evaluation is explained / then its parts come to it, and their
    events are proven; and its name leads back to it."""

    @settings(max_examples=EXAMPLES[kind], deadline=None, suppress_health_check=list(HealthCheck))
    @given(steps, points, points)
    def hold(steps: list[tuple[int, int, bool]], as_of: Any, known_at: Any) -> None:
        with opened_log(fresh_url(kind)) as log:
            log.append_all(History().play(steps))
            events = set[Any]()
            figures = [*shown_balances(log, None, None), *shown_balances(log, as_of, known_at), *shown_evaluation(log)]
            for figure, value in figures:
                found = log.ask(explain, figure, limit=None)
                assert found.value == value, figure
                if found.counting == "quantile":
                    assert value in [part.amount for part in found.parts] or (value is None and not found.parts)
                else:
                    assert made_of(found.parts, found.counting) == value, figure
                assert all(part.events for part in found.parts)
                assert figure_of(str(figure)) == figure
                assert found.figure == str(figure)
                if found.parts and (key := (type(figure), figure.figure)) not in events:
                    events.add(key)  # the proofs of one figure are as good as those of another group of it
                    is_proven(log, explained(log, figure))

    hold()


def test_a_provider_s_parts_are_its_own(store_url: str) -> None:
    """given cases of two providers / when one of them asks / then no part is the other's, and no figure of the other's either."""
    with opened_log(store_url) as log:
        log.append_all(History().play([(n * 7919, 60, False) for n in range(60)]))
        mine, other = PROVIDERS
        whole = explained(log, OfBalance(POOL, "available"), mine)
        assert whole.value == log.ask(balance, POOL).available
        assert {part.provider for part in whole.parts} == {None, mine}
        for figure, _ in shown_balances(log, None, None):
            if figure.within == ("provider", other):
                with pytest.raises(NotFound):
                    explained(log, figure, mine)
            elif figure.within is not None:
                found = explained(log, figure, mine)
                assert {part.provider for part in found.parts} <= {mine}
                assert made_of(found.parts, "sum") == found.value
        with pytest.raises(NotFound):
            explained(log, OfEvaluation(POOL, "requests"), mine)


def test_a_correction_counts_on_both_days(store_url: str) -> None:
    """given a session that was moved to the next month / when both months are explained / then each has its side of the event."""
    with opened_log(store_url) as log:
        log.append([pool_opened(600), case_opened(), hours_requested(60), *approved(60), logged(45)])
        before, now = session(45), session(30, starts_at=datetime.fromisoformat("2022-01-04T10:00:00+01:00"))
        [event] = log.append([corrected(before, now)])
        months = {
            month: [(part.events[0].position, part.amount, part.day) for part in found.parts]
            for month in (f"{before.starts_at:%Y-%m}", "2022-01")
            for found in [explained(log, OfBalance(FACTS_POOL, "consumed", ("month", month)))]
        }
        logged_on = before.starts_at.date()
        assert months == {
            f"{before.starts_at:%Y-%m}": [(event.position, -45, logged_on), (event.position - 1, 45, logged_on)],
            "2022-01": [(event.position, 30, date(2022, 1, 4))],
        }


def test_a_pool_that_is_not_there_is_not_found(store_url: str) -> None:
    """given no pool / when a figure of it is explained / then it is not found, whoever asks."""
    with opened_log(store_url) as log:
        for figure in (OfBalance(UUID(int=99), "budget"), OfEvaluation(UUID(int=99), "requests")):
            for provider in (None, PROVIDER, PROVIDER_2):
                with pytest.raises(NotFound):
                    log.ask(explain, figure, provider=provider, limit=1)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "pool",
        "pool/1/consumed",
        f"pool/{POOL}/hours",
        f"pool/{POOL}/available?by=district:nord",
        f"pool/{POOL}/consumed?by=district",
        f"pool/{POOL}/consumed?by=color:red",
        f"pool/{POOL}/consumed?by=district:nord&by=district:süd",
        f"pool/{POOL}/consumed?as_of=gestern",
        f"pool/{POOL}/consumed?colour=red",
        f"evaluation/{POOL}/consumed",
        f"evaluation/{POOL}/requests?as_of=2022-03-31",
        f"case/{POOL}/requests",
    ],
)
def test_a_name_of_no_figure_is_malformed(name: str) -> None:
    """given a name that leads to no figure / when it is read / then it is refused with a sentence."""
    with pytest.raises(Malformed):
        figure_of(name)


def test_a_name_takes_what_people_type() -> None:
    """given a name with a plus sign, an umlaut and a German day / when it is read / then it is the figure that is meant."""
    written = f"pool/{POOL}/consumed?by=district:süd&as_of=31.03.2022&known_at=2022-04-01T12:00:00+02:00"
    known_at = datetime.fromisoformat("2022-04-01T12:00:00+02:00")
    assert figure_of(written) == OfBalance(POOL, "consumed", ("district", "süd"), date(2022, 3, 31), known_at)
