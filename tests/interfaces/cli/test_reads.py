"""Who read personal texts, as an auditor asks the command line; and that it is checked."""

import json
from contextlib import closing
from datetime import UTC, datetime
from uuid import UUID

import pytest

from application import commands
from application.projections.cases import case_texts
from application.reads import Occasion
from domain.quantities import Actor
from interfaces.service import open_service
from interfaces.settings import read_settings
from interfaces.storage import open_store
from tests.interfaces.cli.conftest import Run, opened_pool
from tests.office import LEAD, body
from tests.tampering import tampering

OFFICER = Actor("amt-1", "officer", "jugendamt")
FACTS = {"provider": LEAD.organisation, "district": "nord", "service_area": "11", "concern": "school", "name": "Kim Beispiel"}


def read_case(run: Run) -> str:
    """The id of a case whose name an officer has read."""
    pool = UUID(opened_pool(run))
    with open_service(read_settings()) as service:
        opened = service.engine.execute(LEAD, lambda turn: commands.open_case(turn, pool=pool, **FACTS))
        case = UUID(body(opened)["id"])
        occasion = Occasion(OFFICER, f"GET /api/v1/cases/{case}", "disclosure", "192.0.2.1", "r-1")
        now = datetime(2022, 3, 15, 9, tzinfo=UTC)
        with service.read_log.recording(occasion, now) as (reader, opener):
            name = case_texts(reader, case, None).name
            assert name is not None
            name.open(opener)
    return str(case)


@pytest.mark.usefixtures("installation")
def test_reads_are_listed(run: Run) -> None:
    """given a read / when it is asked for by case, person or day / then a line says who, what for, which texts and from where."""
    case = read_case(run)
    line = (
        "Nr. 1  15.03.2022, 10:00 – amt-1 (Sachbearbeitung, Jugendamt), Auskunft: "
        f"Fall {case}: name – GET /api/v1/cases/{case}, von 192.0.2.1\n"
    )
    for words in ((), ("--case", case), ("--subject", "amt-1"), ("--since", "2022-03-15")):
        assert run("audit", "reads", *words).stdout == line, words
    [entry] = json.loads(run("audit", "reads", "--json").stdout)
    assert (entry["number"], entry["purpose"], entry["texts"]) == (1, "disclosure", {"name": 1})
    for words in (("--case", case.replace(case[:8], "00000000")), ("--subject", "amt-2"), ("--since", "2022-03-16")):
        assert run("audit", "reads", *words).stdout == "Keine.\n", words
    assert run("audit", "reads", "--since", "gestern").exit_code == 2


@pytest.mark.usefixtures("installation")
def test_an_altered_read_is_named(run: Run) -> None:
    """given a read that was ascribed to somebody else / then `audit verify` and `db check` say so."""
    read_case(run)
    assert run("audit", "verify").exit_code == run("db", "check").exit_code == 0
    with closing(open_store(read_settings().database_url, create=False)) as store, tampering(store) as turn:
        turn.fetch("UPDATE personal_reads SET subject = 'amt-2'")
    verified, checked = run("audit", "verify"), run("db", "check")
    assert (verified.exit_code, checked.exit_code) == (1, 1)
    assert verified.stdout == "Einsicht: erwartet Nr. 1, wie sie aufgezeichnet wurde, gefunden eine andere\n"
    assert (
        "FEHLER: Einsichten in Personendaten: erwartet Nr. 1, wie sie aufgezeichnet wurde, gefunden eine andere." in checked.stdout
    )
