"""The way to the issuer and back, for people who sign in there."""

from starlette.responses import RedirectResponse, Response

from domain.refusals import NotFound
from interfaces.http.judging import single_values
from interfaces.http.resources import Api
from interfaces.identity.oidc import BEGIN, RETURN, SIGN_IN_SECONDS_MAX, OpenId
from interfaces.web import session
from interfaces.web.pages import OVERVIEW, Page, Visit, page


async def _begin(visit: Visit) -> Response:
    """Sends somebody to the issuer, to sign in there. The cookie comes back from another site with the answer, so it is lax."""
    openid = _openid(visit.api)
    begun = await openid.begin()
    response = RedirectResponse(begun.url, 303)
    response.set_cookie(
        session.SIGNING_IN,
        begun.cookie,
        max_age=SIGN_IN_SECONDS_MAX,
        path=RETURN,
        httponly=True,
        samesite="lax",
        secure=openid.encrypted,
    )
    return response


async def _back(visit: Visit) -> Response:
    """Signs in whom the issuer names. No redirect leads on: coming from another site, a browser would not send the new cookie."""
    openid = _openid(visit.api)
    answer = single_values(visit.request.query_params.multi_items())
    actor = await openid.finish(visit.request.cookies.get(session.SIGNING_IN, ""), answer)
    response = page("passing_on.html", None, passing="signed_in", to=OVERVIEW)
    session.keep(response, await visit.api.sessions.start(actor, how="oidc", address=visit.address), visit.request)
    response.delete_cookie(session.SIGNING_IN, path=RETURN, httponly=True, samesite="lax", secure=openid.encrypted)
    return response


def _openid(api: Api) -> OpenId:
    if api.openid is None or not api.openid.for_people:
        raise NotFound()
    return api.openid


PAGES = (
    Page(BEGIN, None, {"GET": _begin}),
    Page(RETURN, None, {"GET": _back}),
)
