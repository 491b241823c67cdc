"""The registry: providers with their names, offers and workers, and the days on which they are valid."""

from datetime import date
from typing import Any
from uuid import UUID

from application.log import Reader, Recorded
from application.projections.tables import Live, Projection, Row, Rows, Table, iso, matching, page
from application.views import ProviderFile, ProviderView, Versioned, in_order
from domain.refusals import NotFound
from domain.registry import (
    OfferRegistered,
    ProviderRegistered,
    Registrable,
    Registration,
    RegistrationEnded,
    WorkerRegistered,
    provider_id,
)


class ProviderRow(Row):
    """``provider`` is what events call it; ``last_position`` where something of it was registered or ended last."""

    provider_id: str
    provider: str
    version: int
    last_position: int


class RegistrationRow(Row):
    """``kind`` says whether ``name`` is the provider's own, an offer's or a worker's; days are text, as ``2022-03-01``."""

    provider_id: str
    kind: str
    name: str
    valid_from: str
    valid_until: str | None
    provider: str
    position: int


PROVIDERS_TABLE = Table("providers", ProviderRow, ("provider_id",))
REGISTRATIONS_TABLE = Table(
    "registrations", RegistrationRow, ("provider_id", "kind", "name", "valid_from"), (("kind", "position"),)
)

# ── Fold


def _provider(event: Recorded, data: ProviderRegistered, rows: Rows) -> None:
    rows.put(PROVIDERS_TABLE, ProviderRow(str(event.stream), data.provider, event.version, event.position))
    _register(event, data, "provider", data.name, rows)


def _offer(event: Recorded, data: OfferRegistered, rows: Rows) -> None:
    _register(event, data, "offer", data.offer, rows)


def _worker(event: Recorded, data: WorkerRegistered, rows: Rows) -> None:
    _register(event, data, "worker", data.worker, rows)


def _register(
    event: Recorded, data: ProviderRegistered | OfferRegistered | WorkerRegistered, kind: Registrable, name: str, rows: Rows
) -> None:
    _moved(event, rows)
    row = RegistrationRow(
        provider_id=str(event.stream),
        kind=kind,
        name=name,
        valid_from=str(data.valid_from),
        valid_until=iso(data.valid_until),
        provider=data.provider,
        position=event.position,
    )
    rows.put(REGISTRATIONS_TABLE, row)


def _ended(event: Recorded, data: RegistrationEnded, rows: Rows) -> None:
    _moved(event, rows)
    key = (str(event.stream), data.of, data.name, str(data.valid_from))
    if data.valid_until < data.valid_from:
        rows.delete(REGISTRATIONS_TABLE, key)
    else:
        rows.change(REGISTRATIONS_TABLE, key).valid_until = str(data.valid_until)


def _moved(event: Recorded, rows: Rows) -> None:
    row = rows.change(PROVIDERS_TABLE, str(event.stream))
    row.version, row.last_position = event.version, event.position


PROVIDERS = Projection(
    name="providers",
    version=1,
    tables=(PROVIDERS_TABLE, REGISTRATIONS_TABLE),
    folds={ProviderRegistered: _provider, OfferRegistered: _offer, WorkerRegistered: _worker, RegistrationEnded: _ended},
)

# ── Readers


def list_providers(
    reader: Reader, *, as_of: date | None = None, provider: str | None = None, after: str | None = None, limit: int
) -> tuple[list[ProviderView], str | None]:
    """Registrations of providers, those valid on a day where it is stated, as they were made; and where the next page begins."""
    condition, params = _valid_on(as_of, *matching(kind="provider", provider=provider))
    found, following = page(Live(reader, PROVIDERS), REGISTRATIONS_TABLE, condition, params, after, limit)
    return [ProviderView(UUID(row.provider_id), row.provider, *_days(row)) for row in found], following


def versioned_provider(
    reader: Reader, id: UUID, *, as_of: date | None = None, provider: str | None = None
) -> Versioned[ProviderFile]:
    """A provider with its registrations, or those of them that are valid on a day; ``provider`` sees itself alone.

    Raises ``NotFound``.
    """
    live = Live(reader, PROVIDERS)
    found = live.rows(PROVIDERS_TABLE, *matching(provider_id=id, provider=provider))
    if not found:
        raise NotFound()
    rows = live.rows(REGISTRATIONS_TABLE, *_valid_on(as_of, *matching(provider_id=id)))
    names, offers, workers = (_of(rows, kind) for kind in ("provider", "offer", "worker"))
    return Versioned(ProviderFile(id, found[0].provider, names, offers, workers), found[0].version, found[0].last_position)


def registrations_of(reader: Reader, provider: str) -> list[RegistrationRow]:
    """Everything that is registered of a provider, under what events call it, as it was registered."""
    condition, params = matching(provider_id=provider_id(provider))
    return Live(reader, PROVIDERS).rows(REGISTRATIONS_TABLE, f"{condition} ORDER BY position", params)


def _valid_on(day: date | None, condition: str, params: list[Any]) -> tuple[str, list[Any]]:
    if day is None:
        return condition, params
    return f"{condition} AND valid_from <= ? AND (valid_until IS NULL OR valid_until >= ?)", [*params, str(day), str(day)]


def _of(rows: list[RegistrationRow], kind: Registrable) -> tuple[Registration, ...]:
    return in_order(Registration(*_days(row)) for row in rows if row.kind == kind)


def _days(row: RegistrationRow) -> tuple[str, date, date | None]:
    return row.name, date.fromisoformat(row.valid_from), date.fromisoformat(row.valid_until) if row.valid_until else None
