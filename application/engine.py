"""The engine takes the turns: one order for all commands, one transaction and one fsync for many.

A turn takes the lock of the log, catches up with what others appended, gathers the commands that have arrived meanwhile,
decides each of them against states that already include the ones before it, and appends all events, receipts and projection
rows in one transaction. Nothing is decided on stale state, so nothing is ever tried again for a conflict; any number of
processes and machines can take turns on one store.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

from eventsourcing.persistence import InterfaceError, Notification, OperationalError

from application import receipts, snapshots
from application.arrivals import Arrivals
from application.log import CommitUnknown, Recorded, Store, StoreUnavailable, Transaction, read_event
from application.privacy import Keyring
from application.projections import PROJECTIONS
from application.projections.projector import Projector
from application.projections.tables import LIVE
from application.proof import tree
from application.proof.tree import LogDiffers, Tree
from application.receipts import Answer, Identity, Receipt, RequestKey
from application.states import States
from application.turn import Abandoned, Culprit, Turn, Work
from domain.quantities import Actor
from domain.refusals import KeyReused, Malformed, NotFound, Refusal, VersionDiffers

log = logging.getLogger(__name__)

TURN_COMMANDS_MAX = 256
SENT_COMMANDS = 32  # the store writes them while the next are decided
CATCH_UP_ROWS = 1_000
PATIENCE_SECONDS = 6.0  # how long a turn is tried again, after its first attempt
PAUSE_SECONDS = 0.1  # before the second attempt, doubled with each further one

# A refusal that says nothing about the rules leaves its key free: the request is to be mended and sent again.
UNKEPT = frozenset(refusal.code for refusal in (Malformed, KeyReused, NotFound, VersionDiffers))

Clock = Callable[[], datetime]
Noted = Callable[[int, float], object]


def utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Decided:
    """What a turn brought into its transaction, to be found again where the outcome of the commit is unknown."""

    answers: list[Answer]
    recorded_at: datetime
    last_row: Notification | None
    receipts: dict[Identity, Receipt]


class Engine:
    """Takes turns on a store. Any number of threads submit commands; one thread decides.

    ``problem`` says how a refusal reads, in the bytes that its receipt keeps.
    """

    def __init__(
        self,
        store: Store,
        keyring: Keyring,
        problem: Callable[[Refusal], bytes],
        clock: Clock = utc_now,
    ) -> None:
        self._store = store
        self._keyring = keyring
        self._problem = problem
        self._clock = clock
        self._states = States()
        self._projector = Projector(PROJECTIONS)
        self._tree = Tree()
        self._last: Notification | None = None
        self._recorded_at = datetime.min.replace(tzinfo=UTC)
        self._arrivals = Arrivals()
        self._gathered: list[Work] = []
        self._noted: Noted = lambda commands, seconds: None
        self._thread = threading.Thread(target=self._serve, name="turns", daemon=True)
        self._thread.start()

    def submit(self, work: Work) -> "Future[Answer]":
        """The answer, once the turn is committed. Raises in the future what no refusal is: ``StoreUnavailable`` above all, and
        ``Overloaded`` where too many commands wait."""
        lane = None if work.about is None else self._states.pool_of(work.about) or work.about
        self._arrivals.put(work, lane)
        return work.done

    def execute(self, actor: Actor, decide: Callable[[Turn], Answer], key: RequestKey | None = None) -> Answer:
        """Submits a command and waits for its answer."""
        return self.submit(Work(actor, decide, key)).result()

    def recall(self, actor: Actor, key: RequestKey) -> Answer | None:
        """The answer that this key was given before, if any; raises ``KeyReused`` where it was given to another request."""
        identity = key.identity(actor)
        with self._store.reading() as reader:
            known = receipts.read(reader, [identity])
        return known[identity].answer_to(key.fingerprint) if known else None

    def watch(self, noted: Noted) -> None:
        """``noted`` is told of every turn: how many commands it had, and its seconds, from asking for the lock to the commit."""
        self._noted = noted

    def close(self) -> None:
        """Decides what has arrived, then ends."""
        self._arrivals.close()
        self._thread.join()

    # ── gathering and answering

    def _serve(self) -> None:
        while (first := self._arrivals.first()) is not None:
            self._gathered = [first]
            self._answer(self._gathered)

    def _gather(self) -> None:
        """Whatever arrived until the lock was held joins the turn: it would only have to wait for it."""
        self._gathered += self._arrivals.further(TURN_COMMANDS_MAX - len(self._gathered))

    def _answer(self, works: Sequence[Work]) -> None:
        """Answers every command. A failure that is no command's own is halved until the culprit stands alone."""
        if not works:
            return
        try:
            answers = self._decide_for_sure(works)
        except Culprit as culprit:
            self._fail(culprit.work, culprit.__cause__)
            self._answer([work for work in works if work is not culprit.work])
        except StoreUnavailable as away:
            for work in works:
                work.done.set_exception(away)
        except Exception as error:
            if len(works) == 1:
                self._fail(works[0], error)
            else:
                self._answer(works[: len(works) // 2])
                self._answer(works[len(works) // 2 :])
        else:
            for work, answer in zip(works, answers, strict=True):
                work.done.set_result(answer)

    def _fail(self, work: Work, error: BaseException | None) -> None:
        if not isinstance(error, Abandoned):
            log.error("a command failed: %s", type(error).__name__)  # the text may quote what a person wrote
        work.done.set_exception(error or RuntimeError("a command failed without a cause"))

    # ── one turn, until its outcome is certain

    def _decide_for_sure(self, works: Sequence[Work]) -> list[Answer]:
        decided: Decided | None = None
        patience_ends = time.monotonic() + PATIENCE_SECONDS
        pause = PAUSE_SECONDS
        while True:
            try:
                if decided is not None and self._stands(decided):
                    return decided.answers
                decided = None
                began = time.monotonic()
                with self._store.turn() as transaction:
                    decided = self._decide(transaction, works)
                self._committed(decided)
                self._noted(len(works), time.monotonic() - began)
            except (InterfaceError, OperationalError) as error:
                unknown = isinstance(error, CommitUnknown)
                log.warning("turn %s: %s", "of unknown outcome" if unknown else "failed", type(error).__name__)
                self._forget()
                if time.monotonic() + pause > patience_ends:
                    raise StoreUnavailable("the store did not answer") from error
                time.sleep(pause)
                pause *= 2
            except LogDiffers as found:
                log.critical("nothing is decided on this log any more: %s", found)
                self._forget()
                raise
            except BaseException:
                self._forget()
                raise
            else:
                return decided.answers

    def _stands(self, decided: Decided) -> bool:
        """Whether a turn of unknown outcome was committed. The lock waits until the lost connection's transaction has ended."""
        with self._store.turn() as transaction:
            if decided.last_row is not None:
                return transaction.notifications(decided.last_row.id - 1, 1) == [decided.last_row]
            if not decided.receipts:
                return False  # nothing was written that could have been lost
            identity, receipt = next(iter(decided.receipts.items()))
            return receipts.read(transaction, [identity]).get(identity) == receipt

    def _decide(self, transaction: Transaction, works: Sequence[Work]) -> Decided:
        if works is self._gathered:  # those that are decided again without a culprit stay among themselves
            self._gather()
        anew = self._last is None
        if anew:
            self._start_over(transaction)
        keys = {work.key.identity(work.actor) for work in works if work.key}
        behind, (live, kept) = transaction.look(self._before(), CATCH_UP_ROWS, LIVE, receipts.asked(keys))
        others = self._catch_up(transaction, behind)
        if anew:
            others = None
        if others is None:
            self._tree.catch_up(transaction, self._last.id if self._last else 0)
        elif others:
            self._tree.follow(transaction, behind[1:])
        known = receipts.receipts_of(kept)
        self._projector.begin(transaction, live, others)
        turn = Turn(
            transaction,
            self._states,
            self._projector,
            self._keyring,
            position=self._last.id if self._last else 0,
            recorded_at=max(self._clock(), self._recorded_at),
            new_id=uuid4,
        )
        fresh: dict[Identity, Receipt] = {}
        answers: list[Answer] = []
        for work in works:
            if answers and len(answers) % SENT_COMMANDS == 0:
                turn.send()
            answers.append(self._answered(turn, work, known, fresh))
        turn.write(receipts.INSERT, [receipt.row(identity) for identity, receipt in fresh.items()])
        turn.write(snapshots.UPSERT, self._states.snapshots())
        turn.write(tree.INSERT, self._tree.grown(turn.rows))
        return Decided(answers, turn.recorded_at, turn.rows[-1] if turn.rows else None, fresh)

    def _answered(self, turn: Turn, work: Work, known: dict[Identity, Receipt], fresh: dict[Identity, Receipt]) -> Answer:
        """The answer that the key was given before, or a new one, which is kept."""
        if work.key is None:
            return turn.decide(work, self._problem)
        identity = work.key.identity(work.actor)
        receipt = known.get(identity)
        if receipt is not None:
            try:
                return receipt.answer_to(work.key.fingerprint)
            except KeyReused as refusal:
                return Answer(refusal.code, self._problem(refusal), turn.position)
        answer = turn.decide(work, self._problem)
        if answer.outcome not in UNKEPT:
            known[identity] = fresh[identity] = Receipt(work.key.fingerprint, answer, str(work.about) if work.about else None)
        return answer

    def _before(self) -> int:
        """The position before the last row known, which is read once more."""
        return self._last.id - 1 if self._last else 0

    def _catch_up(self, transaction: Transaction, rows: Sequence[Notification]) -> list[Recorded] | None:
        """Folds what others appended since the last turn, and says what that was; ``None`` where one look does not show it all,
        or the log was shortened. ``rows`` begin with the last one known.

        That one must still stand where it stood: a restore or a failover may have shortened the log.
        """
        events: list[Recorded] = []
        looks = 0
        while self._last is not None:
            if not rows or rows[0] != self._last:
                self._start_over(transaction)
                return None
            if len(rows) == 1:
                break
            events = [read_event(row) for row in rows[1:]]
            self._states.catch_up(events)
            self._adopt(rows[-1])
            looks += 1
            rows = rows[-1:] if len(rows) < CATCH_UP_ROWS else transaction.notifications(self._before(), CATCH_UP_ROWS)
        return events if looks <= 1 else None

    def _start_over(self, transaction: Transaction) -> None:
        self._states.forget()
        self._last = None
        head = transaction.head()
        if head is not None:
            self._adopt(head)

    def _adopt(self, row: Notification) -> None:
        self._last, self._recorded_at = row, read_event(row).recorded_at

    def _committed(self, decided: Decided) -> None:
        self._states.trim()
        if decided.last_row is not None:
            self._last, self._recorded_at = decided.last_row, decided.recorded_at

    def _forget(self) -> None:
        """States and rows run ahead of the commit: after a failed turn the next one starts over."""
        self._last = None
