#!/usr/bin/env python3
"""Prüft das Prüfpaket eines Stundenpools, ohne Datenbank, ohne Netz und ohne das Programm, das es geschrieben hat.

    python3 pruefer.py paket.zip                              nur das Paket für sich
    python3 pruefer.py paket.zip --key schluessel.txt         mit dem öffentlichen Schlüssel, den Sie selbst haben
    python3 pruefer.py paket.zip --checkpoint 2026-11.txt     mit einem Prüfpunkt, den Sie selbst aufbewahrt haben
    python3 pruefer.py paket-1.zip paket-2.zip                alle Stundenpools eines Protokolls, einzeln und zusammen

Nötig ist allein Python ab 3.9. --key nimmt auch den Schlüssel selbst. Rückgabe: 0 bestanden, 1 nicht bestanden, 2 falscher Aufruf.
Wie es prüft: Jedes Ereignis hat ein „Blatt“, die Prüfsumme seiner Bytes. Über allen steht ein Baum aus Prüfsummen (RFC 9162), und
dessen Wurzel nennt ein unterschriebener „Prüfpunkt“ (Ed25519, RFC 8032). Ändert sich ein Byte, so ändert sich die Wurzel. Danach
werden die Ereignisse der Reihe nach gebucht und mit den Salden verglichen, die das Amt angibt.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import struct
import sys
import zipfile
from collections import Counter, defaultdict
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Iterator, NamedTuple

FORMAT, SHOWN = 2, 20  # die letzte Fassung der Pakete, die es kennt; so viele Abweichungen nennt ein Schritt einzeln
EVENTS, LEAVES, BALANCES, KEYS, MANIFEST = "ereignisse.jsonl", "blaetter.bin", "salden.json", "schluessel.txt", "manifest.json"
MOVED = {"granted": "bewilligt", "released": "zurückgegeben", "consumed": "geleistet"}
SUMS = {"budget": "Kontingent", **MOVED, "reserved": "reserviert", "available": "verfügbar"}
GROUPS = {"district": "Stadtraum", "provider": "Träger", "case": "Fall", "month": "Monat"}
STEPS = {
    "Das Archiv": "Jede Datei ist die, die im Verzeichnis (manifest.json) steht.",
    "Die Unterschriften": "Jeder Prüfpunkt ist mit einem bekannten Schlüssel unterschrieben.",
    "Der Baum": "Aus den Blättern aller Ereignisse ergibt sich die Wurzel, die jeder Prüfpunkt nennt.",
    "Die Ereignisse": "Jedes ergibt Byte für Byte sein Blatt im Baum und hat die Form, die das Schema seiner Art beschreibt.",
    "Die Zusammenhänge": "Ströme ohne Lücke, Zeit nie rückwärts, nie mehr gebunden als da, nie mehr geleistet als bewilligt.",
    "Die Salden": "Jede Zahl, die das Amt angibt, ist aus den Ereignissen nachgerechnet.",
    "Ihr eigener Nachweis": "Verglichen mit dem Schlüssel und den Prüfpunkten, die Sie selbst aufbewahrt haben.",
}
UNREADABLE = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError, struct.error)
DAMAGED = (zipfile.BadZipFile, OSError, EOFError, RuntimeError, *UNREADABLE)


class Refused(Exception):
    """Etwas ist nicht, was es sein soll; der Satz sagt, was."""


class Step:
    """Ein Schritt der Prüfung. Was in seinem Block nicht ist, was es sein soll, ist eine Abweichung."""

    def __init__(self, title: str, meaning: str) -> None:
        self.title, self.meaning, self.facts, self.faults = title, meaning, list[str](), list[str]()
        self.wrong, self.fact = self.faults.append, self.facts.append

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: object, trace: object) -> bool:
        known = isinstance(error, (Refused, *UNREADABLE))
        self.faults += [str(error) if isinstance(error, Refused) else "Etwas hat nicht die vereinbarte Form."] if known else []
        return known

    def show(self, number: int) -> None:
        head = f"\n{number}. {self.title}: {'NICHT IN ORDNUNG' if self.faults else 'in Ordnung'}\n   {self.meaning}"
        more = [f"… und {len(self.faults) - SHOWN} weitere Abweichungen."] if len(self.faults) > SHOWN else []
        say("\n   - ".join([head, *self.facts, *(f"ABWEICHUNG: {fault}" for fault in self.faults[:SHOWN]), *more]))


def say(text: str) -> None:
    """Schreibt Zeilen. Was ein Paket an Steuerzeichen mitbringt, kommt nicht auf den Bildschirm."""
    print("".join(sign if sign.isprintable() or sign == "\n" else "?" for sign in text))


def shown(value: object) -> str:
    """Ein Wert aus dem Paket in einer kurzen Zeile."""
    return str(value)[:100].replace("\n", "?")


def hours(minutes: int) -> str:
    """735 Minuten sind 12,25 Std. (735 Min.)."""
    return f"{minutes / 60:.2f} Std. ({minutes} Min.)".replace(".", ",", 1)


# Ed25519 nach RFC 8032, ohne fremde Bibliothek. Punkte sind X, Y, Z, T mit x = X/Z, y = Y/Z, x·y = T/Z.
P, L = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D, ROOT_OF_MINUS_1 = -121665 * pow(121666, P - 2, P) % P, pow(2, (P - 1) // 4, P)
Point = tuple[int, int, int, int]


def point(encoded: bytes) -> Point | None:
    """Der Punkt der Kurve zu seiner einen richtigen Schreibweise."""
    number = int.from_bytes(encoded, "little")
    sign, y = number >> 255, number & (2**255 - 1)
    u, v = (y * y - 1) % P, (D * y * y + 1) % P
    x = u * pow(v, 3, P) * pow(u * pow(v, 7, P), (P - 5) // 8, P) % P
    x = x * ROOT_OF_MINUS_1 % P if (v * x * x - u) % P else x
    if y >= P or (v * x * x - u) % P or (x == 0 and sign):
        return None
    x = P - x if x & 1 != sign else x
    return x, y, 1, x * y % P


def added(p: Point, q: Point) -> Point:
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    return (b - a) * (d - c) % P, (d + c) * (b + a) % P, (d - c) * (d + c) % P, (b - a) * (b + a) % P


def times(factor: int, p: Point) -> Point:
    total = (0, 1, 1, 0)
    while factor:
        total, p, factor = added(total, p) if factor & 1 else total, added(p, p), factor >> 1
    return total


def is_signed(key: bytes, text: bytes, signature: bytes) -> bool:
    """Ob die Unterschrift mit dem geheimen Gegenstück dieses Schlüssels über diesen Text gemacht wurde."""
    base, a, s = point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little")), point(key), int.from_bytes(signature[32:], "little")
    if len(key) != 32 or len(signature) != 64 or s >= L or base is None or a is None or times(8, a)[0] == 0:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + key + text).digest(), "little") % L
    r = added(times(s, base), times(k, (P - a[0], a[1], 1, P - a[3])))
    x, y = (each * pow(r[2], P - 2, P) % P for each in r[:2])
    return (y | (x & 1) << 255).to_bytes(32, "little") == signature[:32]


Key = NamedTuple("Key", [("name", str), ("id", str), ("public", bytes)])  # ein öffentlicher Schlüssel
Checkpoint = NamedTuple("Checkpoint", [("size", int), ("root", str), ("issued", str), ("by", "list[Key]")])  # by: wessen Schlüssel


def read_keys(text: str) -> list[Key]:
    """Zeilen aus Größe und Schlüssel, wie „stundenpool audit key“ sie ausgibt; die Größe darf fehlen."""
    keys = []
    for line in filter(None, map(str.strip, text.splitlines())):
        try:
            name, id, written = line.split(" ")[-1].split("+", 2)
            public = base64.b64decode(written, validate=True)
            if len(public) != 33 or hashlib.sha256(name.encode() + b"\n" + public).hexdigest()[:8] != id:
                raise ValueError("Die Kennung ist eine andere.")
        except ValueError:
            raise Refused(f"„{shown(line)}“ ist kein öffentlicher Schlüssel für Prüfpunkte.") from None
        keys.append(Key(name, id, public[1:]))
    return keys


def read_checkpoint(name: str, note: bytes, keys: list[Key]) -> Checkpoint:
    """Der Prüfpunkt einer unterschriebenen Erklärung (C2SP signed-note und tlog-checkpoint)."""
    try:
        text, below = note.decode().rsplit("\n\n", 1)
        origin, size, root, *more = text.split("\n")
        signatures = [(line.split()[1], base64.b64decode(line.split()[2], validate=True)) for line in below.splitlines()]
        checkpoint = Checkpoint(int(size), root, shown("".join(more[:1])), [])
    except UNREADABLE:
        raise Refused(f"„{shown(name)}“ ist kein Prüfpunkt: Er nennt Name, Größe und Wurzel, unterschrieben.") from None
    for signer, signature in signatures:
        for key in dict.fromkeys(keys):
            if (key.name, key.id, origin) == (signer, signature[:4].hex(), key.name):
                if not is_signed(key.public, text.encode() + b"\n", signature[4:]):
                    raise Refused(f"„{shown(name)}“: Die Unterschrift ist falsch; der Text oder die Unterschrift wurde verändert.")
                checkpoint.by.append(key)
    if not checkpoint.by:
        raise Refused(f"„{shown(name)}“ trägt keine Unterschrift mit einem Schlüssel, der hier bekannt ist.")
    return checkpoint


def roots(leaves: bytes, sizes: set[int]) -> dict[int, str]:
    """Die Wurzel des Baums über den Blättern (RFC 9162, 2.1) bei jeder dieser Größen, soweit es so viele Blätter gibt."""
    subtrees, found = list[bytes](), {0: hashlib.sha256().digest()}  # vollständige Teilbäume, der größte zuerst
    for size in range(1, min(len(leaves) // 32, max(sizes, default=0)) + 1):
        node, rest = leaves[32 * size - 32 : 32 * size], size
        while not rest & 1:
            node, rest = hashlib.sha256(b"\x01" + subtrees.pop() + node).digest(), rest >> 1
        subtrees.append(node)
        if size in sizes:
            for left in reversed(subtrees[:-1]):
                node = hashlib.sha256(b"\x01" + left + node).digest()
            found[size] = node
    return {size: base64.b64encode(root).decode() for size, root in found.items()}


def leaf(event: dict[str, Any], state: bytes) -> bytes:
    """Das Blatt eines Ereignisses: Position, Strom, Version, Art und gespeicherter Text, jedes mit seiner Länge davor."""
    stream, kind = bytes.fromhex(event["stream"].replace("-", "")), event["type"].encode()
    head = struct.pack(">IQI", 8, event["position"], len(stream)) + stream + struct.pack(">IQI", 8, event["version"], len(kind))
    return hashlib.sha256(b"\x00" + head + kind + struct.pack(">I", len(state)) + state).digest()


class Package:
    """Ein geöffnetes Paket. Seine Dateien liegen ungepackt darin, so dass nichts größer werden kann, als es ist."""

    def __init__(self, path: Path) -> None:
        try:
            self._zip = zipfile.ZipFile(path)
        except DAMAGED:
            raise Refused("Das ist kein vollständiges ZIP-Archiv: abgeschnitten, beschädigt oder etwas anderes.") from None
        entries = self._zip.infolist()
        self.sizes = {each.filename: each.file_size for each in entries}
        packed = any(each.compress_type or each.flag_bits & 1 for each in entries)
        if packed or len(self.sizes) < len(entries) or sum(self.sizes.values()) > path.stat().st_size:
            raise Refused("Das Archiv enthält etwas gepackt, verschlüsselt oder mehrmals oder mehr, als es groß ist.")

    def parts(self, name: str, lines: bool = False) -> Iterator[bytes]:
        """Der Inhalt einer Datei, Zeile für Zeile oder Stück für Stück."""
        try:
            with self._zip.open(name) as file:
                yield from file if lines else iter(lambda: file.read(1 << 20), b"")
        except DAMAGED:
            raise Refused(f"„{shown(name)}“ fehlt im Archiv oder ist beschädigt.") from None

    def json(self, name: str) -> Any:
        try:
            return json.loads(b"".join(self.parts(name)))
        except UNREADABLE:
            raise Refused(f"„{shown(name)}“ ist kein JSON.") from None

    def manifest(self, step: Step) -> dict[str, Any]:
        """Das Verzeichnis, nachdem jede Datei mit ihm verglichen wurde."""
        manifest, kinds = self.json(MANIFEST), {"size": int, "events": int, "pool": str, "checkpoint": str, "files": dict}
        known = isinstance(manifest, dict) and manifest.get("format") in range(1, FORMAT + 1)
        if not known or any(type(manifest.get(name)) is not kind for name, kind in kinds.items()):
            raise Refused(f"„{MANIFEST}“ ist nicht das Verzeichnis eines Prüfpakets bis zur Fassung {FORMAT}.")
        for name in sorted({*self.sizes, *manifest["files"]} - {MANIFEST}):
            with step:
                if name not in manifest["files"]:
                    raise Refused(f"„{shown(name)}“ liegt im Archiv, steht aber nicht im Verzeichnis.")
                digest = hashlib.sha256()
                for part in self.parts(name):
                    digest.update(part)
                if manifest["files"][name] != {"bytes": self.sizes[name], "sha256": digest.hexdigest()}:
                    raise Refused(f"„{shown(name)}“ ist nicht die Datei, die im Verzeichnis steht: Größe oder Prüfsumme weicht ab.")
        step.fact(f"Stundenpool „{shown(manifest.get('name'))}“, {shown(manifest['pool'])}; {len(manifest['files'])} Dateien.")
        return dict(manifest)


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text[:-1] + "+00:00" if text.endswith("Z") else text)


def berlin_month(text: str) -> str:
    """Der Kalendermonat eines Zeitpunkts in Deutschland, nach der Sommerzeit, wie sie seit 1996 gilt."""
    at = instant(text).astimezone(timezone.utc)  # Sie wechselt um ein Uhr UTC am letzten Sonntag im März und im Oktober.
    begin, end = (31 - (date(at.year, month, 31).weekday() + 1) % 7 for month in (3, 10))
    return (at + timedelta(hours=1 + ((3, begin, 1) <= (at.month, at.day, at.hour) < (10, end, 1)))).isoformat()[:7]


TYPES = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool, "null": type(None)}
FORMS = {"date-time": r"\S{16,}[-+Z][\d:]*", "date": r"[-\d]{10}", "uuid": r"[-\da-f]{36}", "base64": r"[+/\w]*=*", "": "(?s:.*)"}
KNOWN = {"title", "description", "$defs", "$ref", "anyOf", "type", "enum", "minLength", "maxLength", "format", "contentEncoding"}
KNOWN |= {"properties", "required", "additionalProperties", "items"}


def misfits(value: Any, schema: Any, defs: Any, place: str) -> Iterator[str]:
    """Die Stellen, an denen ein Wert nicht seinem JSON-Schema entspricht. Vom Schema muss alles bekannt sein, was es sagt."""
    kind, form = schema.get("type"), schema.get("format", schema.get("contentEncoding", ""))
    if not (schema.keys() <= KNOWN and kind in (None, *TYPES) and form in FORMS):
        raise Refused(f"Das Schema sagt über „{shown(place)}“ etwas, das dieses Programm nicht kennt.")
    if "$ref" in schema:  # „#/$defs/…“
        yield from misfits(value, defs[schema["$ref"][8:]], defs, place)
    fits: Any = "anyOf" not in schema or any(not [*misfits(value, each, defs, place)] for each in schema["anyOf"])
    fits = fits and type(value) is TYPES.get(kind, type(value)) and value in schema.get("enum", (value,))
    if fits and isinstance(value, str):
        fits = schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)) and re.fullmatch(FORMS[form], value)
    if not fits:
        yield place
    elif isinstance(value, (dict, list)):
        parts = value if isinstance(value, dict) else dict(enumerate(value, 1))
        named, others = schema.get("properties", {}), schema.get("additionalProperties", schema.get("items", {}))
        for name in sorted({*parts, *schema.get("required", ())}):
            inside, strange = f"{place}.{name}", name not in parts or (name not in named and others is False)
            yield from [inside] if strange else misfits(parts[name], named.get(name, others), defs, inside)


class Books:
    """Bucht die Ereignisse eines Stundenpools der Reihe nach und merkt, wo sie einander widersprechen."""

    def __init__(self, pool: str, step: Step) -> None:
        self.pool, self.wrong, self.budget, self.committed = pool, step.wrong, 0, 0
        self.requests = dict[str, dict[str, str]]()  # je Antrag Fall, Träger und Stadtraum
        self.sums = defaultdict[str, Counter[str]](Counter)  # Minuten je Antrag
        self.groups = {by: defaultdict[str, Counter[str]](Counter) for by in (*GROUPS, "pool")}  # und je Gruppe
        self.sessions: dict[bytes, int] = {}  # was von jedem Termin zuletzt gesagt wurde, als Prüfzahl; 0 ist storniert
        self.versions, self.positions, self.recorded_at = Counter[str](), set[int](), instant("0001-01-02T00:00Z")

    def take(self, event: dict[str, Any], place: str) -> None:
        kind, stream, data = event["type"], event["stream"], event["data"]
        version, expected, at = event["version"], self.versions[stream] + 1, instant(event["recorded_at"])
        if version != expected:
            self.wrong(f"{place}: Im Strom {stream} müsste Version {expected} folgen, es ist aber {version}: Etwas fehlt.")
        matter = data.get("matter", data)  # eine Feststellung ohne Pool beruht auf Terminen mehrerer oder kann jeden betreffen
        spread = matter is not data and matter["pool"] is None and (not matter["worker"] or {*matter["positions"]} & self.positions)
        spread = spread or kind == "provider-registered"  # ein Träger kann an mehreren Pools teilnehmen
        if expected == 1 and not spread and self.pool != (stream if kind == "pool-opened" else matter.get("pool")):
            self.wrong(f"{place}: Hier beginnt etwas, das nicht zu diesem Stundenpool gehört oder dessen Anfang fehlt.")
        if at < self.recorded_at:
            self.wrong(f"{place}: Die Zeit der Aufzeichnung läuft rückwärts, auf {shown(event['recorded_at'])}.")
        if event["cause"] is not None and event["cause"] not in self.positions:
            self.wrong(f"{place}: Es folgt aus Position {shown(event['cause'])}, und die fehlt im Paket.")
        self.versions[stream], self.recorded_at = version, at
        self.positions.add(event["position"])
        if kind in ("pool-opened", "budget-changed"):
            self.budget += data["budget_minutes" if kind == "pool-opened" else "change_minutes"]
        elif kind == "hours-requested":
            self.requests[stream] = {by: data[by] for by in ("district", "provider", "case")}
            if not self.versions[data["case"]]:
                self.wrong(f"{place}: Der Fall {data['case']}, für den hier beantragt wird, fehlt im Paket.")
        elif kind == "hours-approved":
            self.sums[stream]["approved"] += data["minutes"]
        elif kind == "grant-reduced":
            self.sums[stream]["reduced"] = self.sums[stream]["granted"] - data["to_minutes"]
        elif kind == "booking-settled":
            self.sums[stream]["settled"] = 1
        elif kind in ("hours-reserved", "hours-released"):
            moved, when = ("granted", "decided_at") if kind == "hours-reserved" else ("released", "released_at")
            self._move(place, data["booking"], moved, data["minutes"], data[when])
        elif kind in ("session-logged", "session-corrected", "session-reversed"):
            self._session(place, stream, data["session"], data if kind == "session-logged" else data.get("now"), data.get("before"))
        if self.committed > self.budget and kind in ("hours-reserved", "budget-changed"):
            self.wrong(f"{place}: Gebunden sind {hours(self.committed)}, das Kontingent hat nur {hours(self.budget)}.")

    def _session(self, place: str, stream: str, session: str, now: Any, before: Any) -> None:
        """Ein Termin wird erfasst (ohne „before“), berichtigt oder storniert (ohne „now“)."""
        number, said = bytes.fromhex((stream + session).replace("-", "")), ("starts_at", "minutes", "kind", "worker")
        if self.sessions.get(number) != (None if before is None else hash(tuple(before[name] for name in said))):
            found = "gibt es schon: doppelt erfasst" if before is None else "fehlt im Paket, ist storniert oder war anders als hier"
            self.wrong(f"{place}: Der Termin {session} {found}.")
        self.sessions[number] = 0 if now is None else hash(tuple(now[name] for name in said))
        for facts, sign in ((before, -1), (now, 1)):
            if facts is not None:
                self._move(place, stream, "consumed", sign * facts["minutes"], facts["starts_at"])

    def _move(self, place: str, stream: str, kind: str, minutes: int, at: str) -> None:
        """Eine Bewegung von Minuten, gebucht auf den Antrag und auf den Monat, in dem sie wirkt."""
        sums, groups = self.sums[stream], {**self.requests.get(stream, {}), "month": berlin_month(at), "pool": "im Ganzen"}
        for each in (sums, *(self.groups[by][key] for by, key in groups.items())):
            each[kind] += minutes
        self.committed += {"granted": minutes, "released": -minutes}.get(kind, 0)
        left = sums["granted"] - sums["released"]
        if sums["consumed"] > left or min(sums.values()) < 0:
            self.wrong(f"{place}: Geleistet sind {hours(sums['consumed'])}, bewilligt und nicht zurückgegeben {hours(left)}.")

    def close(self) -> None:
        """Was am Ende zusammenpassen muss; sonst fehlt eine Seite einer Entscheidung."""
        if not self.versions[self.pool]:
            self.wrong("Von diesem Stundenpool selbst steht nichts im Paket.")
        for stream, sums in self.sums.items():
            approved, granted, released = (sums[kind] for kind in ("approved", "granted", "released"))
            due = granted - sums["consumed"] if sums["settled"] else sums["reduced"]
            if stream not in self.requests:
                self.wrong(f"Der Antrag {stream} fehlt im Paket, aber anderes beruht auf ihm.")
            if approved != granted:
                self.wrong(f"Antrag {stream}: Bewilligt sind {hours(approved)}, im Stundenpool reserviert {hours(granted)}.")
            if released != due:
                self.wrong(f"Antrag {stream}: Zurückzugeben waren {hours(due)}, zurückgegeben sind {hours(released)}.")

    def balances(self) -> dict[str, dict[str, Counter[str]]]:
        """Die Salden nach Gruppen, und unter „pool“ die des ganzen Stundenpools. Gruppen ohne Minuten fehlen."""
        for by, groups in self.groups.items():
            carried = 0
            for key, sums in sorted(groups.items()):
                sums["reserved"] = carried + sums["granted"] - sums["released"] - sums["consumed"]
                carried = sums["reserved"] if by == "month" else 0  # da zählt, was an seinem Ende reserviert ist
                if by != "pool" and not any(sums[kind] for kind in MOVED):
                    del groups[key]
        self.groups["pool"]["im Ganzen"].update(budget=self.budget, available=self.budget - self.committed)
        return dict(self.groups)


def examine(path: Path, held: list[Key], kept: dict[str, bytes], steps: list[Step]) -> tuple[bytes, set[int]]:
    """Alle Schritte für ein Paket. Gibt seine Blätter und die Positionen seiner Ereignisse."""
    archive, signed, tree, events, links, sums, own = steps
    manifest = (package := Package(path)).manifest(archive)
    size, keys, leaves = manifest["size"], list(held), b""
    with signed:
        keys += read_keys(b"".join(package.parts(KEYS)).decode(errors="replace"))
    notes, signers = list[tuple[Step, Checkpoint]](), list[Key]()
    for name in sorted({each for each in package.sizes if each.startswith("pruefpunkte/")} | {manifest["checkpoint"]}):
        with signed:
            checkpoint = read_checkpoint(name, b"".join(package.parts(name)), keys)
            notes.append((tree, checkpoint))
            if (checkpoint.size, checkpoint.root) == (size, manifest.get("root")):
                signers += checkpoint.by
            elif name == manifest["checkpoint"]:
                raise Refused(f"„{shown(name)}“ nennt nicht Größe und Wurzel des Verzeichnisses: Der Prüfpunkt wurde vertauscht.")
    signed.fact(f"Gültige Prüfpunkte: {len(notes)}; der letzte von {sorted({f'{key.name}+{key.id}' for key in signers})}.")
    if not signers:
        signed.wrong("Für das Protokoll im Ganzen gibt es keinen gültigen Prüfpunkt.")
    if held and not any(key in held for key in signers):
        own.wrong("Der Prüfpunkt des Pakets ist mit keinem der Schlüssel unterschrieben, die Sie haben.")
    for name, note in kept.items():
        with own:
            notes.append((own, read_checkpoint(name, note, keys)))
    with tree:
        leaves = b"".join(package.parts(LEAVES))
    if len(leaves) != 32 * size:
        tree.wrong(f"„{LEAVES}“ hat {len(leaves) // 32} Blätter; nach dem Verzeichnis sind es {shown(size)} Ereignisse.")
    found, sound = roots(leaves, {each.size for _, each in notes}), 0
    for step, each in sorted(notes, key=lambda note: note[1].size):
        whose = f"{'Ihr' if step is own else 'Der'} Prüfpunkt über {each.size} Ereignisse vom {each.issued}"
        if each.size not in found:
            step.wrong(f"{whose} reicht weiter als das Paket: Es ist älter, oder das Ende fehlt.")
        elif found[each.size] != each.root:
            step.wrong(f"{whose} nennt eine andere Wurzel: Hinter Position {sound} wurde das Protokoll verändert.")
        else:
            sound, step.facts[SHOWN:] = each.size, [f"{whose} stimmt: Bis dahin ist jedes Blatt, wie es damals war."]
    books = Books(manifest["pool"], links)
    with events:
        examine_events(package, manifest, leaves, events, books)
        books.close()
    with sums:
        compare_balances(books.balances(), package.json(BALANCES), sums)
    links.fact(f"{shown(size - len(books.positions))} von {shown(size)} Positionen gehören, wie das Amt sagt, anderswohin.")
    return leaves, books.positions


def examine_events(package: Package, manifest: dict[str, Any], leaves: bytes, step: Step, books: Books) -> None:
    """Jedes Ereignis des Pakets: seine Schreibweise, seine Stelle und sein Blatt; dann wird es gebucht."""
    schemas, last, count = dict[str, Any](), 0, 0
    for count, line in enumerate(package.parts(EVENTS, lines=True), 1):
        place = f"Zeile {count}"
        try:
            event, state = json.loads(line), line[:-1]
            kind, position = f"{event['type']}.{event['schema']}", event["position"]
            if kind not in schemas:
                schemas[kind] = package.json(f"schemata/{kind}.json")
            place = f"Position {shown(position)} („{shown(schemas[kind]['title'])}“)"
            if strange := [*misfits(event, schemas[kind], schemas[kind]["$defs"], kind)]:
                step.wrong(f"{place}: Nicht so, wie es im Schema steht, ist „{shown('“, „'.join(strange))}“.")
            if json.dumps(event, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() != state:
                step.wrong(f"{place}: Das Ereignis ist nicht so geschrieben, wie das Protokoll schreibt.")
            if position <= last:
                step.wrong(f"{place}: Das Ereignis steht erst hinter Position {last}: Die Reihenfolge wurde verändert.")
            if not 1 <= position <= manifest["size"] or leaf(event, state) != leaves[32 * position - 32 : 32 * position]:
                step.wrong(f"{place}: Das Ereignis wurde verändert oder gehört nicht hierher: Im Baum steht ein anderes Blatt.")
            last = max(last, position)
            books.take(event, place)
        except UNREADABLE:
            step.wrong(f"{place}: Das Ereignis ist unlesbar.")
    if count != manifest["events"]:
        step.wrong(f"Das Paket enthält {count} Ereignisse; nach dem Verzeichnis sind es {shown(manifest['events'])}.")
    step.fact(f"{count} Ereignisse dieses Stundenpools gelesen.")


def compare_balances(ours: dict[str, dict[str, Counter[str]]], stated: Any, step: Step) -> None:
    """Die Salden, die das Amt angibt, neben den nachgerechneten."""
    theirs = {"pool": {"im Ganzen": stated["pool"]}, **{by: {each["key"]: each for each in stated[by]} for by in GROUPS}}
    if any(len(theirs[by]) < len(stated[by]) for by in GROUPS):
        step.wrong("Etwas ist in den Salden doppelt aufgeführt.")
    for by, label in {"pool": "Stundenpool", **GROUPS}.items():
        for key in sorted({*theirs[by], *ours[by]}):
            for kind in SUMS if by == "pool" else (*MOVED, "reserved"):
                said, found = theirs[by].get(key, {}).get(kind, 0), ours[by].get(key, Counter())[kind]
                if said != found:
                    step.wrong(f"{label} „{shown(key)}“, {SUMS[kind]}: angegeben {hours(said)}, nachgerechnet {hours(found)}.")
    step.facts += [f"{label}: {hours(ours['pool']['im Ganzen'][kind])}" for kind, label in SUMS.items()]


def main(words: list[str]) -> int:
    given: dict[str, list[str]] = {"": [], "--key": [], "--checkpoint": []}
    for before, word in zip(["", *words], words):
        given[before if before in given else ""] += [] if word in given else [word]
    try:
        keys = (Path(word).read_text("utf-8") if Path(word).is_file() else word for word in given["--key"])
        held = read_keys("\n".join(keys))
        kept, paths = {word: Path(word).read_bytes() for word in given["--checkpoint"]}, [Path(word) for word in given[""]]
        if not paths or not all(path.is_file() for path in paths) or words[-1] in given:
            raise Refused("Es fehlt das Paket, oder eine Datei dieses Namens gibt es nicht.")
    except (Refused, OSError, ValueError) as error:
        say(f"{__doc__}\nFehler: {error}")
        return 2
    sound, alone = True, "" if held or kept else ". Doch ohne Ihren Schlüssel oder Prüfpunkt bürgt das Paket nur für sich selbst"
    results, together = list[tuple[bytes, set[int]]](), Step("Alle Pakete zusammen", "Jede Position liegt in einem Paket.")
    for path in paths:
        program = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()
        say(f"PRÜFPROTOKOLL: {path.name}, {path.stat().st_size} Bytes\nPrüfsumme dieses Programms (SHA-256): {program}")
        steps = [Step(title, meaning) for title, meaning in STEPS.items()]
        try:
            results.append(examine(path, held, kept, steps))
        except (Refused, *UNREADABLE) as error:
            steps[1:] = []
            steps[0].wrong(f"{shown(error)} Mehr lässt sich nicht prüfen.")
        for number, step in enumerate(steps, 1):
            step.show(number)
        bad = any(step.faults for step in steps)
        sound = sound and not bad
        say(f"\nERGEBNIS für {path.name}: {'NICHT BESTANDEN' if bad else 'BESTANDEN' + alone}.\n")
    if len(results) == len(paths) > 1:
        size, there = min(len(leaves) for leaves, _ in results), Counter(each for _, positions in results for each in positions)
        wrong = [position for position in range(1, size // 32 + 1) if not there[position]]
        if wrong or len({leaves[:size] for leaves, _ in results}) > 1:
            together.wrong(f"{len(wrong)} Positionen liegen in keinem Paket, zuerst {wrong[:1]}; oder die Protokolle weichen ab.")
        together.show(len(STEPS) + 1)
    say("Was diese Prüfung nicht zeigen kann, steht in LIESMICH.txt.")
    return 0 if sound and not together.faults else 1


if __name__ == "__main__":
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]  # eine alte Konsole kann nicht jedes Zeichen zeigen
    sys.exit(main(sys.argv[1:]))
