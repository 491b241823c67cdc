"""Puts the HTTP application of one service together."""

from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

import anyio
import anyio.to_thread
import msgspec
from fastapi import FastAPI, Request
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, Response
from starlette.routing import Mount
from starlette.types import Receive, Scope, Send

from interfaces.handover.daily import Daily
from interfaces.http import (
    access,
    audit,
    bookings,
    cases,
    erasures,
    findings,
    health,
    log,
    openapi,
    pools,
    providers,
    reports,
    samples,
    webhooks,
)
from interfaces.http.edge import Edge
from interfaces.http.erasing import CarryingOut
from interfaces.http.operations import Operation
from interfaces.http.problems import RETRY_AFTER_SECONDS
from interfaces.http.resources import Api, Resources
from interfaces.http.scrape import Scrape
from interfaces.service import Service
from interfaces.web import account, openid, pages, sign_in
from interfaces.webhooks.delivering import Deliverer

VERSION = "1.0"
STATIC = Path(__file__).parent / "static"
OPERATIONS: tuple[Operation, ...] = (
    *pools.OPERATIONS,
    *cases.OPERATIONS,
    *erasures.OPERATIONS,
    *bookings.OPERATIONS,
    *log.OPERATIONS,
    *reports.OPERATIONS,
    *audit.OPERATIONS,
    *findings.OPERATIONS,
    *samples.OPERATIONS,
    *providers.OPERATIONS,
    *webhooks.OPERATIONS,
    *access.OPERATIONS,
)

PAGES = (*pages.PAGES, *sign_in.PAGES, *openid.PAGES, *account.PAGES)

# What is neither under /api/v1 nor a page is public, and stands here.
PUBLIC = ("/healthz", "/readyz", "/metrics", "/openapi.json", "/docs", "/static", pages.ASSETS)

# Swagger UI sets style attributes; everything else comes from here and goes nowhere else.
DOCS_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class Application(FastAPI):
    """FastAPI, in front of which the resources of the API are served: they need none of its layers."""

    def __init__(self, resources: Resources) -> None:
        super().__init__(
            title="Stundenpool",
            version=VERSION,
            docs_url=None,
            redoc_url=None,
            openapi_url=None,
            redirect_slashes=False,
            exception_handlers={HTTPException: _left_to_the_edge},
        )
        self.resources = resources

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = self.resources.find(scope["path"]) if scope["type"] == "http" else None
        if found is None:
            await super().__call__(scope, receive, send)
        else:
            resource, ids = found
            await resource.serve(ids, scope, receive, send)


def create_app(service: Service, folder: Path | None = None) -> Application:
    """The application that answers for a service.

    ``folder`` is where the workers of one service find each other.
    """
    api = Api(service)
    app = Application(Resources(api, OPERATIONS))
    app.state.api = api
    app.state.following = api.following
    app.state.webhooks = Deliverer(service.store, service.keyring, timedelta(hours=service.settings.webhook_patience_hours))
    api.metrics.webhooks.behind = app.state.webhooks.behind
    app.state.checkpoints = Daily(service)
    app.state.erasing = CarryingOut(service)
    api.metrics.unwitnessed.set_function(lambda: app.state.checkpoints.told.unwitnessed)
    api.metrics.unstamped.set_function(lambda: app.state.checkpoints.told.unstamped)
    api.metrics.contradicted.set_function(lambda: app.state.checkpoints.told.contradicted)
    app.state.scrape = Scrape(api.metrics, service.store, service.keys, folder)
    app.add_middleware(Edge, metrics=api.metrics, rates=api.rates)
    app.router.routes.extend(pages.routes(api, PAGES))
    _add_public_routes(app, api)
    app.openapi = cache(lambda: openapi.document(app, OPERATIONS))  # type: ignore[method-assign]
    return app


async def _left_to_the_edge(_: Request, error: Exception) -> NoReturn:
    raise error


def _add_public_routes(app: FastAPI, api: Api) -> None:
    @app.get("/healthz", summary="Lebt der Prozess?", response_class=Response)
    async def healthz() -> Response:
        return _json({"status": "alive"})

    @app.get(
        "/readyz",
        summary="Kann der Dienst arbeiten?",
        response_class=Response,
        responses={503: {"description": "Noch nicht; siehe Retry-After"}},
    )
    async def readyz() -> Response:
        missing = await anyio.to_thread.run_sync(health.missing, api.service.store, api.service.keys)
        if missing:
            return _json({"status": "missing", "missing": missing}, 503, **{"Retry-After": str(RETRY_AFTER_SECONDS)})
        return _json({"status": "ready"})

    @app.get("/metrics", summary="Zahlen für Prometheus", response_class=Response)
    async def metrics() -> Response:
        return Response(await app.state.scrape.text(), media_type=CONTENT_TYPE_LATEST)

    @app.get("/openapi.json", include_in_schema=False)
    async def openapi_json() -> Response:
        return Response(published(app), media_type="application/json")

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return FileResponse(STATIC / "docs.html", headers={"Content-Security-Policy": DOCS_POLICY})

    app.router.routes.append(Mount("/static", pages.Assets(directory=STATIC)))


def published(app: FastAPI) -> bytes:
    """The OpenAPI document as it is published."""
    return msgspec.json.format(msgspec.json.encode(app.openapi()), indent=2) + b"\n"


def _json(value: Any, status: int = 200, **headers: str) -> Response:
    return Response(msgspec.json.encode(value), status, headers, "application/json")
