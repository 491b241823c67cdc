"""Pools: their budget, rules and months, their balances in both times, and who waits for minutes."""

from uuid import UUID

from application import commands
from application.projections import balances, pools, waiting_list, worklist
from application.views import Balance, ForecastView, PoolView, Versioned, WaitingView, WorkItem
from domain.quantities import berlin_day
from interfaces.http import bodies, parameters
from interfaces.http.operations import Asking, Command, Operation, Page, Query
from interfaces.http.policies import AUDIT, CASEWORK, FIGURES, OFFICERS, may_ask_balance
from interfaces.http.problems import forbidden


def list_pools(asking: Asking, wanted: parameters.PageOnly) -> Page[PoolView]:
    return Page(*pools.list_pools(asking.reader, after=wanted.after, limit=wanted.limit, provider=asking.provider))


def get_pool(asking: Asking, _: parameters.KnownAt, pool: UUID) -> Versioned[PoolView] | PoolView:
    """Its version counts what was decided for all providers, and tells theirs nothing that they could use."""
    if asking.provider is not None:
        return pools.pool(asking.reader, pool, asking.provider)
    return pools.versioned_pool(asking.reader, pool)


def get_balance(asking: Asking, wanted: parameters.BalanceOf, pool: UUID) -> Balance:
    as_of, known_at = parameters.moment(wanted.as_of, "as_of"), parameters.moment(wanted.known_at, "known_at")
    if not may_ask_balance(asking.actor, wanted.by, as_of, known_at):
        raise forbidden()
    pools.must_exist(asking.reader, pool)
    return balances.balance(asking.reader, pool, as_of, known_at, wanted.by, asking.provider)


def get_forecast(asking: Asking, _: parameters.KnownAt, pool: UUID) -> ForecastView:
    pools.must_exist(asking.reader, pool)
    return balances.forecast_of(asking.reader, pool, berlin_day(asking.now))


def get_waiting_list(asking: Asking, _: parameters.KnownAt, pool: UUID) -> Page[WaitingView]:
    pools.must_exist(asking.reader, pool)
    return Page(waiting_list.waiting_list(asking.reader, pool, asking.provider), None)


def get_worklist(asking: Asking, wanted: parameters.WorkOf, pool: UUID) -> Page[WorkItem]:
    pools.must_exist(asking.reader, pool)
    return Page(*worklist.worklist(asking.reader, pool=pool, state=wanted.state, after=wanted.after, limit=wanted.limit))


OPERATIONS: tuple[Operation, ...] = (
    Command(
        path="/pools",
        policy=OFFICERS,
        summary="Pool eröffnen",
        decide=commands.open_pool,
        body=bodies.PoolOpening,
        view=PoolView,
        created=True,
        example={
            "name": "Modellprojekt Stundenpool",
            "period": {"start": "2024-01-01", "end": "2049-12-31"},
            "budget_minutes": 60000,
            "rules": {
                "unit_minutes": 15,
                "case_cap_minutes": 2400,
                "district_quotas": {"stadtraum-01": 30000},
                "four_eyes_minutes": 6000,
                "session_max_minutes": 480,
                "late_entry_days": 30,
            },
        },
    ),
    Query(
        path="/pools",
        policy=FIGURES,
        summary="Alle Pools",
        read=list_pools,
        parameters=parameters.PageOnly,
        view=PoolView,
        paged=True,
    ),
    Query(
        path="/pools/{pool}",
        policy=FIGURES,
        summary="Ein Pool mit Regeln und heutigem Stand",
        read=get_pool,
        parameters=parameters.KnownAt,
        view=PoolView,
        given=("open_pool",),
    ),
    Query(
        path="/pools/{pool}/balance",
        policy=FIGURES,
        summary="Stand eines Pools in beiden Zeiten",
        note="Alle sehen die Summen des Pools, ein Träger nur seine eigenen Gruppen und Zeiten nur nach Tagen. "
        "Die Jugendhilfeplanung sieht keine Fälle.",
        read=get_balance,
        parameters=parameters.BalanceOf,
        view=Balance,
        given=("open_pool",),
    ),
    Query(
        path="/pools/{pool}/forecast",
        policy=FIGURES,
        summary="Wann der Pool voraussichtlich ausgeschöpft ist",
        note="Geschätzt aus dem, was in den letzten Wochen vergeben wurde (höchstens zwölf), mit einer Spanne.",
        read=get_forecast,
        parameters=parameters.KnownAt,
        view=ForecastView,
        given=("open_pool",),
    ),
    Query(
        path="/pools/{pool}/waiting-list",
        policy=CASEWORK,
        summary="Warteliste in ihrer Reihenfolge",
        note="Ein Träger sieht nur seine Anträge, mit ihrem Platz unter diesen.",
        read=get_waiting_list,
        parameters=parameters.KnownAt,
        view=WaitingView,
        paged=True,
        given=("open_pool",),
    ),
    Query(
        path="/pools/{pool}/worklist",
        policy=AUDIT,
        summary="Anträge, die auf eine Entscheidung warten",
        read=get_worklist,
        parameters=parameters.WorkOf,
        view=WorkItem,
        paged=True,
        given=("open_pool",),
    ),
    Command(
        path="/pools/{pool}/budget",
        policy=OFFICERS,
        summary="Kontingent ändern",
        decide=commands.change_budget,
        body=bodies.BudgetChange,
        view=PoolView,
        given=("open_pool",),
        example={"change_minutes": 6000, "resolution": "V0815/24", "effective_on": "2024-04-01"},
    ),
    Command(
        path="/pools/{pool}/rules",
        policy=OFFICERS,
        summary="Regeln ersetzen",
        decide=commands.change_rules,
        body=bodies.RulesChange,
        view=PoolView,
        given=("open_pool",),
        example={"rules": {"unit_minutes": 30, "case_cap_minutes": 3000}, "reason": "Beschluss vom 4. November"},
    ),
    Command(
        path="/pools/{pool}/months/{month}/closure",
        policy=OFFICERS,
        summary="Monat abschließen",
        decide=commands.close_month,
        body=bodies.Reason,
        view=PoolView,
        given=("open_pool",),
        example={"reason": "Nachweise sind vollständig"},
        shows={"closed_months": ["2024-03"]},
    ),
    Command(
        path="/pools/{pool}/months/{month}/reopening",
        policy=OFFICERS,
        summary="Abgeschlossenen Monat wieder öffnen",
        decide=commands.reopen_month,
        body=bodies.Reason,
        view=PoolView,
        given=("open_pool", "close_month"),
        example={"reason": "Ein Nachweis fehlte noch"},
        shows={"closed_months": []},
    ),
    Command(
        path="/pools/{pool}/closure",
        policy=OFFICERS,
        summary="Pool abschließen",
        decide=commands.close_pool,
        body=bodies.Reason,
        view=PoolView,
        given=("open_pool",),
        example={"reason": "Ende des Modellzeitraums"},
        shows={"closed": True},
    ),
)
