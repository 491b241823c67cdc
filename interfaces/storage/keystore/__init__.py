"""Where the keys of personal texts are kept, apart from the log: `open_keystore` turns the setting KEYSTORE into a key store.

    var/keys, file:///srv/keys                                  a directory, of one machine
    postgresql://role:password@host:5432/database?schema=keys   a schema of its own, for several machines

What lies there is wrapped under a master key, which the setting MASTER_KEY places elsewhere (`masters`).
"""

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from application.log import Store
from interfaces.storage.keystore.files import FileKeyStore
from interfaces.storage.keystore.masters import open_masters
from interfaces.storage.keystore.wrapped import Opening, WrappedKeyStore

__all__ = ["FileKeyStore", "open_keystore", "open_keystore_of"]


def open_keystore(setting: str, master: str = "", opening: Opening = "begin") -> WrappedKeyStore:
    """The key store that the settings KEYSTORE and MASTER_KEY name. Raises ValueError, KeyStoreDamaged."""
    if setting.startswith("postgresql:"):
        if not master:
            raise ValueError("a KEYSTORE on PostgreSQL needs a MASTER_KEY: it lies nowhere beside the keys")
        from interfaces.storage.keystore.postgres import PostgresKeyStore  # slow to load, and most have a directory

        return PostgresKeyStore(setting, open_masters(master), opening)
    return FileKeyStore(_folder(setting), open_masters(master) if master else None, opening)


def open_keystore_of(store: Store, setting: str, master: str) -> WrappedKeyStore:
    """The key store of a log. Raises ValueError, KeyStoreDamaged.

    A log in use has keys: where none are found they were lost, and others must not be made in their place.
    """
    with store.reading() as reader:
        in_use = reader.head() is not None
    return open_keystore(setting, master, "used" if in_use else "begin")


def _folder(setting: str) -> Path:
    """The directory of a key store that is one. Raises ValueError."""
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]*):", setting)
    if not setting:
        raise ValueError("KEYSTORE is empty: give the path of a directory or a URL")
    if scheme is None:
        return Path(setting)
    if scheme[1].lower() != "file":
        raise ValueError(f"KEYSTORE has the scheme {scheme[1]!r}: only a path, file:// and postgresql:// are supported")
    url = urlsplit(setting)
    if url.netloc not in ("", "localhost") or not url.path.startswith("/") or url.query or url.fragment:
        raise ValueError("KEYSTORE is no local file URL: write file:///absolute/path")
    return Path(unquote(url.path))
