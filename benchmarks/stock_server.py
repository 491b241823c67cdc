"""What ours is measured beside: stock behind FastAPI, and a FastAPI route that only validates the same body.

python -m benchmarks.stock_server PORT     with the environment by which the library finds its database
"""

import os
import sys
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import uvicorn
from fastapi import FastAPI, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from benchmarks import stock


class Entry(BaseModel):
    """A session, with the same limits as ours."""

    model_config = ConfigDict(extra="forbid")

    starts_at: AwareDatetime
    minutes: Annotated[int, Field(ge=1, le=10_000_000)]
    kind: Literal["direct", "indirect", "travel", "absence"]
    worker: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    note: Annotated[str, Field(max_length=4000)] | None = None


class Saved(BaseModel):
    id: UUID
    starts_at: datetime
    minutes: int


def create_app(office: stock.Office, view: stock.View) -> FastAPI:
    """Routes are synchronous where the library waits for its database: it has no other way."""
    app = FastAPI()

    @app.get("/readyz")
    async def readyz() -> Response:
        return Response()

    @app.post("/bookings/{booking}/sessions", status_code=201)
    def log_session(booking: UUID, entry: Entry) -> Saved:
        session = stock.Session(booking, entry.starts_at, entry.minutes, entry.kind, entry.worker or "", entry.note or "")
        office.save(session)
        return Saved(id=session.id, starts_at=entry.starts_at, minutes=entry.minutes)

    @app.get("/bookings/{booking}/minutes")
    def minutes(booking: UUID) -> dict[str, int]:
        return {"minutes": view.minutes_of(booking)}

    @app.post("/validated", status_code=201)
    async def validated(entry: Entry) -> Response:
        return Response(status_code=201)

    return app


if __name__ == "__main__":
    with stock.Office(os.environ) as office, stock.opened_view(os.environ) as view:
        uvicorn.run(create_app(office, view), port=int(sys.argv[1]), access_log=False, log_level="warning")
