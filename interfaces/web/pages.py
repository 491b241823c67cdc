"""The pages, declared like the operations of the API: who may open each stands beside it."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, TypeVar, get_args
from urllib.parse import urlencode
from uuid import UUID, uuid4

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from application import written
from application.explain import LABELS, OfBalance, OfEvaluation
from application.projections.trail_lines import GROUNDS, RETENTION_CLASSES, name_of
from application.reads import FORMS, PURPOSES, Occasion
from domain.quantities import Actor, Role, berlin_day
from domain.refusals import Malformed, Refusal
from interfaces import logs
from interfaces.http import problems, rates
from interfaces.http.edge import rejected_by
from interfaces.http.judging import judged, single_values
from interfaces.http.operations import READING, Asking
from interfaces.http.policies import AUDIT, AUDIT_AND_LEADS, AUDITORS, CASEWORK, OFFICERS, REPORTS, Policy
from interfaces.http.problems import Problem, Rejected
from interfaces.http.resources import Api, path_ids
from interfaces.identity import oidc
from interfaces.identity.people import OFFICE
from interfaces.identity.sessions import Seen, Session
from interfaces.web import charts, formats, forms, session
from interfaces.web.erasures import CalendarShown, ErasureForm, ErasureShown, calendar, erasure
from interfaces.web.evaluation import EvaluationShown, evaluation_page, group_name
from interfaces.web.findings import (
    COMMANDS,
    RAISING,
    TEXTS,
    TITLES,
    DeedForm,
    FindingShown,
    FindingsShown,
    RaisingForm,
    finding,
    findings,
    positions,
)
from interfaces.web.messages import counted, message
from interfaces.web.overview import Times, may_see_figures, may_see_other_times, overview
from interfaces.web.reads import ReadsShown, list_reads
from interfaces.web.story import MANNERS, ComparisonShown, StoryShown, compared, story_of
from interfaces.web.trace import FigureShown, trace

T = TypeVar("T")

STATIC = Path(__file__).parent / "static"
ASSETS = "/assets"
OVERVIEW, EVALUATION, TRACE = "/", "/auswertung", "/nachweis"
FINDINGS, FINDING, STORY, COMPARISON = "/feststellungen", "/feststellung", "/geschichte", "/vergleich"
READS = "/einsichten"
CALENDAR, ERASURE = "/loeschen", "/loeschen/fall"
SIGN_IN, SIGN_OUT, ACCOUNT = "/anmeldung", "/abmelden", "/konto"

# Beside what every answer has.
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; font-src 'self'; img-src 'self' data:; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "same-origin",  # with no-referrer, browsers would not name the origin of a form
}


@dataclass(frozen=True, slots=True)
class Visit:
    """A request for a page, its session, and who is signed in."""

    api: Api
    request: Request
    session: Session | None
    actor: Actor | None

    @property
    def address(self) -> str:
        """Where it comes from."""
        return session.address_of(self.request)

    @property
    def browser(self) -> str:
        """What the request comes from."""
        return session.browser_of(self.request)

    @property
    def visitor(self) -> Actor:
        """Who is signed in: a page with a policy lets nobody else in."""
        assert self.actor is not None, "the policy lets nobody in who is not signed in"
        return self.actor

    def wanted(self, kind: type[T]) -> T:
        """What the query asks for; raises ``Malformed``."""
        return judged(single_values(self.request.query_params.multi_items()), kind, strict=False)

    async def form(self, kind: type[T]) -> T:
        """The form that was sent; raises ``Malformed``."""
        return judged(await forms.fields(self.request), kind, strict=False)

    async def page(
        self,
        template: str,
        show: Callable[[Asking], Any],
        *,
        known_at: datetime | date | None = None,
        status: int = 200,
        **more: Any,
    ) -> Response:
        """A page of what is found in one snapshot, as it was known then; ``show`` gives ``None`` where there is no pool yet."""

        def read() -> Response:
            with self.api.service.store.reading() as reader:
                shown = show(self.api.asking(self.visitor, reader, known_at))
            if shown is None:
                return page("notice.html", self.visitor, notice="no_pool")
            return page(template, self.visitor, status, shown=shown, **more)

        return await self.api.reading(read)


Answering = Callable[[Visit], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Page:
    """A page and what it answers to each method; ``None`` in place of a policy opens it to everybody.

    To one that is ``for_systems`` no browser sends anything, so it is not asked where a form comes from.
    """

    path: str
    policy: Policy | None
    answers: Mapping[str, Answering]
    for_systems: bool = False


class PageResource:
    """One page, as an ASGI application."""

    def __init__(self, api: Api, page: Page) -> None:
        self.page = page
        self.path = page.path
        self._api = api

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            response = await self._answer(request)
        except Refusal as refusal:
            response = _problem_page(problems.problem(refusal))
        except Exception as error:
            rejected = rejected_by(error)
            response = _problem_page(rejected.problem, rejected.headers)
        response.headers.update(HEADERS)
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        answering = self.page.answers.get("GET" if request.method == "HEAD" else request.method)
        if answering is None:
            raise problems.method_not_allowed(", ".join(self.page.answers))
        if request.method == "POST" and not self.page.for_systems and not session.from_here(request):
            raise Rejected(403, "foreign_origin", message("problem.foreign_origin.title"), message("problem.foreign_origin"))
        seen = await self._api.sessions.look(session.cookie_of(request))
        response = await self._answer_to(Visit(self._api, request, *_who(seen)), answering)
        if seen is not None and seen.renewed is not None and "set-cookie" not in response.headers:
            session.keep(response, seen.renewed, request)
        return response

    async def _answer_to(self, visit: Visit, answering: Answering) -> Response:
        if visit.actor is not None:
            self._api.rates.admit_account(visit.actor, rates.counted_as(visit.request.scope))
        if self.page.policy is not None:
            if visit.actor is None:
                return RedirectResponse(SIGN_IN, 303)
            self._api.demand_network(visit.actor, visit.address)
            if visit.actor.role not in self.page.policy:
                raise problems.forbidden()
        return await answering(visit)


def _who(seen: Seen | None) -> tuple[Session | None, Actor | None]:
    """Nobody is signed in who has only come half the way."""
    if seen is None:
        return None, None
    return seen.session, seen.session.actor if seen.session.stage == "open" else None


# ── What the pages answer


async def _overview(visit: Visit) -> Response:
    """The pool that the query names, or the current one."""
    actor, wanted = visit.visitor, visit.request.query_params.get("pool")
    if not may_see_figures(actor):
        return page("notice.html", actor, notice="no_figures")
    pool = _id(wanted) if wanted else None
    times = _times(visit.request.query_params)
    if times is not None and not may_see_other_times(actor):
        raise problems.forbidden()

    known_at = times.known_at if times else None
    return await visit.page("overview.html", lambda asking: overview(asking, pool, times), known_at=known_at)


def _times(stated: Mapping[str, str]) -> Times | None:
    """The two times, as people write them; ``None`` where it is today."""
    as_of, known_at = (_moment(stated.get(name), name) for name in ("as_of", "known_at"))
    return None if as_of is None and known_at is None else Times(as_of, known_at)


def _moment(stated: str | None, name: str) -> datetime | date | None:
    if stated is None or not stated.strip():
        return None
    try:
        found = written.instant(stated.strip())
    except written.Malformed as problem:
        raise Malformed(place=message(f"times.{name}"), problem=str(problem)) from None
    return found if ":" in stated else found.date()


def _id(stated: str) -> UUID:
    [found] = path_ids({"pool": stated})
    assert isinstance(found, UUID), "only months of a path are no UUID"
    return found


async def _trace(visit: Visit) -> Response:
    """Where a figure comes from. A balance knows both times by itself."""
    wanted = visit.wanted(FigureShown)
    figure = wanted.at(_moment(wanted.as_of, "as_of"), _moment(wanted.known_at, "known_at"))
    known_at = figure.known_at if isinstance(figure, OfEvaluation) else None
    return await visit.page("trace.html", lambda asking: trace(asking, figure, wanted.after), known_at=known_at)


async def _evaluation(visit: Visit) -> Response:
    """The figures of the evaluation."""
    wanted = visit.wanted(EvaluationShown)
    known_at = _moment(wanted.known_at, "known_at")
    return await visit.page("evaluation.html", lambda asking: evaluation_page(asking, wanted, known_at), known_at=known_at)


async def _findings(visit: Visit) -> Response:
    """What an auditor should look at, and a provider say something to."""
    return await _findings_page(visit, visit.wanted(FindingsShown))


async def _findings_page(
    visit: Visit, wanted: FindingsShown, status: int = 200, *, wrong: str | None = None, said: RaisingForm | None = None
) -> Response:
    known_at = _moment(wanted.known_at, "known_at")
    return await visit.page(
        "findings.html",
        lambda asking: findings(asking, wanted, known_at),
        known_at=known_at,
        status=status,
        key=uuid4(),
        wrong=wrong,
        said=said,
    )


async def _raise(visit: Visit) -> Response:
    """An auditor opens a finding of their own."""
    form = await visit.form(RaisingForm)
    if visit.visitor.role not in RAISING.policy:
        raise problems.forbidden()
    said = {"pool": str(form.pool), "note": form.note}
    said |= {name: text for name in ("provider", "worker") if (text := getattr(form, name).strip())}
    wrong = await forms.decided(visit.api, visit.visitor, RAISING, (), said, form.key)
    if wrong is None:
        return RedirectResponse(f"{FINDINGS}?{urlencode({'pool': form.pool, 'state': 'open'})}", 303)
    return await _findings_page(visit, FindingsShown(form.pool), 422, wrong=wrong, said=form)


async def _reads(visit: Visit) -> Response:
    """Who read whose texts. None is opened for it."""
    wanted = visit.wanted(ReadsShown)
    return await visit.page("reads.html", lambda asking: list_reads(asking, wanted))


async def _finding(visit: Visit) -> Response:
    """One finding: what it rests on, what was done to it, and what can be."""
    wanted = visit.wanted(FindingShown)
    known_at = _moment(wanted.known_at, "known_at")
    return await (_finding_with_texts if wanted.texts else _finding_page)(visit, wanted.finding, known_at)


async def _finding_with_texts(visit: Visit, id: UUID, known_at: datetime | date | None) -> Response:
    """The page goes out once it is recorded who read whose texts."""
    actor, api = visit.visitor, visit.api
    occasion = Occasion(actor, f"GET {FINDING}", READING[actor.role], visit.address, logs.request_id.get())

    def read() -> Response:
        with api.recording(occasion) as (reader, opener):
            shown = finding(api.asking(actor, reader, known_at, opener), id, texts=True, known_at=known_at)
        return page("finding.html", actor, shown=shown, key=uuid4(), wrong=None, said=None)

    return await api.reading(read)


async def _finding_page(
    visit: Visit,
    id: UUID,
    known_at: datetime | date | None = None,
    status: int = 200,
    *,
    wrong: str | None = None,
    said: DeedForm | None = None,
) -> Response:
    return await visit.page(
        "finding.html",
        lambda asking: finding(asking, id, known_at=known_at),
        known_at=known_at,
        status=status,
        key=uuid4(),
        wrong=wrong,
        said=said,
    )


async def _handle(visit: Visit) -> Response:
    """Somebody opens, explains, confirms or closes a finding."""
    form = await visit.form(DeedForm)
    command = COMMANDS[form.deed]
    if visit.visitor.role not in command.policy:
        raise problems.forbidden()
    said = {TEXTS[form.deed]: form.text}
    wrong = await forms.decided(visit.api, visit.visitor, command, [form.finding], said, form.key)
    if wrong is None:
        return RedirectResponse(f"{FINDING}?{urlencode({'finding': form.finding})}", 303)
    return await _finding_page(visit, form.finding, status=422, wrong=wrong, said=form)


async def _story(visit: Visit) -> Response:
    """What happened to a case, a booking or a pool, or by and to a worker."""
    wanted = visit.wanted(StoryShown)
    known_at = _moment(wanted.known_at, "known_at")
    return await visit.page("story.html", lambda asking: story_of(asking, wanted, known_at), known_at=known_at)


async def _comparison(visit: Visit) -> Response:
    """Two instants compared."""
    wanted = visit.wanted(ComparisonShown)
    first, second = _moment(wanted.from_, "from"), _moment(wanted.to, "to")
    return await visit.page("comparison.html", lambda asking: compared(asking, wanted, first, second))


async def _calendar(visit: Visit) -> Response:
    """Whose data are due, or in hand. None of their texts is opened."""
    wanted = visit.wanted(CalendarShown)
    on = _moment(wanted.on, "on")
    return await visit.page("calendar.html", lambda asking: calendar(asking, wanted, on))


async def _erasure(visit: Visit) -> Response:
    """How it stands with one person's data, and what can be done."""
    return await _erasure_page(visit, visit.wanted(ErasureShown).case)


