"""What the evaluation says: every figure with its definition and, beside it, exactly what that means.

A figure takes an amount from each request, group of sessions or case that counts, and sums the amounts up: for the whole pool, by
month and by each other grouping alike. Everything is a whole number; a share or a duration of nothing is ``None``.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, Literal, NamedTuple, TypeVar, get_args

from application.views import GroupBy, Section, Unit
from domain.booking import (
    ApprovalProposed,
    Event,
    HoursApproved,
    HoursRequested,
    RequestDeclined,
    RequestWaitlisted,
    RequestWithdrawn,
    SessionConfirmed,
    SessionCorrected,
    SessionLogged,
    SessionReversed,
    SessionState,
)
from domain.case import CaseAmended, CaseClosed, CaseOpened, CaseTransferred
from domain.pool import PoolClosed
from domain.quantities import Kind, Outcome

MonthOf = Literal["requested", "answered", "decided", "listed", "proposed", "rendered", "opened", "closed"]
Decision = Literal["approved", "declined", "withdrawn"]

SECTIONS: Mapping[Section, str] = {
    "demand": "Nachfrage",
    "decisions": "Entscheidungen",
    "decision_times": "Dauer bis zur Entscheidung",
    "waiting_times": "Dauer auf der Warteliste",
    "use": "Nutzung",
    "unmet_need": "Ungedeckter Bedarf",
    "outcomes": "Verbleib",
}

UNITS: Mapping[Unit, str] = {
    "requests": "Anträge",
    "cases": "Fälle",
    "sessions": "Termine",
    "minutes": "Minuten, die beantragt, bewilligt oder geleistet sind",
    "elapsed_minutes": "volle Minuten, die zwischen zwei Zeitpunkten verstrichen sind, Nächte und Wochenenden eingeschlossen",
    "percent": "ganze Prozent, kaufmännisch gerundet",
}

MONTHS: Mapping[MonthOf, str] = {
    "requested": "Monat des Antrags",
    "answered": "Monat der ersten Entscheidung",
    "decided": "Monat der Entscheidung",
    "listed": "Monat der Aufnahme in die Warteliste",
    "proposed": "Monat des ersten Vorschlags",
    "rendered": "Monat des Termins",
    "opened": "Monat der Fallaufnahme",
    "closed": "Monat des Fallabschlusses",
}


@dataclass(frozen=True)
class Grouping:
    """What figures are told apart by, and the events that say where something belongs."""

    by: GroupBy
    label: str
    definition: str
    events: tuple[type[Event], ...]


GROUPINGS: tuple[Grouping, ...] = (
    Grouping(
        "month",
        "Monat",
        "Kalendermonat in Europe/Berlin; wessen Zeitpunkt zählt, sagt jede Kennzahl, und was keinen eigenen hat, zählt mit dem "
        "seiner Aufzeichnung.",
        (),
    ),
    Grouping(
        "district",
        "Stadtraum",
        "Anträge und Termine zählen im Stadtraum, in dem der Antrag gestellt wurde, Fälle in ihrem heutigen.",
        (HoursRequested, CaseOpened, CaseAmended),
    ),
    Grouping(
        "service_area", "Leistungsbereich", "Leistungsbereich des Falls, wie er heute verzeichnet ist.", (CaseOpened, CaseAmended)
    ),
    Grouping("concern", "Anlass", "Anlass des Falls, wie er heute verzeichnet ist.", (CaseOpened, CaseAmended)),
    Grouping(
        "provider",
        "Träger",
        "Anträge und Termine zählen bei dem Träger, der den Antrag gestellt hat, Fälle bei ihrem heutigen.",
        (HoursRequested, CaseOpened, CaseTransferred),
    ),
)

# ── What counts


class Where(NamedTuple):
    """The groups that something belongs to, in the order of the groupings after the month."""

    district: str
    service_area: str
    concern: str
    provider: str


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it stands. Minutes; ``to_…`` and ``waited`` are elapsed ones, ``None`` where that never came about.

    ``unanswered``: the pool has ended, or the log does, and the request is still on the waiting list or was never decided.
    """

    where: Where
    months: Mapping[MonthOf, str]
    case: str
    requested: int
    granted: int
    consumed: int
    decision: Decision | None
    to_first_decision: int | None
    to_decision: int | None
    waited: int | None
    unanswered: bool

    @property
    def approved(self) -> bool:
        return self.decision == "approved"

    @property
    def in_part(self) -> bool:
        return self.approved and self.granted < self.requested

    @property
    def unmet(self) -> int:
        """Minutes that were asked for and not granted, although nobody took the request back."""
        if self.approved:
            return self.requested - self.granted
        return self.requested if self.unanswered or self.decision == "declined" else 0


