"""Many rows at once: what is loaded is what is read, whatever stands in it."""

from contextlib import closing, suppress

import pytest

from application.projections.tables import Row
from interfaces.storage import open_store


class Loaded(Row):
    number: int
    text: str
    other: str | None


PLAIN = [Loaded(1, "traeger-a", None), Loaded(-2, "Träger B", ""), Loaded(2**63 - 1, "4c5f821f 12 == +/", "2021-11-01")]
ODD = ["a,b", 'a"b', "a\\b", "a\nb", "a\tb", "a\rb", "null", "[a", "a]", "\\.", "\\N", "{a}", "'", "%s ? $1", "\x01", " ", "ä,ö"]


@pytest.mark.parametrize("odd", ["", *ODD], ids=repr)
def test_rows_are_read_as_they_were_loaded(odd: str, store_url: str) -> None:
    """given rows with any sign that a format could mistake / when loaded / then they are the same when they are read."""
    rows = [*PLAIN, Loaded(4, odd, odd)]
    with closing(open_store(store_url, create=True)) as store:
        with store.turn() as tx:
            tx.fetch("CREATE TABLE loaded (number BIGINT NOT NULL, text TEXT NOT NULL, other TEXT)")
        with store.loading() as loading:
            loading.load("loaded", rows)
            loading.load("loaded", [])
        with store.reading() as reader:
            found = reader.fetch("SELECT number, text, other FROM loaded")
    assert [Loaded(*values) for values in found] == rows


def test_a_failed_loading_leaves_nothing(store_url: str) -> None:
    """given rows that were loaded / when the transaction is left with an exception / then the table is as empty as before."""
    with closing(open_store(store_url, create=True)) as store:
        with store.turn() as tx:
            tx.fetch("CREATE TABLE loaded (number BIGINT NOT NULL, text TEXT NOT NULL, other TEXT)")
        with suppress(RuntimeError), store.loading() as loading:
            loading.load("loaded", PLAIN)
            raise RuntimeError
        with store.reading() as reader:
            assert reader.fetch("SELECT * FROM loaded") == []
