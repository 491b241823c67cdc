"""One file per question: rows, fold and readers. A turn keeps all of them in its own transaction."""

from application.projections.audit_trail import AUDIT_TRAIL
from application.projections.balances import BALANCES
from application.projections.bookings import BOOKINGS
from application.projections.cases import CASES
from application.projections.evaluation import EVALUATION
from application.projections.findings import FINDINGS
from application.projections.pools import POOLS
from application.projections.providers import PROVIDERS
from application.projections.retention import RETENTION
from application.projections.tables import Projection
from application.projections.waiting_list import WAITING_LIST
from application.projections.worklist import WORKLIST

PROJECTIONS: tuple[Projection, ...] = (
    POOLS,
    CASES,
    RETENTION,
    BOOKINGS,
    WAITING_LIST,
    WORKLIST,
    BALANCES,
    EVALUATION,
    FINDINGS,
    PROVIDERS,
    AUDIT_TRAIL,
)
