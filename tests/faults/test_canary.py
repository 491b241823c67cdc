"""What people write about people is found nowhere in the clear, wherever a machine may have put it."""

import base64
import csv
import json
import logging
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from itertools import product
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from application import commands
from application.catalogue import BY_CLASS, CATALOGUE
from application.imports import import_file
from application.turn import Turn
from domain.quantities import Sealed
from interfaces.http.app import OPERATIONS
from interfaces.http.bodies import PersonalBody, PoolOpening, ProviderRegistration
from interfaces.http.examples import PATH_IDS
from interfaces.http.operations import Command
from interfaces.logs import Lines, Objects
from interfaces.spreadsheets import read_table
from tests.faults.canary import Canary, Places, files, forms
from tests.faults.scenes import SCENES, Stage
from tests.interfaces.http.office import PEOPLE
from tests.interfaces.http.office import Office as HttpOffice
from tests.interfaces.http.office import running_office as running_http_office
from tests.office import OFFICER, WORKER, Office, running_office
from tests.postgres import running_cluster

CLEAR = "V0815/22"  # a resolution of the committee, which a scene speaks of: whoever looks must be able to find something

PERSONAL = {name for kind in CATALOGUE for name in kind.personal}
NAMED = (PoolOpening, ProviderRegistration)  # whose names are no person's

WRITERS: dict[str, Callable[[str], bytes]] = {
    "UTF-8": str.encode,
    "UTF-16": lambda text: text.encode("utf-16-le"),
    "UTF-16, big-endian": lambda text: text.encode("utf-16-be"),
    "JSON": lambda text: json.dumps({"text": text}).encode(),
    "JSON with umlauts": lambda text: json.dumps({"text": text}, ensure_ascii=False).encode(),
    "hexadecimal": lambda text: text.encode().hex().encode(),
    "HEXADECIMAL": lambda text: text.encode().hex().upper().encode(),
    "base64": lambda text: base64.b64encode(text.encode()),
    "base64 for URLs": lambda text: base64.urlsafe_b64encode(text.encode()),
}


@pytest.mark.parametrize("writer", WRITERS)
def test_a_word_is_recognised_in_every_form(writer: str) -> None:
    """Whoever looks for a word finds it, however the text is written in which it stands, and wherever in it."""
    word = 'Käthe ? "Üb"'
    for before, after in product(["", "1", "12"], repeat=2):
        written = WRITERS[writer](f"{before}{word}{after}")
        assert any(form in written for _, form in forms(word)), (before, after)


