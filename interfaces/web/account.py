"""What somebody sees of themself: where they are signed in, which tokens are theirs; and what they can end or renew of it.

Whoever looks is signed in; whoever changes something shows once more that it is them, and then has some minutes.
"""

from datetime import timedelta
from typing import get_args

from starlette.responses import RedirectResponse, Response

from domain.quantities import Role
from interfaces.identity import sessions, tokens, trail
from interfaces.identity.sessions import PROVED, Session, Stage
from interfaces.identity.signing_in import NotHere, NotTaken
from interfaces.web import forms, openid, session
from interfaces.web.pages import ACCOUNT, Page, Visit
from interfaces.web.sign_in import form_page, hashing, signed_on

PROVING, RENEWAL, ENDING = f"{ACCOUNT}/bestaetigen", f"{ACCOUNT}/erneuern", f"{ACCOUNT}/beenden"
EVERYBODY = frozenset(get_args(Role))

_STAGES: dict[str, Stage] = {"password": "password", "factor": "factor"}


async def _account(visit: Visit) -> Response:
    return await _account_page(visit)


async def _prove(visit: Visit) -> Response:
    """With password and second factor."""
    fields = await forms.fields(visit.request)
    password, code = fields.get("password", ""), fields.get("code", "")
    cookie = session.cookie_of(visit.request)
    try:
        cookie = await hashing(visit, lambda: visit.api.signing_in.proving(cookie, password, code, visit.address))
    except NotHere:
        return RedirectResponse(ACCOUNT, 303)
    except NotTaken as not_taken:
        return await _account_page(visit, not_taken)
    response = RedirectResponse(ACCOUNT, 303)
    session.keep(response, cookie, visit.request)
    return response


async def _prove_elsewhere(visit: Visit) -> Response:
    """At the issuer, which asks anew for whatever it asks at a sign-in."""
    at_issuer = visit.api.openid
    if at_issuer is None or _own(visit).how != "oidc" or openid.from_another_site(visit):
        return RedirectResponse(ACCOUNT, 303)
    return openid.sent_there(at_issuer, await at_issuer.begin(proving=_own(visit).id))


async def _renew(visit: Visit) -> Response:
    stage = _STAGES.get((await forms.fields(visit.request)).get("step", ""), "password")
    cookie = session.cookie_of(visit.request)
    try:
        cookie = await visit.api.sessions.working(lambda: visit.api.signing_in.renewing(cookie, stage))
    except NotHere:
        return RedirectResponse(ACCOUNT, 303)
    except NotTaken as not_taken:
        return await _account_page(visit, not_taken)
    return signed_on(visit, cookie)


async def _end(visit: Visit) -> Response:
    """One session, one token, or all sessions but this one; what is not one's own is as little there as what nobody has."""
    if not _own(visit).may_change(visit.api.sessions.clock()):
        return await _account_page(visit, NotTaken("not_proved"))
    fields = await forms.fields(visit.request)
    await visit.api.sessions.working(lambda: _ended(visit, fields.get("session"), fields.get("token")))
    return RedirectResponse(ACCOUNT, 303)


def _ended(visit: Visit, session_id: str | None, token_id: str | None) -> None:
    actor, own = visit.visitor, _own(visit)
    now = visit.api.sessions.clock()
    with visit.api.sessions.store.turn() as turn:
        for token in tokens.views(turn, actor):
            if str(token.id) == token_id:
                tokens.revoke(turn, token.id, now, actor.subject)
        for each in sessions.open_of(turn, now, actor):
            if each.id != own.id and session_id in (str(each.id), "others"):
                sessions.end(turn, each.id)
                trail.note(turn, now, "session_ended", actor.subject, address=visit.address)


PAGES = (
    Page(ACCOUNT, EVERYBODY, {"GET": _account}),
    Page(PROVING, EVERYBODY, {"GET": _prove_elsewhere, "POST": _prove}),
    Page(RENEWAL, EVERYBODY, {"POST": _renew}),
    Page(ENDING, EVERYBODY, {"POST": _end}),
)


def _own(visit: Visit) -> Session:
    assert visit.session is not None, "whoever is signed in has a session"
    return visit.session


async def _account_page(visit: Visit, wrong: NotTaken | None = None) -> Response:
    actor, own = visit.visitor, _own(visit)
    now = visit.api.sessions.clock()

    def read() -> Response:
        with visit.api.sessions.store.reading() as reader:
            shown = visit.api.signing_in.own(reader, own)
            own_tokens = [
                token
                for token in tokens.views(reader, actor)
                if token.revoked_at is None and (token.expires_at is None or token.expires_at > now)
            ]
        stated = {"shown": shown, "tokens": own_tokens, "here": own, "proving": PROVING, "renewal": RENEWAL, "ending": ENDING}
        return form_page(
            "account.html", actor, wrong, may_change=own.may_change(now), minutes=PROVED // timedelta(minutes=1), **stated
        )

    return await visit.api.sessions.working(read)
