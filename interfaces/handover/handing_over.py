"""Brings what was issued to the witness and to the time-stamping authority, whoever issued it and when.

Any process may do it at any time: what is there already stays as it is, and what could not be done is done the next time.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from application.log import Store
from application.proof import checkpoints
from application.proof.checkpoints import Issued, Place
from interfaces.handover.failing import NotHandedOver
from interfaces.handover.witness import NOTE, STAMP, Witness, name_of
from interfaces.settings import Settings

if TYPE_CHECKING:
    from interfaces.handover.stamping import Authority

STAMPS_MAX = 10  # at a time: an authority that was named later gets all older notes too


class Outcome(NamedTuple):
    """How many checkpoints still lack what they should have, and why."""

    unwitnessed: int
    unstamped: int
    failures: Sequence[NotHandedOver]


class HandingOver:
    """As the settings say; nothing is to be done where they name neither folder nor authority."""

    def __init__(self, settings: Settings) -> None:
        self.witness = Witness(Path(settings.witness)) if settings.witness else None
        self._authority = _authority(settings) if settings.tsa_url else None
        self._kept: set[str] = set()  # files that the witness has, as this process saw it

    def hand_over(self, store: Store) -> Outcome:
        """Does what is left to do. Raises what the store raises."""
        if self.witness is None and self._authority is None:
            return Outcome(0, 0, ())
        with store.reading() as reader:
            issued, stamps = checkpoints.issued(reader), checkpoints.stamps(reader)
        failures: list[NotHandedOver] = []
        try:
            self._stamp(store, issued, stamps)
        except NotHandedOver as failure:
            failures.append(failure)
        try:
            self._bear_witness(issued, stamps)
        except NotHandedOver as failure:
            failures.append(failure)
        unwitnessed = sum(name_of(each, NOTE) not in self._kept for each in issued) if self.witness else 0
        return Outcome(unwitnessed, len(issued) - len(stamps) if self._authority else 0, failures)

    def _stamp(self, store: Store, issued: Sequence[Issued], stamps: dict[Place, bytes]) -> None:
        """Gets what is missing, the newest first, and adds it to the stamps."""
        if self._authority is None:
            return
        unstamped = [each for each in reversed(issued) if each.place not in stamps]
        for each in unstamped[:STAMPS_MAX]:
            reply = self._authority.stamp(each.note)
            with store.turn() as turn:
                checkpoints.keep_stamp(turn, each, reply)
            stamps[each.place] = reply

    def _bear_witness(self, issued: Sequence[Issued], stamps: Mapping[Place, bytes]) -> None:
        if self.witness is None:
            return
        files = {name_of(each, NOTE): each.note.encode() for each in issued}
        files |= {name_of(each, STAMP): stamps[each.place] for each in issued if each.place in stamps}
        others = []
        for name in files.keys() - self._kept:
            if self.witness.keep(name, files[name]):
                self._kept.add(name)
            else:
                others.append(name)
        if others:
            raise NotHandedOver(
                f"Im Ordner der Prüfung steht etwas anderes, als ausgegeben wurde: {', '.join(sorted(others))}.",
                f"of {len(others)} files the witness has others",
            )


def _authority(settings: Settings) -> "Authority":
    from interfaces.handover.stamping import Authority, read_certificates  # an office without time stamps need not load these

    return Authority(settings.tsa_url, read_certificates(settings.tsa_certificates))
