"""Any figure that is shown, and the exact events that make it, with proofs that these stand in the log.

A figure has a stable name, which leads back to it years later:

    pool/<id>/consumed?by=district:nord&as_of=2022-03-31&known_at=2022-04-05T12:00:00+02:00
    evaluation/<id>/unmet_minutes?by=provider:traeger-a&known_at=2022-04-05

A balance is the sum of movements, and each is made by one event. A figure of the evaluation is taken of requests, sessions or cases
as they stand, so each of these counts as one part, with all its events that the figure's definition names.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal, NamedTuple, cast, get_args
from urllib.parse import quote, unquote
from uuid import UUID

import msgspec

from application import written
from application.log import Reader, leaf_hash, read_event, rows_at
from application.projections import audit_trail, balances, cases, pools
from application.projections.balances import By, Entry, MovementKind, Place
from application.projections.evaluation import Subject, groups_of, names_of, subjects
from application.projections.figures import FIGURES, GROUPINGS, AnyFigure, Request, distinct, mean, percent, total
from application.proof import checkpoints, merkle, proofs, tree
from application.proof.notes import Checkpoint
from application.proof.proofs import InclusionProof
from application.views import GroupBy, Unit
from domain.booking import SessionConfirmed, SessionCorrected, SessionLogged, SessionReversed
from domain.refusals import Malformed, NotFound

BalanceFigure = Literal["budget", "granted", "released", "consumed", "reserved", "available"]
Counting = Literal["sum", "share", "mean", "quantile"]
Moment = datetime | date

NAME_CHARACTERS_MAX = 1_000

# With which sign each kind of movement counts.
SIGNS: Mapping[BalanceFigure, Mapping[MovementKind, int]] = {
    "budget": {"budget": 1},
    "granted": {"granted": 1},
    "released": {"released": 1},
    "consumed": {"consumed": 1},
    "reserved": {"granted": 1, "released": -1, "consumed": -1},
    "available": {"budget": 1, "granted": -1, "released": 1},
}
UNGROUPED: frozenset[BalanceFigure] = frozenset({"budget", "available"})  # are the pool's alone

LABELS: Mapping[BalanceFigure, str] = {
    "budget": "Kontingent",
    "granted": "bewilligt",
    "released": "zurückgegeben",
    "consumed": "geleistet",
    "reserved": "reserviert",
    "available": "verfügbar",
}
DEFINITIONS: Mapping[BalanceFigure, str] = {
    "budget": "Summe aller Beschlüsse über das Kontingent.",
    "granted": "Summe aller Bewilligungen.",
    "released": "Summe aller Rückgaben.",
    "consumed": "Summe aller Termine mit ihren Korrekturen und Stornos.",
    "reserved": "Bewilligt, weniger zurückgegeben, weniger geleistet.",
    "available": "Kontingent, weniger bewilligt, zuzüglich zurückgegeben.",
}


# ── Names


@dataclass(frozen=True, slots=True)
class OfBalance:
    """A figure of a pool's balance, in both times."""

    pool: UUID
    figure: BalanceFigure
    within: tuple[By, str] | None = None
    as_of: Moment | None = None
    known_at: Moment | None = None

    def __str__(self) -> str:
        return _written(f"pool/{self.pool}/{self.figure}", self.within, as_of=self.as_of, known_at=self.known_at)


@dataclass(frozen=True, slots=True)
class OfEvaluation:
    """A figure of a pool's evaluation."""

    pool: UUID
    figure: str
    within: tuple[GroupBy, str] | None = None
    known_at: Moment | None = None

    def __str__(self) -> str:
        return _written(f"evaluation/{self.pool}/{self.figure}", self.within, known_at=self.known_at)


Figure = OfBalance | OfEvaluation


def figure_of(name: str) -> Figure:
    """The figure of a name; raises ``Malformed``."""
    path, _, query = name.partition("?")
    kind, pool, figure = _three(path)
    facts = _facts(query)
    match kind:
        case "pool":
            if figure not in SIGNS:
                raise _malformed(f"unter pool/ gibt es {', '.join(SIGNS)}")
            within = _within(facts.pop("by", None), get_args(By) if figure not in UNGROUPED else ())
            found: Figure = OfBalance(pool, figure, within, _moment(facts.pop("as_of", None)), _moment(facts.pop("known_at", None)))
        case "evaluation":
            if figure not in _EVALUATED:
                raise _malformed("unter evaluation/ gibt es die Kennzahlen der Auswertung mit ihrem Namen in „figure“")
            within = _within(facts.pop("by", None), get_args(GroupBy))
            found = OfEvaluation(pool, figure, within, _moment(facts.pop("known_at", None)))
        case _:
            raise _malformed("beginnt mit pool/ oder evaluation/")
    if facts:
        raise _malformed("nach dem Fragezeichen gibt es by= und known_at=, bei Salden auch as_of=")
    return found


