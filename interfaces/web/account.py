"""What somebody sees of themself: where they are signed in, which tokens are theirs; and what they can end or renew of it."""

from typing import get_args

from starlette.responses import RedirectResponse, Response

from domain.quantities import Role
from interfaces.identity import sessions, tokens, trail
from interfaces.identity.sessions import Stage
from interfaces.identity.signing_in import NotHere, NotTaken
from interfaces.web import forms, session
from interfaces.web.pages import ACCOUNT, SIGN_IN, Page, Visit
from interfaces.web.sign_in import form_page, hashing, signed_on

RENEWAL, ENDING = f"{ACCOUNT}/erneuern", f"{ACCOUNT}/beenden"
EVERYBODY = frozenset(get_args(Role))

_STAGES: dict[str, Stage] = {"password": "password", "factor": "factor"}


async def _account(visit: Visit) -> Response:
    return await _account_page(visit)


async def _renew(visit: Visit) -> Response:
    """With the password of now: a browser that was left alone must not be enough to keep its owner out."""
    fields = await forms.fields(visit.request)
    password, stage = fields.get("password", ""), _STAGES.get(fields.get("step", ""), "password")
    cookie = session.cookie_of(visit.request)
    try:
        cookie = await hashing(visit, lambda: visit.api.signing_in.renewing(cookie, password, stage, visit.address))
    except NotHere:
        return RedirectResponse(SIGN_IN, 303)
    except NotTaken as not_taken:
        return await _account_page(visit, not_taken)
    return signed_on(visit, cookie)


async def _end(visit: Visit) -> Response:
    """One session, one token, or all sessions but this one; what is not one's own is as little there as what nobody has."""
    fields = await forms.fields(visit.request)
    await visit.api.sessions.working(lambda: _ended(visit, fields.get("session"), fields.get("token")))
    return RedirectResponse(ACCOUNT, 303)


def _ended(visit: Visit, session_id: str | None, token_id: str | None) -> None:
    actor, own = visit.actor, visit.session
    assert actor is not None, "the policy lets nobody in who is not signed in"
    assert own is not None, "whoever is signed in has a session"
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
    Page(RENEWAL, EVERYBODY, {"POST": _renew}),
    Page(ENDING, EVERYBODY, {"POST": _end}),
)


async def _account_page(visit: Visit, wrong: NotTaken | None = None) -> Response:
    actor, own = visit.actor, visit.session
    assert actor is not None, "the policy lets nobody in who is not signed in"
    assert own is not None, "whoever is signed in has a session"
    now = visit.api.sessions.clock()

    def read() -> Response:
        with visit.api.sessions.store.reading() as reader:
            shown = visit.api.signing_in.own(reader, own)
            own_tokens = [
                token
                for token in tokens.views(reader, actor)
                if token.revoked_at is None and (token.expires_at is None or token.expires_at > now)
            ]
        stated = {"shown": shown, "tokens": own_tokens, "here": own.id, "renewal": RENEWAL, "ending": ENDING}
        return form_page("account.html", actor, wrong, **stated)

    return await visit.api.sessions.working(read)
