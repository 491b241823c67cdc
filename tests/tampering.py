"""What somebody can do who owns the database, and nobody else."""

from collections.abc import Iterator
from contextlib import contextmanager

from application.log import Reader, Store, Transaction
from interfaces.storage.append_only import put_up_guards
from interfaces.storage.postgres import PostgresTurnRecorder


@contextmanager
def tampering(store: Store) -> Iterator[Transaction]:
    """A turn in which the log can be changed: what would refuse it is taken away, and put back at the end to leave no trace."""
    with store.turn() as tx:
        for drop in drops_of_guards(tx, store):
            tx.fetch(drop)
        yield tx
        put_up_guards(tx, store)


def drops_of_guards(reader: Reader, store: Store) -> list[str]:
    """The statements that take the triggers away."""
    if isinstance(store, PostgresTurnRecorder):
        found = reader.fetch("SELECT tgname, tgrelid::regclass::text FROM pg_trigger WHERE NOT tgisinternal")
        return [f"DROP TRIGGER {name} ON {table}" for name, table in found]
    return [f"DROP TRIGGER {name}" for (name,) in reader.fetch("SELECT name FROM sqlite_master WHERE type = 'trigger'")]
