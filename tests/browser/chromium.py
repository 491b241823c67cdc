"""The Chromium of this machine, which ``make setup`` provides."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

_UNPACKED = Path(__file__).parents[2] / ".cache" / "system"  # where `make setup` puts it for an ordinary user

# Quiet, on machines without a display, and as root; nothing but what a page asks for goes out.
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--lang=de-DE",
)


@contextmanager
def running_chromium() -> Iterator[Browser]:
    """A browser that lives as long as the block; where there is none, the test fails."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_binary(), args=list(_FLAGS), env=_environment())
        try:
            yield browser
        finally:
            browser.close()


def _binary() -> str:
    """The system's, or an unpacked one, whose start script would look for the system's files."""
    found = shutil.which("chromium") or shutil.which(_UNPACKED / "usr/lib/chromium/chromium")
    if found is None:
        pytest.fail("There is no Chromium on this machine: `make setup` gets one.", pytrace=False)
    return str(found)


def _environment() -> dict[str, str | float | bool]:
    folders = ("lib/*-linux-gnu", "usr/lib/*-linux-gnu", "usr/lib/*-linux-gnu/pulseaudio")
    libraries = [str(path) for folder in folders for path in sorted(_UNPACKED.glob(folder))]
    known = os.environ.get("LD_LIBRARY_PATH")
    added = {"LD_LIBRARY_PATH": ":".join(filter(None, [*libraries, known]))} if libraries else {}
    return {**os.environ, **added}
