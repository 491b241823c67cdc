"""Proofs that the log is complete and unchanged: signed heads of its tree, and what links them."""

from application.proof import checkpoints, proofs
from application.proof.proofs import ConsistencyProof, InclusionProof
from interfaces.http import parameters
from interfaces.http.operations import Asking, Issuing, Operation, Query
from interfaces.http.security import AUDIT, PROOFS

_CHECKED = "Zu prüfen gegen die Wurzeln von Prüfpunkten, wie RFC 9162 es beschreibt; Bytes sind Base64."


def get_checkpoint(asking: Issuing, wanted: parameters.Parameters) -> str:
    return checkpoints.issue(asking.transaction, [asking.signer], asking.now)


def get_inclusion_proof(asking: Asking, wanted: parameters.InclusionOf) -> InclusionProof:
    return proofs.inclusion(asking.reader, wanted.position, wanted.size)


def get_consistency_proof(asking: Asking, wanted: parameters.ConsistencyOf) -> ConsistencyProof:
    return proofs.consistency(asking.reader, wanted.from_, wanted.to)


OPERATIONS: tuple[Operation, ...] = (
    Query(
        path="/audit/checkpoint",
        policy=PROOFS,
        summary="Prüfpunkt: Größe und Wurzel des Protokolls, unterschrieben",
        note="Eine unterschriebene Erklärung in der Form tlog-checkpoint: Name des Protokolls, Zahl seiner Ereignisse, Wurzel, "
        "Zeitpunkt. Jeder ausgegebene wird aufgehoben; solange nichts hinzukommt, ist es derselbe.",
        read=get_checkpoint,
        parameters=parameters.Parameters,
        view=str,
        media_type="text/plain; charset=utf-8",
        keeps_answer=True,
    ),
    Query(
        path="/audit/proofs/inclusion",
        policy=AUDIT,
        summary="Beweis, dass ein Ereignis an seiner Stelle im Protokoll steht",
        note=f"Mit dem Ereignis, wie es gespeichert ist; personenbezogene Texte sind darin versiegelt. {_CHECKED}",
        read=get_inclusion_proof,
        parameters=parameters.InclusionOf,
        view=InclusionProof,
        given=("open_pool",),
        example={"position": "1"},
    ),
    Query(
        path="/audit/proofs/consistency",
        policy=PROOFS,
        summary="Beweis, dass das Protokoll nur gewachsen ist",
        note=_CHECKED,
        read=get_consistency_proof,
        parameters=parameters.ConsistencyOf,
        view=ConsistencyProof,
        given=("open_pool",),
        example={"from": "1"},
    ),
)
