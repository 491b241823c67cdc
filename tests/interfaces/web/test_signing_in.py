"""Who gets in, and what a browser is told to keep."""

import pytest

from tests.interfaces.http.office import Office
from tests.interfaces.web.visitor import HOST, Visitor, read

WRONG = "Dieses Zugangstoken gilt nicht"


@pytest.mark.parametrize("path", ["/", "/nachweis"])
def test_whoever_is_not_signed_in_is_sent_to_the_sign_in(office: Office, path: str) -> None:
    """303, so that a form that was sent is not sent again."""
    answer = Visitor(office).opens(path)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/anmelden")


def test_a_token_opens_the_first_page(office: Office) -> None:
    """Whoever is signed in does not see the form again."""
    visitor = Visitor(office)
    answer = visitor.sends("/anmelden", token=f" {office.tokens['officer']}\n")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert visitor.opens("/").status_code == 200
    assert visitor.opens("/anmelden").headers["Location"] == "/"


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_cookie_is_for_this_site_and_no_script(office: Office, scheme: str) -> None:
    """HttpOnly and SameSite=Strict, gone with the browser; Secure where the connection is."""
    answer = Visitor(office, scheme).sends("/anmelden", token=office.tokens["lead"])
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "Path=/" in cookie
    assert ("Secure" in cookie) == (scheme == "https")
    assert "expires" not in cookie.lower()
    assert "max-age" not in cookie.lower()


@pytest.mark.parametrize(
    "body",
    [
        b"token=falsch",
        b"token=",
        b"",
        b"token=" + b"x" * 5000,
        b"token=a&token=b",
        b"&".join(b"x=%d" % n for n in range(100)),
        b"token=\xff\xfe",
        b"token=%FF%ED%A0%80",
        b"token=%00%0d%0aSet-Cookie:%20a=b",
        "token=ÄÖÜ".encode(),
    ],
)
def test_anything_else_is_told_and_keeps_nobody(office: Office, body: bytes) -> None:
    """The same form with a message, whatever was sent; no cookie, and nothing of it repeated."""
    visitor = Visitor(office)
    answer = visitor.sends_raw("/anmelden", body)
    page = read(answer)
    assert answer.status_code == 422
    assert WRONG in page.text
    assert not visitor.is_signed_in
    assert "falsch" not in answer.text
    assert ("input", "true") in [(tag, attributes.get("aria-invalid")) for tag, attributes in page.elements]


def test_signing_out_forgets_the_token(office: Office) -> None:
    """By a form only: a link could be followed by accident."""
    visitor = Visitor(office).signs_in_as("officer")
    assert visitor.opens("/abmelden").status_code == 405
    assert visitor.is_signed_in
    answer = visitor.sends("/abmelden")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/anmelden")
    assert not visitor.is_signed_in
    assert visitor.opens("/").status_code == 303


@pytest.mark.parametrize("path", ["/anmelden", "/abmelden"])
@pytest.mark.parametrize(
    "origin", [None, "null", "https://elsewhere.example", f"http://{HOST}:81", f"http://{HOST}.elsewhere.example", "http://["]
)
def test_a_form_from_elsewhere_is_refused(office: Office, path: str, origin: str | None) -> None:
    """Neither signs anybody in nor out."""
    stranger, member = Visitor(office), Visitor(office).signs_in_as("lead")
    for visitor in (stranger, member):
        before = visitor.is_signed_in
        answer = visitor.sends(path, origin, token=office.tokens["officer"])
        assert answer.status_code == 403
        assert "Das Formular kam nicht von dieser Seite" in read(answer).text
        assert visitor.is_signed_in == before
        assert "Set-Cookie" not in answer.headers


def test_the_api_takes_no_cookie(office: Office) -> None:
    """What a browser sends along by itself opens no call, so nobody can be made to call."""
    visitor = Visitor(office).signs_in_as("officer")
    assert visitor.opens("/api/v1/pools").status_code == 401
