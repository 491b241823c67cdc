"""What somebody does to a log who owns its database, by the keys of the table in docs/verfahrensdokumentation.md.

Whatever is changed in an event stays a decision that somebody could have made, so that nothing but the proof can tell.
"""

import random
import re
from base64 import b64encode
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
from eventsourcing.persistence import Notification

from application import commands
from application.projections.texts import sealed_text
from application.proof import checkpoints
from application.proof.checkpoints import Key
from application.proof.notes import Signer
from application.proof.tree import Tree
from application.proof.verification import Deviation, Verified, deviations_of
from application.reads import Occasion, ReadLog
from application.receipts import RequestKey
from application.turn import Work
from domain.case import CaseOpened
from interfaces.storage.turns import TurnRecorder, TurnTransaction
from tests.application.one_turn import in_one_turn
from tests.office import LEAD, OFFICER, WORKER, Office, body

NOON = datetime(2022, 3, 31, 10, tzinfo=UTC)
OFFICE, STRANGER = Signer("stundenpool", b"o" * 32), Signer("stundenpool", b"x" * 32)
KEYS = [Key(OFFICE.verifier, 0, None)]
BOOKINGS, SESSIONS, LATER_SESSIONS = 6, 120, 20
NEAR = 60  # positions before the checkpoint that every second attack is drawn from: some of them stand in no complete subtree

Rows = list[Notification]
encode = msgspec.json.Encoder(order="sorted").encode


# ── The log that is attacked


def write_log(office: Office) -> str:
    """Some 300 events, with checkpoints at half of them and before the end; the second one, which somebody keeps outside."""
    bookings: list[UUID] = []
    for number in range(2):
        pool = office.open_pool("2021-11-01", "2022-05-31", 600_000)
        case = opened_case(office, pool)
        opened_case(office, pool)  # for which nothing is ever requested
        requesting = [work(LEAD, commands.request_hours, case=case, minutes=6_000, purpose=f"Zweck {n}") for n in range(BOOKINGS)]
        requested = [UUID(body(answer.result())["id"]) for answer in in_one_turn(office, requesting)]
        for answer in in_one_turn(office, [work(OFFICER, commands.approve_hours, booking) for booking in requested]):
            assert answer.result().outcome == "done"
        bookings += requested
        if number == 0:
            log_sessions(office, bookings, SESSIONS)
            stated(office)
    log_sessions(office, bookings, SESSIONS)
    read(office)
    outside = stated(office)
    opened_case(office, pool)
    log_sessions(office, bookings, LATER_SESSIONS)
    read(office)
    return outside


def read(office: Office) -> None:
    """Somebody reads what the first case was opened with."""
    opened = next(event for event in office.log() if isinstance(event.data, CaseOpened))
    text = sealed_text(opened, "name")
    assert text is not None
    occasion = Occasion(LEAD, "GET /api/v1/cases", "casework", "192.0.2.1", "request")
    with ReadLog(office.store, office.keyring).recording(occasion, NOON) as (_, opener):
        text.open(opener)


def opened_case(office: Office, pool: UUID) -> UUID:
    facts = {"pool": pool, "provider": LEAD.organisation, "district": "nord", "service_area": "13", "concern": "housing"}
    return UUID(body(office.do(LEAD, commands.open_case, name="Kim Beispiel", **facts))["id"])


def log_sessions(office: Office, bookings: Sequence[UUID], number: int) -> None:
    """Each under a key, so that there are receipts up to the end of the log."""
    days = [NOON.replace(day=1 + n % 28) for n in range(number)]
    logging = [
        work(WORKER, commands.log_session, bookings[n % len(bookings)], starts_at=day, minutes=60, kind="direct", note=f"Notiz {n}")
        for n, day in enumerate(days)
    ]
    for answer in in_one_turn(office, logging):
        assert answer.result().outcome == "created"


def work(actor: Any, command: Callable[..., Any], *args: Any, **facts: Any) -> Work:
    key = random.randbytes(8)
    return Work(actor, lambda turn: command(turn, *args, **facts), RequestKey(key.hex(), key))


