"""What happens when parts are away or fail, and what may be seen from outside without a token."""

import asyncio
import json
import logging
import re
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn
from uuid import UUID

import httpx
import pytest
from eventsourcing.persistence import OperationalError
from starlette.types import Message

from application import arrivals
from application.log import StoreUnavailable
from application.privacy import KeyErased, KeyMissing, KeyStoreDamaged, SealBroken, keys_of
from interfaces.http.app import create_app
from interfaces.identity import tokens
from interfaces.identity.tokens import create_token, hashed
from interfaces.logs import Objects
from tests.interfaces.http.office import Office, running_office
from tests.interfaces.http.test_refusals import LOGGED, OPEN, REQUEST
from tests.interfaces.http.test_server import ROOT

SECRET = "Kim Beispiel steht in einer Ausnahme"


@pytest.fixture
def own_office(store_url: str, tmp_path: Path) -> Iterator[Office]:
    """A service that nobody else uses, to be broken."""
    with running_office(store_url, tmp_path) as running:
        yield running


class TestPublic:
    def test_health_readiness_metrics_and_documents_need_no_token(self, office: Office) -> None:
        """They say nothing about anybody."""
        assert office.request("GET", "/healthz").json() == {"status": "alive"}
        assert office.request("GET", "/readyz").json() == {"status": "ready"}
        assert office.request("GET", "/openapi.json").json()["info"]["title"] == "Stundenpool"

    def test_the_documentation_comes_from_here_alone(self, office: Office) -> None:
        """No other host in the page, and a policy that would not let it."""
        page = office.request("GET", "/docs")
        assert page.status_code == 200
        policy = page.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy
        assert "://" not in page.text
        for path in re.findall(r'(?:src|href)="([^"]+)"', page.text):
            asset = office.request("GET", path)
            assert asset.status_code == 200, path
            assert asset.headers["X-Content-Type-Options"] == "nosniff"

    def test_metrics_count_by_route_and_name_nobody(self, office: Office) -> None:
        """Templates of routes, codes of refusals; neither ids nor people."""
        office.given(*LOGGED)
        office.when("officer", "/bookings/{booking}/approval").refuses("already_decided")
        text = office.request("GET", "/metrics").text
        assert 'route="/api/v1/bookings/{booking}/approval",status="200"' in text
        assert 'stundenpool_refusals_total{code="already_decided"}' in text
        assert "stundenpool_log_position" in text
        assert office.booking not in text
        assert "sb-1" not in text

    def test_every_metric_is_described_in_the_guide(self, office: Office) -> None:
        """The table of the operations guide lists exactly what a scrape shows, with its type."""
        office.given(*LOGGED)
        text = office.request("GET", "/metrics").text
        shown = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))
        guide = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8").split("## Metrics")[1].split("## ")[0]
        listed = dict(re.findall(r"^\| `(\w+)` \| (\w+) \|", guide, re.MULTILINE))
        assert listed == {name: kind for name, kind in shown.items() if not name.endswith("_created")}

    def test_what_a_scrape_looks_at(self, office: Office) -> None:
        """Database and keys answer, and the log is as long as it is."""
        position = int(office.given("open_pool").get("officer", "/pools").headers["Position"])
        text = office.request("GET", "/metrics").text
        for line in ("stundenpool_database_up 1.0", "stundenpool_keystore_up 1.0", "stundenpool_workers 1.0"):
            assert f"\n{line}\n" in text
        assert f"\nstundenpool_log_events {float(position)}\n" in text
        assert re.search(r'^stundenpool_build_info{python="[\d.]+",version="[\d.]+"} 1.0$', text, re.MULTILINE)


