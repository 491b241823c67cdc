"""The handling of a finding: opened once, explained as often as needed, confirmed or closed, and opened again."""

from uuid import UUID

from domain.handling import FindingOpened, Matter, close_finding, confirm_finding, explain_finding, open_finding, raise_finding
from domain.refusals import AlreadyClosed, AlreadyDecided, ReasonMissing
from tests.domain.facts import (
    CASE,
    FINDING,
    POOL,
    PROVIDER,
    REASON,
    finding_closed,
    finding_confirmed,
    finding_explained,
    finding_opened,
    found,
    pool_closed,
    pool_opened,
)
from tests.specification import given

OPENED = (pool_opened(), finding_opened())
MATTER = Matter.of(found())


class TestOpening:
    def test_what_was_seen_stands_in_the_event(self) -> None:
        """A correction may end the finding tomorrow."""
        given(pool_opened()).when(open_finding, matter=MATTER, note="bitte erläutern").then(finding_opened(note="bitte erläutern"))

    def test_it_is_opened_once(self) -> None:
        """However often it is found, and also while it is confirmed."""
        given(*OPENED).when(open_finding, matter=MATTER, note=None).refuses(AlreadyDecided)
        given(*OPENED, finding_confirmed()).when(open_finding, matter=MATTER, note=None).refuses(AlreadyDecided)

    def test_what_was_closed_is_opened_again(self) -> None:
        """With what is seen by then; explanations given before still count."""
        again = finding_opened("Zwei Termine ohne Vermerk.")
        then = given(*OPENED, finding_explained(), finding_closed()).when(
            open_finding, matter=Matter.of(found("Zwei Termine ohne Vermerk.")), note=None
        )
        handling = then.then(again).states.handlings[FINDING]
        assert (handling.state, handling.explanations, handling.matter.sentence) == ("open", 1, "Zwei Termine ohne Vermerk.")

    def test_a_person_raises_one(self) -> None:
        """It rests on no rule, so it has to say what it is."""
        about: dict[str, UUID | str | None] = {"pool": POOL, "case": CASE, "booking": None, "worker": None, "provider": PROVIDER}
        raised = FindingOpened(Matter(None, None, None, (), POOL, CASE, None, None, PROVIDER), "Dienstplan", False)
        given(pool_opened()).when(raise_finding, note="Dienstplan", **about).then((FINDING, raised))
        given(pool_opened()).when(raise_finding, note=None, **about).refuses(ReasonMissing)


class TestHandling:
    def test_it_is_explained_as_often_as_needed(self) -> None:
        """Until it is confirmed or closed; an explanation says something."""
        once = given(*OPENED).when(explain_finding, explanation="vergessen").then(finding_explained())
        twice = once.when(explain_finding, explanation="nachgetragen").then(finding_explained("nachgetragen"))
        assert twice.states.handlings[FINDING].explanations == 2
        twice.when(explain_finding, explanation=None).refuses(ReasonMissing)
        given(*OPENED, finding_confirmed()).when(explain_finding, explanation="doch").refuses(AlreadyDecided)
        given(*OPENED, finding_closed()).when(explain_finding, explanation="doch").refuses(AlreadyClosed)

    def test_it_is_confirmed_explained_or_not(self) -> None:
        """Once."""
        given(*OPENED).when(confirm_finding).then(finding_confirmed())
        given(*OPENED, finding_explained()).when(confirm_finding, reason=REASON).then(finding_confirmed(REASON))
        given(*OPENED, finding_confirmed()).when(confirm_finding).refuses(AlreadyDecided)

    def test_it_is_closed_with_a_reason(self) -> None:
        """From wherever it stands."""
        for before in ((), (finding_explained(),), (finding_confirmed(),)):
            given(*OPENED, *before).when(close_finding, reason=REASON).then(finding_closed())
            given(*OPENED, *before).when(close_finding, reason=None).refuses(ReasonMissing)
        given(*OPENED, finding_closed()).when(close_finding, reason=REASON).refuses(AlreadyClosed)

    def test_a_closed_pool_refuses_nothing(self) -> None:
        """Audits come late."""
        given(*OPENED, pool_closed()).when(explain_finding, explanation="vergessen").then(finding_explained())
