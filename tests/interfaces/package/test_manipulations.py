"""What somebody may do to a package, and in which words the verifier says so.

Those who hand it on can change any file, and write a directory that fits. The office can also make leaves, root and checkpoint anew
and sign them: then what it recorded must still agree with itself, and with what auditors have kept.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import pytest

from application.proof.notes import Checkpoint, Signer, read_checkpoint, signed
from interfaces.package.pruefer import FORMAT
from tests.interfaces.package.packages import (
    MIDDAY,
    ORIGIN,
    Events,
    Files,
    events_of,
    forged,
    leaf_of,
    listed,
    restated,
    state_of,
    verified,
    zipped,
)

OTHER_SIGNER = Signer(ORIGIN, b"x" * 32)
FIRST, LAST = "pruefpunkte/000001.txt", "pruefpunkte/000002.txt"
UNKNOWN = "00000000-0000-4000-8000-0000000000ff"

Change = Callable[[Files], Files]


def of_type(events: Events, kind: str, number: int = 0) -> dict[str, Any]:
    return [event for event in events if event["type"] == kind][number]


def without(files: Files, name: str) -> Files:
    return {each: content for each, content in files.items() if each != name}


# ── Whoever hands it on


def changed_minutes(files: Files) -> Files:
    events = events_of(files)
    of_type(events, "session-logged")["data"]["minutes"] += 15
    return restated(files, events)


def changed_minutes_and_leaf(files: Files) -> Files:
    events = events_of(files)
    event = of_type(events, "session-logged")
    event["data"]["minutes"] += 15
    place = 32 * (event["position"] - 1)
    leaves = files["blaetter.bin"]
    return restated({**files, "blaetter.bin": leaves[:place] + leaf_of(event) + leaves[place + 32 :]}, events)


def deleted_event(files: Files) -> Files:
    events = events_of(files)
    events.remove(next(event for event in events if event["type"] == "session-logged" and event["version"] == 3))
    return restated(files, events)


def deleted_reservation_at_the_end(files: Files) -> Files:
    """Of the pool's stream only what comes last can be left out without a gap; then the other side of it stands alone."""
    events = events_of(files)
    pool = of_type(events, "pool-opened")["stream"]
    last = max(event["position"] for event in events if event["type"] == "hours-reserved")
    return restated(files, [event for event in events if event["stream"] != pool or event["position"] < last])


def inserted_event(files: Files) -> Files:
    events = events_of(files)
    last = max(events, key=lambda event: event["version"])
    return restated(files, [*events, {**last, "version": last["version"] + 1, "position": events[-1]["position"] + 1}])


def inserted_in_a_foreign_place(files: Files) -> Files:
    events = events_of(files)
    free = min({*range(1, len(events))} - {event["position"] for event in events})
    before = [event for event in events if event["position"] < free]
    case = of_type(events, "case-opened")
    return restated(files, [*before, {**case, "stream": UNKNOWN, "position": free}, *events[len(before) :]])


def reordered(files: Files) -> Files:
    events = events_of(files)
    events[10], events[11] = events[11], events[10]
    return restated(files, events)


def doubled_event(files: Files) -> Files:
    events = events_of(files)
    return restated(files, [*events[:20], *events[19:]])


def broken_line(files: Files) -> Files:
    return listed({**files, "ereignisse.jsonl": files["ereignisse.jsonl"].replace(b'{"actor"', b'{"actor', 1)})


def other_blanks(files: Files) -> Files:
    return listed({**files, "ereignisse.jsonl": files["ereignisse.jsonl"].replace(b'{"actor"', b'{ "actor"', 1)})


def swapped_sealed_texts(files: Files) -> Files:
    events = events_of(files)
    noted = [event for event in events if event["type"] == "session-logged" and event["data"]["note"]]
    noted[0]["data"]["note"]["ciphertext"] = "AAAA"
    return restated(files, events)


def changed_leaf(files: Files) -> Files:
    leaves = bytearray(files["blaetter.bin"])
    leaves[5] ^= 1
    return listed({**files, "blaetter.bin": bytes(leaves)})


