"""Attacks on a log of some 200 events: each is found where it happened, or documented as one that only an outsider can find.

An attack is made and looked at within a turn that leaves no trace, so that all of them find the same log.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID, uuid4

import msgspec
import pytest
from eventsourcing.persistence import Notification

from application import commands
from application.proof import checkpoints, tree
from application.proof.checkpoints import Key
from application.proof.deviations import Deviation
from application.proof.notes import Signer
from application.proof.tree import Tree
from application.proof.verification import Verified, deviations_of
from application.turn import Work
from interfaces.storage.turns import TurnRecorder, TurnTransaction
from tests.application.one_turn import in_one_turn
from tests.application.proof.verifying import deviations
from tests.conftest import STORE_KINDS, new_url
from tests.office import LEAD, OFFICER, WORKER, Office, body, running_office
from tests.tampering import tampering

NOON = datetime(2022, 1, 10, 12, tzinfo=UTC)
OFFICE = Signer("stundenpool", b"o" * 32)
KEYS = [Key(OFFICE.verifier, 0, None)]
EVENTS_MIN = 200
HALF = 97  # a position in the middle

Attack = Callable[["Scene"], None]
encode = msgspec.json.Encoder(order="sorted").encode


class Undone(Exception):
    """Leaves a turn without a trace."""


class Scene:
    """The log within a turn, for attackers who own the database."""

    def __init__(self, turn: TurnTransaction, recorder: TurnRecorder) -> None:
        self.turn = turn
        self.dialect = recorder.dialect
        self.rows = turn.notifications(0, 100_000)

    def store(self, rows: Sequence[Notification]) -> None:
        """Replaces the log."""
        self.turn.fetch("DELETE FROM stored_events")
        self.turn.execute(*self.dialect.insertion(rows))
        self.rows = list(rows)

    def replace(self, position: int, row: Notification) -> None:
        self.store([row if each.id == position else each for each in self.rows])

    def hash_again(self) -> None:
        """Makes the stored tree that of the log as it is now."""
        self.turn.fetch("DELETE FROM tree")
        Tree().catch_up(self.turn, len(self.rows))

    def state_again(self, signer: Signer) -> None:
        """Puts a new checkpoint in place of all those that were issued."""
        self.turn.fetch("DELETE FROM checkpoints")
        checkpoints.issue(self.turn, [signer], NOON)

    def deviations(self, *outside: str) -> list[Deviation]:
        return deviations(self.turn, KEYS, outside)


@pytest.fixture(scope="module", params=STORE_KINDS)
def office(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """A log of 200 events and more, on each kind of store, with a checkpoint at half of it and one at the end."""
    folder = tmp_path_factory.mktemp("log")
    url = new_url(request, request.param, folder / "store.db")
    with running_office(url, folder / "keys", lambda: NOON) as office:
        pool = office.open_pool("2021-11-01", "2022-05-31", 60_000)
        facts = {"pool": pool, "provider": LEAD.organisation, "district": "nord", "service_area": "13", "concern": "housing"}
        case = UUID(body(office.do(LEAD, commands.open_case, **facts))["id"])
        requesting = Work(WORKER, lambda turn: commands.request_hours(turn, case=case, minutes=60))
        bookings = [
            UUID(body(answer.result())["id"])
            for answer in in_one_turn(office, [Work(WORKER, requesting.decide) for _ in range(70)])
        ]
        stated(office)
        approving = [Work(OFFICER, lambda turn, booking=booking: commands.approve_hours(turn, booking)) for booking in bookings]
        for answer in in_one_turn(office, approving):
            assert answer.result().outcome == "done"
        office.keyed("k", OFFICER, commands.change_budget, pool, change_minutes=60, resolution="JHA 1")
        stated(office)
        yield office


def stated(office: Office) -> str:
    with office.store.turn() as turn:
        return checkpoints.issue(turn, [OFFICE], NOON)


@pytest.fixture
def scene(office: Office) -> Iterator[Scene]:
    with suppress(Undone), tampering(office.store) as turn:
        yield Scene(cast(TurnTransaction, turn), cast(TurnRecorder, office.store))
        raise Undone


def test_the_log_is_sound(scene: Scene) -> None:
    """given the log as it was written / then nothing deviates, and both checkpoints were compared."""
    verified = Verified()
    assert list(deviations_of(scene.turn, KEYS, [], verified, lambda done, total: None)) == []
    assert verified.events == len(scene.rows) >= EVENTS_MIN
    assert verified.checkpoints == 2
    assert verified.root == tree.root(scene.turn, len(scene.rows))


# ── Single bits


@pytest.mark.parametrize("column", ["stream", "version", "topic", "state", "position"])
def test_a_changed_bit_is_found_where_it_is(office: Office, column: str) -> None:
    """given one bit changed in a column of an event / then the first deviation is at its position."""
    chance = random.Random(column)
    for _ in range(12):
        with suppress(Undone), tampering(office.store) as turn:
            scene = Scene(cast(TurnTransaction, turn), cast(TurnRecorder, office.store))
            row = chance.choice(scene.rows)
            changed = with_a_bit_changed(row, column, chance)
            if changed.id != row.id:
                scene.store([changed if each is row else each for each in scene.rows if each is row or each.id != changed.id])
            else:
                scene.replace(row.id, changed)
            found = scene.deviations()
            assert found, (row, changed)
            assert min(each.position for each in found if each.position) == min(row.id, changed.id), (row, changed, found)
            assert {each.field for each in found} & {"leaf", "position"}
            raise Undone


def with_a_bit_changed(row: Notification, column: str, chance: random.Random) -> Notification:
    stream, version, topic, state, position = row.originator_id, row.originator_version, row.topic, row.state, row.id
    match column:
        case "stream":
            assert isinstance(stream, UUID)
            stream = UUID(int=stream.int ^ 1 << chance.randrange(128))
        case "version":
            version ^= 1 << chance.randrange(10, 31)  # the store itself refuses a version that there is already
        case "topic":
            at = chance.randrange(len(topic))
            topic = topic[:at] + chr(ord(topic[at]) ^ 1 << chance.randrange(5)) + topic[at + 1 :]
        case "state":
            at = chance.randrange(len(state))
            state = state[:at] + bytes([state[at] ^ 1 << chance.randrange(8)]) + state[at + 1 :]
        case "position":
            position ^= 1 << chance.randrange(8, 40)
    return Notification(stream, version, topic, state, position)


def test_a_changed_bit_of_the_tree_is_found(office: Office) -> None:
    """given one bit changed in the stored leaves / then the deviation is at the position of that leaf."""
    chance = random.Random(9162)
    for _ in range(12):
        with suppress(Undone), tampering(office.store) as turn:
            scene = Scene(cast(TurnTransaction, turn), cast(TurnRecorder, office.store))
            last, leaves = chance.choice(turn.fetch("SELECT last, hashes FROM tree WHERE level = 0"))
            bit = chance.randrange(len(leaves) * 8)
            altered = bytes(byte ^ (1 << bit % 8) if at == bit // 8 else byte for at, byte in enumerate(bytes(leaves)))
            turn.execute("UPDATE tree SET hashes = ? WHERE level = 0 AND last = ?", [(altered, last)])
            [found] = scene.deviations()
            assert (found.position, found.field) == (last - len(leaves) // 32 + bit // 256 + 1, "leaf")
            raise Undone


# ── Somebody who owns the database


def renumbered(rows: Sequence[Notification]) -> list[Notification]:
    """A log of these events that is sound in itself: positions, versions and causes fit, also inside of the stored states."""
    moved = {row.id: position for position, row in enumerate(rows, start=1)}
    versions: dict[Any, int] = {}
    made = []
    for position, row in enumerate(rows, start=1):
        version = versions[row.originator_id] = versions.get(row.originator_id, 0) + 1
        state = msgspec.json.decode(row.state)
        state.update(position=position, version=version, stream=str(row.originator_id), cause=moved.get(state["cause"]))
        made.append(Notification(row.originator_id, version, row.topic, encode(state), position))
    return made


def insert(scene: Scene) -> None:
    """An approval more, on a booking of its own."""
    copied = scene.rows[HALF - 1]
    scene.store(renumbered([*scene.rows[:HALF], Notification(uuid4(), 1, copied.topic, copied.state, 0), *scene.rows[HALF:]]))


def delete(scene: Scene) -> None:
    """An event that never was."""
    scene.store(renumbered([*scene.rows[: HALF - 1], *scene.rows[HALF:]]))


def reorder(scene: Scene) -> None:
    """Two events in each other's place."""
    rows = list(scene.rows)
    rows[HALF - 1], rows[HALF + 1] = rows[HALF + 1], rows[HALF - 1]
    scene.store(renumbered(rows))