def stated(office: Office) -> str:
    with office.store.turn() as turn:
        return checkpoints.issue(turn, [OFFICE], NOON)


class Scene:
    """The database within a turn, and what the attacker has. ``size`` is that of the checkpoint that is kept outside."""

    def __init__(self, turn: TurnTransaction, recorder: TurnRecorder, signer: Signer | None, chance: random.Random) -> None:
        self.turn = turn
        self.signer = signer
        self.chance = chance
        self.before = self.rows = turn.notifications(0, 100_000)
        self.size = checkpoints.issued(turn)[-1].size
        self._position, self._insertion = recorder.dialect.position, recorder.dialect.insertion

    def store(self, rows: Rows) -> None:
        """Makes this the log."""
        kept = set(self.rows) & set(rows)
        self.write(f"DELETE FROM stored_events WHERE {self._position} = ?", [(row.id,) for row in self.rows if row not in kept])
        self.insert([row for row in rows if row not in kept])
        self.rows = rows

    def insert(self, rows: Rows) -> None:
        self.write(*self._insertion(rows))

    def write(self, statement: str, rows: Sequence[Sequence[Any]] = ((),)) -> None:
        self.turn.execute(statement, rows)
        self.turn.send()  # before whatever follows: a store may do at once what it gets at once

    def hash_again(self) -> None:
        """Makes the stored tree that of the log as it is now, and the receipts those of its decisions."""
        self.write("DELETE FROM tree")
        Tree().catch_up(self.turn, len(self.rows))
        before, now = last_of_commands(self.before), last_of_commands(self.rows)
        self.write("DELETE FROM receipts WHERE idempotency_key = ?", [(command,) for command in before.keys() - now.keys()])
        moved = [
            (row.id, row.originator_version - before[command].originator_version, command)
            for command, row in now.items()
            if command in before and row != before[command]
        ]
        self.write("UPDATE receipts SET position = ?, version = version + ? WHERE idempotency_key = ?", moved)

    def sign_again(self, signer: Signer | None) -> None:
        """Puts a new checkpoint in the place of all that were issued."""
        assert signer is not None, "the attacker has no key"
        self.write("DELETE FROM checkpoints")
        checkpoints.issue(self.turn, [signer], NOON)

    def deviations(self, *outside: str) -> list[Deviation]:
        return list(deviations_of(self.turn, KEYS, outside, Verified(), lambda done, total: None))

    @property
    def first_changed(self) -> int | None:
        """The first position at which the log is not what it was."""
        changed = set(self.before) ^ set(self.rows)
        return min(row.id for row in changed) if changed else None

    # What may be changed, in the part of the log that the checkpoint outside covers, or behind it.

    def positions(self, behind: bool) -> range:
        if behind:
            return range(self.size + 1, len(self.rows) + 1)
        return range(self.chance.choice([1, self.size - NEAR]), self.size + 1)

    def sessions(self, behind: bool) -> Rows:
        return [self.rows[at - 1] for at in self.positions(behind) if self.rows[at - 1].topic == "session-logged"]


def last_of_commands(rows: Rows) -> dict[str, Notification]:
    return {msgspec.json.decode(row.state)["command"]: row for row in rows}


# ── Changes of the log that leave decisions which could have been made


def saying(row: Notification, **facts: Any) -> Notification:
    """The event with other facts."""
    state = msgspec.json.decode(row.state)
    state["data"] |= facts
    return Notification(row.originator_id, row.originator_version, row.topic, encode(state), row.id)


def fact(row: Notification, name: str) -> Any:
    return msgspec.json.decode(row.state)["data"][name]


def replaced(rows: Rows, *others: Notification) -> Rows:
    by_position = {row.id: row for row in others}
    return [by_position.get(row.id, row) for row in rows]


def renumbered(rows: Rows) -> Rows:
    """A log of these events that is sound in itself: positions, versions and causes follow on, in the stored states too."""
    versions: dict[Any, int] = {}
    positions = {row.id: position for position, row in enumerate(rows, start=1)}
    made = []
    for position, row in enumerate(rows, start=1):
        version = versions[row.originator_id] = versions.get(row.originator_id, 0) + 1
        state = msgspec.json.decode(row.state)
        state.update(position=position, version=version, cause=positions.get(state["cause"]))
        made.append(Notification(row.originator_id, version, row.topic, encode(state), position))
    return made


