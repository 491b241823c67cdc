"""Stories, as an auditor types them."""

import json
import re

import pytest

from tests.interfaces.cli.conftest import Run, filled_pool


@pytest.mark.usefixtures("installation")
def test_a_worker_s_story(run: Run) -> None:
    """given an import / when a worker is told / then every session stands there, with what they come to."""
    filled_pool(run)
    done = run("audit", "story", "worker", "kraft-1")
    assert done.exit_code == 0, done.stderr
    assert done.stdout.startswith("Geschichte der Fachkraft kraft-1\n\nNr. ")
    assert re.search(
        r"^      wirksam am \d\d\.\d\d\.\d{4}: geleistet \+0,75 Std\., zusammen 3,25 Std\.$", done.stdout, re.MULTILINE
    )
    found = json.loads(run("audit", "story", "worker", "kraft-1", "--json").stdout)
    assert sum(scene["minutes"].get("consumed", 0) for scene in found["scenes"]) == 195


@pytest.mark.usefixtures("sqlite_installation")
def test_a_pool_s_story_and_none(run: Run) -> None:
    """given a pool / when it is told / then it begins with its opening; a case that is not there is refused."""
    pool = filled_pool(run)
    done = run("audit", "story", "pool", pool)
    assert "eröffnete den Stundenpool" in done.stdout.splitlines()[2]
    nothing = run("audit", "story", "case", pool.replace(pool[:8], "00000000"))
    assert (nothing.exit_code, nothing.stdout) == (1, "")
    assert run("audit", "story", "case", "fall-1").exit_code == 2
    assert run("audit", "story", "pool", pool, "--known-at", "2001-01-01").exit_code == 1
    assert run("audit", "story", "pool", pool, "--known-at", "2199-01-01").stdout == done.stdout
