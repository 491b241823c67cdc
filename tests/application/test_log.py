"""What stands in the log: golden files of every stored version, and damage that is named with its place.

A golden file holds the stored bytes of one event type in one schema version, as they were on the day the version was made.
It is never changed: whatever the code is called later, these bytes must be read as the same fact.
"""

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import fields, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
from eventsourcing.persistence import Notification, StoredEvent

from application import catalogue, log
from application.catalogue import BY_NAME, CATALOGUE, UPCASTERS, EventType
from application.log import DamagedEvent, EventMapper, StoredRow, forms_of, leaf_bytes, leaf_hash, read_event, read_events
from domain.booking import GrantReduced
from domain.quantities import Sealed
from tests.application.golden_events import EVENTS, POOL, recorded

GOLDEN = Path(__file__).parents[1] / "golden"
FILES = sorted(GOLDEN.glob("*.json"))
STORED = [(entry.name, schema) for entry in CATALOGUE for schema in range(1, entry.schema + 1)]

mapper = EventMapper(transcoder=None)  # type: ignore[arg-type]  # ours needs none


def golden(name: str, schema: int = 1) -> Notification:
    """The row whose state is the golden file."""
    event = recorded(name, schema)
    return Notification(event.stream, event.version, name, (GOLDEN / f"{name}.{schema}.json").read_bytes(), event.position)


def without_golden_file(entries: tuple[EventType, ...]) -> list[str]:
    """The files that are missing for these event types in all their versions."""
    needed = [f"{entry.name}.{schema}.json" for entry in entries for schema in range(1, entry.schema + 1)]
    return [file for file in needed if not (GOLDEN / file).exists()]


