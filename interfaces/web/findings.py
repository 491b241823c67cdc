"""What the page of findings shows: the same as the API, with the rules' titles, a page at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from application.findings import FindingsPage
from application.projections import pools
from application.views import PoolView
from domain.findings.finding import named
from domain.findings.rules import RULES
from domain.handling import HandlingState
from interfaces.http.operations import Asking
from interfaces.http.parameters import FindingsCursor, Parameters
from interfaces.web.formats import number

FINDINGS_SHOWN = 50
TITLES: Mapping[str, str] = {rule.code: rule.title for rule in RULES}


class FindingsShown(Parameters, frozen=True):
    """Findings of a pool, on request only those that are handled so far."""

    pool: UUID
    state: HandlingState | None = None
    after: FindingsCursor | None = None


@dataclass(frozen=True, slots=True)
class Findings:
    wanted: FindingsShown
    pool: PoolView
    page: FindingsPage


def findings(asking: Asking, wanted: FindingsShown) -> Findings:
    """A page of findings; raises ``NotFound`` for the pool."""
    pool = pools.pool(asking.reader, wanted.pool)
    page = asking.findings.page(
        asking.reader, pool=wanted.pool, rule=None, state=wanted.state, after=wanted.after, limit=FINDINGS_SHOWN
    )
    return Findings(wanted, pool, page)


def positions(of: Sequence[int]) -> str:
    """The first events that a finding rests on, and how many more there are."""
    return named([number(position) for position in of], "weiteres", "weitere") if of else ""