def other_minutes(scene: Scene, behind: bool) -> Rows:
    row = scene.chance.choice(scene.sessions(behind))
    return replaced(scene.rows, saying(row, minutes=scene.chance.choice([15, 30, 45, 75, 90])))


def another_day(scene: Scene, behind: bool) -> Rows:
    row = scene.chance.choice(scene.sessions(behind))
    return replaced(scene.rows, saying(row, starts_at=f"2022-02-{scene.chance.randint(1, 28):02}T09:00:00+01:00"))


def another_district(scene: Scene, behind: bool) -> Rows:
    """Of a case for which nothing was requested."""
    *_, case = (row for row in scene.rows if row.topic == "case-opened" and (row.id > scene.size) == behind)
    return replaced(scene.rows, saying(case, district=scene.chance.choice(["süd", "ost", "west"])))


def another_text(scene: Scene, behind: bool) -> Rows:
    row = scene.chance.choice(scene.sessions(behind))
    note = fact(row, "note") | {"ciphertext": b64encode(scene.chance.randbytes(24)).decode()}
    return replaced(scene.rows, saying(row, note=note))


def swapped_texts(scene: Scene, behind: bool) -> Rows:
    """Two notes about one person, in each other's session."""
    one = scene.chance.choice(scene.sessions(behind))
    key = fact(one, "note")["key"]
    other = scene.chance.choice([row for row in scene.sessions(behind) if row is not one and fact(row, "note")["key"] == key])
    return replaced(scene.rows, saying(one, note=fact(other, "note")), saying(other, note=fact(one, "note")))


def inserted(scene: Scene, behind: bool) -> Rows:
    """A session more, as of a command without a key, which has no receipt."""
    row = scene.chance.choice(scene.sessions(behind))
    return renumbered([*scene.rows[: row.id - 1], another_session(scene, row), *scene.rows[row.id - 1 :]])


def another_session(scene: Scene, row: Notification) -> Notification:
    session, command = (str(UUID(bytes=scene.chance.randbytes(16), version=4)) for _ in range(2))
    state = msgspec.json.decode(saying(row, session=session).state) | {"command": command}
    return Notification(row.originator_id, row.originator_version, row.topic, encode(state), 0)


def deleted(scene: Scene, behind: bool) -> Rows:
    """A session that never was."""
    gone = scene.chance.choice(scene.sessions(behind))
    return renumbered([row for row in scene.rows if row is not gone])


def reordered(scene: Scene, behind: bool) -> Rows:
    """Two sessions in each other's place, of which neither precedes its approval then."""
    one, other = scene.chance.sample(scene.sessions(behind)[-NEAR:], 2)
    others = {one.id: other, other.id: one}
    return renumbered([others.get(row.id, row) for row in scene.rows])


def cut(scene: Scene, behind: bool) -> Rows:
    """Without the last decisions."""
    kept = range(scene.size, len(scene.rows)) if behind else range(scene.size - SESSIONS, scene.size)
    return scene.rows[: scene.chance.choice(kept)]


CONTENT = [other_minutes, another_day, another_district, another_text]
CHANGES = [*CONTENT, swapped_texts, inserted, deleted, reordered, cut]


def changed(scene: Scene, changes: Sequence[Callable[[Scene, bool], Rows]], behind: bool = False) -> None:
    """One of the changes, and really one: a drawn value can be the one that is there."""
    while scene.first_changed is None:
        scene.store(scene.chance.choice(changes)(scene, behind))


# ── The attacks


RECORDING = re.compile(rb'"(?:cause|recorded_at)":"?([^",]+)')


