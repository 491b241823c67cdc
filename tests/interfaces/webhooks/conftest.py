"""Offices whose events are posted, and systems that receive them."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from typing import Any

import pytest

from interfaces.webhooks import standing
from tests.interfaces.http.conftest import office, shared_office
from tests.interfaces.http.office import Office
from tests.interfaces.webhooks.receiver import Receiver, receiving

__all__ = ["office", "shared_office"]

Register = Callable[..., dict[str, Any]]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def another_receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def register(office: Office) -> Iterator[Register]:
    """Registers a webhook for the receiver of a URL, until the end of the test."""
    made: list[str] = []

    def register(url: str, **wanted: Any) -> dict[str, Any]:
        answer = office.post("admin", "/webhooks", {"url": url, **wanted})
        assert answer.status_code == 201, answer.text
        made.append(answer.json()["id"])
        assert office.post("officer", f"/webhooks/{made[-1]}/release").status_code == 200
        shown: dict[str, Any] = answer.json()
        return shown

    yield register
    for webhook in made:
        office.call("admin", "DELETE", f"/webhooks/{webhook}")


@pytest.fixture
def delivering(office: Office) -> Callable[[], AbstractContextManager[None]]:
    """Delivers as a serving process does."""
    return lambda: office.portal.wrap_async_context_manager(office.app.state.webhooks.running())


@pytest.fixture
def delivered(delivering: Callable[[], AbstractContextManager[None]]) -> Iterator[None]:
    """The same for the whole test."""
    with ExitStack() as stack:
        stack.enter_context(delivering())
        yield


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses between attempts that no test has to wait for."""
    monkeypatch.setattr(standing, "PAUSE_SECONDS", 0.02)
    monkeypatch.setattr(standing, "PAUSE_SECONDS_MAX", 0.2)
