"""How a "no" reads over HTTP: RFC 9457 problems, with the refusal's code. One table says which status each code has.

A problem repeats no input and no text of an exception, so nothing that a person wrote reaches a log or a receipt.
"""

from http import HTTPStatus
from typing import Any

import msgspec

from domain.refusals import DataErased, Malformed, Refusal
from interfaces.http.replies import Reply, reply

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 2
STREAM_RETRY_AFTER_SECONDS = 30

# A refused rule is 409 unless it stands here.
STATUS_OF_REFUSAL = {"malformed": 422, "key_reused": 422, "not_found": 404, "version_differs": 412}

TITLES = {
    "malformed": "Angaben nicht gültig",
    "key_reused": "Idempotency-Key schon verwendet",
    "not_found": "Nicht gefunden",
    "unknown_request": "Antrag unbekannt",
    "foreign_case": "Fall eines anderen Trägers",
    "version_differs": "Inzwischen geändert",
    "duplicate_id": "Schon anders erfasst",
    "pool_closed": "Stundenpool abgeschlossen",
    "case_closed": "Fall abgeschlossen",
    "outside_period": "Außerhalb des Zeitraums",
    "month_closed": "Monat abgeschlossen",
    "in_future": "Termin in der Zukunft",
    "own_request": "Eigener Antrag",
    "same_officer": "Zweite Person nötig",
    "not_approved": "Nicht bewilligt",
    "settled": "Abgerechnet",
    "already_decided": "Schon entschieden",
    "session_reversed": "Termin storniert",
    "already_closed": "Schon abgeschlossen",
    "reason_missing": "Begründung fehlt",
    "not_a_unit": "Keine ganze Einheit",
    "too_long": "Termin zu lang",
    "over_request": "Mehr als beantragt",
    "over_budget": "Kontingent reicht nicht",
    "below_committed": "Schon vergeben",
    "over_case_cap": "Grenze je Fall erreicht",
    "over_district_quota": "Kontingent des Stadtraums reicht nicht",
    "over_provider_quota": "Kontingent des Trägers reicht nicht",
    "over_grant": "Mehr als bewilligt",
    "out_of_turn": "Außer der Reihe",
    "case_open": "Fall noch offen",
    "data_erased": "Personenbezogenes gelöscht",
    "on_hold": "Löschsperre",
    "not_due": "Noch aufzubewahren",
}