def cut_leaves(files: Files) -> Files:
    return listed({**files, "blaetter.bin": files["blaetter.bin"][:-64]})


def cut_everywhere(files: Files) -> Files:
    """The end of the log is left out, with a directory and a checkpoint that say so."""
    size = read_checkpoint(files[FIRST].decode().partition("\n\n")[0] + "\n").size
    events = [event for event in events_of(files) if event["position"] <= size]
    kept = without({**files, "blaetter.bin": files["blaetter.bin"][: 32 * size]}, LAST)
    root = files[FIRST].decode().splitlines()[2]
    return restated(listed(kept, size=size, root=root, checkpoint=FIRST), events)


def changed_signature(files: Files) -> Files:
    note = files[LAST].decode().rstrip("\n")
    return listed({**files, LAST: (note[:-12] + ("A" if note[-12] != "A" else "B") + note[-11:] + "\n").encode()})


def changed_checkpoint(files: Files) -> Files:
    return listed({**files, FIRST: files[FIRST].replace(b"2022-01-10", b"2021-01-10")})


def swapped_checkpoints(files: Files) -> Files:
    return listed({**files, FIRST: files[LAST], LAST: files[FIRST]})


def checkpoint_of_another(files: Files) -> Files:
    note = signed(Checkpoint(ORIGIN, 10, b"r" * 32, MIDDAY).text(), [OTHER_SIGNER])
    return listed({**files, FIRST: note.encode()})


def other_key(files: Files) -> Files:
    return listed({**files, "schluessel.txt": f"0 {OTHER_SIGNER.verifier.vkey()}\n".encode()})


def changed_balance(files: Files) -> Files:
    stated = json.loads(files["salden.json"])
    stated["pool"]["consumed"] += 60
    return listed({**files, "salden.json": json.dumps(stated).encode()})


def changed_group(files: Files) -> Files:
    stated = json.loads(files["salden.json"])
    stated["provider"][0]["granted"] -= 15
    return listed({**files, "salden.json": json.dumps(stated).encode()})


def left_out_group(files: Files) -> Files:
    stated = json.loads(files["salden.json"])
    del stated["month"][0]
    return listed({**files, "salden.json": json.dumps(stated).encode()})


def invented_group(files: Files) -> Files:
    stated = json.loads(files["salden.json"])
    stated["district"].append({"key": "west", "granted": 60, "reserved": 60, "consumed": 0, "released": 0})
    return listed({**files, "salden.json": json.dumps(stated).encode()})


def balances_of_another_form(files: Files) -> Files:
    return listed({**files, "salden.json": b'{"pool": []}'})


def changed_manifest(files: Files) -> Files:
    return {**files, "manifest.json": files["manifest.json"].replace(b'"sha256": "', b'"sha256": "0', 1)}


def changed_size(files: Files) -> Files:
    return listed(files, size=json.loads(files["manifest.json"])["size"] + 1)


def changed_count(files: Files) -> Files:
    return listed(files, events=1)


def other_pool(files: Files) -> Files:
    return listed(files, pool=UNKNOWN)


def other_format(files: Files) -> Files:
    return listed(files, format=FORMAT + 1)


def left_out_file(files: Files) -> Files:
    return without(files, "salden.json")


def added_file(files: Files) -> Files:
    return {**files, "mehr.txt": b"mehr"}


def changed_schema(files: Files) -> Files:
    return {**files, "schemata/session-logged.1.json": files["schemata/session-logged.1.json"].replace(b"integer", b"string", 1)}


def unknown_word_in_a_schema(files: Files) -> Files:
    name = "schemata/session-logged.1.json"
    return listed({**files, name: files[name].replace(b'"maxLength"', b'"pattern"', 1)})


def left_out_schema(files: Files) -> Files:
    return listed(without(files, "schemata/session-logged.1.json"))


