"""What the first page says about a pool at different times of its life."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import UUID

import msgspec
import pytest

from application.findings import Findings
from application.views import Balance, ForecastView, PoolView
from domain.findings.thresholds import Thresholds
from domain.quantities import Actor, Period, Rules
from interfaces.http.operations import Asking
from interfaces.web import formats
from interfaces.web.choice import _current
from interfaces.web.overview import Overview, _forecast, overview
from tests.conftest import STORE_KINDS, new_url
from tests.interfaces.web.story import BUDGET, END, PROVIDERS, TOP_UP, Clock, tell
from tests.office import running_office

POOL = PoolView(
    id=UUID(int=1),
    name="Pool",
    period=Period(date(2021, 11, 1), date(2022, 5, 31)),
    rules=Rules(),
    closed=False,
    exhausted=False,
    closed_months=(),
    balance=Balance(600, 0, 0, 0, 0, 600),
    demonstration=False,
)
TODAY = date(2022, 3, 1)
FOUND = ForecastView(600, 12, 1709, date(2022, 4, 12), date(2022, 4, 1), date(2022, 5, 8))


def sentence(found: ForecastView = FOUND, today: date = TODAY, **pool: object) -> str:
    return _forecast(found, msgspec.structs.replace(POOL, **pool), today).sentence


class TestForecast:
    def test_a_day_and_a_range(self) -> None:
        """With what it rests on."""
        assert sentence() == "Voraussichtlich ausgeschöpft am 12.04.2022 (zwischen 01.04.2022 und 08.05.2022)."
        assert _forecast(FOUND, POOL, TODAY).basis == (
            "Grundlage: im Mittel 28,48\N{NO-BREAK SPACE}Std. je Woche, netto bewilligt in den letzten 12 Wochen."
        )

    def test_a_day_without_a_latest_one(self) -> None:
        """It may also last."""
        found = msgspec.structs.replace(FOUND, latest=None)
        assert sentence(found) == "Voraussichtlich ausgeschöpft am 12.04.2022 (frühestens 01.04.2022)."

    def test_a_pool_that_lasts(self) -> None:
        """Beyond the end of its period."""
        found = msgspec.structs.replace(FOUND, runs_out_on=date(2022, 6, 1))
        assert sentence(found).startswith(
            "Reicht voraussichtlich über das Ende des Zeitraums am 31.05.2022 hinaus; rechnerisch bis 01.06."
        )

    @pytest.mark.parametrize(
        ("weeks", "rate", "said"),
        [(2, 600, "Für eine Prognose ist es zu früh"), (12, -60, "kein Ende absehbar"), (0, 0, "zu früh")],
    )
    def test_no_day_in_sight(self, weeks: int, rate: int, said: str) -> None:
        """Too few weeks, or nothing that uses the pool up."""
        assert said in sentence(ForecastView(600, weeks, rate, None, None, None))

    def test_what_makes_a_forecast_needless(self) -> None:
        """Closed, over, ahead, exhausted – in this order."""
        assert sentence(closed=True, exhausted=True) == "Der Pool ist abgeschlossen."
        assert sentence(today=date(2022, 6, 1), exhausted=True) == "Der Zeitraum ist am 31.05.2022 zu Ende gegangen."
        assert sentence(today=date(2021, 10, 31)) == "Der Zeitraum beginnt am 01.11.2021."
        assert sentence(exhausted=True) == "Der Pool ist ausgeschöpft: Es ist weniger als eine Einheit von 15 Minuten verfügbar."


class TestChoice:
    def test_the_pool_that_runs_is_shown_first(self) -> None:
        """Then an open one, then any; of several the last one opened."""
        old = msgspec.structs.replace(POOL, name="alt", period=Period(date(2020, 1, 1), date(2020, 12, 31)))
        closed = msgspec.structs.replace(POOL, name="zu", closed=True)
        younger = msgspec.structs.replace(POOL, name="jünger")
        assert _current([old, POOL, closed], TODAY).name == "Pool"
        assert _current([POOL, younger, old, closed], TODAY).name == "jünger"
        assert _current([closed, old], TODAY).name == "alt"
        assert _current([closed], TODAY).name == "zu"


@pytest.fixture(scope="module", params=STORE_KINDS)
def told(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Actor], Overview]]:
    """What different people see of the story, on each kind of store."""
    folder, clock = tmp_path_factory.mktemp("story"), Clock()
    url = new_url(request, request.param, folder / "store.db")
    with running_office(url, folder / "keys", clock) as office:
        pool = tell(office, clock)

        def see(actor: Actor) -> Overview:
            with office.store.reading() as reader:
                seen = overview(Asking(actor, reader, END, Findings(Thresholds())), pool)
            assert seen is not None
            return seen

        yield see


def test_before_the_first_pool_there_is_nothing(store_url: str, tmp_path: Path) -> None:
    """The page says so."""
    with running_office(store_url, tmp_path / "keys") as office, office.store.reading() as reader:
        assert overview(Asking(Actor("o1", "officer", "jugendamt"), reader, END, Findings(Thresholds())), None) is None


class TestStory:
    def test_months_end_with_the_pool_as_it_stands(self, told: Callable[[Actor], Overview]) -> None:
        """The top-up shows in its month; what is consumed only grows here."""
        months = told(Actor("o1", "officer", "jugendamt")).months
        assert [row.name for row in months.rows] == ["Nov 2021", "Dez 2021", "Jan 2022", "Feb 2022", "Mär 2022"]
        assert [row.balance.budget for row in months.rows] == [BUDGET] * 3 + [BUDGET + TOP_UP] * 2
        consumed = [row.balance.consumed for row in months.rows]
        assert consumed == sorted(consumed)
        assert not months.ended

    def test_districts_add_up_to_the_pool(self, told: Callable[[Actor], Overview]) -> None:
        """The largest first, one with a quota in any case."""
        seen = told(Actor("o1", "officer", "jugendamt"))
        groups = [row.group for row in seen.districts]
        for figure in ("granted", "consumed", "reserved", "released"):
            assert sum(getattr(group, figure) for group in groups) == getattr(seen.pool.balance, figure)
        assert [row.quota for row in seen.districts if row.group.key == "Prohlis"] == [400 * 60]
        assert [group.reserved + group.consumed for group in groups] == sorted(
            (group.reserved + group.consumed for group in groups), reverse=True
        )

    def test_the_trail_is_the_end_of_the_log(self, told: Callable[[Actor], Overview]) -> None:
        """The newest first."""
        seen = told(Actor("a1", "auditor", "jugendamt"))
        assert seen.trail is not None
        assert [note.position for note in seen.trail] == list(range(seen.position, seen.position - 8, -1))

    def test_providers_add_up_to_the_pool(self, told: Callable[[Actor], Overview]) -> None:
        """Each sees its share."""
        own = [told(Actor("l", "lead", name)).own for name in (*PROVIDERS, "unbekannt")]
        whole = told(Actor("p", "planner", "jugendamt")).pool.balance
        for figure in ("granted", "consumed", "reserved", "released"):
            assert sum(getattr(group, figure) for group in own) == getattr(whole, figure)


class TestFormats:
    def test_days_instants_months_and_numbers(self) -> None:
        """As people in Germany write them."""
        assert formats.day(date(2021, 12, 3)) == "03.12.2021"
        assert formats.moment(datetime(2021, 12, 3, 13, 30, tzinfo=UTC)) == "03.12.2021, 14:30 Uhr"
        assert formats.month("2022-03") == "Mär 2022"
        assert formats.number(1234567) == "1.234.567"
        assert formats.percent(1, 8) == "12,5"
        assert formats.percent(1, 0) == "0,0"
