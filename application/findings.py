"""Findings over the log: the domain's register, kept up with the log in this process and asked on demand.

The first question reads the whole log, every further one only what came since. Nothing of it is stored, so no turn pays for it,
and other thresholds are only another register. Refusals that no event tells of come from the receipts, readings from the read log.
"""

import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from heapq import merge
from operator import attrgetter
from threading import Lock
from uuid import UUID

import msgspec

from application import reads, receipts
from application.log import Progress, Reader, Recorded, StoredRow, StoreUnavailable, forms_of, read_events
from application.projections.findings import all_opened
from application.views import FindingView
from domain.findings.finding import Finding
from domain.findings.register import Attempt, Reading, Register
from domain.findings.rules import RULES
from domain.findings.thresholds import Thresholds
from domain.handling import HandlingState
from domain.refusals import Malformed, NotFound

BATCH_EVENTS = 2_000
WAIT_SECONDS_MAX = 5.0  # while another thread reads on
SNAPSHOT_SECONDS_MAX = 10.0  # no snapshot that somebody still asks with is older


_RULES = {rule.code: rule for rule in RULES}


class FindingItem(msgspec.Struct, frozen=True):
    """A finding and its handling.

    ``holds`` says whether a rule finds it now; what was opened stays, with what was seen then. ``state`` is ``None`` until it is
    opened. What a person raised has no rule and no sentence.
    """

    id: UUID
    rule: str | None
    family: int | None
    version: int | None
    source: str | None
    position: int
    positions: tuple[int, ...]
    pool: UUID | None
    case: UUID | None
    booking: UUID | None
    worker: str | None
    provider: str | None
    sentence: str | None
    holds: bool
    state: HandlingState | None
    explanations: int

    @classmethod
    def found(cls, finding: Finding, opened: FindingView | None) -> "FindingItem":
        state, explanations = (opened.state, opened.explanations) if opened else (None, 0)
        return cls(**asdict(finding), holds=True, state=state, explanations=explanations)

    @classmethod
    def kept(cls, opened: FindingView, position: int) -> "FindingItem":
        """One that no rule finds, or none any more; without events that it rests on it has the position of its opening."""
        rule = _RULES.get(opened.rule) if opened.rule else None
        return cls(
            opened.id,
            opened.rule,
            rule.family if rule else None,
            opened.rule_version,
            rule.source if rule else None,
            opened.positions[-1] if opened.positions else position,
            opened.positions,
            opened.pool,
            opened.case,
            opened.booking,
            opened.worker,
            opened.provider,
            opened.sentence,
            holds=False,
            state=opened.state,
            explanations=opened.explanations,
        )


class RuleView(msgspec.Struct, frozen=True):
    """A rule with its definition, what it does not mean, and how often it found something."""

    rule: str
    family: int
    version: int
    title: str
    definition: str
    caution: str
    source: str
    thresholds: tuple[str, ...]
    findings: int


class FindingsReport(msgspec.Struct, frozen=True):
    """All findings at ``position``, and the rules and thresholds by which they hold; rules count those that hold."""

    position: int
    thresholds: Thresholds
    rules: tuple[RuleView, ...]
    findings: tuple[FindingItem, ...]


class FindingsPage(msgspec.Struct, frozen=True):
    """A part of the findings at ``position``; ``next`` is the ``after`` of the following part."""

    items: tuple[FindingItem, ...]
    next: str | None
    position: int
    thresholds: Thresholds


