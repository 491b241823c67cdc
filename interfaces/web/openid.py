"""The way to the issuer and back, for people who sign in there."""

from starlette.responses import RedirectResponse, Response

from domain.refusals import NotFound
from interfaces.http.judging import single_values
from interfaces.http.resources import Api
from interfaces.identity.oidc import BEGIN, RETURN, SIGN_IN_SECONDS_MAX, OpenId
from interfaces.web import session
from interfaces.web.pages import OVERVIEW, SIGN_IN, Page, Visit, page


async def _begin(visit: Visit) -> Response:
    """Sends somebody to the issuer, to sign in there. The cookie comes back from another site with the answer, so it is lax.

    Whoever is sent here by another site may not know of it, and the issuer might sign them in without a word: they get the sign-in
    page, as does whoever is signed in already, and so is led on.
    """
    openid = _openid(visit.api)
    if visit.session is not None or visit.request.headers.get("sec-fetch-site") in ("cross-site", "same-site"):
        return RedirectResponse(SIGN_IN, 303)
    begun = await openid.begin()
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


async def _back(visit: Visit) -> Response:
    """Signs in whom the issuer names. No redirect leads on: coming from another site, a browser would not send the new cookie."""
    openid = _openid(visit.api)
    answer = single_values(visit.request.query_params.multi_items())
    actor = await openid.finish(visit.request.cookies.get(_cookie_name(openid), ""), answer)
    response = page("passing_on.html", None, passing="signed_in", to=OVERVIEW)
    session.keep(response, await visit.api.sessions.start(actor, how="oidc", address=visit.address), visit.request)
    response.delete_cookie(_cookie_name(openid), path="/", httponly=True, samesite="lax", secure=openid.encrypted)
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
)
