"""Webhooks on the command line: the same as over HTTP, for whoever sets a service up."""

import json
import re

import pytest

from tests.interfaces.cli.conftest import Run, opened_pool

URL = "https://fachverfahren.example/stundenpool?schluessel=geheim"
NOBODY = "9879b700-25ef-48b9-9b7d-37e8f46f5f69"


def added(run: Run, *words: str) -> tuple[str, str]:
    """Id and secret of a new webhook."""
    done = run("webhook", "add", URL, *words)
    assert (done.exit_code, done.stderr) == (0, "")
    webhook, secret = done.stdout.splitlines()
    return webhook, secret


@pytest.mark.usefixtures("installation")
def test_added_listed_resumed_and_removed(run: Run) -> None:
    """given a webhook that was added / then it is listed with its backlog and without its secret, until it is removed."""
    pool = opened_pool(run)
    webhook, secret = added(
        run, "--type", "hours-approved", "--type", "pool-opened", "--pool", pool, "--after", "0", "--subject", "eva"
    )
    assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", secret)
    listed = run("webhook", "list")
    assert webhook in listed.stdout
    assert "bis Position 0 zugestellt, 1 dahinter, noch nicht freigegeben" in listed.stdout
    [found] = json.loads(run("webhook", "list", "--json").stdout)
    assert (found["id"], found["url"], found["pool"], found["created_by"]) == (webhook, URL, pool, "eva")
    assert found["types"] == ["hours-approved", "pool-opened"]
    assert "secret" not in found
    assert run("webhook", "resume", webhook).exit_code == 0
    done = run("webhook", "remove", webhook)
    assert (done.exit_code, done.stdout) == (0, "")
    assert run("webhook", "list", "--json").stdout.strip() == "[]"


@pytest.mark.parametrize(
    "words",
    [
        "add http://10.0.0.1/",
        "add https://u:p@a.example/",
        f"add {URL} --pool {NOBODY}",
        f"add {URL} --after 7",
        f"remove {NOBODY}",
        f"resume {NOBODY}",
    ],
)
@pytest.mark.usefixtures("sqlite_installation")
def test_what_is_refused_is_told_in_one_sentence(run: Run, words: str) -> None:
    """Exit status 1, nothing on stdout, and nothing registered."""
    done = run("webhook", *words.split())
    assert (done.exit_code, done.stdout, len(done.stderr.splitlines())) == (1, "", 1)
    assert run("webhook", "list", "--json").stdout.strip() == "[]"
