"""What a restored backup must not bring back: whoever was shut out since it was made would be let in again.

Sessions end and tokens are revoked, all of them. Accounts come back as they were, for somebody has to get in; whoever restores is
told to look at them.
"""

from datetime import datetime

from application.log import Transaction
from interfaces.identity import tokens, trail


def shut_out(tx: Transaction, now: datetime, by: str) -> int:
    """Says how many tokens were revoked."""
    tx.execute("DELETE FROM sessions", [()])
    revoked = tokens.revoke_all(tx, now)
    trail.note(tx, now, "restored", None, by=by)
    return revoked
