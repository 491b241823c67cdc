"""What a restored backup must not bring back: whoever was signed in when it was made, and has signed out since.

Accounts and tokens come back as they were, for people and programs have to get in; whoever restores is told to look at them.
"""

from datetime import datetime

from application.log import Transaction
from interfaces.identity import trail


def end_sessions(tx: Transaction, now: datetime, by: str) -> None:
    """All of them."""
    tx.execute("DELETE FROM sessions", [()])
    trail.note(tx, now, "restored", None, by=by)