class Findings:
    """What is found in one log under these thresholds. Threads may share it."""

    def __init__(self, thresholds: Thresholds) -> None:
        self.thresholds = thresholds
        self._lock = Lock()
        self._then: tuple[int, Findings] | None = None
        self._begin()

    def at(self, position: int) -> "Findings":
        """What was found in the log when it ended at this position, for readers of that past. The last one is kept."""
        then = self._then
        if then is None or then[0] != position:
            then = self._then = position, Findings(self.thresholds)
        return then[1]

    def report(self, reader: Reader, *, pool: UUID | None, progress: Progress) -> FindingsReport:
        """Everything that is found, in one pool or in all; ``progress`` is told the events read and all events."""
        position, found, opened = self._read(reader, progress)
        items = tuple(_item(each, opened) for each in found if _concerns(each, pool))
        numbers = Counter(finding.rule for finding in items if finding.holds)
        rules = tuple(
            RuleView(
                rule.code,
                rule.family,
                rule.version,
                rule.title,
                rule.definition,
                rule.caution,
                rule.source,
                rule.thresholds,
                numbers[rule.code],
            )
            for rule in RULES
        )
        return FindingsReport(position, self.thresholds, rules, items)

    def page(
        self,
        reader: Reader,
        *,
        pool: UUID | None,
        rule: str | None,
        state: HandlingState | None = None,
        unseen: Collection[str] = (),
        after: str | None,
        limit: int,
    ) -> FindingsPage:
        """At most ``limit`` findings by the last position that they rest on; refuses a rule that there is not.

        Those of ``unseen`` rules are left out until they are opened.
        """
        if rule is not None and rule not in _RULES:
            raise Malformed(place="rule", problem="keine der Regeln, die es gibt")
        position, found, opened = self._read(reader, lambda done, total: None)
        place = _place_after(after)
        wanted = [
            each
            for each in found
            if _concerns(each, pool)
            and rule in (None, each.rule)
            and (each.rule not in unseen or each.id in opened)
            and (state is None or (each.id in opened and opened[each.id].state == state))
            and _place(each) > place
        ]
        shown = [_item(each, opened) for each in wanted[:limit]]
        following = f"{shown[-1].position}-{shown[-1].id}" if len(wanted) > limit else None
        return FindingsPage(tuple(shown), following, position, self.thresholds)

    def holding(self, reader: Reader, finding: UUID, unseen: Collection[str] = ()) -> Finding:
        """The finding of this id, as it is found now; raises ``NotFound``, as for what an ``unseen`` rule finds."""
        with self._alone():
            self._catch_up(reader, lambda done, total: None)
            for each in self._in_order():
                if each.id == finding and each.rule not in unseen:
                    return each
        raise NotFound()

    def _read(self, reader: Reader, progress: Progress) -> tuple[int, Sequence[Finding | FindingItem], dict[UUID, FindingView]]:
        """The position, what holds there or held when it was opened, and what was opened.

        Everything is read before anything is reckoned: a database ends snapshots in which nobody asks for long.
        """
        opened = all_opened(reader)
        with self._alone():
            self._catch_up(reader, progress)
            position, holding = self._position, self._in_order()
        held = opened.keys() - {each.id for each in holding}
        kept = [FindingItem.kept(view, at) for at, view in opened.values() if view.id in held]
        found: list[Finding | FindingItem] = [*holding, *kept]
        if kept:
            found.sort(key=_place)
        return position, found, {id: view for id, (_, view) in opened.items()}

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Reading a long log for the first time takes a while; the others are told to come back."""
        if not self._lock.acquire(timeout=WAIT_SECONDS_MAX):
            raise StoreUnavailable("another thread is reading the log for its findings")
        try:
            yield
        finally:
            self._lock.release()

    def _begin(self) -> None:
        self._register = Register(self.thresholds, forms_of)
        self._position = 0
        self._last: StoredRow | None = None  # the last row that was taken in
        self._attempts_since = 0  # at the same position of the log there may have been more of them
        self._last_read: reads.Head | None = None  # the last row of the read log that was taken in
        self._read_at = time.monotonic()
        self._sorted: list[Finding] | None = None

    def _catch_up(self, reader: Reader, progress: Progress) -> None:
        head = reader.head()
        total = head.id if head else 0
        if not self._stands(reader, total):
            self._begin()
        read, since = reads.head(reader), self._last_read.number if self._last_read else 0
        beside = _Beside(receipts.refusals(reader, self._attempts_since), reads.readings(reader, since))
        while self._position < total:
            rows = reader.stored_rows(self._position, BATCH_EVENTS)
            try:
                self._take_in(read_events(rows), beside)
            except BaseException:
                self._begin()  # some of them may have been taken in
                raise
            self._last = rows[-1]
            self._position = rows[-1][-1]
            self._read_at = time.monotonic()
            self._sorted = None
            progress(self._position, total)
        while beside.first is not None:
            self._take_in_beside(beside.take())
        self._attempts_since = max(self._attempts_since, total)
        if read is not None and read.number > since:
            self._last_read, self._read_at = read, time.monotonic()

    def _take_in(self, events: Sequence[Recorded], beside: "_Beside") -> None:
        """Events, and between them what happened beside the log, at its place: what it was about may be closed later."""
        first, done = events[0].position, 0
        while beside.first is not None and beside.first.position <= events[-1].position:
            then = max(done, beside.first.position - first + 1)
            self._register.feed(events[done:then])
            self._take_in_beside(beside.take())
            done = then
        self._register.feed(events[done:])

    def _take_in_beside(self, each: Attempt | Reading) -> None:
        if isinstance(each, Reading):
            self._register.read(each)
            self._sorted = None
        elif self._register.attempted(each):
            self._sorted = None

    def _stands(self, reader: Reader, total: int) -> bool:
        """Whether the log still begins with what was taken in: a restore or a failover may have shortened it, and the read log.

        A snapshot that is a little older than what another thread has taken in since is answered with that.
        """
        if self._last is None:
            return True
        if total < self._position:
            return time.monotonic() - self._read_at < SNAPSHOT_SECONDS_MAX
        if reader.stored_rows(self._position - 1, 1) != [self._last]:
            return False
        if self._last_read is None:
            return True
        newest = reads.head(reader)
        if newest is None or newest.number < self._last_read.number:
            return time.monotonic() - self._read_at < SNAPSHOT_SECONDS_MAX
        return reads.is_stated(reader, self._last_read)

    def _in_order(self) -> list[Finding]:
        if self._sorted is None:
            self._sorted = sorted(self._register.findings(), key=_place)
        return self._sorted


class _Beside:
    """What happened beside the log, in the order of its positions: ``first`` is the next of it."""

    def __init__(self, attempts: Iterable[Attempt], readings: Iterable[Reading]) -> None:
        self._rest: Iterator[Attempt | Reading] = merge(attempts, readings, key=attrgetter("position"))
        self.first: Attempt | Reading | None = next(self._rest, None)

    def take(self) -> Attempt | Reading:
        taken, self.first = self.first, next(self._rest, None)
        assert taken is not None, "whoever takes has looked"
        return taken


def _place(finding: Finding | FindingItem) -> tuple[int, str]:
    return finding.position, str(finding.id)


def _concerns(finding: Finding | FindingItem, pool: UUID | None) -> bool:
    """What is in no single pool concerns any of them."""
    return finding.pool is None or pool in (None, finding.pool)


def _item(finding: Finding | FindingItem, opened: dict[UUID, FindingView]) -> FindingItem:
    return finding if isinstance(finding, FindingItem) else FindingItem.found(finding, opened.get(finding.id))


def _place_after(after: str | None) -> tuple[int, str]:
    """The place after which a page begins; what stands in a parameter was judged by its form."""
    if after is None:
        return 0, ""
    position, _, id = after.partition("-")
    return int(position), id
