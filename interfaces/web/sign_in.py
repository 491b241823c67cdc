"""The pages on the way in and out, a form for each step. Which step is next, the session knows; a form out of turn leads there."""

from collections.abc import Callable, Mapping
from typing import TypeVar

import anyio.to_thread
import segno
from starlette.responses import RedirectResponse, Response

from application.engine import utc_now
from domain.quantities import Actor
from interfaces.http.problems import Rejected
from interfaces.identity.passwords import CHARACTERS_MIN
from interfaces.identity.sessions import Stage
from interfaces.identity.signing_in import NotHere, NotTaken
from interfaces.web import forms, session
from interfaces.web.pages import OVERVIEW, SIGN_IN, SIGN_OUT, Page, Visit, page

CODE, PASSWORD, FACTOR = f"{SIGN_IN}/code", f"{SIGN_IN}/passwort", f"{SIGN_IN}/zweiter-faktor"
TOKEN = f"{SIGN_IN}/token"

STEPS: Mapping[Stage, str] = {"code": CODE, "password": PASSWORD, "factor": FACTOR, "open": OVERVIEW}

T = TypeVar("T")


async def _form(visit: Visit) -> Response:
    if visit.session is not None:
        return RedirectResponse(STEPS[visit.session.stage], 303)
    return _sign_in_page(visit)


async def _with_password(visit: Visit) -> Response:
    fields = await forms.fields(visit.request)
    name, password = fields.get("name", ""), fields.get("password", "")
    try:
        cookie = await hashing(visit, lambda: visit.api.signing_in.with_password(name, password, visit.address, visit.browser))
    except NotTaken as not_taken:
        return _sign_in_page(visit, not_taken)
    return await _signed_in_anew(visit, cookie)


async def _with_token(visit: Visit) -> Response:
    """In a demonstration, whose people have no accounts; nobody else pastes what belongs to a program."""
    if not _is_demonstration(visit):
        return RedirectResponse(SIGN_IN, 303)
    token = (await forms.fields(visit.request)).get("token", "").strip()
    try:
        actor, _ = await visit.api.tokens.caller(f"Bearer {token}")
    except Rejected:
        return _sign_in_page(visit, NotTaken("token"))
    started = visit.api.sessions.start(actor, how="token", address=visit.address, browser=visit.browser)
    return await _signed_in_anew(visit, await started)


async def _code_form(visit: Visit) -> Response:
    return _code_page() if _is_at(visit, "code") else RedirectResponse(SIGN_IN, 303)


async def _with_code(visit: Visit) -> Response:
    code = (await forms.fields(visit.request)).get("code", "")
    cookie = session.cookie_of(visit.request)
    try:
        cookie = await visit.api.sessions.working(lambda: visit.api.signing_in.with_code(cookie, code, visit.address))
    except NotHere:
        return RedirectResponse(SIGN_IN, 303)
    except NotTaken as not_taken:
        return _code_page(not_taken)
    return signed_on(visit, cookie)


async def _password_form(visit: Visit) -> Response:
    return _password_page() if _is_at(visit, "password") else RedirectResponse(SIGN_IN, 303)


async def _with_new_password(visit: Visit) -> Response:
    fields = await forms.fields(visit.request)
    password, again = fields.get("password", ""), fields.get("again", "")
    cookie = session.cookie_of(visit.request)
    try:
        cookie = await hashing(visit, lambda: visit.api.signing_in.with_new_password(cookie, password, again))
    except NotHere:
        return RedirectResponse(SIGN_IN, 303)
    except NotTaken as not_taken:
        return _password_page(not_taken)
    return signed_on(visit, cookie)


async def _factor_form(visit: Visit) -> Response:
    try:
        return await _factor_page(visit)
    except NotHere:
        return RedirectResponse(SIGN_IN, 303)