def test_no_personal_text_stands_in_the_clear_on_sqlite(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Neither in the database, its write-ahead log and its tables, nor beside the keys or in what the service logs."""
    caplog.set_level(logging.DEBUG)
    canary, folder = Canary(), tmp_path / "office"
    folder.mkdir()
    with running_office(f"sqlite:///{folder}/store.db", folder / "keys") as office:
        with office.store.reading() as reader:
            reader.head()  # as long as somebody reads from here, the write-ahead log keeps all that comes
            live_through_everything(office, canary, tmp_path)
        places = [*files(folder), *sqlite_tables(folder / "store.db"), ("log of the service", caplog.text.encode())]
    places += files(folder)
    assert canary.traces(places) == []
    assert holding(CLEAR, places) >= {str(folder / "store.db"), str(folder / "store.db-wal"), "table stored_events"}


def test_no_personal_text_stands_in_the_clear_on_postgresql(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Neither in the server's files, its write-ahead log, its log of every statement, its tables, nor in our own log."""
    caplog.set_level(logging.DEBUG)
    canary, keys = Canary(), tmp_path / "keys"
    with running_cluster() as cluster:
        for setting in ("log_statement = 'all'", "log_parameter_max_length_on_error = -1"):
            cluster.run(f"ALTER SYSTEM SET {setting}")
        cluster.run("SELECT pg_reload_conf()")
        database = cluster.fresh_database()
        with running_office(cluster.url(database), keys) as office:
            live_through_everything(office, canary, tmp_path)
        cluster.run("CHECKPOINT")
        [(oid,)] = cluster.run("SELECT oid FROM pg_database WHERE datname = %s", (database,))
        data, server_log = cluster.socket_directory / "data", cluster.socket_directory / "log"
        places = [
            *files(data / "base" / str(oid), data / "pg_wal", server_log, keys),
            *postgres_tables(cluster.url(database)),
            ("log of the service", caplog.text.encode()),
        ]
    assert canary.traces(places) == []
    found = holding(CLEAR, places)
    assert found >= {str(server_log), "table stored_events"}
    assert any(where.startswith(str(data / "pg_wal")) for where in found)
    assert any(where.startswith(str(data / "base")) for where in found)


@pytest.mark.parametrize("form", [Lines, Objects])
def test_no_personal_text_that_comes_by_http_stands_in_the_clear(
    form: type[logging.Formatter], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Every command of the interface, with texts that are taken and texts that are refused: in no answer, log or file."""
    caplog.handler.setFormatter(form())
    caplog.set_level(logging.WARNING, "httpx")  # the caller's side
    caplog.set_level(logging.DEBUG)
    canary, folder = Canary(), tmp_path / "office"
    folder.mkdir()
    with running_http_office(f"sqlite:///{folder}/store.db", folder) as office:
        posted = [post_in_every_way(office, operation, canary) for operation in OPERATIONS if isinstance(operation, Command)]
        places = [*files(folder), *sqlite_tables(folder / "store.db"), ("log of the service", caplog.text.encode())]
    assert set().union(*posted) == PERSONAL, "a personal field was not tried"
    assert canary.traces(places) == []
    assert "/bookings/{booking}/approval 200 " in caplog.text, "nothing was logged at all"


def post_in_every_way(office: HttpOffice, operation: Command, canary: Canary) -> set[str]:
    """Posts the example with a text in every personal field, and in places and forms that are refused; returns the fields."""
    office.given(*operation.given)
    path = office.real(operation.path.format_map(PATH_IDS))
    who = next(person for person, (role, _, _) in PEOPLE.items() if role in operation.policy)
    body, fields = with_texts(operation, canary)
    body, text = office.real(body), canary.text()
    wrong_values = [body | {name: wrong} for name in (*body, "unknown") for wrong in ({"text": text}, text * 200, f"{text}\x07")]
    sent = [json.dumps(wrong) for wrong in (*wrong_values, text, [text])] + [json.dumps(body)[:-1] + ","]
    answers = [office.call(who, "POST", path, content=content) for content in sent]
    answers += [
        office.post(who, path, body, **{"If-Match": f'"{canary.token}"'}),
        office.call(who, "POST", f"{path}/{canary.token}", json=body),
        office.call(who, "GET", "/bookings", params={"state": text, canary.token: text}),
    ]
    assert {answer.status_code for answer in answers} <= {404, 405, 422}
    answers.append(office.call(who, "GET", "/pools", headers={"X-Request-Id": text.encode()}))
    key = f"canary-{operation.name}"
    done, again = (office.post(who, path, body, key) for _ in range(2))
    reused = office.post(who, path, body | {"more": 1}, key)
    assert done.status_code in (200, 201, 202), done.text
    assert (again.content, reused.json()["code"]) == (done.content, "key_reused")
    answers += [done, again, reused]
    assert canary.traces([(path, answer.content + repr(answer.headers.raw).encode()) for answer in answers]) == []
    return fields


def with_texts(operation: Command, canary: Canary) -> tuple[dict[str, Any], set[str]]:
    """The example of an operation with a text in every personal field of its body, and the names of these fields."""
    body = dict(operation.example)
    taken = {name for name in operation.body.__struct_fields__ if name in PERSONAL and operation.body not in NAMED}
    body |= {name: canary.text() for name in taken}
    if "personal" in operation.body.__struct_fields__:
        of_the_person = set(PersonalBody.__struct_fields__)
        body["personal"] = {name: 2008 if name == "birth_year" else canary.text() for name in of_the_person}
        taken |= of_the_person
    return body, taken


def live_through_everything(office: Office, canary: Canary, folder: Path) -> None:
    """Writes into every personal field that the catalogue knows, and reads each of the texts again."""
    stage = Stage(office, canary.text)
    for scene in SCENES:
        answer = scene(stage).keyed(office, str(uuid4()))
        assert canary.traces([("answer", answer.body)]) == []
    take_in_a_file(office, canary, folder / "requests.csv")
    be_refused(office, canary)
    reached, texts = set(), []
    for event in office.log():
        for name in BY_CLASS[type(event.data)].personal:
            sealed = getattr(event.data, name)
            if sealed is not None:
                assert isinstance(sealed, Sealed)
                reached.add((event.type, name))
                texts.append(office.keyring.open(sealed, position=event.position, stream=event.stream, field=name))
    assert reached == {(kind.name, name) for kind in CATALOGUE for name in kind.personal}, "a personal field was not tried"
    assert sorted(texts) == sorted(canary.said), "a text cannot be read again"


def take_in_a_file(office: Office, canary: Canary, file: Path) -> None:
    """Imports a request with its texts, and others of which no step is taken in."""
    pool = office.open_pool("2020-01-01", "2099-12-31", 6000)
    good = {
        "request_id": "r-1",
        "case_ref": "f-1",
        "provider": "traeger-a",
        "district": "nord",
        "requested_at": "03.12.2021 09:00",
        "requested_by": "kraft-1",
        "requested_minutes": "60",
        "decision": "declined",
        "decided_at": "06.12.2021 11:00",
        "decided_by": "o1",
        "granted_minutes": "",
        "purpose": canary.text(),
        "reason": canary.text(),
    }
    known = {"purpose": canary.said[0], "reason": canary.said[0]}
    too_early = good | known | {"request_id": "r-2", "requested_at": "03.12.2011 09:00"}
    too_long = good | {"request_id": "r-3", "purpose": canary.said[0] * 500, "reason": canary.said[0] * 500}
    unreadable = good | {"request_id": "r-4", "purpose": f"{canary.said[0]}\a", "reason": f"{canary.said[0]}\a"}
    with file.open("w", newline="") as written:
        writer = csv.DictWriter(written, list(good))
        writer.writeheader()
        writer.writerows([good, too_early, too_long, unreadable])
    report = import_file(
        office.engine,
        OFFICER,
        pool,
        "requests",
        read_table(file),
        good_steps_alone=True,
        dry_run=False,
        progress=lambda done, total: None,
    )
    assert (report.read, report.recorded) == (8, 2)
    assert canary.traces([("rejects", repr(report.rejects).encode())]) == []


def be_refused(office: Office, canary: Canary) -> None:
    """Refusals are kept with their keys and failures are logged, but not what was written."""
    text = canary.said[0]

    def fail(turn: Turn) -> None:
        raise RuntimeError(text)

    booking = Stage(office, canary.text).request()
    refused = office.keyed("refused", WORKER, commands.approve_hours, booking, reason=text, overtaking_reason=text)
    assert refused.outcome == "own_request"
    reused = office.keyed("refused", WORKER, commands.withdraw_request, booking, reason=text)
    assert reused.outcome == "key_reused"
    with pytest.raises(RuntimeError):
        office.do(OFFICER, fail)  # type: ignore[arg-type]


# ── places


def sqlite_tables(database: Path) -> Places:
    with closing(sqlite3.connect(database)) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return [(f"table {name}", _columns(connection.execute(f"SELECT * FROM {name}"))) for name in names]


def postgres_tables(url: str) -> Places:
    with psycopg.connect(url) as connection:
        tables = connection.execute("SELECT schemaname, tablename FROM pg_tables WHERE schemaname !~ '^(pg_|information_)'")
        return [
            (f"table {name}", _columns(connection.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(schema, name)))))
            for schema, name in tables.fetchall()
        ]


def _columns(rows: Iterable[tuple[object, ...]]) -> bytes:
    """All values, as they are rather than as somebody prints them."""
    return b"\n".join(value if isinstance(value, bytes) else str(value).encode() for row in rows for value in row)


def holding(word: str, places: Places) -> set[str]:
    return {where for where, data in places if any(form in data for _, form in forms(word))}
