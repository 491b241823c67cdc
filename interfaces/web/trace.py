"""Where a figure comes from: the events in the log that make it."""

from dataclasses import dataclass

from application.explain import Explanation, Figure, OfBalance, explain, figure_of
from application.projections import pools
from application.views import PoolView
from interfaces.http.operations import Asking
from interfaces.http.parameters import FigureOf
from interfaces.http.policies import may_ask_balance
from interfaces.http.problems import forbidden

PARTS_MAX = 300


@dataclass(frozen=True, slots=True)
class Trace:
    """The figure, and parts that add up to it together with ``rest``: what is older, or other providers'."""

    pool: PoolView
    figure: Figure
    provider: str | None
    district: str | None
    explanation: Explanation

    @property
    def rest(self) -> int:
        found = self.explanation
        return (found.value or 0) - sum(part.amount for part in found.parts) if found.counting == "sum" else 0


def trace(asking: Asking, wanted: FigureOf) -> Trace:
    """What is behind a figure. A provider's people see their own, and that of others in one sum. Raises ``NotFound``."""
    figure = figure_of(wanted.figure)
    if isinstance(figure, OfBalance):
        by = figure.within and figure.within[0]
        if not may_ask_balance(asking.actor, by, figure.as_of, figure.known_at):
            raise forbidden()
    found = explain(asking.reader, figure, provider=asking.provider, limit=PARTS_MAX)
    of, key = figure.within or (None, "")
    return Trace(
        pool=pools.pool(asking.reader, figure.pool, asking.provider),
        figure=figure,
        # Of a part of the pool a provider sees its own alone.
        provider=key if of == "provider" else asking.provider if of is not None else None,
        district=key if of == "district" else None,
        explanation=found,
    )
