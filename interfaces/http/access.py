"""Tokens and the trail of access over HTTP. No answer gives anybody anything to get in with."""

from uuid import UUID

from application.engine import utc_now
from interfaces.http import parameters
from interfaces.http.operations import Asking, Change, Changing, Operation, Page, Query
from interfaces.http.policies import ACCESS, ADMINS
from interfaces.identity import tokens, trail
from interfaces.identity.tokens import TokenView
from interfaces.identity.trail import AccessView


def list_tokens(asking: Asking, wanted: parameters.Parameters) -> Page[TokenView]:
    return Page(tokens.views(asking.reader), None)


def revoke_token(changing: Changing, id: UUID) -> TokenView:
    return tokens.revoke(changing.transaction, id, utc_now(), changing.actor.subject)


def list_access(asking: Asking, wanted: parameters.AccessOf) -> Page[AccessView]:
    before = None if wanted.after is None else int(wanted.after)
    found = trail.views(asking.reader, before=before, limit=wanted.limit + 1)
    shown = found[: wanted.limit]
    return Page(tuple(shown), str(shown[-1].number) if len(found) > len(shown) else None)


OPERATIONS: tuple[Operation, ...] = (
    Query(
        path="/tokens",
        policy=ADMINS,
        summary="Alle Zugangstoken, auch abgelaufene und widerrufene",
        note="Ein Token selbst steht nirgends. `used_at` ist auf eine Stunde genau.",
        read=list_tokens,
        parameters=parameters.Parameters,
        view=TokenView,
        paged=True,
    ),
    Change(
        path="/tokens/{token}",
        policy=ADMINS,
        method="DELETE",
        summary="Zugangstoken widerrufen",
        note="Es gilt in jedem Prozess noch höchstens fünf Sekunden, für einen schon begonnenen Strom eine Minute.",
        make=revoke_token,
        view=TokenView,
        given=("list_tokens",),
    ),
    Query(
        path="/access-trail",
        policy=ACCESS,
        summary="Zugangsprotokoll: Anmeldungen, Versuche, Änderungen an Konten und Token",
        note="Das Neueste zuerst. Ein Name, zu dem es kein Konto gibt, wird nicht festgehalten.",
        read=list_access,
        parameters=parameters.AccessOf,
        view=AccessView,
        paged=True,
    ),
)
