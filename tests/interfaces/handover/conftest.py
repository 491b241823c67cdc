"""Installations, as the tests of the command line have them."""

from tests.interfaces.cli.conftest import installation, run, settings, sqlite_installation, sqlite_settings

__all__ = ["installation", "run", "settings", "sqlite_installation", "sqlite_settings"]