BY_ANYBODY: dict[Change, str] = {
    changed_minutes: r"Position \d+ \(„Termin erfasst“\): Das Ereignis wurde verändert",
    changed_minutes_and_leaf: r"nennt eine andere Wurzel: Hinter Position \d+ wurde das Protokoll verändert",
    deleted_event: r"müsste Version 3 folgen, es ist aber 4: Etwas fehlt|Geleistet sind|fehlt im Paket",
    deleted_reservation_at_the_end: r"Antrag \S+: Bewilligt sind .* reserviert 0,00 Std\.",
    inserted_event: r"Das Ereignis wurde verändert oder gehört nicht hierher",
    inserted_in_a_foreign_place: r"\(„Fall eröffnet“\): Das Ereignis wurde verändert oder gehört nicht hierher",
    reordered: r"Die Reihenfolge wurde verändert",
    doubled_event: r"müsste Version \d+ folgen, es ist aber \d+",
    broken_line: r"Zeile 1: Das Ereignis ist unlesbar",
    other_blanks: r"nicht so geschrieben, wie das Protokoll schreibt",
    swapped_sealed_texts: r"\(„Termin erfasst“\): Das Ereignis wurde verändert",
    changed_leaf: r"nennt eine andere Wurzel: Hinter Position 0 wurde das Protokoll verändert",
    cut_leaves: r"„blaetter.bin“ hat \d+ Blätter; nach dem Verzeichnis sind es \d+ Ereignisse",
    changed_signature: r"„pruefpunkte/000002.txt“: Die Unterschrift ist falsch",
    changed_checkpoint: r"„pruefpunkte/000001.txt“: Die Unterschrift ist falsch",
    swapped_checkpoints: r"Der Prüfpunkt wurde vertauscht",
    checkpoint_of_another: r"„pruefpunkte/000001.txt“ trägt keine Unterschrift mit einem Schlüssel, der hier bekannt ist",
    other_key: r"Für das Protokoll im Ganzen gibt es keinen gültigen Prüfpunkt",
    changed_balance: r"Stundenpool „im Ganzen“, geleistet: angegeben .*, nachgerechnet ",
    changed_group: r"Träger „traeger-a“, bewilligt: angegeben .*, nachgerechnet ",
    left_out_group: r"Monat „2021-\d\d“, .*: angegeben 0,00 Std\. .*, nachgerechnet ",
    invented_group: r"Stadtraum „west“, bewilligt: angegeben 1,00 Std\. \(60 Min\.\), nachgerechnet 0,00 Std\.",
    balances_of_another_form: r"Etwas hat nicht die vereinbarte Form",
    changed_manifest: r"ist nicht die Datei, die im Verzeichnis steht: Größe oder Prüfsumme weicht ab",
    changed_size: r"„pruefpunkte/000002.txt“ nennt nicht Größe und Wurzel des Verzeichnisses",
    changed_count: r"Das Paket enthält \d+ Ereignisse; nach dem Verzeichnis sind es 1",
    other_pool: r"Hier beginnt etwas, das nicht zu diesem Stundenpool gehört",
    other_format: r"„manifest.json“ ist nicht das Verzeichnis eines Prüfpakets bis zur Fassung 2",
    left_out_file: r"„salden.json“ fehlt im Archiv",
    added_file: r"„mehr.txt“ liegt im Archiv, steht aber nicht im Verzeichnis",
    changed_schema: r"„schemata/session-logged.1.json“ ist nicht die Datei, die im Verzeichnis steht",
    unknown_word_in_a_schema: r"Das Schema sagt über „session-logged\.1\.stream“ etwas, das dieses Programm nicht kennt",
    left_out_schema: r"„schemata/session-logged.1.json“ fehlt im Archiv",
}


@pytest.mark.parametrize("change", BY_ANYBODY, ids=lambda change: change.__name__)
def test_whoever_hands_it_on_is_found_out(package: Files, tmp_path: Path, change: Change) -> None:
    """given a package that was changed / then it is not passed, and what was changed is said."""
    found = verified(tmp_path, change(package))
    assert found.status == 1
    assert [line for line in found.deviations() if re.search(BY_ANYBODY[change], line)], found.protocol
    assert re.search(r"ERGEBNIS für paket-1.zip: NICHT BESTANDEN\.", found.protocol)


# ── The office