async def _erasure_page(
    visit: Visit, case: UUID, status: int = 200, *, wrong: str | None = None, said: ErasureForm | None = None
) -> Response:
    return await visit.page(
        "erasure.html", lambda asking: erasure(asking, case), status=status, key=uuid4(), wrong=wrong, said=said
    )


async def _decide_erasure(visit: Visit) -> Response:
    """Somebody requests an erasure, agrees to it, takes it back, or sets or lifts a hold."""
    form = await visit.form(ErasureForm)
    if form.complete:
        wrong = await forms.decided(visit.api, visit.visitor, form.command, [form.case], form.body(), form.key, form.version)
    else:
        wrong = message("erasure.incomplete")
    if wrong is None:
        return RedirectResponse(f"{ERASURE}?{urlencode({'case': form.case})}", 303)
    return await _erasure_page(visit, form.case, 422, wrong=wrong, said=form)


PAGES = (
    Page(OVERVIEW, frozenset(get_args(Role)), {"GET": _overview}),
    Page(EVALUATION, REPORTS, {"GET": _evaluation}),
    Page(TRACE, CASEWORK, {"GET": _trace}),
    Page(FINDINGS, AUDIT_AND_LEADS, {"GET": _findings, "POST": _raise}),
    Page(FINDING, AUDIT_AND_LEADS, {"GET": _finding, "POST": _handle}),
    Page(STORY, AUDIT, {"GET": _story}),
    Page(COMPARISON, AUDIT, {"GET": _comparison}),
    Page(READS, AUDITORS, {"GET": _reads}),
    Page(CALENDAR, OFFICERS, {"GET": _calendar}),
    Page(ERASURE, OFFICERS, {"GET": _erasure, "POST": _decide_erasure}),
)


