"""Samples for spot checks: drawn at random from a pool's sessions, and on record with their seed."""

from typing import Any
from uuid import UUID

from application import commands, sampling
from application.sampling import SampleView
from interfaces.http import bodies, parameters
from interfaces.http.examples import LOGGED
from interfaces.http.operations import Asking, Command, Operation, Page, Query
from interfaces.http.policies import AUDIT, AUDITORS


def drawn(asking: Asking, *, pool: UUID, **wanted: Any) -> dict[str, Any]:
    """The sample, of the sessions that stand now."""
    return {"pool": pool, "sample": sampling.draw(asking.reader, pool, **wanted)}


def list_samples(asking: Asking, wanted: parameters.SamplesOf) -> Page[SampleView]:
    return Page(sampling.list_samples(asking.reader, wanted.pool), None)


OPERATIONS: tuple[Operation, ...] = (
    Command(
        path="/audit/samples",
        policy=AUDITORS,
        summary="Stichprobe aus den Terminen eines Pools ziehen",
        note="Gezogen wird aus allem, was nicht storniert ist, auf Wunsch nur aus Terminen eines Trägers oder Zeitraums: die "
        "Termine mit den kleinsten SHA-256 aus Startwert, Doppelpunkt und Kennung. Startwert, Auswahl und Ergebnis stehen im "
        "Protokoll; jede Ziehung also auch.",
        decide=commands.draw_sample,
        beforehand=drawn,
        body=bodies.SampleDrawing,
        view=SampleView,
        created=True,
        given=LOGGED,
        example={"pool": "5d1c1f60-0f5b-4d8e-9c61-6a5d1f0a7b01", "size": 10, "seed": "17. Mai 2024"},
        shows={"method": 1, "seed": "17. Mai 2024"},
    ),
    Query(
        path="/audit/samples",
        policy=AUDIT,
        summary="Gezogene Stichproben eines Pools",
        read=list_samples,
        parameters=parameters.SamplesOf,
        view=SampleView,
        paged=True,
        given=("open_pool",),
        example={"pool": "5d1c1f60-0f5b-4d8e-9c61-6a5d1f0a7b01"},
    ),
)