class TestAccessLog:
    def test_a_line_has_the_route_and_neither_ids_nor_queries(self, office: Office, caplog: pytest.LogCaptureFixture) -> None:
        """Method, template, status and time."""
        office.given(*OPEN)
        with caplog.at_level(logging.INFO, "stundenpool"):
            office.get("lead", f"/cases/{office.case}")
            office.get("lead", "/bookings", provider="traeger-a")
            office.request("GET", "/Kim-Beispiel?name=Kim")
        text = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("stundenpool"))
        assert "GET /api/v1/cases/{case} 200" in text
        assert "GET /api/v1/bookings 200" in text
        assert "GET other 404" in text
        for told in (office.case, "traeger-a", "Kim", *office.tokens.values()):
            assert told not in text


class TestRequestIds:
    @pytest.mark.parametrize("path", ["/api/v1/pools", "/api/v1/nothing", "/healthz", "/"])
    def test_an_id_that_is_stated_is_answered_and_logged(self, office: Office, caplog: pytest.LogCaptureFixture, path: str) -> None:
        """Wherever the request leads."""
        caplog.handler.setFormatter(Objects())
        with caplog.at_level(logging.INFO, "stundenpool"):
            answer = office.request("GET", path, headers={"X-Request-Id": "proxy.7_a-B"})
        assert answer.headers.get_list("X-Request-Id") == ["proxy.7_a-B"]
        assert json.loads(caplog.text.splitlines()[-1])["request_id"] == "proxy.7_a-B"

    @pytest.mark.parametrize("stated", ["", "x" * 65, "Kim Beispiel", "ä", 'a"b', "a\tb", "a;b", "{}"])
    def test_any_other_is_replaced(self, office: Office, stated: str) -> None:
        """By one of ours, which is another for each request."""
        sent = {"X-Request-Id": stated.encode("latin-1")}
        first, second = (office.request("GET", "/api/v1/pools", headers=sent).headers["X-Request-Id"] for _ in range(2))
        assert re.fullmatch(r"[0-9a-f]{8}-\d+", first)
        assert first != second

    def test_those_who_are_answered_together_have_ids_of_their_own(self, office: Office) -> None:
        """Given one read that answers many, when it is sent, then each gets one id, its own."""
        office.given("open_pool")
        token = {"Authorization": f"Bearer {office.tokens['officer']}"}

        async def ask_at_once() -> list[httpx.Response]:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(office.app), base_url="http://office") as client:
                asked = [client.get("/api/v1/pools", headers={**token, "X-Request-Id": f"id-{n}"}) for n in range(20)]
                return await asyncio.gather(*asked)

        answers = office.portal.call(ask_at_once)
        assert [answer.headers.get_list("X-Request-Id") for answer in answers] == [[f"id-{n}"] for n in range(20)]


