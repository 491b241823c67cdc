"""The log from outside: events in the CloudEvents envelope, and the audit trail as German lines."""

from application.projections import audit_trail
from application.views import TrailEntry
from interfaces.cloudevents import EventView, event_view
from interfaces.http import parameters
from interfaces.http.operations import READING, Asking, Feed, Operation, Page, Query
from interfaces.http.policies import AUDIT, CASEWORK


def list_events(asking: Asking, wanted: parameters.EventsAfter) -> Page[EventView]:
    found = audit_trail.events(asking.reader, provider=asking.provider, after=wanted.after, limit=wanted.limit + 1)
    shown = found[: wanted.limit]
    return Page(tuple(event_view(event) for event in shown), str(shown[-1].position) if len(found) > len(shown) else None)


def get_trail(asking: Asking, wanted: parameters.TrailOf) -> Page[TrailEntry]:
    return Page(
        *audit_trail.trail(
            asking.reader,
            pool=wanted.pool,
            case=wanted.case,
            booking=wanted.booking,
            actor=wanted.actor,
            provider=asking.provider,
            after=wanted.after,
            limit=wanted.limit,
            opening=asking.opening,
        )
    )


OPERATIONS: tuple[Operation, ...] = (
    Query(
        path="/events",
        policy=CASEWORK,
        summary="Ereignisse in der Reihenfolge des Protokolls",
        note="Ein Träger sieht, was ihn betrifft. Personenbezogene Felder sind null.",
        read=list_events,
        parameters=parameters.EventsAfter,
        view=EventView,
        paged=True,
    ),
    Feed(
        path="/events/stream",
        name="follow_events",
        policy=CASEWORK,
        summary="Ereignisse, sobald sie im Protokoll stehen",
        note="Server-Sent Events: id ist die Position, event der Typ, data das Ereignis wie unter /events. Alle 15 Sekunden ohne "
        "Ereignis kommt ein Kommentar. Der Strom endet, wenn das Token nicht mehr gilt oder der Dienst endet; mit Last-Event-ID "
        "geht er lückenlos weiter.",
        parameters=parameters.EventsFrom,
        view=EventView,
    ),
    Query(
        path="/audit/trail",
        policy=AUDIT,
        summary="Prüfpfad: wer wann was woran warum tat",
        note="Begründungen werden dafür geöffnet; wer sie wann gelesen hat, wird festgehalten.",
        read=get_trail,
        parameters=parameters.TrailOf,
        view=TrailEntry,
        paged=True,
        opens_texts=READING,
    ),
)