class FieldError(msgspec.Struct, frozen=True):
    """What is wrong at one place of a request, such as ``rules.unit_minutes``."""

    place: str
    message: str


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """The body of every refusal."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: tuple[FieldError, ...] = ()


class Rejected(Exception):
    """A request that is turned away at the edge, before it reaches any rule."""

    def __init__(self, status: int, code: str, title: str, detail: str, **headers: str) -> None:
        super().__init__(code)
        self.problem = Problem(type_of(code), title, status, detail, code)
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


def unauthorized() -> Rejected:
    return Rejected(
        HTTPStatus.UNAUTHORIZED,
        "unauthorized",
        "Anmeldung nötig",
        "Es fehlt ein gültiges Zugangstoken.",
        www_authenticate='Bearer realm="Stundenpool"',
    )


def forbidden() -> Rejected:
    return Rejected(HTTPStatus.FORBIDDEN, "forbidden", "Nicht erlaubt", "Ihre Rolle erlaubt diesen Vorgang nicht.")


def out_of_scope() -> Rejected:
    return Rejected(
        HTTPStatus.FORBIDDEN,
        "out_of_scope",
        "Nicht mit diesem Token",
        "Ihre Rolle erlaubt diesen Vorgang, das Zugangstoken aber nicht: Es gilt nur für einen Teil davon.",
    )


def elsewhere() -> Rejected:
    return Rejected(
        HTTPStatus.FORBIDDEN,
        "elsewhere",
        "Nicht von hier aus",
        "Die Administration geht nur von bestimmten Netzen aus, und diese Anfrage kommt aus keinem davon.",
    )


def too_large() -> Rejected:
    return Rejected(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "too_large",
        "Anfrage zu groß",
        "Eine Anfrage darf höchstens 1 MiB umfassen.",
    )


def too_many_requests(seconds: int) -> Rejected:
    return Rejected(
        HTTPStatus.TOO_MANY_REQUESTS,
        "too_many_requests",
        "Zu viele Anfragen",
        "In kurzer Zeit kamen mehr Anfragen, als der Dienst von einer Stelle annimmt. Bitte später noch einmal versuchen.",
        retry_after=str(seconds),
    )


def method_not_allowed(allowed: str) -> Rejected:
    return Rejected(
        HTTPStatus.METHOD_NOT_ALLOWED,
        "method_not_allowed",
        "Methode nicht erlaubt",
        f"Hier geht nur: {allowed}.",
        allow=allowed,
    )


def unavailable(seconds: int = RETRY_AFTER_SECONDS) -> Rejected:
    return Rejected(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "unavailable",
        "Vorübergehend nicht erreichbar",
        "Ein Teil des Dienstes ist gerade nicht erreichbar. Bitte gleich noch einmal versuchen.",
        retry_after=str(seconds),
    )


def overloaded() -> Rejected:
    return Rejected(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "overloaded",
        "Gerade zu viel zu tun",
        "Es warten schon so viele Vorgänge, wie der Dienst in kurzer Zeit entscheiden kann. Bitte gleich noch einmal versuchen.",
        retry_after=str(RETRY_AFTER_SECONDS),
    )


def too_many_streams() -> Rejected:
    return Rejected(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "too_many_streams",
        "Zu viele folgen dem Protokoll",
        "Dem Protokoll folgen schon so viele, wie dieser Prozess bedienen kann. Bitte später noch einmal versuchen.",
        retry_after=str(STREAM_RETRY_AFTER_SECONDS),
    )


def unexpected() -> Rejected:
    return Rejected(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "unexpected",
        "Unerwarteter Fehler",
        "Der Vorgang ist gescheitert; der Fehler ist vermerkt.",
    )


def erased() -> Rejected:
    """The rule's own refusal, where the keys know of an erasure that the log does not."""
    code = DataErased.code
    return Rejected(
        HTTPStatus.CONFLICT, code, TITLES[code], "Die Angaben zu dieser Person sind gelöscht; dazu wird nichts mehr aufgenommen."
    )


def unreadable() -> Rejected:
    return Rejected(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "seal_broken",
        "Angabe beschädigt",
        "Eine versiegelte Angabe wurde verändert oder steht an falscher Stelle; der Fehler ist vermerkt.",
    )


def type_of(code: str) -> str:
    """The stable identifier of a problem's type."""
    return f"urn:problem-type:stundenpool:{code}"


def status_of(code: str) -> int:
    """The HTTP status of a refusal's code."""
    return STATUS_OF_REFUSAL.get(code, HTTPStatus.CONFLICT)


def problem(refusal: Refusal) -> Problem:
    """How a refusal reads; says the place where a request is malformed."""
    errors: tuple[FieldError, ...] = ()
    if isinstance(refusal, Malformed):
        facts: dict[str, Any] = refusal.facts
        errors = (FieldError(str(facts["place"]), str(facts["problem"])),)
    code = refusal.code
    return Problem(type_of(code), TITLES[code], status_of(code), refusal.message, code, errors)


def problem_bytes(refusal: Refusal) -> bytes:
    """The body that answers a refusal; the same refusal always gives the same bytes."""
    return msgspec.json.encode(problem(refusal))


def rejection(rejected: Rejected) -> Reply:
    """The answer to a request turned away at the edge."""
    headers = [(name.lower().encode(), value.encode()) for name, value in rejected.headers.items()]
    return reply(rejected.problem.status, msgspec.json.encode(rejected.problem), MEDIA_TYPE, *headers)
