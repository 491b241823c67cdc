"""Cases, from their arrival to their end."""

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from uuid import UUID

from application import commands
from domain.quantities import berlin_day
from interfaces.demo import city
from interfaces.demo.city import PROVIDERS, Provider
from interfaces.demo.days import at_desk, is_working_day, pace, start_of
from interfaces.demo.decisions import officer_of, request
from interfaces.demo.sessions import use
from interfaces.demo.setting import CASES_A_DAY, CLOCK, OUTCOMES
from interfaces.demo.telling import Accompanied, Life, Telling


def drawn_arrivals(story: Telling) -> Iterator[tuple[date, Provider, str]]:
    """On which day which case arrives, and at whose door."""
    day = date(2021, 11, 8)
    while day < berlin_day(CLOCK):
        expected = CASES_A_DAY[f"{day:%Y-%m}"] * (pace(day) if is_working_day(day) else 0)
        for _ in range(int(expected + story.random.random())):
            [provider] = story.random.choices(PROVIDERS, [provider.share for provider in PROVIDERS])
            yield day, provider, f"F-{story.ids.getrandbits(32):08X}"
        day += timedelta(days=1)


def arrivals(story: Telling, arriving: Iterable[tuple[date, Provider, str]]) -> Life:
    """New cases, day by day: slowly at first, few in holidays."""
    for day, provider, reference in arriving:
        yield start_of(day) + timedelta(hours=6)
        story.begin(accompaniment(story, provider, reference))


def accompaniment(story: Telling, provider: Provider, reference: str) -> Life:
    """One case, from its opening to its end."""
    yield at_desk(story.random, story.today)
    case = open_case(story, provider, reference)
    if story.chance(0.06):
        story.begin(amendment(story, case))
    rounds = story.weighted({1: 62, 2: 30, 3: 8})
    handed_over = story.chance(0.02)
    for number in range(rounds):
        yield story.working_days_on(story.random.choice((0, 0, 0, 1, 2, 4)))
        granted = yield from request(story, case, follow_up=number > 0)
        if not granted:
            break
        yield from use(story, case, granted)
        if handed_over and number == 0:
            yield from transfer(story, case)
    yield story.working_days_on(story.random.randint(2, 15))
    if story.chance(0.8):
        yield from end_case(story, case)


def open_case(story: Telling, provider: Provider, reference: str) -> Accompanied:
    worker = provider.worker(story.random.randint(1, provider.workers))
    person = city.person(story.random)
    district, concern = story.said(provider.districts), story.random.choice(provider.concerns)
    opened = story.do(
        worker,
        commands.open_case,
        pool=story.pool,
        provider=provider.id,
        reference=reference,
        offer=story.said(provider.offers),
        district=district,
        service_area=story.random.choice(provider.areas),
        concern=concern,
        name=person.name,
        birth_year=person.birth_year,
        contact=person.contact,
        notes=person.notes,
    )
    case = Accompanied(UUID(opened["id"]), provider, worker, district, concern, flat=story.chance(0.012))
    story.cases.append(case)
    return case


def amendment(story: Telling, case: Accompanied) -> Life:
    yield story.working_days_on(story.random.randint(1, 20))
    changed = story.random.choice(
        ({"contact": f"030 23125 {story.random.randrange(1000):03}"}, {"concern": "other"}, {"notes": "Erreichbar ab 15 Uhr."})
    )
    story.do(case.provider.lead, commands.amend_case, case.id, reason=story.said(city.AMENDMENT_REASONS), **changed)


def transfer(story: Telling, case: Accompanied) -> Life:
    """To another provider that works in the district, or to any other."""
    yield story.working_days_on(2)
    yield from story.while_exhausted()
    others = [provider for provider in PROVIDERS if provider.id != case.provider.id]
    near = [provider for provider in others if case.district in provider.districts]
    case.provider = story.random.choice(near or others)
    case.worker = case.provider.worker(story.random.randint(1, case.provider.workers))
    reason = story.said(city.TRANSFER_REASONS)
    story.do(officer_of(story, case), commands.transfer_case, case.id, provider=case.provider.id, reason=reason)


def end_case(story: Telling, case: Accompanied) -> Life:
    yield from story.while_exhausted()
    outcome = story.weighted(OUTCOMES)
    note = story.said(city.CLOSING_NOTES[outcome]) if story.chance(0.9) else None
    story.do(case.provider.lead, commands.close_case, case.id, outcome=outcome, note=note)
