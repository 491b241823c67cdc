"""What happens in the city of the demonstration, from a seed: lives that go side by side, each told as it would go by itself.

The same seed tells the same story, with the same ids, wherever and whenever it is told.
"""

from application import commands
from application.demonstration import Narrator
from application.privacy import Keyring, keys_of
from interfaces.demo.audit import audit
from interfaces.demo.cases import arrivals, drawn_arrivals
from interfaces.demo.office import last_morning, office, open_pool, register_providers
from interfaces.demo.setting import CLOCK
from interfaces.demo.spreadsheet import spreadsheet
from interfaces.demo.telling import Telling


def tell(story: Telling, narrator: Narrator, keyring: Keyring) -> None:
    """Gives every command from the opening of the pool up to the instant from which the clock runs on."""
    story.narrator = narrator
    arriving = list(drawn_arrivals(story))
    open_pool(story)
    register_providers(story)
    # One by one, the keys of so many people would take longer than everything else.
    cases = (commands.case_id(story.pool, provider.id, reference) for _, provider, reference in arriving)
    keyring.ensure({key for case in cases for key in keys_of(case)})
    for life in (office(story), arrivals(story, arriving), spreadsheet(story), audit(story), last_morning(story)):
        story.begin(life)
    story.until(CLOCK)
