"""Where a figure comes from: the events in the log that make it, and the checkpoint that they can be checked against."""

from dataclasses import dataclass, replace
from datetime import date, datetime

from application.explain import Explanation, Figure, OfBalance, Witness, explain, figure_of, witness
from application.projections import pools
from application.views import PoolView
from interfaces.http.operations import Asking
from interfaces.http.parameters import ExplanationCursor, FigureOf
from interfaces.http.policies import may_ask_balance, sees
from interfaces.http.problems import forbidden

PARTS_SHOWN = 300


class FigureShown(FigureOf, frozen=True):
    """A figure; the two times, as people write them, stand for those in its name."""

    as_of: str | None = None
    known_at: str | None = None
    after: ExplanationCursor | None = None

    def at(self, as_of: datetime | date | None, known_at: datetime | date | None) -> Figure:
        """The figure as of these times; raises ``Malformed``."""
        figure = figure_of(self.figure)
        if known_at is not None:
            figure = replace(figure, known_at=known_at)
        if as_of is not None and isinstance(figure, OfBalance):
            figure = replace(figure, as_of=as_of)
        return figure


@dataclass(frozen=True, slots=True)
class Trace:
    """The figure, and parts that add up to it together with ``rest``: what stands on other pages, or is other providers'.

    The ``witness`` is there for those who may see proofs.
    """

    pool: PoolView
    figure: Figure
    today: Figure
    provider: str | None
    district: str | None
    explanation: Explanation
    witness: Witness | None
    position: int

    @property
    def rest(self) -> int:
        found = self.explanation
        return (found.value or 0) - sum(part.amount for part in found.parts) if found.counting == "sum" else 0


def trace(asking: Asking, figure: Figure, after: str | None) -> Trace:
    """What is behind a figure. A provider's people see their own, and that of others in one sum. Raises ``NotFound``."""
    today = replace(figure, known_at=None)
    if isinstance(figure, OfBalance):
        by = figure.within and figure.within[0]
        if not may_ask_balance(asking.actor, by, figure.as_of, figure.known_at):
            raise forbidden()
        today = OfBalance(figure.pool, figure.figure, figure.within)
    found = explain(asking.reader, figure, provider=asking.provider, after=after, limit=PARTS_SHOWN)
    of, key = figure.within or (None, "")
    head = asking.reader.head()
    return Trace(
        pool=pools.pool(asking.reader, figure.pool, asking.provider),
        figure=figure,
        today=today,
        # Of a part of the pool a provider sees its own alone.
        provider=key if of == "provider" else asking.provider if of is not None else None,
        district=key if of == "district" else None,
        explanation=found,
        witness=witness(asking.log, found) if sees(asking.actor, "InclusionProof", "path") else None,
        position=head.id if head else 0,
    )