def _three(path: str) -> tuple[str, UUID, Any]:
    try:
        kind, pool, figure = path.split("/")
        return kind, UUID(pool), figure
    except ValueError:
        raise _malformed("hat die Form pool/<Kennung>/<Zahl>, wie pool/…/consumed?by=district:nord") from None


def _facts(query: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for fact in filter(None, query.split("&")):
        name, _, quoted = fact.partition("=")
        value = unquote(quoted)
        if name in found or not value or not value.isprintable():
            raise _malformed("jede Angabe hinter dem Fragezeichen steht einmal da und hat einen lesbaren Wert")
        found[name] = value
    return found


def _within(stated: str | None, possible: Sequence[str]) -> Any:
    if stated is None:
        return None
    by, _, key = stated.partition(":")
    if by not in possible or not key:
        raise _malformed(f"by= nennt Gliederung und Gruppe, wie district:nord; möglich sind {', '.join(possible) or 'hier keine'}")
    return by, key


def _moment(stated: str | None) -> Moment | None:
    if stated is None:
        return None
    try:
        found = written.instant(stated)
    except written.Malformed as problem:
        raise _malformed(str(problem)) from None
    return found if ":" in stated else found.date()


def _written(path: str, within: tuple[str, str] | None, **moments: Moment | None) -> str:
    facts = {"by": within and ":".join(within)} | {name: moment and moment.isoformat() for name, moment in moments.items()}
    query = "&".join(f"{name}={quote(value, safe=':')}" for name, value in facts.items() if value)
    return f"{path}?{query}" if query else path


def _malformed(problem: str) -> Malformed:
    return Malformed(place="figure", problem=problem)


# ── What explains them


class EventPlace(msgspec.Struct, frozen=True):
    """An event, by its position in the log."""

    position: int
    type: str


class Part(msgspec.Struct, frozen=True):
    """What counts towards a figure, signed, with the events that make it so; ``of`` is the whole of a share.

    ``day`` is the one on which a movement of minutes is effective.
    """

    amount: int
    of: int | None
    events: tuple[EventPlace, ...]
    day: date | None
    case: UUID | None
    reference: str | None
    booking: UUID | None
    session: UUID | None
    provider: str | None
    district: str | None


class Explanation(msgspec.Struct, frozen=True):
    """A figure, what it means, and the parts it is made of, the last recorded first.

    ``counting`` says how: all parts add up to the ``value``, or it is their share, mean or quantile, as the definition says.
    ``next`` is the ``after`` of the parts that follow.
    """

    figure: str
    label: str
    definition: str
    unit: Unit
    counting: Counting
    value: int | None
    parts: tuple[Part, ...]
    next: str | None


class ProvenExplanation(Explanation, frozen=True):
    """The same with a proof for each event, in the log of this size and root."""

    size: int
    root: bytes
    proofs: tuple[InclusionProof, ...]


def explain(
    reader: Reader, figure: Figure, *, provider: str | None = None, after: str | None = None, limit: int | None
) -> Explanation:
    """What a figure is made of. A ``provider`` is shown its own parts, and no figure of others but the pool's; raises ``NotFound``.

    A figure of the evaluation as it was known is read by the reader of that past. What is behind ``after`` follows; without a
    ``limit`` all of it.
    """
    pools.must_exist(reader, figure.pool)
    before = _place(after)
    match figure:
        case OfBalance():
            return _explain_balance(reader, figure, provider, before, limit)
        case OfEvaluation():
            if provider is not None:
                raise NotFound()
            return _explain_evaluation(reader, figure, before, limit)


def prove(reader: Reader, explanation: Explanation) -> ProvenExplanation:
    """Adds the proofs, from the log as it is."""
    size = tree.stored_size(reader)
    facts = {name: getattr(explanation, name) for name in Explanation.__struct_fields__}
    return ProvenExplanation(
        **facts, size=size, root=tree.root(reader, size), proofs=tuple(proofs.inclusions(reader, _positions(explanation), size))
    )


class Leaf(NamedTuple):
    """An event as the tree has it."""

    position: int
    type: str
    recorded_at: datetime
    hash: bytes


class Witness(NamedTuple):
    """The last checkpoint that was issued, and the leaves of the events behind a figure.

    ``holds`` says whether the path of each leaf that is older leads to the root of the checkpoint.
    """

    checkpoint: Checkpoint | None
    leaves: tuple[Leaf, ...]
    holds: bool


def witness(log: Reader, explanation: Explanation) -> Witness:
    """What those can check an explanation against who hold that checkpoint."""
    positions = _positions(explanation)
    leaves = {row.id: Leaf(row.id, row.topic, read_event(row).recorded_at, leaf_hash(row)) for row in rows_at(log, positions)}
    try:
        checkpoint = checkpoints.latest(log)
        holds = checkpoint is None or _stand_in(log, checkpoint, positions, leaves)
    except tree.LogDiffers:
        checkpoint, holds = None, False
    return Witness(checkpoint, tuple(leaves.values()), holds)


def _stand_in(log: Reader, checkpoint: Checkpoint, positions: Sequence[int], leaves: Mapping[int, Leaf]) -> bool:
    """Whether all that had been recorded when the checkpoint was issued stands in its log."""
    size, root = checkpoint.size, checkpoint.root
    found = proofs.inclusions(log, [position for position in positions if position <= size], size)
    return all(merkle.includes(root, size, each.position - 1, leaves[each.position].hash, each.path) for each in found)


def _positions(explanation: Explanation) -> list[int]:
    return sorted({event.position for part in explanation.parts for event in part.events})


def _place(after: str | None) -> Place | None:
    if after is None:
        return None
    position, _, seq = after.partition("-")
    try:
        return Place(int(position), int(seq or 0))
    except ValueError:
        raise Malformed(place="after", problem="kein Wert, den eine Erklärung als „next“ genannt hat") from None


# ── Balances


def _explain_balance(
    reader: Reader, figure: OfBalance, provider: str | None, before: Place | None, limit: int | None
) -> Explanation:
    if provider is not None and figure.within is not None and figure.within[0] == "provider" and figure.within[1] != provider:
        raise NotFound()
    signs = SIGNS[figure.figure]
    found = balances.movements(
        reader,
        figure.pool,
        set(signs),
        figure.as_of,
        figure.known_at,
        figure.within,
        through=_stands_at_the_end(figure),
        provider=provider,
        before=before,
        limit=None if limit is None else limit + 1,
    )
    shown = found if limit is None else found[:limit]
    types = audit_trail.types_at(reader, [entry.position for entry in shown])
    return Explanation(
        figure=str(figure),
        label=LABELS[figure.figure],
        definition=DEFINITIONS[figure.figure],
        unit="minutes",
        counting="sum",
        value=_value(reader, figure, provider),
        parts=tuple(_moved(entry, signs[entry.kind], types[entry.position]) for entry in shown),
        next=f"{shown[-1].position}-{shown[-1].seq}" if len(shown) < len(found) else None,
    )


def _stands_at_the_end(figure: OfBalance) -> bool:
    """What is reserved in a month is what stands at its end, so all months before have made it."""
    return figure.figure == "reserved" and figure.within is not None and figure.within[0] == "month"


def _value(reader: Reader, figure: OfBalance, provider: str | None) -> int:
    """The figure as the balance says it."""
    by, key = figure.within or (None, "")
    found = balances.balance(reader, figure.pool, figure.as_of, figure.known_at, by, provider)
    if by is None:
        return int(getattr(found, figure.figure))
    groups = found.groups or ()
    if _stands_at_the_end(figure):
        return next((group.reserved for group in reversed(groups) if group.key <= key), 0)
    return next((int(getattr(group, figure.figure)) for group in groups if group.key == key), 0)


def _moved(entry: Entry, sign: int, type: str) -> Part:
    return Part(
        amount=sign * entry.minutes,
        of=None,
        events=(EventPlace(entry.position, type),),
        day=entry.day,
        case=entry.case,
        reference=entry.reference,
        booking=entry.booking,
        session=None,
        provider=entry.provider,
        district=entry.district,
    )


# ── The evaluation

_EVALUATED: Mapping[str, AnyFigure] = {figure.id: figure for figure in FIGURES}
_COUNTINGS: Mapping[Callable[..., Any], Counting] = {total: "sum", distinct: "sum", percent: "share", mean: "mean"}
_SESSION_TYPES = frozenset(names_of((SessionLogged, SessionCorrected, SessionReversed, SessionConfirmed)))


class _Counted(NamedTuple):
    subject: Subject
    amount: int
    of: int | None


def _explain_evaluation(reader: Reader, figure: OfEvaluation, before: Place | None, limit: int | None) -> Explanation:
    evaluated = _EVALUATED[figure.figure]
    counted, amounts = _counted(reader, figure, evaluated)
    rest = [each for each in reversed(counted) if before is None or each.subject.position < before.position]
    shown = rest[:limit]
    return Explanation(
        figure=str(figure),
        label=evaluated.label,
        definition=evaluated.definition,
        unit=evaluated.unit,
        counting=_COUNTINGS.get(evaluated.sum_up, "quantile"),
        value=evaluated.sum_up(amounts),
        parts=_counted_parts(reader, figure, evaluated, shown),
        next=str(shown[-1].subject.position) if len(shown) < len(rest) else None,
    )


def _counted(reader: Reader, figure: OfEvaluation, evaluated: AnyFigure) -> tuple[list[_Counted], list[Any]]:
    """Everything that counts, and the amounts as the figure sums them up. Of what counts once, the first one does."""
    counted, amounts = list[_Counted](), list[Any]()
    for subject in subjects(reader, figure.pool, evaluated.of):
        amount = evaluated.take(subject.counts)
        if amount is None or (figure.within and groups_of(evaluated, subject.counts)[figure.within[0]] != figure.within[1]):
            continue
        match amount:
            case str():
                counted.append(_Counted(subject, int(amount not in amounts), None))
            case (part, whole):
                counted.append(_Counted(subject, part, whole))
            case _:
                counted.append(_Counted(subject, amount, None))
        amounts.append(amount)
    return counted, amounts


def _counted_parts(reader: Reader, figure: OfEvaluation, evaluated: AnyFigure, shown: Sequence[_Counted]) -> tuple[Part, ...]:
    by = figure.within[0] if figure.within else None
    grouping = next((each.events for each in GROUPINGS if each.by == by), ())
    types = names_of(dict.fromkeys((*evaluated.events, *grouping)))
    references = cases.references(reader, {UUID(each.subject.case) for each in shown})
    events = _events_of(reader, figure.pool, [each.subject for each in shown], types)
    return tuple(
        Part(
            amount=each.amount,
            of=each.of,
            events=made_by,
            day=None,
            case=UUID(each.subject.case),
            reference=references[UUID(each.subject.case)],
            booking=_id(each.subject.booking),
            session=_id(each.subject.session),
            provider=each.subject.counts.where.provider,
            district=each.subject.counts.where.district,
        )
        for each, made_by in zip(shown, events, strict=True)
    )


def _events_of(reader: Reader, pool: UUID, some: Sequence[Subject], types: Sequence[str]) -> list[tuple[EventPlace, ...]]:
    """The events of each subject's case and booking that are of these types; of those about sessions, only of its own."""
    about = dict.fromkeys(stream for each in some for stream in (each.case, each.booking) if stream)
    found: dict[str, list[EventPlace]] = {}
    for stream, position, type in audit_trail.places_about(reader, [*about, str(pool)], types):
        found.setdefault(stream, []).append(EventPlace(position, type))
    of_sessions = [each.position for stream in found.values() for each in stream if each.type in _SESSION_TYPES]
    session_at = {
        event.position: str(cast(Any, event.data).session) for event in audit_trail.events_at(reader, sorted(of_sessions))
    }
    made_by = []
    for each in some:
        ended = isinstance(each.counts, Request) and each.counts.unanswered  # by the end of the pool, where it has ended
        streams = [each.case, each.booking, str(pool) if ended else None]
        places = [place for stream in streams if stream for place in found.get(stream, ())]
        if each.session is not None:
            places = [place for place in places if session_at.get(place.position, each.session) == each.session]
        made_by.append(tuple(sorted(places, key=lambda place: place.position)))
    return made_by


def _id(text: str | None) -> UUID | None:
    return None if text is None else UUID(text)
