"""Tells the story of the demonstration to an empty log."""

from application.demonstration import Narrator
from application.log import Store
from application.privacy import Keyring
from application.proof import tree
from interfaces.demo.story import tell
from interfaces.demo.telling import Telling
from interfaces.http.problems import problem_bytes


def load(store: Store, keyring: Keyring, seed: int) -> None:
    """Records the whole story of a seed, or nothing; raises ``LogNotEmpty`` where the log has events already."""
    story = Telling(seed)
    with store.turn() as transaction:
        tell(story, Narrator(transaction, keyring, problem_bytes, story.clock, story.new_id), keyring)
        tree.whole(transaction)
