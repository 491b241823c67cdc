"""What commands take: one type for each body. Its fields are the arguments of the command of that name.

Lengths and ranges stand here, rules do not: whether 50 minutes are a whole unit is for the pool to say. Reasons may be left
out as far as HTTP is concerned; where a rule wants one, it refuses with ``reason_missing``.
"""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta
from msgspec.structs import asdict

from application.catalogue import BY_NAME
from application.projections.tables import POSITION_MAX
from domain.personal_data import Ground, PersonalClass
from domain.quantities import Concern, Kind, Outcome, Period, Rules, ServiceArea
from domain.sampling import SIZE_MAX
from interfaces.http.judging import YEARS_PATTERN
from interfaces.webhooks.subscriptions import URL_CHARACTERS_MAX, URL_PATTERN

# No control characters, no space at either end; the look-ahead also keeps a trailing line break from slipping past "$".
NAME_PATTERN = r"^(?![\s\S]*[\x00-\x1f\x7f-\x9f])(?!\s)[\s\S]*\S$"
TEXT_PATTERN = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"

Name = Annotated[str, Meta(min_length=1, max_length=200, pattern=NAME_PATTERN)]
Text = Annotated[str, Meta(max_length=4000, pattern=TEXT_PATTERN)]
Minutes = Annotated[int, Meta(ge=1, le=10_000_000)]
BudgetMinutes = Annotated[int, Meta(ge=1, le=1_000_000_000)]
MinutesChange = Annotated[
    int, Meta(ge=-1_000_000_000, le=1_000_000_000, description="Nicht 0", extra_json_schema={"not": {"const": 0}})
]
LimitMinutes = Annotated[int, Meta(ge=0, le=1_000_000_000)]
Quotas = Annotated[dict[Name, LimitMinutes], Meta(max_length=1_000)]
Day = Annotated[date, Meta(extra_json_schema={"pattern": YEARS_PATTERN})]
Instant = Annotated[datetime, Meta(tz=True, examples=["2024-03-05T14:30:00+01:00"], extra_json_schema={"pattern": YEARS_PATTERN})]
BirthYear = Annotated[int, Meta(ge=1900, le=2199)] | Annotated[str, Meta(max_length=4, pattern="^(19|20|21)[0-9]{2}$")]
EventType = Annotated[str, Meta(extra_json_schema={"enum": sorted(BY_NAME)})]
Priority = Annotated[int, Meta(ge=1, le=1_000, description="1 kommt vor 2; ohne Angabe zuletzt")]


class Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A body without fields of its own takes none."""

    def arguments(self) -> dict[str, Any]:
        """What the command is called with; a blank text counts as left out."""
        return {name: _said(getattr(self, name)) for name in self.__struct_fields__}


def _said(value: Any) -> Any:
    return None if isinstance(value, str) and not value.strip() else value


class Nothing(Body, frozen=True):
    """Keine Angaben"""


class Reason(Body, frozen=True):
    """Eine Begründung; wo eine Regel sie verlangt, fehlt sonst ``reason_missing``"""

    reason: Text | None = None


# ── pools


class PeriodBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Erster und letzter Tag, beide eingeschlossen"""

    start: Day
    end: Day


class RulesBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Regeln eines Pools in Minuten; was fehlt, gilt nicht"""

    unit_minutes: Annotated[int, Meta(ge=1, le=1_440)] = 15
    case_cap_minutes: LimitMinutes | None = None
    district_quotas: Quotas = {}
    provider_quotas: Quotas = {}
    four_eyes_minutes: LimitMinutes | None = None
    session_max_minutes: LimitMinutes | None = None
    late_entry_days: Annotated[int, Meta(ge=0, le=3_650)] | None = None

    def rules(self) -> Rules:
        return Rules(**{name: getattr(self, name) for name in self.__struct_fields__})


class PoolOpening(Body, frozen=True):
    """Ein neuer Stundenpool"""

    name: Name
    period: PeriodBody
    budget_minutes: BudgetMinutes
    rules: RulesBody = RulesBody()

    def arguments(self) -> dict[str, Any]:
        period = Period(self.period.start, self.period.end)
        return {"name": self.name, "period": period, "budget_minutes": self.budget_minutes, "rules": self.rules.rules()}


class BudgetChange(Body, frozen=True):
    """Mehr oder weniger Stunden durch einen Beschluss"""

    change_minutes: MinutesChange
    resolution: Name
    effective_on: Day | None = None


class RulesChange(Body, frozen=True):
    """Alle Regeln, wie sie von nun an gelten"""

    rules: RulesBody
    reason: Text | None = None

    def arguments(self) -> dict[str, Any]:
        return {"rules": self.rules.rules(), "reason": _said(self.reason)}


# ── cases


class PersonalBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Angaben zur Person; sie werden nur versiegelt gespeichert"""

    name: Text | None = None
    birth_year: BirthYear | None = None
    contact: Text | None = None
    notes: Text | None = None

    def arguments(self) -> dict[str, Any]:
        birth_year = None if self.birth_year is None else str(self.birth_year)
        texts = {"name": self.name, "birth_year": birth_year, "contact": self.contact, "notes": self.notes}
        return {name: _said(text) for name, text in texts.items()}


class CaseOpening(Body, frozen=True):
    """Ein neuer Fall des eigenen Trägers; ohne ``reference`` wird eine vergeben"""

    pool: UUID
    district: Name
    service_area: ServiceArea
    concern: Concern
    reference: Name | None = None
    offer: Name | None = None
    personal: PersonalBody | None = None

    def arguments(self) -> dict[str, Any]:
        clear = {name: getattr(self, name) for name in self.__struct_fields__ if name != "personal"}
        return clear | (self.personal or PersonalBody()).arguments()