def rewrite(scene: Scene) -> None:
    """Another person decided."""
    row = scene.rows[HALF - 1]
    state = msgspec.json.decode(row.state)
    state["actor"]["subject"] = "somebody"
    scene.replace(HALF, Notification(row.originator_id, row.originator_version, row.topic, encode(state), row.id))


def retell(scene: Scene) -> None:
    """Another person decided, who might have."""
    for position in (HALF, HALF + 1):
        row = scene.rows[position - 1]
        state = msgspec.json.decode(row.state)
        state["actor"]["subject"] = "somebody"
        if "decided_by" in state["data"]:
            state["data"]["decided_by"] = "somebody"
        scene.replace(position, Notification(row.originator_id, row.originator_version, row.topic, encode(state), row.id))


def invent(scene: Scene) -> None:
    """A request that nobody made, with which the receipt of a later command still fits."""
    copied = scene.rows[HALF // 2]
    scene.store(
        renumbered([*scene.rows[: HALF // 2], Notification(uuid4(), 1, copied.topic, copied.state, 0), *scene.rows[HALF // 2 :]])
    )
    scene.turn.fetch("UPDATE receipts SET position = position + 1")


IMPOSSIBLE = [insert, delete, reorder, rewrite]  # no decision recorded that
POSSIBLE = [retell, invent]
REWRITINGS = [*IMPOSSIBLE, *POSSIBLE]


@pytest.mark.parametrize("attack", REWRITINGS)
def test_a_log_that_was_rewritten_differs_from_its_tree(scene: Scene, attack: Attack) -> None:
    """given a rewritten log that is sound in itself / then the first deviation is the leaf of the first event that is another."""
    before = scene.rows
    attack(scene)
    found = scene.deviations()
    first = next(position for position, (old, new) in enumerate(zip(before, scene.rows, strict=False), start=1) if old != new)
    assert (found[0].position, found[0].field) == (first, "leaf")
    changed = {new.id for old, new in zip(before, scene.rows, strict=False) if old != new}
    assert {each.position for each in found if each.field == "leaf"} >= changed
    assert any(each.field == "checkpoint" for each in found)


@pytest.mark.parametrize("attack", REWRITINGS)
def test_a_tree_made_anew_differs_from_the_checkpoints(scene: Scene, attack: Attack) -> None:
    """given a rewritten log with a tree of its own / then the checkpoints that were issued say so."""
    attack(scene)
    scene.hash_again()
    fields = {each.field for each in scene.deviations()}
    assert "checkpoint" in fields
    assert not fields & {"leaf", "subtree", "position", "version"}


@pytest.mark.parametrize("attack", IMPOSSIBLE)
def test_what_nobody_can_have_decided_needs_no_checkpoint(scene: Scene, attack: Attack) -> None:
    """given a rewritten log, a new tree and a new checkpoint / then the decisions themselves say that they were not taken so."""
    attack(scene)
    scene.hash_again()
    scene.state_again(OFFICE)
    found = scene.deviations()
    assert {each.field for each in found} & {"decision", "event", "actor", "decided_by", "cause"}
    assert not [each for each in found if each.field == "checkpoint"]


@pytest.mark.parametrize("attack", POSSIBLE)
@pytest.mark.parametrize("with_key", [True, False])
def test_only_an_outsider_finds_what_the_owner_of_everything_did(scene: Scene, attack: Attack, with_key: bool) -> None:
    """given another history that might have been, a new tree and, with the key, a new checkpoint / then only one that was kept
    outside proves it."""
    outside = [each.note for each in checkpoints.issued(scene.turn)]
    attack(scene)
    scene.hash_again()
    if with_key:
        scene.state_again(OFFICE)
    else:
        scene.turn.fetch("DELETE FROM checkpoints")
    assert scene.deviations() == []
    assert {each.field for each in scene.deviations(outside[-1])} == {"checkpoint"}


def test_a_new_checkpoint_without_the_key_is_not_believed(scene: Scene) -> None:
    """given a checkpoint of a rewritten log that somebody else has signed / then its key is not known here."""
    retell(scene)
    scene.hash_again()
    scene.state_again(Signer("stundenpool", b"x" * 32))
    [found] = scene.deviations()
    assert (found.field, found.position) == ("checkpoint", None)


def test_a_missing_event_is_found_where_it_was(scene: Scene) -> None:
    """given an event that was taken out without closing the gap / then its position is named, and the others are as they were."""
    scene.store([row for row in scene.rows if row.id != HALF])
    found = scene.deviations()
    assert (found[0].position, found[0].field, found[0].found) == (HALF, "position", "nichts")
    assert not [each for each in found if each.field == "leaf"]


def test_a_log_that_lost_its_end_differs_from_its_tree(scene: Scene) -> None:
    """given a log whose last events are gone / then each of them is missing, and receipts name later positions."""
    size = len(scene.rows)
    scene.store(scene.rows[:-5])
    found = scene.deviations()
    assert [each.position for each in found if each.field == "position"] == list(range(size - 4, size + 1))
    assert {each.field for each in found} == {"position", "checkpoint", "receipt"}


def test_an_end_that_is_gone_everywhere_is_found_outside_only(scene: Scene) -> None:
    """given a log that was cut with its tree, its receipts and its checkpoints / then nothing is left that deviates, but what
    somebody kept."""
    outside = checkpoints.issued(scene.turn)[-1]
    scene.store(scene.rows[:-5])
    scene.hash_again()
    for statement in ("DELETE FROM receipts", "DELETE FROM checkpoints"):
        scene.turn.fetch(statement)
    assert scene.deviations() == []
    [found] = scene.deviations(outside.note)
    assert (found.position, found.field) == (outside.size, "checkpoint")


def test_events_behind_the_tree_are_named(scene: Scene) -> None:
    """given events that were appended past every turn, one of them far away / then they stand in no tree, and one in no place."""
    last = len(scene.rows)
    rows = [Notification(uuid4(), 1, "case-opened", b"{}", position) for position in (last + 1, last + 2**40)]
    scene.store([*scene.rows, *rows])
    found = [(each.position, each.field) for each in scene.deviations()]
    assert found == [(last + 1, "leaf"), (last + 1, "event"), *((last + 2**40, each) for each in ("position", "leaf", "event"))]


def test_leaves_far_behind_the_log_are_named(scene: Scene) -> None:
    """given leaves whose place has become an absurd number / then their own are missing, and the verification ends."""
    [(last,)] = scene.turn.fetch("SELECT MAX(last) FROM tree WHERE level = 0")
    scene.turn.execute("UPDATE tree SET last = ? WHERE level = 0 AND last = ?", [(last + 2**40, last)])
    found = scene.deviations()
    assert (found[-1].position, found[-1].field) == (last + 2**40, "leaf")
    assert {each.field for each in found} == {"leaf"}
