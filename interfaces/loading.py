"""How modules are loaded where somebody waits for it."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quickly() -> Iterator[None]:
    """Nobody looks for garbage meanwhile: next to nothing of what is loaded is any, and looking takes a fifth of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