@dataclass(frozen=True, slots=True)
class Sessions:
    """Sessions of one request, month, kind and state; how many of them are ``confirmed``, and how many were entered ``late``."""

    where: Where
    months: Mapping[MonthOf, str]
    kind: str
    state: SessionState
    number: int
    minutes: int
    confirmed: int
    late: int

    @property
    def stand(self) -> bool:
        return self.state != "reversed"


@dataclass(frozen=True, slots=True)
class CaseFile:
    """A case as it stands; without an ``outcome`` it is open."""

    where: Where
    months: Mapping[MonthOf, str]
    outcome: Outcome | None


# ── How amounts are summed up


def total(amounts: Sequence[int]) -> int:
    return sum(amounts)


def distinct(amounts: Sequence[str]) -> int:
    return len(set(amounts))


def percent(amounts: Sequence[tuple[int, int]]) -> int | None:
    """The share of all parts in all wholes; half a percent counts up."""
    part, whole = (sum(column) for column in zip(*amounts, strict=True)) if amounts else (0, 0)
    return (200 * part + whole) // (2 * whole) if whole else None


def mean(amounts: Sequence[int]) -> int | None:
    """Half a minute counts up."""
    return (2 * sum(amounts) + len(amounts)) // (2 * len(amounts)) if amounts else None


