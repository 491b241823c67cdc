"""Rebuilds everything in a process of its own, to be killed: python -m tests.faults.one_rebuild URL.

Prints "begun", what becomes of an earlier rebuild, and "done".
"""

import sys
from contextlib import closing
from datetime import timedelta

from application import rebuild as rebuilding
from interfaces.storage import open_store
from tests.application.long_history import hold_little


def main(url: str) -> None:
    hold_little(setattr, kept_every_seconds=0.05)
    rebuilding.STALE_AFTER = timedelta(0)  # those before are dead: nobody waits for a sign of life
    with closing(open_store(url, create=False)) as store:
        print("begun", flush=True)
        rebuilding.rebuild(store, [], lambda done, total: None, lambda text: print(text, flush=True))
        print("done", flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