# What the menu leads to: the title of each page, and whether it is about one pool, so that it keeps to the one that is shown.
_MENU = {
    OVERVIEW: ("menu.overview", True),
    EVALUATION: ("menu.evaluation", True),
    COMPARISON: ("menu.comparison", True),
    FINDINGS: ("menu.findings", True),
    STORY: ("menu.story", False),
    READS: ("menu.reads", False),
    CALENDAR: ("menu.calendar", False),
}


def menu(actor: Actor, pool: UUID | None) -> list[tuple[str, str, str]]:
    """Path, address and title of the pages that the actor may open."""
    about = "" if pool is None else f"?{urlencode({'pool': pool})}"
    open_to = {each.path for each in PAGES if each.policy is not None and actor.role in each.policy}
    return [
        (path, path + about if of_pool else path, message(title)) for path, (title, of_pool) in _MENU.items() if path in open_to
    ]


def routes(api: Api, pages: Iterable[Page]) -> list[BaseRoute]:
    """The pages, and what they are made of."""
    return [*(Route(page.path, PageResource(api, page)) for page in pages), Mount(ASSETS, Assets(directory=STATIC))]


class Assets(StaticFiles):
    """Style sheets, fonts and the scripts of the documentation; a browser asks each time whether they are still the same."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers["Cache-Control"] = "no-cache"
        return response


# ── How they are written


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("interfaces.web"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    filters = {
        "hours": formats.hours,
        "berlin_day": berlin_day,
        "day": formats.day,
        "moment": formats.moment,
        "number": formats.number,
        "amount": formats.amount,
        "at": formats.at,
        "exact": formats.exact,
        "base64": formats.base64,
    }
    environment.filters.update(filters)
    environment.globals.update(
        t=message,
        counted=counted,
        percent=formats.percent,
        kinds=list(charts.KINDS),
        plot_height=charts.PLOT_HEIGHT,
        office=OFFICE,
        assets=ASSETS,
        menu=menu,
        overview_path=OVERVIEW,
        evaluation_path=EVALUATION,
        trace_path=TRACE,
        figure_name=OfBalance,
        evaluated_name=OfEvaluation,
        group_name=group_name,
        event_name=name_of,
        findings_path=FINDINGS,
        finding_path=FINDING,
        story_path=STORY,
        comparison_path=COMPARISON,
        manners=MANNERS,
        person=_person,
        movement_names=LABELS,
        reads_path=READS,
        calendar_path=CALENDAR,
        erasure_path=ERASURE,
        classes=RETENTION_CLASSES,
        grounds=GROUNDS,
        purposes=PURPOSES,
        forms=FORMS,
        titles=TITLES,
        positions=positions,
        casework=CASEWORK,
        audit=AUDIT,
        auditors=AUDITORS,
        officers=OFFICERS,
        sign_in_path=SIGN_IN,
        sign_out_path=SIGN_OUT,
        account_path=ACCOUNT,
        elsewhere_path=oidc.BEGIN,
    )
    return environment


def _person(actor: Actor) -> str:
    """Who acted, in which role and for whom."""
    organisation = message("office") if actor.organisation == OFFICE else actor.organisation
    return f"{actor.subject} ({message('person', role=message(f'role.{actor.role}'), organisation=organisation)})"


_TEMPLATES = _environment()


def page(template: str, actor: Actor | None, status: int = 200, **shown: Any) -> Response:
    """A page as it is for somebody."""
    return Response(_TEMPLATES.get_template(template).render(actor=actor, **shown), status, media_type="text/html")


def _problem_page(problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    response = page("problem.html", None, problem.status, problem=problem)
    response.headers.update(headers or {})
    return response