def session_twice(events: Events) -> Events:
    event = of_type(events, "session-logged", 3)
    following = [each for each in events if each["stream"] == event["stream"] and each["position"] > event["position"]]
    confirmed = next((each for each in following), None) or event
    confirmed.update(type="session-logged", data=event["data"])
    return events


def version_left_out(events: Events) -> Events:
    event = of_type(events, "session-logged", 3)
    for each in events:
        if each["stream"] == event["stream"] and each["position"] >= event["position"]:
            each["version"] += 1
    return events


def backwards(events: Events) -> Events:
    events[40]["recorded_at"] = "2021-10-01T00:00:00Z"
    return events


def beyond_the_budget(events: Events) -> Events:
    of_type(events, "pool-opened")["data"]["budget_minutes"] = 60
    return events


def beyond_the_grant(events: Events) -> Events:
    of_type(events, "session-logged")["data"]["minutes"] = 60_000
    return events


def invented_before(events: Events) -> Events:
    of_type(events, "session-corrected")["data"]["before"]["minutes"] += 15
    return events


def reversed_twice(events: Events) -> Events:
    for event in (each for each in events if each["type"] == "session-logged"):
        after = [each for each in events if each["stream"] == event["stream"] and each["position"] > event["position"]]
        if len(after) > 1:
            break
    said = ("starts_at", "minutes", "kind", "worker")
    data = {"before": {name: event["data"][name] for name in said}, "reason": None, "reason_given": False}
    for each in after[:2]:
        each.update(type="session-reversed", data={**data, "session": event["data"]["session"], "provider": "traeger-a"})
    return events


def less_reserved_than_approved(events: Events) -> Events:
    of_type(events, "hours-reserved", -1)["data"]["minutes"] -= 15
    return events


def kept_at_settlement(events: Events) -> Events:
    of_type(events, "hours-released", -1)["data"]["minutes"] -= 15
    return events


def case_of_another_pool(events: Events) -> Events:
    of_type(events, "case-opened", 1)["data"]["pool"] = UNKNOWN
    return events


def cause_left_out(events: Events) -> Events:
    of_type(events, "hours-reserved")["cause"] = 10**6
    return events


def unknown_case(events: Events) -> Events:
    of_type(events, "hours-requested")["data"]["case"] = UNKNOWN
    return events


def unknown_request(events: Events) -> Events:
    of_type(events, "hours-reserved")["data"]["booking"] = UNKNOWN
    return events


def another_kind_of_hours(events: Events) -> Events:
    of_type(events, "session-logged")["data"]["kind"] = "guessed"
    return events


def a_field_too_many(events: Events) -> Events:
    of_type(events, "case-opened")["data"]["name"] = "Klara"
    return events


def no_district(events: Events) -> Events:
    del of_type(events, "hours-requested", -1)["data"]["district"]
    return events


def unknown_role(events: Events) -> Events:
    of_type(events, "hours-requested", -1)["actor"]["role"] = "chief"
    return events


def a_fraction(events: Events) -> Events:
    of_type(events, "hours-reserved")["data"]["minutes"] += 0.5
    return events


def no_number(events: Events) -> Events:
    of_type(events, "session-logged")["data"]["minutes"] = "60"
    return events