async def _with_new_factor(visit: Visit) -> Response:
    code = (await forms.fields(visit.request)).get("code", "")
    cookie = session.cookie_of(visit.request)
    try:
        try:
            cookie, codes = await visit.api.sessions.working(lambda: visit.api.signing_in.with_new_factor(cookie, code))
        except NotTaken as not_taken:
            return await _factor_page(visit, not_taken)
    except NotHere:
        return RedirectResponse(SIGN_IN, 303)
    assert visit.session is not None, "a step belongs to a session"
    response = page("recovery_codes.html", visit.session.actor, codes=codes, onward=SIGN_IN)
    session.keep(response, cookie, visit.request)
    return response


async def _sign_out(visit: Visit) -> Response:
    """Also at the issuer, for whoever signed in there. A page leads on: forms may not lead elsewhere, not even by a redirect."""
    farewell = None
    if visit.session is not None:
        await visit.api.sessions.end(session.cookie_of(visit.request))
        if visit.session.how == "oidc" and visit.api.openid is not None:
            farewell = await visit.api.openid.farewell()
    if farewell is None:
        response: Response = RedirectResponse(SIGN_IN, 303)
    else:
        response = page("passing_on.html", None, passing="signed_out", to=farewell)
    session.forget(response, visit.request)
    return response


PAGES = (
    Page(SIGN_IN, None, {"GET": _form, "POST": _with_password}),
    Page(TOKEN, None, {"POST": _with_token}),
    Page(CODE, None, {"GET": _code_form, "POST": _with_code}),
    Page(PASSWORD, None, {"GET": _password_form, "POST": _with_new_password}),
    Page(FACTOR, None, {"GET": _factor_form, "POST": _with_new_factor}),
    Page(SIGN_OUT, None, {"POST": _sign_out}),
)


async def hashing(visit: Visit, work: Callable[[], T]) -> T:
    """What computes with passwords, of which only so many at a time have room."""
    return await anyio.to_thread.run_sync(work, limiter=visit.api.signing_in.hashing)


async def _signed_in_anew(visit: Visit, cookie: str) -> Response:
    """The session that the browser had until now, if any, is over: nobody is left who would end it."""
    if visit.session is not None:
        await visit.api.sessions.end(session.cookie_of(visit.request))
    return signed_on(visit, cookie)


def signed_on(visit: Visit, cookie: str) -> Response:
    """On to the next step, whichever it is."""
    response = RedirectResponse(SIGN_IN, 303)
    session.keep(response, cookie, visit.request)
    return response


def form_page(template: str, actor: Actor | None, wrong: NotTaken | None, **shown: object) -> Response:
    """A page with a form, and what was wrong with what it sent, if anything."""
    if wrong is None or wrong.wait is None:
        return page(template, actor, 200 if wrong is None else 422, wrong=wrong, seconds=0, **shown)
    seconds = int(wrong.wait.total_seconds()) + 1
    response = page(template, actor, 429, wrong=wrong, seconds=seconds, **shown)
    response.headers["Retry-After"] = str(seconds)
    return response


def _sign_in_page(visit: Visit, wrong: NotTaken | None = None) -> Response:
    openid = visit.api.openid
    return form_page(
        "sign_in.html",
        None,
        wrong,
        elsewhere=openid is not None and openid.for_people,
        demonstration=_is_demonstration(visit),
        action=SIGN_IN,
        token_action=TOKEN,
    )


def _code_page(wrong: NotTaken | None = None) -> Response:
    return form_page("sign_in_code.html", None, wrong, action=CODE)


def _password_page(wrong: NotTaken | None = None) -> Response:
    return form_page("sign_in_password.html", None, wrong, action=PASSWORD, characters=CHARACTERS_MIN)


async def _factor_page(visit: Visit, wrong: NotTaken | None = None) -> Response:
    cookie = session.cookie_of(visit.request)
    proposal = await visit.api.sessions.working(lambda: visit.api.signing_in.proposal(cookie))
    picture = segno.make(proposal.address, error="m").svg_data_uri(scale=5, border=4, light="white")
    return form_page("sign_in_factor.html", None, wrong, action=FACTOR, picture=picture, text=proposal.text)


def _is_at(visit: Visit, stage: Stage) -> bool:
    return visit.session is not None and visit.session.stage == stage


def _is_demonstration(visit: Visit) -> bool:
    """Its log says so by its clock."""
    return visit.api.service.clock is not utc_now
