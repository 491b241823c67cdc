"""The auditors: a sample and what the rules have found."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from application import commands
from application.findings import Findings
from application.sampling import draw
from application.turn import Turn
from domain.findings.thresholds import Thresholds
from domain.pool import SampleDrawn
from interfaces.demo import city
from interfaces.demo.city import AUDITOR, PROVIDERS
from interfaces.demo.setting import AUDITED, SAMPLE_SEED
from interfaces.demo.telling import Life, Telling


def audit(story: Telling) -> Life:
    """Late in April somebody looks at the pool: a sample, and what the rules have found. Some of it is still open in May."""
    yield AUDITED
    story.do(AUDITOR, commands.draw_sample, pool=story.pool, sample=story.look(lambda turn: sample(story, turn)))
    findings = Findings(Thresholds())
    found = story.look(lambda turn: findings.report(turn.reader(), pool=story.pool, progress=lambda done, total: None))
    for inquiry in city.INQUIRIES:
        yield story.now + timedelta(minutes=17)
        first = next(each for each in found.findings if each.rule == inquiry.rule and each.provider is not None)
        story.begin(inquire(story, findings, first.id, inquiry))


def sample(story: Telling, turn: Turn) -> SampleDrawn:
    whole: dict[str, Any] = dict.fromkeys(("share_percent", "provider", "first_day", "last_day"))
    return replace(draw(turn.reader(), story.pool, size=25, seed=SAMPLE_SEED, **whole), sample=story.new_id())


def inquire(story: Telling, findings: Findings, finding: UUID, inquiry: city.Inquiry) -> Life:
    """A finding from its opening on: the provider says how it came about, the auditor confirms or closes it."""
    seen = story.look(lambda turn: findings.holding(turn.reader(), finding))
    story.do(AUDITOR, commands.open_finding, finding, found=seen, note=inquiry.note)
    if inquiry.explanation is not None:
        yield story.now + timedelta(days=3, minutes=50)
        [lead] = [provider.lead for provider in PROVIDERS if provider.id == seen.provider]
        story.do(lead, commands.explain_finding, finding, explanation=inquiry.explanation)
    if inquiry.confirmed is not None:
        yield story.now + timedelta(days=4, minutes=40)
        story.do(AUDITOR, commands.confirm_finding, finding, reason=inquiry.confirmed)
    if inquiry.closed is not None:
        yield story.now + timedelta(days=1, minutes=20)
        story.do(AUDITOR, commands.close_finding, finding, reason=inquiry.closed)