def plain(state: Any) -> bytes:
    """The one way in which the log writes JSON."""
    return json.dumps(state, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


class TestGoldenFiles:
    @pytest.mark.parametrize(("name", "schema"), STORED)
    def test_the_stored_bytes_are_read_as_the_fact_they_were(self, name: str, schema: int) -> None:
        """Envelope and payload, in today's schema."""
        assert read_event(golden(name, schema)) == mapper.to_domain_event(golden(name, schema)) == recorded(name, schema)

    @pytest.mark.parametrize("entry", CATALOGUE, ids=lambda entry: entry.name)
    def test_the_fact_is_written_as_the_same_bytes(self, entry: EventType) -> None:
        """In its newest version. For a new one, the difference shown is the file to be added."""
        written = mapper.to_stored_event(recorded(entry.name, entry.schema))
        assert written == golden(entry.name, entry.schema)

    def test_every_event_type_has_one_in_every_version(self) -> None:
        """Also every fact in ``golden_events``; and no file is left over."""
        assert without_golden_file(CATALOGUE) == []
        assert [file.name for file in FILES] == sorted(f"{name}.{schema}.json" for name, schema in STORED)
        assert set(EVENTS) == set(STORED)

    def test_a_new_version_without_one_is_noticed(self) -> None:
        """As is a new type."""
        newer = replace(BY_NAME["hours-approved"], schema=2)
        assert without_golden_file((*CATALOGUE, newer)) == ["hours-approved.2.json"]

    @pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
    def test_names_of_python_stand_nowhere(self, file: Path) -> None:
        """So renaming a module or a class cannot break an old log."""
        text = file.read_text()
        names = {entry.cls.__name__ for entry in CATALOGUE} | {"SessionFacts", "RefusedStep", "Sealed"}
        modules = {entry.cls.__module__ for entry in CATALOGUE} | {"domain.", "application.", "py/", "__"}
        assert not [name for name in names | modules if name in text]

    @pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
    def test_the_state_is_sorted_plain_json(self, file: Path) -> None:
        """One writing for one fact: sorted keys, no spaces, UTF-8; any JSON reader understands it."""
        assert file.read_bytes() == plain(json.loads(file.read_bytes()))

    @pytest.mark.parametrize("entry", CATALOGUE, ids=lambda entry: entry.name)
    def test_every_personal_field_is_sealed_or_absent(self, entry: EventType) -> None:
        """In the log stand key, nonce and ciphertext."""
        data = json.loads(golden(entry.name, entry.schema).state)["data"]
        for name in entry.personal:
            assert data[name] is None or data[name].keys() == {"key", "nonce", "ciphertext"}

    @pytest.mark.parametrize("entry", CATALOGUE, ids=lambda entry: entry.name)
    def test_nothing_sealed_stands_in_a_clear_field(self, entry: EventType) -> None:
        """The classes of the catalogue are those of the types: ``Personal`` is personal, everything else is clear."""
        personal = {field.name for field in fields(entry.cls) if Sealed in getattr(field.type, "__args__", ())}
        assert personal == entry.personal.keys()


def changed(**envelope: Any) -> Callable[[dict[str, Any]], Any]:
    """Another value in the envelope."""
    return lambda state: state | envelope


def data(**payload: Any) -> Callable[[dict[str, Any]], Any]:
    """Another value in the payload."""
    return lambda state: state | {"data": state["data"] | payload}


def lacking(place: str, name: str) -> Callable[[dict[str, Any]], Any]:
    """A field less, in the envelope or in the payload."""

    def take(state: dict[str, Any]) -> dict[str, Any]:
        del (state if place == "envelope" else state[place])[name]
        return state

    return take


DAMAGE: dict[str, Callable[[dict[str, Any]], Any]] = {
    "unknown type": changed(type="hours-granted"),
    "another known type": changed(type="hours-reserved"),
    "unknown field in the payload": data(minutes_granted=585),
    "unknown field in the envelope": changed(tenant="x"),
    "missing field in the payload": lacking("data", "review_on"),
    "missing field in the envelope": lacking("envelope", "cause"),
    "missing schema": lacking("envelope", "schema"),
    "text for minutes": data(minutes="585"),
    "a fraction for minutes": data(minutes=585.5),
    "a truth for minutes": data(minutes=True),
    "nothing for minutes": data(minutes=None),
    "no instant": data(decided_at="gestern"),
    "an instant without a time zone": data(decided_at="2022-03-16T09:30:15"),
    "no date": data(review_on="2022-02-30"),
    "a readable personal text": data(reason="weil es nötig ist"),
    "no seal": data(reason={"key": "case:1", "nonce": "AAAA"}),
    "a seal of no base64": data(reason={"key": "case:1", "nonce": "AAAA", "ciphertext": "?"}),
    "no role": changed(actor={"subject": "amt-2", "role": "mayor", "organisation": "jugendamt"}),
    "no actor": changed(actor=None),
    "a payload that is no object": changed(data=[]),
    "a schema to come": changed(schema=2),
    "a schema before the first": changed(schema=0),
    "another position": changed(position=7),
    "another version": changed(version=7),
    "another stream": changed(stream=str(POOL)),
    "no stream": changed(stream="x"),
    "recorded_at without a time zone": changed(recorded_at="2022-03-16T09:30:15.123456"),
    "no recorded_at": changed(recorded_at=None),
    "no object": lambda _: [],
    "nothing": lambda _: None,
}


class TestDamage:
    """Reading validates: what cannot have been recorded is an error that names its position."""

    def damaged(self, state: bytes) -> str:
        row = replace_state(golden("hours-approved"), state)
        with pytest.raises(DamagedEvent) as caught:
            read_event(row)
        assert f"position {row.id} " in str(caught.value)
        return str(caught.value)

    @pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
    def test_damaged_json(self, damage: Callable[[dict[str, Any]], Any]) -> None:
        """A field too many, too few, or of another kind; another place than the row's."""
        self.damaged(plain(damage(json.loads(golden("hours-approved").state))))

    def test_a_state_that_was_cut_anywhere(self) -> None:
        """Every proper beginning of the bytes."""
        state = golden("hours-approved").state
        for length in range(0, len(state), 7):
            self.damaged(state[:length])
        self.damaged(state[:-1])

    @pytest.mark.parametrize("more", [b"x", b"{}", b"\x00"])
    def test_a_state_with_something_behind_it(self, more: bytes) -> None:
        """Trailing bytes."""
        self.damaged(golden("hours-approved").state + more)

    def test_another_writing_of_the_same(self) -> None:
        """Keys twice, keys out of order, and other spaces: the log never writes so, and its proofs are over bytes."""
        state = golden("hours-approved").state
        value = json.loads(state)
        for written in (
            state.replace(b'{"actor"', b'{"cause":9,"actor"', 1),
            json.dumps(dict(reversed(value.items())), separators=(",", ":"), ensure_ascii=False).encode(),
            json.dumps(value, ensure_ascii=False).encode(),
            state + b" ",
        ):
            assert "not as the log writes it" in self.damaged(written)

    @pytest.mark.parametrize("wrong", [b"\xff", b"\xed\xa0\x80"])
    def test_bytes_that_are_no_utf8(self, wrong: bytes) -> None:
        """In a text, and before everything."""
        state = golden("hours-approved").state
        self.damaged(state.replace(b"traeger-a", b"traeger" + wrong))
        self.damaged(wrong + state)

    def test_every_byte_counts(self) -> None:
        """Any one byte that is changed is either noticed, or changes what is read; no other error ever leaves."""
        row = golden("hours-approved")
        as_recorded = read_event(row)
        for place in range(len(row.state)):
            state = bytearray(row.state)
            state[place] ^= 0x01
            with suppress(DamagedEvent):
                assert read_event(replace_state(row, bytes(state))) != as_recorded, place

    def test_an_instant_of_a_part_without_a_time_zone(self) -> None:
        """What a session said before its correction has an instant as well."""
        row = golden("session-corrected")
        state = json.loads(row.state)
        state["data"]["before"]["starts_at"] = "2022-03-15T10:00:00"
        with pytest.raises(DamagedEvent, match="an instant without a time zone"):
            read_event(replace_state(row, plain(state)))

    def test_a_readable_personal_text_is_never_stored(self) -> None:
        """Whoever forgot to seal it learns so before anything is written."""
        recorded = read_event(golden("hours-approved"))
        readable = recorded.saying(replace(recorded.data, reason="weil es nötig ist"))
        with pytest.raises(ValueError, match="not sealed"):
            mapper.to_stored_event(readable)

    def test_a_row_that_stands_elsewhere(self) -> None:
        """The columns of the row are held against the state."""
        row = golden("hours-approved")
        for moved in (
            Notification(row.originator_id, row.originator_version, row.topic, row.state, row.id + 1),
            Notification(row.originator_id, row.originator_version + 1, row.topic, row.state, row.id),
            Notification(POOL, row.originator_version, row.topic, row.state, row.id),
            Notification(row.originator_id, row.originator_version, "hours-reserved", row.state, row.id),
        ):
            with pytest.raises(DamagedEvent, match=f"position {moved.id} .*stands at"):
                read_event(moved)

    def test_a_row_of_one_stream_has_no_position_to_compare(self) -> None:
        """The library reads streams without it; the state still says where the event stands."""
        row = golden("hours-approved")
        stored = StoredEvent(row.originator_id, row.originator_version, row.topic, row.state)
        assert read_event(stored) == read_event(row)
        with pytest.raises(DamagedEvent, match=f"stream {row.originator_id}, version {row.originator_version}"):
            read_event(StoredEvent(row.originator_id, row.originator_version, row.topic, b""))


class TestReadingMany:
    """Many rows are read another way, which says the same and finds the same damage."""

    @pytest.mark.parametrize(("name", "schema"), STORED)
    def test_nothing_is_lost_or_changed(self, name: str, schema: int) -> None:
        """given an event of each type / when it is read among many / then it says what is stored, in today's schema."""
        row, entry = golden(name, schema), BY_NAME[name]
        [event] = read_events([plain_row(row)])
        assert type(event.data) in forms_of(entry.cls)
        if schema == entry.schema:
            assert msgspec.json.encode(event, order="sorted") == row.state
        else:
            assert event == read_event(row)

    def test_damage_is_found_and_named(self) -> None:
        """What has another type or place, an unknown or no field, no time zone, or no seal."""
        for name, damage in (
            ("session-corrected", lambda state: state["data"]["before"].update(starts_at="2022-03-15T10:00:00")),
            ("session-logged", lambda state: state.update(recorded_at="2022-03-15T10:00:00")),
            ("session-logged", lambda state: state["data"].update(minutes="90")),
            ("session-logged", lambda state: state["data"].update(session="no id")),
            ("session-logged", lambda state: state["data"].update(note="Kim war da")),
            ("session-logged", lambda state: state["data"].update(weather="fine")),
            ("session-logged", lambda state: state["data"].pop("late")),
            ("session-logged", lambda state: state.update(position=7)),
            ("session-logged", lambda state: state.update(schema=2)),
            ("session-logged", lambda state: state.update(type="session-lost")),
        ):
            row = golden(name)
            state = json.loads(row.state)
            damage(state)
            with pytest.raises(DamagedEvent, match=f"position {row.id} "):
                read_events([plain_row(row), plain_row(replace_state(row, plain(state)))])

    def test_a_row_that_stands_elsewhere(self) -> None:
        """The columns of the row are held against the state."""
        stream, version, topic, state, position = plain_row(golden("hours-approved"))
        for moved in (
            (str(POOL), version, topic, state, position),
            (stream, version + 1, topic, state, position),
            (stream, version, "hours-reserved", state, position),
            (stream, version, "hours-lost", state, position),
            (stream, version, topic, state, position + 1),
        ):
            with pytest.raises(DamagedEvent, match=f"position {moved[-1]} "):
                read_events([moved])

    def test_every_byte_counts(self) -> None:
        """Any one byte that is changed is either noticed, or changes what is read; no other error ever leaves."""
        row = golden("hours-approved")
        as_recorded = read_events([plain_row(row)])
        for place in range(len(row.state)):
            state = bytearray(row.state)
            state[place] ^= 0x01
            with suppress(DamagedEvent):
                assert read_events([plain_row(replace_state(row, bytes(state)))]) != as_recorded, place


def plain_row(row: Notification) -> StoredRow:
    """The row as ``Reader.stored_rows`` gives it."""
    return str(row.originator_id), row.originator_version, row.topic, row.state, row.id


def replace_state(row: Notification, state: bytes) -> Notification:
    """The same row with another state."""
    return Notification(row.originator_id, row.originator_version, row.topic, state, row.id)


def today_is(monkeypatch: pytest.MonkeyPatch, schema: int) -> None:
    """``grant-reduced`` has that many versions by now, in the catalogue and in what is made of it to read one event."""
    entry = replace(BY_NAME["grant-reduced"], schema=schema)
    monkeypatch.setitem(catalogue.BY_NAME, entry.name, entry)
    monkeypatch.setitem(log._TYPED, entry.name, log._typed(entry))


class TestUpcasting:
    """An older schema is led to today's, step by step, and the stored bytes stay as they are."""

    @pytest.fixture
    def third_version(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """``grant-reduced`` in a made-up history: 1 said hours, 2 had no reason, 3 is what the code knows."""
        today_is(monkeypatch, 3)
        monkeypatch.setitem(
            UPCASTERS, ("grant-reduced", 1), lambda old: {"provider": old["provider"], "to_minutes": old["to_hours"] * 60}
        )
        monkeypatch.setitem(UPCASTERS, ("grant-reduced", 2), lambda old: old | {"reason": None, "reason_given": False})

    def row(self, schema: int, payload: dict[str, Any]) -> Notification:
        state = json.loads(golden("grant-reduced").state) | {"schema": schema, "data": payload}
        return replace_state(golden("grant-reduced"), plain(state))

    @pytest.mark.usefixtures("third_version")
    def test_every_older_version_is_read_as_today_s(self) -> None:
        """1 goes through 2 to 3."""
        expected = GrantReduced("traeger-a", 300, None, False)
        assert read_event(self.row(1, {"provider": "traeger-a", "to_hours": 5})).data == expected
        assert read_event(self.row(2, {"provider": "traeger-a", "to_minutes": 300})).data == expected

    @pytest.mark.usefixtures("third_version")
    def test_an_upcast_payload_is_validated_like_any_other(self) -> None:
        """A damaged old event is no less damaged."""
        for payload in ({"provider": "traeger-a"}, {"provider": 1, "to_hours": 5}, {"provider": "traeger-a", "to_hours": None}):
            with pytest.raises(DamagedEvent, match="position"):
                read_event(self.row(1, payload))

    def test_a_missing_step_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Rather than read in the wrong version."""
        today_is(monkeypatch, 2)
        with pytest.raises(DamagedEvent, match="grant-reduced"):
            read_event(golden("grant-reduced"))

    def test_no_step_is_missing(self) -> None:
        """Every version below today's has an upcaster, and there is none for anything else."""
        assert set(UPCASTERS) == {(entry.name, schema) for entry in CATALOGUE for schema in range(1, entry.schema)}


class TestLeaves:
    """The proof of an event is taken over these bytes, for good."""

    def test_every_part_with_its_length_before_it(self) -> None:
        """Position, stream, version, type, state; four bytes of length, eight of number, big-endian."""
        row = Notification(UUID(int=0x0102), 3, "pool-exhausted", b"{}", 0x0A0B)
        assert leaf_bytes(row).hex(" ", -4).replace(" ", "") == (
            "00000008" "0000000000000a0b"
            "00000010" "00000000000000000000000000000102"
            "00000008" "0000000000000003"
            "0000000e" "706f6f6c2d657868617573746564"
            "00000002" "7b7d"
        )  # fmt: skip

    def test_the_hash_of_a_leaf(self) -> None:
        """SHA-256 after RFC 9162: a zero byte, then the leaf."""
        row = golden("hours-approved")
        assert leaf_hash(row) == hashlib.sha256(b"\x00" + leaf_bytes(row)).digest()
        assert leaf_hash(row).hex() == "5e9e57d617db1cee8f0b42dc0860560d5d97f43f0d33177b0254b1e7b348db52"

    def test_no_two_rows_share_a_leaf(self) -> None:
        """Lengths keep the parts apart, and every part counts."""
        row = golden("hours-approved")
        rows = [
            row,
            Notification(row.originator_id, row.originator_version, row.topic, row.state, row.id + 1),
            Notification(row.originator_id, row.originator_version + 1, row.topic, row.state, row.id),
            Notification(POOL, row.originator_version, row.topic, row.state, row.id),
            Notification(row.originator_id, row.originator_version, row.topic + "{", row.state[1:], row.id),
            replace_state(row, row.state + b" "),
        ]
        assert len({leaf_hash(each) for each in rows}) == len(rows)


class TestInstants:
    def test_recorded_at_is_utc_to_the_microsecond(self) -> None:
        """Written with a Z."""
        assert json.loads(golden("pool-exhausted").state)["recorded_at"] == "2022-03-16T09:30:15.123456Z"

    def test_a_session_keeps_the_offset_of_its_day(self) -> None:
        """The clock in Germany stays readable in the log, in summer and in winter."""
        starts_at = json.loads(golden("session-logged").state)["data"]["starts_at"]
        assert starts_at == "2022-03-27T10:00:00+02:00"
        assert datetime.fromisoformat(starts_at).utcoffset() == timedelta(hours=2)


def test_all_events_are_frozen_values() -> None:
    """A fact does not change after it was decided."""
    for entry in CATALOGUE:
        assert vars(entry.cls)["__dataclass_params__"].frozen
