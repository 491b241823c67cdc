"""The way to the issuer and back, for people who sign in there; and its word that somebody is signed out."""

from starlette.responses import RedirectResponse, Response

from domain.refusals import NotFound
from interfaces.http.judging import single_values
from interfaces.http.resources import Api
from interfaces.identity.oidc import BEGIN, LOGOUT, RETURN, SIGN_IN_SECONDS_MAX, Begun, OpenId, kept_out, not_proved
from interfaces.identity.sessions import Blocked
from interfaces.web import forms, session
from interfaces.web.pages import ACCOUNT, OVERVIEW, SIGN_IN, Page, Visit, page


async def _begin(visit: Visit) -> Response:
    """Sends somebody to the issuer, to sign in there.

    Whoever is sent here by another site may not know of it, and the issuer might sign them in without a word: they get the sign-in
    page, as does whoever is signed in already, and so is led on.
    """
    openid = _openid(visit.api)
    if visit.session is not None or from_another_site(visit):
        return RedirectResponse(SIGN_IN, 303)
    return sent_there(openid, await openid.begin())


async def _back(visit: Visit) -> Response:
    """Signs in whom the issuer names. No redirect leads on: coming from another site, a browser would not send the new cookie."""
    openid = _openid(visit.api)
    answer = single_values(visit.request.query_params.multi_items())
    signed = await openid.finish(visit.request.cookies.get(_cookie_name(openid), ""), answer)
    if signed.proving is None:
        try:
            cookie = await visit.api.sessions.start(
                signed.actor, how="oidc", address=visit.address, browser=visit.browser, at_issuer=signed.at_issuer
            )
        except Blocked:
            raise kept_out() from None
    else:
        proved = await visit.api.sessions.prove(signed.proving, signed.actor)
        if proved is None:
            raise not_proved()
        cookie = proved
    onward = OVERVIEW if signed.proving is None else ACCOUNT
    response = page("passing_on.html", None, passing="signed_in", to=onward)
    session.keep(response, cookie, visit.request)
    response.delete_cookie(_cookie_name(openid), path="/", httponly=True, samesite="lax", secure=openid.encrypted)
    return response


async def _signed_out(visit: Visit) -> Response:
    """The issuer says behind the browser's back that somebody is signed out there (OpenID Connect Back-Channel Logout)."""
    openid = _openid(visit.api)
    told = await openid.signed_out((await forms.fields(visit.request)).get("logout_token", ""))
    await visit.api.sessions.end_at_issuer(told.sub, told.sid, told.said)
    return Response(headers={"Cache-Control": "no-store"})


def from_another_site(visit: Visit) -> bool:
    return visit.request.headers.get("sec-fetch-site") in ("cross-site", "same-site")


def sent_there(openid: OpenId, begun: Begun) -> Response:
    """The cookie comes back from another site with the answer, so it is lax."""
    response = RedirectResponse(begun.url, 303)
    response.set_cookie(
        _cookie_name(openid),
        begun.cookie,
        max_age=SIGN_IN_SECONDS_MAX,
        path="/",
        httponly=True,
        samesite="lax",
        secure=openid.encrypted,
    )
    return response


def _cookie_name(openid: OpenId) -> str:
    """With the prefix, as that of a session: no neighbouring host can have set it."""
    return f"__Host-{session.SIGNING_IN}" if openid.encrypted else session.SIGNING_IN


def _openid(api: Api) -> OpenId:
    if api.openid is None or not api.openid.for_people:
        raise NotFound()
    return api.openid


PAGES = (
    Page(BEGIN, None, {"GET": _begin}),
    Page(RETURN, None, {"GET": _back}),
    Page(LOGOUT, None, {"POST": _signed_out}, for_systems=True),
)
