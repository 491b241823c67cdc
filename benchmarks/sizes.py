"""How long and how much. ``FULL`` is what ``make bench`` runs, ``SMOKE`` what the tests run so that nothing here rots.

``make bench-large`` runs ``LARGE`` on logs of ``LARGE_LOGS`` events.
"""

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Sizes:
    """Durations in seconds, of one side in one round."""

    rounds: int
    warm_up_seconds: float
    callers: tuple[int, ...]
    hot_callers: int
    clients: tuple[int, ...]
    commands_seconds: float
    hot_seconds: float
    http_seconds: float
    follower_clients: int  # that write while others follow
    followers: int  # at full load
    followed_rounds: int  # at full load, since each swings by two tenths and more
    paced_followers: int
    paced_events: int  # a second
    bookings: int  # that the callers log sessions on
    noted_bookings: int  # whose texts are read
    hot_before: int  # approvals that the hot pool has seen already
    hot_requests: int  # to approve, a round
    log_events: int  # of the long log
    short_log_events: int
    stock_events: int  # for the stock projection runner, a round
    reads: int  # balances, a round
    starts: int
    many_approvals: int  # in one pool, beside one with few
    many_sessions: int  # on one booking, beside one with few
    growth_commands: int  # one after the other, a round
    process_callers: int


FULL = Sizes(
    rounds=3,
    warm_up_seconds=0.5,
    callers=(1, 32, 128),
    hot_callers=32,
    clients=(32, 128),
    commands_seconds=2.0,
    hot_seconds=3.0,
    http_seconds=3.0,
    follower_clients=32,
    followers=100,
    followed_rounds=9,
    paced_followers=1_000,
    paced_events=100,
    bookings=400,
    noted_bookings=100,
    hot_before=1_000,
    hot_requests=6_000,
    log_events=100_000,
    short_log_events=1_000,
    stock_events=1_000,
    reads=200,
    starts=3,
    many_approvals=10_000,
    many_sessions=10_000,
    growth_commands=200,
    process_callers=32,
)

LARGE = replace(FULL, many_approvals=100_000)
LARGE_LOGS = (1_000_000, 10_000_000)
TOLD_EVENTS = 20_000  # by commands; large logs repeat them
OPEN_CASES = 10_000  # at a time, as in a large city
WHOLE_LOG_EVENTS_MAX = 1_000_000  # of logs on which findings, verification and growing pools are measured

SMOKE = Sizes(
    rounds=1,
    warm_up_seconds=0.02,
    callers=(2,),
    hot_callers=2,
    clients=(2,),
    commands_seconds=0.05,
    hot_seconds=0.05,
    http_seconds=0.05,
    follower_clients=2,
    followers=2,
    followed_rounds=1,
    paced_followers=3,
    paced_events=100,
    bookings=2,
    noted_bookings=2,
    hot_before=3,
    hot_requests=4,
    log_events=200,
    short_log_events=50,
    stock_events=5,
    reads=3,
    starts=1,
    many_approvals=20,
    many_sessions=15,
    growth_commands=3,
    process_callers=2,
)
