"""What the pages of findings show: the same as the API, with the rules' titles, a page at a time; and how one is handled."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from msgspec import Meta

from application.findings import FindingItem
from application.log import Reader, read_event
from application.projections import audit_trail, pools
from application.projections import findings as opened_findings
from application.views import FindingView, PoolView, TrailEntry
from domain.findings.finding import Rule, named
from domain.findings.rules import RULES
from domain.handling import HandlingState
from domain.quantities import Actor
from domain.refusals import NotFound
from interfaces.http.findings import OPERATIONS, FindingStep, get_finding
from interfaces.http.operations import Asking, Command
from interfaces.http.parameters import Parameters
from interfaces.web.choice import choose
from interfaces.web.formats import number
from interfaces.web.forms import Form

FINDINGS_SHOWN = 50
EVENTS_SHOWN = 50
TITLES: Mapping[str, str] = {rule.code: rule.title for rule in RULES}

Deed = Literal["open", "explain", "confirm", "close"]

_COMMANDS = {operation.name: operation for operation in OPERATIONS if isinstance(operation, Command)}
COMMANDS: Mapping[Deed, Command] = {
    "open": _COMMANDS["open_finding"],
    "explain": _COMMANDS["explain_finding"],
    "confirm": _COMMANDS["confirm_finding"],
    "close": _COMMANDS["close_finding"],
}
TEXTS: Mapping[Deed, str] = {"open": "note", "explain": "explanation", "confirm": "reason", "close": "reason"}
RAISING = _COMMANDS["raise_finding"]

# What can come next in each state; the decisions say so too, and are asked.
_NEXT: Mapping[HandlingState | None, tuple[Deed, ...]] = {
    None: ("open",),
    "open": ("explain", "confirm", "close"),
    "explained": ("explain", "confirm", "close"),
    "confirmed": ("close",),
    "closed": ("open",),
}


class FindingsShown(Parameters, frozen=True):
    """Findings of a pool, on request only those that are handled so far, or as they were known."""

    pool: UUID | None = None
    state: HandlingState | None = None
    known_at: str | None = None
    after: Annotated[str, Meta(pattern="^[0-9]{1,18}(-[0-9a-f-]{36})?$")] | None = None


class FindingShown(Parameters, frozen=True):
    """``texts`` asks for what was said to it, which is recorded."""

    finding: UUID
    texts: bool = False
    known_at: str | None = None


class RaisingForm(Form, frozen=True):
    """What a person found."""

    pool: UUID
    provider: str = ""
    worker: str = ""
    note: str = ""


class DeedForm(Form, frozen=True):
    """What somebody does to a finding, and says to it."""

    finding: UUID
    deed: Deed
    text: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A finding in a list; ``ended`` says that its rule does not find it any more."""

    id: UUID
    rule: str | None
    sentence: str | None
    positions: tuple[int, ...]
    source: str | None
    state: HandlingState | None
    explanations: int
    ended: bool


@dataclass(frozen=True, slots=True)
class Findings:
    wanted: FindingsShown
    known_at: datetime | date | None
    choice: Sequence[PoolView]
    pool: PoolView
    rows: Sequence[Row]
    next: str | None
    position: int


def findings(asking: Asking, wanted: FindingsShown, known_at: datetime | date | None) -> Findings | None:
    """A page of findings; of a provider what was opened and concerns it. ``None`` where there is no pool. Raises ``NotFound``."""
    choice = choose(asking, wanted.pool)
    if choice is None:
        return None
    if asking.provider is not None:
        head = asking.reader.head()
        shown, following = opened_findings.list_opened(
            asking.reader,
            pool=choice.pool.id,
            state=wanted.state,
            provider=asking.provider,
            after=wanted.after,
            limit=FINDINGS_SHOWN,
        )
        rows = [_of_view(each) for each in shown]
        return Findings(wanted, known_at, choice.pools, choice.pool, rows, following, head.id if head else 0)
    page = asking.findings.page(
        asking.reader,
        pool=choice.pool.id,
        rule=None,
        state=wanted.state,
        unseen=asking.unseen_rules,
        after=wanted.after,
        limit=FINDINGS_SHOWN,
    )
    rows = [_of_item(each) for each in page.items]
    return Findings(wanted, known_at, choice.pools, choice.pool, rows, page.next, page.position)


def _of_item(item: FindingItem) -> Row:
    ended = item.rule is not None and not item.holds
    return Row(item.id, item.rule, item.sentence, item.positions, item.source, item.state, item.explanations, ended)


def _of_view(view: FindingView) -> Row:
    rule = _RULES.get(view.rule or "")
    source = rule.source if rule else None
    return Row(view.id, view.rule, view.sentence, view.positions, source, view.state, view.explanations, ended=False)


_RULES: Mapping[str, Rule] = {rule.code: rule for rule in RULES}


# ── One finding


@dataclass(frozen=True, slots=True)
class Finding:
    """A finding with the events that it rests on, and all that was done to it; texts only where they were asked for."""

    row: Row
    rule: Rule | None
    about: FindingView | FindingItem
    pool: PoolView | None
    events: Sequence[TrailEntry]
    steps: Sequence[FindingStep]
    texts: bool
    known_at: datetime | date | None
    deeds: Sequence[Deed]
    position: int


def finding(asking: Asking, id: UUID, *, texts: bool = False, known_at: datetime | date | None = None) -> Finding:
    """One that was opened, or that a rule finds now; of a provider one that was opened and concerns it. Raises ``NotFound``.

    Of one as it was known nothing can be done.
    """
    reader, head = asking.reader, asking.reader.head()
    about = _about(asking, id)
    row = _of_item(about) if isinstance(about, FindingItem) else _of_view(about)
    return Finding(
        row=row,
        rule=_RULES.get(row.rule or ""),
        about=about,
        pool=pools.pool(reader, about.pool) if about.pool is not None else None,
        events=_events(reader, row) if asking.provider is None else (),
        steps=get_finding(asking, Parameters(), id).view.steps if texts else _sealed_steps(reader, id),
        texts=texts,
        known_at=known_at,
        deeds=[deed for deed in _NEXT[row.state] if _may(asking.actor, deed)] if known_at is None else (),
        position=head.id if head else 0,
    )


def _about(asking: Asking, id: UUID) -> FindingView | FindingItem:
    try:
        return opened_findings.versioned_finding(asking.reader, id, asking.provider).view
    except NotFound:
        if asking.provider is not None:
            raise
        return FindingItem.found(asking.findings.holding(asking.reader, id, asking.unseen_rules), None)


def _events(reader: Reader, row: Row) -> Sequence[TrailEntry]:
    return audit_trail.lines_at(reader, sorted(row.positions)[:EVENTS_SHOWN], None)


def _sealed_steps(reader: Reader, id: UUID) -> Sequence[FindingStep]:
    events = map(read_event, reader.stream(id))
    return [FindingStep(event.position, event.recorded_at, event.type, event.actor, None) for event in events]


def _may(actor: Actor, deed: Deed) -> bool:
    return actor.role in COMMANDS[deed].policy


def positions(of: Sequence[int]) -> str:
    """The first events that a finding rests on, and how many more there are."""
    return named([number(position) for position in of], "weiteres", "weitere") if of else ""
