"""The registry on the command line: what HTTP offers to officers, by the same commands and judged alike."""

import msgspec
import pytest

from domain.registry import provider_id
from interfaces.cli.stores import opened_store, reading
from interfaces.settings import read_settings
from tests.interfaces.cli.conftest import Run

REGISTERED = ("provider", "register", "traeger-a", "--name", "Jugendhilfe Nord e. V.", "--from", "2024-01-01", "--subject", "amt-7")


@pytest.mark.usefixtures("installation")
def test_a_provider_with_an_offer_and_a_worker_is_registered_listed_and_ended(run: Run) -> None:
    """given an empty registry / when something is registered and ended / then the list and the log say it, and who did it."""
    said = [
        run(*REGISTERED),
        run("provider", "offer", "traeger-a", "Jugendclub Nord", "--from", "01.02.2024", "--until", "31.12.2024"),
        run("provider", "worker", "traeger-a", "kraft-1", "--from", "2024-01-01"),
        run("provider", "worker", "traeger-a", "kraft-2", "--from", "2024-01-01"),
        run("provider", "end", "traeger-a", "--worker", "kraft-1", "--until", "2024-06-30"),
        run("provider", "end", "traeger-a", "--offer", "Jugendclub Nord", "--until", "2024-11-30"),
    ]
    assert [(done.exit_code, done.stdout) for done in said] == [(0, "")] * 6
    assert said[0].stderr == "Eingetragen: Träger traeger-a.\n"
    assert said[-1].stderr == "Beendet mit dem 30.11.2024.\n"
    assert run("provider", "list").stdout.splitlines() == [
        "traeger-a",
        "    Name Jugendhilfe Nord e. V., ab 01.01.2024",
        "    Angebot Jugendclub Nord, ab 01.02.2024 bis 30.11.2024",
        "    Fachkraft kraft-1, ab 01.01.2024 bis 30.06.2024",
        "    Fachkraft kraft-2, ab 01.01.2024",
    ]
    [then] = msgspec.json.decode(run("provider", "list", "--on", "2024-07-01", "--json").stdout)
    assert (then["id"], [each["name"] for each in then["workers"]]) == (str(provider_id("traeger-a")), ["kraft-2"])
    with reading() as reader:
        first, *_ = reader.notifications(0, 1)
    assert b'"actor":{"organisation":"jugendamt","role":"officer","subject":"amt-7"}' in first.state


@pytest.mark.usefixtures("sqlite_installation")
def test_ending_a_provider_takes_it_from_the_list_of_a_later_day(run: Run) -> None:
    """given a provider / when it is ended, then again for a later day / then the second is refused."""
    run(*REGISTERED)
    assert run("provider", "end", "traeger-a", "--until", "2024-12-31").exit_code == 0
    again = run("provider", "end", "traeger-a", "--until", "2025-12-31")
    assert (again.exit_code, again.stderr) == (1, "Fehler: Die Eintragung ist schon abgeschlossen.\n")
    assert run("provider", "list", "--on", "2024-12-31").stdout.startswith("traeger-a\n")
    assert run("provider", "list", "--on", "2025-01-01").stdout == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("worker traeger-b kraft-1 --from 2024-01-01", "gibt es nicht"),
        ("worker traeger-a Erika,Mustermann --from 2024-01-01", "kein Name und keine Adresse"),
        ("worker traeger-a kraft-1 --from 2024-02-01 --until 2024-01-31", "liegt vor dem Beginn"),
        ("end traeger-a --worker kraft-9 --until 2024-01-31", "gibt es nicht"),
        ("register traeger-a --name Anders --from 2024-05-01", "Anders"),
    ],
)
@pytest.mark.usefixtures("sqlite_installation")
def test_what_is_refused_is_told_in_one_sentence(run: Run, words: str, said: str) -> None:
    """given a provider / when something is registered that cannot be / then nothing is recorded, and it says why."""
    run(*REGISTERED)
    done = run("provider", *words.split())
    assert (done.exit_code, done.stdout, len(done.stderr.splitlines())) == (1, "", 1)
    assert said in done.stderr
    with opened_store(read_settings()) as store, store.reading() as reader:
        assert reader.head() is not None
        assert len(reader.notifications(0, 9)) == 1


@pytest.mark.parametrize(
    "words",
    [
        "register traeger-a --from 2024-01-01",
        "worker traeger-a kraft-1",
        "worker traeger-a kraft-1 --from gestern",
        "worker traeger-a kraft-1 --from 1024-02-01",
        "end traeger-a --until 01.02.2024T10:00",
        "end traeger-a --offer club --worker kraft-1 --until 2024-01-31",
    ],
)
@pytest.mark.usefixtures("sqlite_installation")
def test_wrong_use(run: Run, words: str) -> None:
    """given a command that lacks something, or names no day or two things / when it is called / then it is told with status 2."""
    assert run("provider", *words.split()).exit_code == 2