def quantile(amounts: Sequence[int], share: int) -> int | None:
    """The smallest amount that at least ``share`` percent do not exceed: one that occurred, never one in between."""
    return sorted(amounts)[(share * len(amounts) + 99) // 100 - 1] if amounts else None


# ── The figures

Counted = TypeVar("Counted", Request, Sessions, CaseFile)
Amount = TypeVar("Amount", int, str, tuple[int, int])


@dataclass(frozen=True, kw_only=True)
class Figure(Generic[Counted, Amount]):
    """A figure. ``id`` is stable: reports of different years are laid side by side by it.

    ``take`` gives the amount of what counts, ``None`` for what does not; ``month`` says whose month counts.
    """

    id: str
    section: Section
    label: str
    unit: Unit
    definition: str
    events: tuple[type[Event], ...]
    month: MonthOf
    of: type[Counted]
    take: Callable[[Counted], Amount | None]
    sum_up: Callable[[Sequence[Amount]], int | None]


AnyFigure = Figure[Any, Any]


_QUANTILES = (
    ("quartile_1", "unteres Quartil", 25, "ein Viertel"),
    ("median", "Median", 50, "die Hälfte"),
    ("quartile_3", "oberes Quartil", 75, "drei Viertel"),
    ("p90", "90 Prozent", 90, "neun Zehntel"),
)


def _elapsed(
    id: str,
    section: Section,
    label: str,
    month: MonthOf,
    span: str,
    events: tuple[type[Event], ...],
    take: Callable[[Request], int | None],
) -> list[AnyFigure]:
    """How many requests have such a duration, and how long it is. ``span`` says from when to when."""
    made: list[AnyFigure] = [
        Figure(
            id=f"{id}_requests",
            section=section,
            label=f"{label}: Anträge",
            unit="requests",
            definition=f"Anträge, für die sich die Dauer {span} messen lässt.",
            events=events,
            month=month,
            of=Request,
            take=lambda request: None if take(request) is None else 1,
            sum_up=total,
        ),
        Figure(
            id=f"{id}_mean",
            section=section,
            label=f"{label}: Mittel",
            unit="elapsed_minutes",
            definition=f"Arithmetisches Mittel der Dauer {span}, kaufmännisch auf volle Minuten gerundet.",
            events=events,
            month=month,
            of=Request,
            take=take,
            sum_up=mean,
        ),
    ]
    made += [
        Figure(
            id=f"{id}_{name}",
            section=section,
            label=f"{label}: {german}",
            unit="elapsed_minutes",
            definition=f"Kürzeste vorgekommene Dauer {span}, die mindestens {fraction} dieser Anträge nicht überschreitet.",
            events=events,
            month=month,
            of=Request,
            take=take,
            sum_up=partial(quantile, share=share),
        )
        for name, german, share, fraction in _QUANTILES
    ]
    return made


_SESSION_EVENTS = (SessionLogged, SessionCorrected, SessionReversed)
_KINDS: Mapping[Kind, tuple[str, str]] = {
    "direct": ("Kontaktzeit", "Kontaktzeit von Angesicht zu Angesicht"),
    "indirect": ("fallspezifische Zeit", "fallspezifische Zeit ohne Begegnung, etwa Telefonate und Schriftwechsel"),
    "travel": ("Fahrzeit", "Fahrzeit"),
    "absence": ("Ausfallzeit", "Termine, zu denen niemand kam"),
}
_OUTCOMES: Mapping[Outcome, tuple[str, str]] = {
    "goal_reached": ("Ziel erreicht", "das Ziel erreicht ist"),
    "passed_on": ("weitergeleitet", "er an eine andere Stelle weitergegeben wurde, etwa an den ASD"),
    "moved": ("verzogen", "die Person oder Familie verzogen ist"),
    "broken_off": ("abgebrochen", "die Begleitung abgebrochen wurde"),
    "other": ("sonstiger Verbleib", "es einen anderen Grund gab"),
}


def _minutes_of_kind(kind: Kind) -> AnyFigure:
    name, meaning = _KINDS[kind]
    return Figure(
        id=f"consumed_{kind}_minutes",
        section="use",
        label=f"Geleistete Zeit: {name}",
        unit="minutes",
        definition=f"Minuten der Termine, die nicht storniert sind, für {meaning}; berichtigte zählen, wie sie heute stehen.",
        events=_SESSION_EVENTS,
        month="rendered",
        of=Sessions,
        take=lambda sessions: sessions.minutes if sessions.stand and sessions.kind == kind else None,
        sum_up=total,
    )


def _cases_of_outcome(outcome: Outcome) -> AnyFigure:
    name, meaning = _OUTCOMES[outcome]
    return Figure(
        id=f"closed_{outcome}",
        section="outcomes",
        label=f"Abgeschlossene Fälle: {name}",
        unit="cases",
        definition=f"Fälle, die abgeschlossen sind, weil {meaning}.",
        events=(CaseClosed,),
        month="closed",
        of=CaseFile,
        take=lambda case: 1 if case.outcome == outcome else None,
        sum_up=total,
    )


FIGURES: tuple[AnyFigure, ...] = (
    # demand
    Figure(
        id="requests",
        section="demand",
        label="Anträge",
        unit="requests",
        definition="Alle gestellten Stundenanträge, was auch immer aus ihnen wurde.",
        events=(HoursRequested,),
        month="requested",
        of=Request,
        take=lambda request: 1,
        sum_up=total,
    ),
    Figure(
        id="requested_minutes",
        section="demand",
        label="Beantragte Zeit",
        unit="minutes",
        definition="Summe der Minuten, die in allen gestellten Anträgen beantragt sind.",
        events=(HoursRequested,),
        month="requested",
        of=Request,
        take=lambda request: request.requested,
        sum_up=total,
    ),
    Figure(
        id="cases_opened",
        section="demand",
        label="Aufgenommene Fälle",
        unit="cases",
        definition="Alle aufgenommenen Fälle, auch die, für die nie Stunden beantragt wurden.",
        events=(CaseOpened,),
        month="opened",
        of=CaseFile,
        take=lambda case: 1,
        sum_up=total,
    ),
    Figure(
        id="cases_requesting",
        section="demand",
        label="Fälle mit Antrag",
        unit="cases",
        definition="Verschiedene Fälle, also Personen oder Familien, für die mindestens einmal Stunden beantragt sind; ein Fall "
        "zählt in jeder Gruppe, in der er einen Antrag hat, insgesamt aber einmal.",
        events=(HoursRequested,),
        month="requested",
        of=Request,
        take=lambda request: request.case,
        sum_up=distinct,
    ),
    # decisions
    Figure(
        id="approved_in_full",
        section="decisions",
        label="In voller Höhe bewilligt",
        unit="requests",
        definition="Anträge, denen alle beantragten Minuten bewilligt wurden; spätere Rückgaben ändern daran nichts.",
        events=(HoursRequested, HoursApproved),
        month="decided",
        of=Request,
        take=lambda request: 1 if request.approved and not request.in_part else None,
        sum_up=total,
    ),
    Figure(
        id="approved_in_part",
        section="decisions",
        label="Zum Teil bewilligt",
        unit="requests",
        definition="Anträge, denen weniger Minuten bewilligt wurden als beantragt.",
        events=(HoursRequested, HoursApproved),
        month="decided",
        of=Request,
        take=lambda request: 1 if request.in_part else None,
        sum_up=total,
    ),
    Figure(
        id="granted_minutes",
        section="decisions",
        label="Bewilligte Zeit",
        unit="minutes",
        definition="Summe der bewilligten Minuten, so wie sie bewilligt wurden, also vor Kürzungen und Rückgaben.",
        events=(HoursApproved,),
        month="decided",
        of=Request,
        take=lambda request: request.granted if request.approved else None,
        sum_up=total,
    ),
    Figure(
        id="declined",
        section="decisions",
        label="Abgelehnt",
        unit="requests",
        definition="Anträge, die das Jugendamt abgelehnt hat.",
        events=(RequestDeclined,),
        month="decided",
        of=Request,
        take=lambda request: 1 if request.decision == "declined" else None,
        sum_up=total,
    ),
    Figure(
        id="withdrawn",
        section="decisions",
        label="Zurückgezogen",
        unit="requests",
        definition="Anträge, die der Träger zurückgezogen hat oder die unentschieden mit ihrem Fall, mit dem Pool oder beim "
        "Trägerwechsel endeten.",
        events=(RequestWithdrawn,),
        month="decided",
        of=Request,
        take=lambda request: 1 if request.decision == "withdrawn" else None,
        sum_up=total,
    ),
    Figure(
        id="undecided",
        section="decisions",
        label="Noch offen",
        unit="requests",
        definition="Anträge, die weder bewilligt noch abgelehnt noch zurückgezogen sind, ob sie auf der Warteliste stehen oder "
        "nicht.",
        events=(HoursRequested, HoursApproved, RequestDeclined, RequestWithdrawn),
        month="requested",
        of=Request,
        take=lambda request: 1 if request.decision is None else None,
        sum_up=total,
    ),
    Figure(
        id="waitlisted",
        section="decisions",
        label="Auf die Warteliste gesetzt",
        unit="requests",
        definition="Anträge, die mindestens einmal auf die Warteliste gesetzt wurden, was auch immer danach aus ihnen wurde.",
        events=(RequestWaitlisted,),
        month="listed",
        of=Request,
        take=lambda request: 1 if "listed" in request.months else None,
        sum_up=total,
    ),
    Figure(
        id="proposed",
        section="decisions",
        label="Zur Zweitentscheidung vorgeschlagen",
        unit="requests",
        definition="Anträge, deren Bewilligung mindestens einmal von der ersten zweier Personen vorgeschlagen wurde, was auch "
        "immer danach aus ihnen wurde.",
        events=(ApprovalProposed,),
        month="proposed",
        of=Request,
        take=lambda request: 1 if "proposed" in request.months else None,
        sum_up=total,
    ),
    # decision and waiting times
    *_elapsed(
        "to_first_decision",
        "decision_times",
        "Bis zur ersten Entscheidung",
        "answered",
        "vom Antrag bis zur ersten Entscheidung darüber (Warteliste, Vorschlag, Bewilligung oder Ablehnung)",
        (HoursRequested, RequestWaitlisted, ApprovalProposed, HoursApproved, RequestDeclined),
        lambda request: request.to_first_decision,
    ),
    *_elapsed(
        "to_decision",
        "decision_times",
        "Bis zur Bewilligung oder Ablehnung",
        "decided",
        "vom Antrag bis zur Bewilligung oder Ablehnung",
        (HoursRequested, HoursApproved, RequestDeclined),
        lambda request: request.to_decision,
    ),
    *_elapsed(
        "waiting",
        "waiting_times",
        "Auf der Warteliste",
        "decided",
        "von der ersten Aufnahme in die Warteliste bis zur Bewilligung oder Ablehnung",
        (RequestWaitlisted, HoursApproved, RequestDeclined),
        lambda request: request.waited,
    ),
    # use
    Figure(
        id="sessions",
        section="use",
        label="Termine",
        unit="sessions",
        definition="Nachgewiesene Termine, die nicht storniert sind.",
        events=_SESSION_EVENTS,
        month="rendered",
        of=Sessions,
        take=lambda sessions: sessions.number if sessions.stand else None,
        sum_up=total,
    ),
    Figure(
        id="consumed_minutes",
        section="use",
        label="Geleistete Zeit",
        unit="minutes",
        definition="Minuten aller Termine, die nicht storniert sind; berichtigte zählen, wie sie heute stehen.",
        events=_SESSION_EVENTS,
        month="rendered",
        of=Sessions,
        take=lambda sessions: sessions.minutes if sessions.stand else None,
        sum_up=total,
    ),
    *(_minutes_of_kind(kind) for kind in get_args(Kind)),
    Figure(
        id="used_share",
        section="use",
        label="Ausschöpfung der Bewilligungen",
        unit="percent",
        definition="Anteil der geleisteten an den bewilligten Minuten der Anträge, wann auch immer die Termine waren.",
        events=(HoursApproved, *_SESSION_EVENTS),
        month="decided",
        of=Request,
        take=lambda request: (request.consumed, request.granted) if request.approved else None,
        sum_up=percent,
    ),
    Figure(
        id="sessions_corrected",
        section="use",
        label="Berichtigte Termine",
        unit="sessions",
        definition="Termine, die mindestens einmal berichtigt und nicht storniert wurden.",
        events=_SESSION_EVENTS,
        month="rendered",
        of=Sessions,
        take=lambda sessions: sessions.number if sessions.state == "corrected" else None,
        sum_up=total,
    ),
    Figure(
        id="sessions_reversed",
        section="use",
        label="Stornierte Termine",
        unit="sessions",
        definition="Termine, die storniert sind; sie zählen in keiner anderen Kennzahl.",
        events=_SESSION_EVENTS,
        month="rendered",
        of=Sessions,
        take=lambda sessions: None if sessions.stand else sessions.number,
        sum_up=total,
    ),
    Figure(
        id="sessions_confirmed",
        section="use",
        label="Bestätigte Termine",
        unit="sessions",
        definition="Termine, die die begleitete Person oder Familie bestätigt hat und die nicht storniert sind.",
        events=(SessionLogged, SessionConfirmed, SessionCorrected, SessionReversed),
        month="rendered",
        of=Sessions,
        take=lambda sessions: sessions.confirmed if sessions.stand and sessions.confirmed else None,
        sum_up=total,
    ),
    Figure(
        id="confirmed_share",
        section="use",
        label="Anteil bestätigter Termine",
        unit="percent",
        definition="Anteil der bestätigten an allen Terminen, die nicht storniert sind.",
        events=(SessionLogged, SessionConfirmed, SessionCorrected, SessionReversed),
        month="rendered",
        of=Sessions,
        take=lambda sessions: (sessions.confirmed, sessions.number) if sessions.stand else None,
        sum_up=percent,
    ),
    Figure(
        id="sessions_late",
        section="use",
        label="Verspätet erfasste Termine",
        unit="sessions",
        definition="Termine, die später erfasst wurden, als die Regeln des Pools vorsehen, und nicht storniert sind; ohne eine "
        "solche Regel keine.",
        events=_SESSION_EVENTS,
        month="rendered",
        of=Sessions,
        take=lambda sessions: sessions.late if sessions.stand and sessions.late else None,
        sum_up=total,
    ),
    # unmet need
    Figure(
        id="unmet_declined_requests",
        section="unmet_need",
        label="Ungedeckt, weil abgelehnt: Anträge",
        unit="requests",
        definition="Anträge, die abgelehnt wurden.",
        events=(HoursRequested, RequestDeclined),
        month="requested",
        of=Request,
        take=lambda request: 1 if request.decision == "declined" else None,
        sum_up=total,
    ),
    Figure(
        id="unmet_declined_minutes",
        section="unmet_need",
        label="Ungedeckt, weil abgelehnt: Zeit",
        unit="minutes",
        definition="Beantragte Minuten der Anträge, die abgelehnt wurden.",
        events=(HoursRequested, RequestDeclined),
        month="requested",
        of=Request,
        take=lambda request: request.requested if request.decision == "declined" else None,
        sum_up=total,
    ),
    Figure(
        id="unmet_reduced_requests",
        section="unmet_need",
        label="Ungedeckt, weil zum Teil bewilligt: Anträge",
        unit="requests",
        definition="Anträge, denen weniger Minuten bewilligt wurden als beantragt.",
        events=(HoursRequested, HoursApproved),
        month="requested",
        of=Request,
        take=lambda request: 1 if request.in_part else None,
        sum_up=total,
    ),
    Figure(
        id="unmet_reduced_minutes",
        section="unmet_need",
        label="Ungedeckt, weil zum Teil bewilligt: Zeit",
        unit="minutes",
        definition="Beantragte, aber nicht bewilligte Minuten der Anträge, die zum Teil bewilligt wurden.",
        events=(HoursRequested, HoursApproved),
        month="requested",
        of=Request,
        take=lambda request: request.unmet if request.in_part else None,
        sum_up=total,
    ),
    Figure(
        id="unmet_waiting_requests",
        section="unmet_need",
        label="Ungedeckt, weil am Ende ohne Entscheidung: Anträge",
        unit="requests",
        definition="Anträge, die noch auf der Warteliste stehen oder über die bis zum Abschluss des Pools nicht entschieden war.",
        events=(RequestWaitlisted, HoursApproved, RequestDeclined, RequestWithdrawn, PoolClosed),
        month="requested",
        of=Request,
        take=lambda request: 1 if request.unanswered else None,
        sum_up=total,
    ),
    Figure(
        id="unmet_waiting_minutes",
        section="unmet_need",
        label="Ungedeckt, weil am Ende ohne Entscheidung: Zeit",
        unit="minutes",
        definition="Beantragte Minuten der Anträge, die noch auf der Warteliste stehen oder über die bis zum Abschluss des Pools "
        "nicht entschieden war.",
        events=(HoursRequested, RequestWaitlisted, HoursApproved, RequestDeclined, RequestWithdrawn, PoolClosed),
        month="requested",
        of=Request,
        take=lambda request: request.requested if request.unanswered else None,
        sum_up=total,
    ),
    Figure(
        id="unmet_requests",
        section="unmet_need",
        label="Ungedeckter Bedarf: Anträge",
        unit="requests",
        definition="Anträge, die abgelehnt, nur zum Teil bewilligt oder bis zum Ende nicht entschieden wurden.",
        events=(HoursRequested, RequestWaitlisted, HoursApproved, RequestDeclined, RequestWithdrawn, PoolClosed),
        month="requested",
        of=Request,
        take=lambda request: 1 if request.unmet else None,
        sum_up=total,
    ),
    Figure(
        id="unmet_minutes",
        section="unmet_need",
        label="Ungedeckter Bedarf: Zeit",
        unit="minutes",
        definition="Beantragte Minuten, die abgelehnt, bei einer Bewilligung gekürzt oder bis zum Ende nicht entschieden wurden.",
        events=(HoursRequested, RequestWaitlisted, HoursApproved, RequestDeclined, RequestWithdrawn, PoolClosed),
        month="requested",
        of=Request,
        take=lambda request: request.unmet or None,
        sum_up=total,
    ),
    # outcomes
    Figure(
        id="cases_closed",
        section="outcomes",
        label="Abgeschlossene Fälle",
        unit="cases",
        definition="Fälle, die mit einem Verbleib abgeschlossen sind.",
        events=(CaseClosed,),
        month="closed",
        of=CaseFile,
        take=lambda case: 1 if case.outcome else None,
        sum_up=total,
    ),
    *(_cases_of_outcome(outcome) for outcome in get_args(Outcome)),
    Figure(
        id="cases_open",
        section="outcomes",
        label="Offene Fälle",
        unit="cases",
        definition="Fälle ohne Verbleib, die also noch nicht abgeschlossen sind.",
        events=(CaseOpened, CaseClosed),
        month="opened",
        of=CaseFile,
        take=lambda case: None if case.outcome else 1,
        sum_up=total,
    ),
)
