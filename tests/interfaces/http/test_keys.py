"""What becomes of a person's data over the lives of the keys, as people see it."""

import os
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from application import turn
from application.privacy import Keyring, KeyStoreDamaged, associated_data, keys_of
from domain.quantities import Sealed
from interfaces.service import open_service
from tests.interfaces.http.office import Office, running_office
from tests.interfaces.http.test_refusals import LOGGED, OPEN
from tests.postgres import Cluster


def personal(office: Office, **parameters: Any) -> dict[str, Any]:
    answer = office.get("officer", f"/cases/{office.case}", **parameters)
    assert answer.status_code == 200, answer.text
    texts: dict[str, Any] = answer.json()["personal"]
    return texts


def test_a_class_ends_without_the_others(office: Office) -> None:
    """given a case with bookings / when its master data are erased / then the file and the vouchers are still there."""
    office.given(*LOGGED)
    before = personal(office)
    gone = keys_of(UUID(office.case), ["identity"])
    office.service.keys.erase(gone)
    office.service.keyring.forget(gone)

    assert personal(office) == before | {"name": None, "birth_year": None, "contact": None}
    assert before["notes"]
    booking = office.get("officer", f"/bookings/{office.booking}/texts").json()
    assert booking["purpose"]
    told = office.get("auditor", "/audit/story", case=office.case).text
    assert "(gelöscht)" not in told
    gone = keys_of(UUID(office.case))
    office.service.keys.erase(gone)
    office.service.keyring.forget(gone)
    assert set(personal(office).values()) == {None}
    assert "(gelöscht)" in office.get("auditor", "/audit/story", case=office.case).text


def test_texts_from_before_there_were_classes_stay_readable(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """given a case whose texts are sealed under its one key, without commitment / when it is read and goes on / then all open."""

    def as_on_the_first_day(keyring: Keyring, text: str, *, key: str, position: int, stream: UUID, field: str) -> Sealed:
        place = associated_data(position=position, stream=stream, field=field, key=key)
        nonce = os.urandom(12)
        return Sealed(key, nonce, AESGCM(keyring._cipher(key).key).encrypt(nonce, text.encode(), place))

    office.given("open_pool")
    with monkeypatch.context() as earlier:
        earlier.setattr(turn, "key_name", lambda case, retention: f"case:{case}" if case else "office")
        earlier.setattr(Keyring, "seal", as_on_the_first_day)
        office.given("open_case")
    assert personal(office)["name"] == "Kim Beispiel"

    office.given("amend_case", "request_hours")
    assert personal(office)["contact"] == "0000 111111"
    assert office.get("officer", f"/bookings/{office.booking}/texts").json()["purpose"]
    one = f"case:{office.case}"
    assert office.service.keys.read([one, *keys_of(UUID(office.case))]).keys() >= {one, f"{one}:identity", f"{one}:file"}
    gone = keys_of(UUID(office.case))
    office.service.keys.erase(gone)
    office.service.keyring.forget(gone)
    assert set(personal(office).values()) == {None}


def test_what_was_put_right_is_right_in_every_view(office: Office) -> None:
    """given wrong master data / when they are amended / then no view shows the wrong ones, but for that of an instant before."""
    office.given(*OPEN)
    wrong = personal(office)
    right = {"name": "Kim Richtig", "birth_year": 2009, "contact": "0000 222222", "notes": "kommt freitags"}
    body = {"district": "stadtraum-02", "concern": "school", "personal": right, "reason": "Schreibfehler"}
    amended = office.when("lead", f"/cases/{office.case}/amendment", body)
    amended.answers(200)

    shown = personal(office)
    assert {name: shown[name] for name in right} == {name: str(value) for name, value in right.items()}
    for path in (f"/cases/{office.case}", "/cases"):
        text = office.get("officer", path, **({} if office.case in path else {"pool": office.pool})).text
        assert not [value for value in wrong.values() if value and value in text]
        assert "stadtraum-02" in text
    story = office.get("auditor", "/audit/story", case=office.case).text
    assert "Schreibfehler" in story
    assert not [value for value in (*wrong.values(), *shown.values()) if value and value in story]


def test_two_machines_share_their_keys(postgres: Cluster, fresh_url: Any, tmp_path: Path) -> None:
    """given keys on PostgreSQL / when one machine seals, another one opens; one that lacks the master key does not start."""
    master = tmp_path / "master.key"
    apart = {"keystore": postgres.fresh_keystore(), "master_key": master.as_uri(), "signing_keys": str(tmp_path)}
    url = fresh_url("postgres")
    with running_office(url, tmp_path, **apart) as here:
        here.given(*LOGGED)
        with running_office(url, tmp_path, **apart) as there:
            there.ids = here.ids
            assert personal(there) == personal(here)
            here.service.keys.rotate()
            there.given("open_pool", "open_case")
            here.ids = there.ids
            assert personal(here)["name"] == "Kim Beispiel"
            here.service.keys.erase(keys_of(UUID(here.case)))
            assert set(personal(here).values()) != {None}, "whoever has it in memory is told by the log, and forgets it"
            there.service.keyring.forget(keys_of(UUID(here.case)))
            assert set(personal(there).values()) == {None}
        settings = here.service.settings
        master.rename(tmp_path / "elsewhere")
        with pytest.raises(KeyStoreDamaged, match="is missing"), open_service(settings):
            pass
