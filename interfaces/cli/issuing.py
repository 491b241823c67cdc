"""How commands issue checkpoints, hand them over to whom the settings name, and look at what came back."""

from collections.abc import Iterator

from application.demonstration import clock_of
from application.log import Reader, Store
from application.proof import checkpoints
from application.proof.deviations import Deviation
from application.proof.notes import Signer
from interfaces.cli.commands import note
from interfaces.handover.handing_over import HandingOver
from interfaces.settings import Settings


def issued_now(settings: Settings, store: Store, signer: Signer) -> str:
    """The checkpoint of the log as it is."""
    with store.turn() as turn:
        made = checkpoints.issue(turn, [signer], clock_of(turn)())
    hand_over(settings, store)
    return made


def hand_over(settings: Settings, store: Store) -> None:
    """What cannot be handed over is said, and tried again the next time."""
    for failure in HandingOver(settings).hand_over(store).failures:
        note(f"Warnung: {failure}")


def deviating_stamps(settings: Settings, reader: Reader) -> Iterator[Deviation]:
    """Time stamps that are none of their checkpoints, where the settings say by which certificates to tell."""
    stamps = checkpoints.stamps(reader)
    if stamps and not settings.tsa_certificates:
        note(f"{len(stamps)} Zeitstempel wurden nicht geprüft: STUNDENPOOL_TSA_CERTIFICATES fehlt.")
    elif stamps:
        from interfaces.handover.stamping import StampRefused, read_certificates

        certificates = read_certificates(settings.tsa_certificates)
        for each in checkpoints.issued(reader):
            try:
                if each.place in stamps:
                    certificates.stamped_at(each.note, stamps[each.place])
            except StampRefused as refused:
                yield Deviation(each.size, None, "time_stamp", "einen gültigen Zeitstempel des Prüfpunkts", str(refused.__cause__))