class CaseAmendment(Body, frozen=True):
    """Was an den Stammdaten richtiggestellt wird; was fehlt, bleibt"""

    district: Name | None = None
    service_area: ServiceArea | None = None
    concern: Concern | None = None
    offer: Name | None = None
    personal: PersonalBody | None = None
    reason: Text | None = None

    def arguments(self) -> dict[str, Any]:
        clear = {name: _said(getattr(self, name)) for name in self.__struct_fields__ if name != "personal"}
        return clear | (self.personal or PersonalBody()).arguments()


class CaseTransfer(Body, frozen=True):
    """Der neue Träger eines Falls"""

    provider: Name
    reason: Text | None = None


class CaseClosure(Body, frozen=True):
    """Der Verbleib"""

    outcome: Outcome
    note: Text | None = None


class Erasure(Body, frozen=True):
    """Was zu löschen ist und warum; wer nichts angibt, stimmt dem Antrag zu oder beantragt alles"""

    classes: Annotated[list[PersonalClass], Meta(min_length=1, max_length=3)] | None = None
    ground: Ground | None = None
    reason: Text | None = None

    def arguments(self) -> dict[str, Any]:
        classes = None if self.classes is None else tuple(self.classes)
        return {"classes": classes, "ground": self.ground, "reason": _said(self.reason)}


# ── bookings


class HoursRequest(Body, frozen=True):
    """Ein Stundenantrag für einen Fall"""

    case: UUID
    minutes: Minutes
    purpose: Text | None = None


class Approval(Body, frozen=True):
    """Eine Bewilligung; ohne ``minutes`` in voller Höhe"""

    minutes: Minutes | None = None
    reason: Text | None = None
    review_on: Day | None = None
    overtaking_reason: Text | None = None


class Waitlisting(Body, frozen=True):
    """Ein Platz auf der Warteliste"""

    priority: Priority | None = None
    reason: Text | None = None


class Reduction(Body, frozen=True):
    """So viele Minuten bleiben bewilligt"""

    to_minutes: Annotated[int, Meta(ge=0, le=10_000_000)]
    reason: Text | None = None


class SessionEntry(Body, frozen=True):
    """Ein Termin"""

    starts_at: Instant
    minutes: Minutes
    kind: Kind
    worker: Name | None = None
    note: Text | None = None


class SessionCorrection(Body, frozen=True):
    """Was an einem Termin richtiggestellt wird; was fehlt, bleibt"""

    starts_at: Instant | None = None
    minutes: Minutes | None = None
    kind: Kind | None = None
    worker: Name | None = None
    note: Text | None = None
    reason: Text | None = None


class SessionConfirmation(Body, frozen=True):
    """Wer den Termin bestätigt hat, und wie"""

    by: Name
    method: Name


# ── findings and samples


class FindingOpening(Body, frozen=True):
    """Worum es der Prüfung geht; der Satz der Regel steht schon fest"""

    note: Text | None = None


class FindingRaising(Body, frozen=True):
    """Eine eigene Feststellung zu einem Pool, und darin höchstens zu einem von Fall, Antrag und Träger"""

    pool: UUID
    case: UUID | None = None
    booking: UUID | None = None
    provider: Name | None = None
    worker: Name | None = None
    note: Text | None = None


class FindingExplanation(Body, frozen=True):
    """Eine Stellungnahme"""

    explanation: Text | None = None


class SampleDrawing(Body, frozen=True):
    """So viele Termine eines Pools, oder ein Anteil in Prozent, aufgerundet; ohne ``seed`` wird einer zufällig gewählt"""

    pool: UUID
    size: Annotated[int, Meta(ge=1, le=SIZE_MAX)] | None = None
    share_percent: Annotated[int, Meta(ge=1, le=100)] | None = None
    provider: Name | None = None
    first_day: Day | None = None
    last_day: Day | None = None
    seed: Name | None = None


# ── the registry


class ProviderRegistration(Body, frozen=True):
    """Ein Träger: sein Kürzel, wie er heißt, und von wann bis wann"""

    provider: Name
    name: Name
    valid_from: Day
    valid_until: Day | None = None


class OfferRegistration(Body, frozen=True):
    """Ein Angebot, und von wann bis wann"""

    offer: Name
    valid_from: Day
    valid_until: Day | None = None


class WorkerRegistration(Body, frozen=True):
    """Eine Fachkraft unter ihrem Kürzel, und von wann bis wann"""

    worker: Name
    valid_from: Day
    valid_until: Day | None = None


class RegistrationEnding(Body, frozen=True):
    """Der letzte Tag"""

    valid_until: Day


class OfferEnding(Body, frozen=True):
    """Der letzte Tag eines Angebots"""

    offer: Name
    valid_until: Day


class WorkerEnding(Body, frozen=True):
    """Der letzte Tag einer Fachkraft"""

    worker: Name
    valid_until: Day


# ── webhooks


class WebhookRegistration(Body, frozen=True):
    """Wohin Ereignisse zugestellt werden, und welche; ohne ``after`` von jetzt an"""

    url: Annotated[str, Meta(max_length=URL_CHARACTERS_MAX, extra_json_schema={"pattern": URL_PATTERN})]
    types: Annotated[list[EventType], Meta(min_length=1, max_length=100)] | None = None
    pool: UUID | None = None
    after: Annotated[int, Meta(ge=0, le=POSITION_MAX, description="Position, hinter der es beginnt")] | None = None

    def arguments(self) -> dict[str, Any]:
        return asdict(self)  # a blank address is not one that was left out