class TestFailures:
    def test_a_store_that_is_away_is_503_for_writing_and_reading(self, own_office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
        """With the time after which to try again; health lives on, readiness does not."""
        own_office.given(*OPEN)

        def away(*_: Any) -> NoReturn:
            raise OperationalError(SECRET)

        def never(work: Any) -> "Future[Any]":
            work.done.set_exception(StoreUnavailable(SECRET))
            return work.done

        own_office.get("lead", "/pools")  # the token is known
        monkeypatch.setattr(type(own_office.service.store), "reading", away)
        monkeypatch.setattr(own_office.service.engine, "submit", never)
        for answer in (
            own_office.get("lead", "/pools"),
            own_office.get("officer", "/pools"),
            own_office.when("lead", "/bookings", REQUEST).answer,
        ):
            assert answer.status_code == 503
            assert int(answer.headers["Retry-After"]) > 0
            assert answer.json()["code"] == "unavailable"
            assert SECRET not in answer.text
        assert own_office.request("GET", "/healthz").status_code == 200
        assert "\nstundenpool_database_up 0.0\n" in own_office.request("GET", "/metrics").text
        ready = own_office.request("GET", "/readyz")
        assert (ready.status_code, ready.json()["missing"]) == (503, ["Die Datenbank ist nicht erreichbar."])
        assert int(ready.headers["Retry-After"]) > 0

    def test_damaged_keys_are_503(self, own_office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Neither writing nor reading personal texts works without them; readiness says so."""
        own_office.given(*OPEN)

        def damaged(*_: Any, **__: Any) -> NoReturn:
            raise KeyStoreDamaged(SECRET)

        monkeypatch.setattr(own_office.service.keyring, "ensure", damaged)
        monkeypatch.setattr(own_office.service.keyring, "open", damaged)
        assert own_office.when("lead", "/bookings", {**REQUEST, "purpose": "x"}).answer.status_code == 503
        assert own_office.get("lead", f"/cases/{own_office.case}").status_code == 503
        (tmp_path / "keys" / "keys.db").unlink()
        assert own_office.request("GET", "/readyz").json()["missing"] == ["Die Ablage der Schlüssel ist nicht lesbar."]

    @pytest.mark.parametrize(
        ("failure", "status", "name"),
        [
            (KeyErased, 200, None),
            (KeyMissing, 503, "unavailable"),
            (KeyStoreDamaged, 503, "unavailable"),
            (SealBroken, 500, "seal_broken"),
        ],
    )
    def test_only_what_was_erased_reads_as_erased(
        self, own_office: Office, monkeypatch: pytest.MonkeyPatch, failure: type[Exception], status: int, name: str | None
    ) -> None:
        """A lost key, a key store that is away and a broken seal are errors, and each says which."""
        own_office.given(*OPEN)

        def failing(*_: Any, **__: Any) -> NoReturn:
            raise failure(SECRET)

        monkeypatch.setattr(own_office.service.keyring, "open", failing)
        answer = own_office.get("lead", f"/cases/{own_office.case}")
        assert (answer.status_code, answer.json().get("code")) == (status, name)
        assert SECRET not in answer.text

    def test_nothing_is_written_about_whose_data_were_erased(self, own_office: Office) -> None:
        """The key is never made again, and the refusal says why."""
        own_office.given(*OPEN)
        erased = keys_of(UUID(own_office.case))
        own_office.service.keys.erase(erased)
        own_office.service.keyring.forget(erased)
        own_office.when("lead", "/bookings", {**REQUEST, "purpose": "x"}).refuses("data_erased", 409)
        assert own_office.get("lead", f"/cases/{own_office.case}").json()["personal"]["name"] is None

    def test_where_too_many_wait_the_latest_is_503(self, own_office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
        """Nothing of it is kept: the same request may come again under its key. The metrics count it, and the turns."""
        own_office.given(*OPEN)
        monkeypatch.setattr(arrivals, "WAITING_MAX", 0)

        refused = own_office.when("lead", "/bookings", REQUEST, key="k")

        refused.refuses("overloaded", 503)
        assert int(refused.answer.headers["Retry-After"]) > 0
        monkeypatch.undo()
        own_office.when("lead", "/bookings", REQUEST, key="k").answers(201)
        told = own_office.request("GET", "/metrics").text
        assert "stundenpool_turned_away_total 1.0" in told
        assert "stundenpool_turn_commands_sum 3.0" in told
        assert "stundenpool_turn_seconds_count 3.0" in told

    def test_an_unexpected_error_tells_nothing(
        self, own_office: Office, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        """500 without the text of the exception; the log gets its type and place alone."""
        own_office.given(*OPEN)

        def fails(*_: Any, **__: Any) -> NoReturn:
            raise RuntimeError(SECRET)

        monkeypatch.setattr(own_office.service.keyring, "ensure", fails)
        monkeypatch.setattr(own_office.service.keyring, "open", fails)
        with caplog.at_level(logging.INFO):
            for answer in (
                own_office.when("lead", "/bookings", {**REQUEST, "purpose": "x"}).answer,
                own_office.get("lead", f"/cases/{own_office.case}"),
            ):
                assert answer.status_code == 500
                assert answer.json()["code"] == "unexpected"
                assert SECRET not in answer.text
        assert "RuntimeError" in caplog.text
        assert SECRET not in caplog.text

    def test_an_answer_that_cannot_be_sent_is_noted_without_a_text(self, office: Office, caplog: pytest.LogCaptureFixture) -> None:
        """Nothing is raised that a server would write down with all it says; a client that went away is no error."""
        said = {"method": "POST", "path": "/api/v1/pools", "query_string": b""}
        said |= {"headers": [(b"authorization", f"Bearer {office.tokens['officer']}".encode())]}

        async def receive() -> Message:
            return {"type": "http.request"}

        async def gone() -> Message:
            return {"type": "http.disconnect"}

        async def send(_: Message) -> None:
            raise RuntimeError(SECRET)

        with caplog.at_level(logging.INFO):
            office.portal.call(create_app(office.service), {"type": "http", **said}, receive, send)
            office.portal.call(create_app(office.service), {"type": "http", **said}, gone, send)
        assert "unexpected: RuntimeError" in caplog.text
        assert "POST /api/v1/pools 422" in caplog.text
        assert "POST /api/v1/pools 499" in caplog.text
        assert SECRET not in caplog.text

    def test_a_read_that_cannot_be_recorded_is_not_answered(self, own_office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
        """The texts do not go out when the commit of their record fails."""
        own_office.given(*OPEN)
        store = own_office.service.store
        turn = type(store).turn

        @contextmanager
        def failing(self: Any) -> Iterator[Any]:
            with turn(self) as transaction:
                yield transaction
                raise OperationalError("the commit failed")

        monkeypatch.setattr(type(store), "turn", failing)
        answer = own_office.get("lead", f"/cases/{own_office.case}")
        assert answer.status_code == 503
        assert "Kim" not in answer.text


class TestTokens:
    def test_only_the_hash_is_stored(self, office: Office) -> None:
        """Neither the token nor anything that it could be made from."""
        token = create_token(office.service.store, role="officer", subject="sb-9")
        with office.service.store.reading() as reader:
            [(subject, role, organisation)] = reader.fetch(
                "SELECT subject, role, organisation FROM tokens WHERE hash = ?", (hashed(token),)
            )
        assert (subject, role, organisation) == ("sb-9", "officer", "jugendamt")
        assert len(token) >= 43

    def test_a_token_ends_with_its_days(self, office: Office) -> None:
        """An expired one is as good as none."""
        expired = create_token(office.service.store, role="officer", subject="sb-9", days=0)
        assert office.call(None, "GET", "/pools", headers={"Authorization": f"Bearer {expired}"}).status_code == 401

    def test_a_revoked_token_is_believed_for_seconds_only(self, office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
        """What was looked up is kept for a moment; what was not found is never kept."""
        monkeypatch.setattr(tokens, "KNOWN_SECONDS", 0.0)
        token = create_token(office.service.store, role="officer", subject="sb-9")
        headers = {"Authorization": f"bearer {token}"}
        assert office.call(None, "GET", "/pools", headers=headers).status_code == 200
        with office.service.store.turn() as turn:
            turn.execute("DELETE FROM tokens WHERE hash = ?", [(hashed(token),)])
        assert office.call(None, "GET", "/pools", headers=headers).status_code == 401

    @pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic abc", "Bearer falsch", "Bearer ä", "Bearer " + "x" * 9000])
    def test_anything_else_is_401(self, office: Office, header: str) -> None:
        """Whatever stands there."""
        answer = office.call(None, "GET", "/pools", headers={"Authorization": header.encode()})
        assert answer.status_code == 401

    @pytest.mark.parametrize(
        ("role", "provider", "subject"),
        [("worker", None, "x"), ("lead", None, "x"), ("officer", "traeger-a", "x"), ("chef", None, "x"), ("officer", None, "")],
    )
    def test_roles_and_organisations_belong_together(self, office: Office, role: str, provider: str | None, subject: str) -> None:
        """Providers' people have a provider, nobody else has one."""
        with pytest.raises(ValueError, match=r"\.$"):
            create_token(office.service.store, role=role, subject=subject, provider=provider)