BY_THE_OFFICE: dict[Callable[[Events], Events], str] = {
    session_twice: r"Der Termin \S+ gibt es schon: doppelt erfasst",
    version_left_out: r"müsste Version \d+ folgen, es ist aber \d+: Etwas fehlt",
    backwards: r"Die Zeit der Aufzeichnung läuft rückwärts, auf 2021-10-01",
    beyond_the_budget: r"Gebunden sind .*, das Kontingent hat nur 1,00 Std\.",
    beyond_the_grant: r"Geleistet sind 1\d\d\d,\d\d Std\. .*, bewilligt und nicht zurückgegeben ",
    invented_before: r"Der Termin \S+ fehlt im Paket, ist storniert oder war anders als hier",
    reversed_twice: r"Der Termin \S+ fehlt im Paket, ist storniert oder war anders als hier",
    less_reserved_than_approved: r"Antrag \S+: Bewilligt sind .*, im Stundenpool reserviert ",
    kept_at_settlement: r"Antrag \S+: Zurückzugeben waren .*, zurückgegeben sind ",
    case_of_another_pool: r"Hier beginnt etwas, das nicht zu diesem Stundenpool gehört",
    cause_left_out: r"Es folgt aus Position 1000000, und die fehlt im Paket",
    unknown_case: rf"Der Fall {UNKNOWN}, für den hier beantragt wird, fehlt im Paket",
    unknown_request: rf"Der Antrag {UNKNOWN} fehlt im Paket, aber anderes beruht auf ihm",
    no_number: r"\(„Termin erfasst“\): Nicht so, wie es im Schema steht, ist „session-logged\.1\.data\.minutes“",
    another_kind_of_hours: r"Nicht so, wie es im Schema steht, ist „session-logged\.1\.data\.kind“",
    a_field_too_many: r"Nicht so, wie es im Schema steht, ist „case-opened\.1\.data\.name“",
    no_district: r"Nicht so, wie es im Schema steht, ist „hours-requested\.1\.data\.district“",
    unknown_role: r"Nicht so, wie es im Schema steht, ist „hours-requested\.1\.actor\.role“",
    a_fraction: r"Nicht so, wie es im Schema steht, ist „hours-reserved\.1\.data\.minutes“",
}


@pytest.mark.parametrize("change", BY_THE_OFFICE, ids=lambda change: change.__name__)
def test_an_office_that_signs_anew_contradicts_itself(
    package: Files, signer: Signer, tmp_path: Path, change: Callable[[Events], Events]
) -> None:
    """given a history that the office changed, hashed and signed again / then what does not agree in it is said."""
    found = verified(tmp_path, forged(package, change(events_of(package)), signer))
    assert found.status == 1
    assert [line for line in found.deviations() if re.search(BY_THE_OFFICE[change], line)], found.protocol
    for step in ("Die Unterschriften", "Der Baum"):
        assert f"{step}: in Ordnung" in found.protocol


def harmless(events: Events) -> Events:
    """Another worker: the sums stay, and nothing contradicts it."""
    corrected = {event["data"]["session"] for event in events if event["type"] in ("session-corrected", "session-reversed")}
    next(e for e in events if e["type"] == "session-logged" and e["data"]["session"] not in corrected)["data"]["worker"] = "x"
    return events


def test_only_what_auditors_kept_finds_the_rest(package: Files, signer: Signer, tmp_path: Path) -> None:
    """given a sound history that the office invented / then only a checkpoint kept outside contradicts it, or a key."""
    invented = forged(package, harmless(events_of(package)), signer)
    (tmp_path / "kept.txt").write_bytes(package[LAST])
    (tmp_path / "key.txt").write_bytes(package["schluessel.txt"])
    assert verified(tmp_path, invented).status == 0
    assert verified(tmp_path, invented, words=("--key", "key.txt")).status == 0
    found = verified(tmp_path, invented, words=("--checkpoint", "kept.txt"))
    assert found.status == 1
    assert "Ihr Prüfpunkt über" in found.deviations()[0]

    other = forged({**package, "schluessel.txt": OTHER_SIGNER.verifier.vkey().encode()}, events_of(package), OTHER_SIGNER)
    assert verified(tmp_path, other).status == 0
    found = verified(tmp_path, other, words=("--key", "key.txt"))
    assert (found.status, found.deviations()) == (
        1,
        ["Der Prüfpunkt des Pakets ist mit keinem der Schlüssel unterschrieben, die Sie haben."],
    )


def test_an_older_package_is_told_from_a_cut_log(package: Files, tmp_path: Path) -> None:
    """given a package without the end of the log / then it is sound for itself, and a kept checkpoint says that it was longer."""
    cut = cut_everywhere(package)
    stated = json.loads(cut["salden.json"])
    (tmp_path / "kept.txt").write_bytes(package[LAST])
    found = verified(tmp_path, cut, words=("--checkpoint", "kept.txt"))
    assert found.status == 1
    assert [line for line in found.deviations() if "reicht weiter als das Paket: Es ist älter, oder das Ende fehlt." in line]
    assert stated["pool"]["budget"] > 0