def flipped(value: bytes, bit: int) -> bytes:
    return bytes(byte ^ (1 << bit % 8) if at == bit // 8 else byte for at, byte in enumerate(value))


def a_bit(scene: Scene) -> None:
    """Anywhere, or the last one of a character of the cause or the instant: of all the others few leave these readable."""
    row = scene.rows[scene.chance.choice(scene.positions(behind=False)) - 1]
    spans = (found.span(1) for found in RECORDING.finditer(row.state))
    bits = [range(len(row.state) * 8), *(range(start * 8, end * 8, 8) for start, end in spans)]
    state = flipped(row.state, scene.chance.choice(scene.chance.choice(bits)))
    scene.store(replaced(scene.rows, Notification(row.originator_id, row.originator_version, row.topic, state, row.id)))


def a_bit_of_the_place(scene: Scene) -> None:
    """Of stream, version or type."""
    row = scene.rows[scene.chance.choice(scene.positions(behind=False)) - 1]
    stream, version, topic = row.originator_id, row.originator_version, row.topic
    assert isinstance(stream, UUID)
    match scene.chance.randrange(3):
        case 0:
            stream = UUID(bytes=flipped(stream.bytes, scene.chance.randrange(128)))
        case 1:
            version ^= 1 << scene.chance.randrange(10, 31)  # the store itself refuses a version that there is already
        case 2:
            at = scene.chance.randrange(len(topic))
            topic = topic[:at] + chr(ord(topic[at]) ^ 1 << scene.chance.randrange(5)) + topic[at + 1 :]
    scene.store(replaced(scene.rows, Notification(stream, version, topic, row.state, row.id)))


def a_bit_of_the_position(scene: Scene) -> None:
    row = scene.rows[scene.chance.choice(scene.positions(behind=False)) - 1]
    position = row.id ^ 1 << scene.chance.randrange(10, 63)
    moved = Notification(row.originator_id, row.originator_version, row.topic, row.state, position)
    scene.store([moved if each is row else each for each in scene.rows])


def taken_out(scene: Scene) -> None:
    """The gap stays."""
    gone = scene.chance.choice(scene.positions(behind=False))
    scene.store([row for row in scene.rows if row.id != gone])


def appended(scene: Scene) -> None:
    """Past every turn: no tree, no receipt."""
    row = scene.chance.choice(scene.sessions(behind=False))
    scene.store(renumbered([*scene.rows, another_session(scene, row)]))


def before_the_first(scene: Scene) -> None:
    """Where nobody begins to read."""
    row = scene.chance.choice(scene.sessions(behind=False))
    hidden = Notification(UUID(bytes=scene.chance.randbytes(16)), 1, row.topic, row.state, -scene.chance.randrange(2**62))
    scene.insert([hidden])


def rows_of_tree(scene: Scene, condition: str) -> list[tuple[int, int, bytes]]:
    rows = scene.turn.fetch(f"SELECT level, last, hashes FROM tree WHERE {condition} ORDER BY level, last")
    return [(level, last, bytes(hashes)) for level, last, hashes in rows]


def hashes_replaced(scene: Scene, *rows: tuple[int, int, bytes]) -> None:
    scene.write("UPDATE tree SET hashes = ? WHERE level = ? AND last = ?", [(hashes, level, last) for level, last, hashes in rows])


def a_bit_of_a_leaf(scene: Scene) -> None:
    level, last, hashes = scene.chance.choice(rows_of_tree(scene, "level = 0"))
    hashes_replaced(scene, (level, last, flipped(hashes, scene.chance.randrange(len(hashes) * 8))))


def a_bit_of_a_subtree(scene: Scene) -> None:
    level, last, hashes = scene.chance.choice(rows_of_tree(scene, "level > 0"))
    hashes_replaced(scene, (level, last, flipped(hashes, scene.chance.randrange(256))))


def swapped_leaves(scene: Scene) -> None:
    one, other = scene.chance.sample(rows_of_tree(scene, "level = 0"), 2)
    hashes_replaced(scene, (0, one[1], other[2]), (0, other[1], one[2]))


def a_bit_of_a_checkpoint(scene: Scene) -> None:
    chosen = scene.chance.choice(checkpoints.issued(scene.turn))
    at = scene.chance.randrange(len(chosen.note))
    note = chosen.note[:at] + chr(ord(chosen.note[at]) ^ 1 << scene.chance.randrange(6)) + chosen.note[at + 1 :]
    scene.write("UPDATE checkpoints SET note = ? WHERE size = ?", [(note.replace("\0", "\1"), chosen.size)])


def swapped_checkpoints(scene: Scene) -> None:
    first, second = checkpoints.issued(scene.turn)
    scene.write("UPDATE checkpoints SET note = ? WHERE size = ?", [(second.note, first.size), (first.note, second.size)])


def a_receipt(scene: Scene) -> tuple[Any, ...]:
    return scene.chance.choice(scene.turn.fetch("SELECT idempotency_key, body, position FROM receipts ORDER BY position"))


def swapped_receipts(scene: Scene) -> None:
    one, other = a_receipt(scene), a_receipt(scene)
    scene.write(
        "UPDATE receipts SET body = ?, position = ? WHERE idempotency_key = ?", [(*one[1:], other[0]), (*other[1:], one[0])]
    )


def moved_receipt(scene: Scene) -> None:
    scene.write("UPDATE receipts SET position = position + 100000 WHERE idempotency_key = ?", [(a_receipt(scene)[0],)])


def deleted_receipts(scene: Scene) -> None:
    scene.write("DELETE FROM receipts WHERE position >= ?", [(a_receipt(scene)[2],)])


def altered_balances(scene: Scene) -> None:
    slots = dict(scene.turn.fetch("SELECT name, slot FROM projections"))
    scene.write(f"UPDATE movements_{slots['balances']} SET minutes = minutes + 60")


def hashed_again(scene: Scene) -> None:
    changed(scene, CHANGES)
    scene.hash_again()


def hashed_again_behind(scene: Scene) -> None:
    changed(scene, CHANGES, behind=True)
    scene.hash_again()


def signed_again(scene: Scene) -> None:
    hashed_again(scene)
    scene.sign_again(scene.signer)


def signed_again_behind(scene: Scene) -> None:
    hashed_again_behind(scene)
    scene.sign_again(scene.signer)


def signed_by_a_stranger(scene: Scene) -> None:
    hashed_again(scene)
    scene.sign_again(STRANGER)


def without_checkpoints(scene: Scene) -> None:
    hashed_again(scene)
    scene.write("DELETE FROM checkpoints")


Attack = Callable[[Scene], None]

ATTACKS: dict[str, Attack] = {
    "bit": a_bit,
    "bit-des-ortes": a_bit_of_the_place,
    "bit-der-position": a_bit_of_the_position,
    "inhalt": lambda scene: changed(scene, CONTENT),
    "geheimtexte": lambda scene: changed(scene, [swapped_texts]),
    "eingefügt": lambda scene: changed(scene, [inserted]),
    "entfernt": lambda scene: changed(scene, [deleted]),
    "lücke": taken_out,
    "vertauscht": lambda scene: changed(scene, [reordered]),
    "gekürzt": lambda scene: changed(scene, [cut], behind=scene.chance.random() < 0.5),
    "angehängt": appended,
    "vor-position-1": before_the_first,
    "blatt": a_bit_of_a_leaf,
    "blätter-vertauscht": swapped_leaves,
    "teilbaum": a_bit_of_a_subtree,
    "prüfpunkt": a_bit_of_a_checkpoint,
    "prüfpunkt-entfernt": lambda scene: scene.write("DELETE FROM checkpoints"),
    "prüfpunkte-vertauscht": swapped_checkpoints,
    "beleg-verschoben": moved_receipt,
    "belege-vertauscht": swapped_receipts,
    "belege-entfernt": deleted_receipts,
    "einsichten-entfernt": lambda scene: scene.write("DELETE FROM personal_reads"),
    "einsicht-geändert": lambda scene: scene.write("UPDATE personal_reads SET subject = 'kraft-x' WHERE number = 1"),
    "salden": altered_balances,
    "nachgerechnet": hashed_again,
    "nachgerechnet-fremd": signed_by_a_stranger,
    "nachgerechnet-ohne": without_checkpoints,
    "nachgerechnet-dahinter": hashed_again_behind,
    "unterschrieben": signed_again,
    "unterschrieben-dahinter": signed_again_behind,
}
