"""Settings: environment variables (or ``.env``) with the prefix ``STUNDENPOOL_``, read once, validated, never changed."""

from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX = "STUNDENPOOL_"


class Settings(BaseSettings):
    """What an installation chooses. ``migration_database_url`` is the one of the role that may change the schema."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_file=".env", frozen=True, extra="ignore")

    database_url: str = Field("sqlite:///var/stundenpool.db", description="Wo das Ereignisprotokoll steht")
    migration_database_url: str = Field("", description="Zugang, der das Schema ändern darf; sonst der erste")
    keystore: str = Field("var/keys", description="Ablage der Schlüssel, getrennt von der Datenbank")
    host: str = Field("127.0.0.1", description="Adresse, an der der Dienst lauscht")
    port: int = Field(8000, ge=1, le=65535, description="Port, an dem der Dienst lauscht")

    @field_validator("database_url", "migration_database_url")
    @classmethod
    def _known_store(cls, url: str) -> str:
        if url and not url.startswith(("sqlite:///", "postgresql://")):
            raise ValueError("muss mit sqlite:/// oder postgresql:// beginnen")
        return url

    @property
    def schema_url(self) -> str:
        """The URL that migrations use."""
        return self.migration_database_url or self.database_url


class SettingsError(Exception):
    """A setting is wrong; one line for each, naming the variable, never its value."""


def read_settings(**overrides: Any) -> Settings:
    """The settings of this process; raises ``SettingsError``."""
    try:
        return Settings(**overrides)
    except ValidationError as error:
        lines = (f"{PREFIX}{str(problem['loc'][0]).upper()}: {problem['msg']}" for problem in error.errors())
        raise SettingsError("\n".join(lines)) from None


def sqlite_folder(url: str) -> Path | None:
    """The folder that an SQLite file of this URL lies in."""
    return Path(url.removeprefix("sqlite:///")).parent if url.startswith("sqlite:///") else None