def test_a_pool_that_is_left_out_is_missed(package: Files, tmp_path: Path) -> None:
    """given the same package twice, and none of the other pool / then positions lie in several packages, and others in none."""
    found = verified(tmp_path, package, package)
    assert found.status == 1
    assert re.search(r"\d+ Positionen liegen in keinem Paket", found.protocol)


# ── Archives that are none


def cut(whole: bytes, events: int) -> bytes:
    return whole[: len(whole) // 2]


def emptied(whole: bytes, events: int) -> bytes:
    return b""


def without_any_file(whole: bytes, events: int) -> bytes:
    return b"PK\x05\x06" + bytes(18)


def renamed_within(whole: bytes, events: int) -> bytes:
    return whole[: events - 1] + b"x" + whole[events:]


def one_bit(whole: bytes, events: int) -> bytes:
    return whole[: events + 500] + bytes([whole[events + 500] ^ 1]) + whole[events + 501 :]


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (cut, "kein vollständiges ZIP-Archiv"),
        (emptied, "kein vollständiges ZIP-Archiv"),
        (without_any_file, "„manifest.json“ fehlt im Archiv"),
        (renamed_within, "„ereignisse.jsonl“ fehlt im Archiv oder ist beschädigt"),
        (one_bit, "„ereignisse.jsonl“ fehlt im Archiv oder ist beschädigt"),
    ],
)
def test_a_damaged_archive_is_told(package: Files, tmp_path: Path, damage: Callable[[bytes, int], bytes], said: str) -> None:
    """given an archive that was cut, emptied or damaged, with the place of the events in it / then that is said in a sentence."""
    whole = zipped(package, tmp_path / "x.zip")
    found = verified(tmp_path, damage(whole, whole.index(package["ereignisse.jsonl"])))
    assert found.status == 1
    assert [line for line in found.deviations() if said in line], found.protocol


def test_nothing_is_unpacked(tmp_path: Path) -> None:
    """given a file of zeros that an archive holds in a thousandth of its size / then nobody reads it."""
    with ZipFile(tmp_path / "bomb.zip", "w", ZIP_DEFLATED) as archive:
        archive.writestr("manifest.json", bytes(10_000_000))
    found = verified(tmp_path, (tmp_path / "bomb.zip").read_bytes())
    assert found.status == 1
    assert "enthält etwas gepackt" in found.deviations()[0]


def test_no_file_makes_it_fail(package: Files, tmp_path: Path) -> None:
    """given every file replaced by nonsense, one after the other / then it says what is wrong, and never how it failed."""
    nonsense = (b"", b"\xff", b"[]", b"{}", b"null", b"[" * 100_000, b'{"a":1e999,"b":NaN}\n', b"\n\n\n", b"0 a+b+c\n")
    names = ("ereignisse.jsonl", "blaetter.bin", "salden.json", "schluessel.txt", FIRST, "schemata/case-opened.1.json")
    packages = [listed({**package, name: content}) for name in names for content in nonsense]
    packages += [{**package, "manifest.json": content} for content in nonsense]
    found = verified(tmp_path, *packages)
    assert found.status == 1
    assert found.protocol.count("NICHT BESTANDEN") == len(packages)


def test_control_characters_stay_in_the_package(package: Files, tmp_path: Path) -> None:
    """given a name that would clear the screen and say that all is well / then it is a line like any other."""
    found = verified(tmp_path, listed(package, name="\x1b[2J\nERGEBNIS: BESTANDEN"))
    assert "\x1b" not in found.protocol
    assert "\nERGEBNIS: BESTANDEN" not in found.protocol


def test_what_forgers_use_makes_sound_packages(package: Files, signer: Signer, tmp_path: Path) -> None:
    """Otherwise the tests above would find something else than what was changed."""
    events = events_of(package)
    assert b"".join(state_of(event) + b"\n" for event in events) == package["ereignisse.jsonl"]
    for made in (package, listed(package), restated(package, events), forged(package, events, signer)):
        found = verified(tmp_path, made)
        assert (found.status, found.deviations()) == (0, [])
