"""Writes openapi.json anew, from the operations as they are declared."""

from pathlib import Path
from tempfile import TemporaryDirectory

from interfaces.http.app import create_app, published
from interfaces.service import open_service
from interfaces.settings import Settings
from interfaces.storage import open_store

with TemporaryDirectory() as folder:
    settings = Settings(database_url=f"sqlite:///{folder}/empty.db", keystore=f"{folder}/keys")
    open_store(settings.database_url, create=True).close()
    with open_service(settings) as service:
        Path("openapi.json").write_bytes(published(create_app(service)))
