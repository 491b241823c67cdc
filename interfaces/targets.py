"""New files and folders: whole and durable, or not there at all. What somebody has there already is never overwritten."""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class TargetRefused(Exception):
    """Nothing was written there, and nothing changed. The sentence is German."""


@contextmanager
def new_file(file: Path) -> Iterator[Path]:
    """A draft beside the file, which becomes the file when it is complete and durable. Raises ``TargetRefused``."""
    if os.path.lexists(file):
        raise TargetRefused(f"„{file}“ gibt es schon und wird nicht überschrieben.")
    try:
        handle, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    except OSError as error:
        raise _unwritable(file, error) from error
    draft = Path(name)
    try:
        with _written(file):
            yield draft
            os.fsync(handle)
            os.link(draft, file)
            sync(file.parent)
    finally:
        os.close(handle)
        draft.unlink()


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """The same for a folder, which may be there as long as it is empty. Only its owner may look into it."""
    if os.path.lexists(folder) and not (folder.is_dir() and not any(folder.iterdir())):
        raise TargetRefused(f"„{folder}“ gibt es schon und ist kein leerer Ordner.")
    target = folder.absolute()  # of „.“ the parent would be „.“ itself
    try:
        draft = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    except OSError as error:
        raise _unwritable(target, error) from error
    try:
        with _written(folder):
            yield draft
            for path in draft.iterdir():
                sync(path)
            sync(draft)
            draft.rename(target)  # fails where somebody has put something into it since
            sync(target.parent)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


@contextmanager
def _written(target: Path) -> Iterator[None]:
    """A full disk, for one, is no fault of the program."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.EEXIST, errno.ENOTEMPTY):
            raise TargetRefused(f"„{target}“ gibt es inzwischen und wird nicht überschrieben.") from None
        raise TargetRefused(f"„{target}“ lässt sich nicht schreiben ({error.strerror}).") from error


def _unwritable(target: Path, error: OSError) -> TargetRefused:
    return TargetRefused(f"In den Ordner „{target.parent}“ lässt sich nichts schreiben ({error.strerror}).")


def sync(path: Path) -> None:
    """Makes durable what a file holds, or which files a folder has."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
