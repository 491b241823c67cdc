"""Whom this machine trusts when it calls others."""

import ssl
from functools import cache


@cache
def trusted() -> ssl.SSLContext:
    """The authorities that the machine trusts, and so the office's own as well; slow to read."""
    return ssl.create_default_context()
