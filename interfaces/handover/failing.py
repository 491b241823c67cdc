"""Why a checkpoint did not get to those who keep it."""


class NotHandedOver(Exception):
    """The sentence is German and names the place; ``reason`` is what the log of the service says of it."""

    def __init__(self, sentence: str, reason: str) -> None:
        super().__init__(sentence)
        self.reason = reason
