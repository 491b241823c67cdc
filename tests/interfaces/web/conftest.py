"""The running office of the HTTP tests, on each kind of store."""

from tests.interfaces.http.conftest import office, shared_office

__all__ = ["office", "shared_office"]
