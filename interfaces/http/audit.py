"""Proofs that the log is complete and unchanged, and what auditors ask of it: where a figure comes from, what was known when."""

from application import reads
from application.compare import Comparison, compare
from application.explain import ProvenExplanation, explain, figure_of, prove
from application.proof import checkpoints, proofs
from application.proof.proofs import ConsistencyProof, InclusionProof
from application.reads import ReadEntry
from application.story import Story, story
from interfaces.http import parameters
from interfaces.http.examples import POOL
from interfaces.http.operations import READING, Asking, Issuing, Operation, Page, Query
from interfaces.http.policies import AUDIT, AUDITORS, PROOFS

_CHECKED = "Zu prüfen gegen die Wurzeln von Prüfpunkten, wie RFC 9162 es beschreibt; Bytes sind Base64."


def get_checkpoint(asking: Issuing, wanted: parameters.Parameters) -> str:
    return checkpoints.issue(asking.transaction, [asking.signer], asking.now)


def get_inclusion_proof(asking: Asking, wanted: parameters.InclusionOf) -> InclusionProof:
    return proofs.inclusion(asking.reader, wanted.position, wanted.size)


def get_consistency_proof(asking: Asking, wanted: parameters.ConsistencyOf) -> ConsistencyProof:
    return proofs.consistency(asking.reader, wanted.from_, wanted.to)


def get_explanation(asking: Asking, wanted: parameters.ExplanationOf) -> ProvenExplanation:
    found = explain(asking.reader, figure_of(wanted.figure), after=wanted.after, limit=wanted.limit)
    return prove(asking.log, found)


def compare_instants(asking: Asking, wanted: parameters.ComparisonOf) -> Comparison:
    first, second = parameters.stated_moment(wanted.from_, "from"), parameters.stated_moment(wanted.to, "to")
    return compare(asking.reader, wanted.pool, first, second, after=wanted.after, limit=wanted.limit)


def list_reads(asking: Asking, wanted: parameters.ReadsOf) -> Page[ReadEntry]:
    return Page(
        *reads.list_reads(
            asking.reader, case=wanted.case, subject=wanted.subject, since=wanted.first(), after=wanted.after, limit=wanted.limit
        )
    )


def get_story(asking: Asking, wanted: parameters.StoryOf) -> Story:
    return story(asking.reader, *wanted.hero(), after=wanted.after, limit=wanted.limit, opening=asking.opening)


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
    Query(
        path="/audit/explain",
        policy=AUDIT,
        summary="Woraus eine Zahl entsteht: alle Ereignisse mit ihren Beweisen",
        note="Was gezählt wird, das zuletzt Verzeichnete zuerst, mit den Ereignissen, die es so gemacht haben. Bei „sum“ ist die "
        "Zahl die Summe aller Teile, sonst deren Anteil, Mittel oder Quantil, wie die Definition sagt. Wer mehrere Seiten liest, "
        f"nennt in einem Saldo known_at, damit sich nichts dazwischenschiebt. {_CHECKED}",
        read=get_explanation,
        parameters=parameters.ExplanationOf,
        view=ProvenExplanation,
        given=("open_pool",),
        example={"figure": f"pool/{POOL}/budget"},
    ),
    Query(
        path="/audit/compare",
        policy=AUDIT,
        summary="Zwei Zeitpunkte: was bis zum ersten geschehen war, wie damals bekannt und wie zum zweiten",
        note="Mit allem, was dazwischen über die Zeit davor verzeichnet wurde, das letzte zuerst: nachgetragen (late), korrigiert "
        "oder storniert. Zusammen ergibt es den Unterschied.",
        read=compare_instants,
        parameters=parameters.ComparisonOf,
        view=Comparison,
        given=("open_pool",),
        example={"pool": POOL, "from": "2024-03-31", "to": "2024-06-30"},
    ),
    Query(
        path="/audit/story",
        policy=AUDIT,
        summary="Die Geschichte eines Falls, eines Antrags, einer Fachkraft oder eines Pools",
        note="Genau eines ist anzugeben. Jede Zeile sagt, was das Ereignis an Minuten ändert und was es seit Beginn der Geschichte "
        "ergibt. Begründungen werden dafür geöffnet; wer sie wann gelesen hat, wird festgehalten.",
        read=get_story,
        parameters=parameters.StoryOf,
        view=Story,
        names_one=True,
        opens_texts=READING,
        given=("open_pool",),
        example={"pool": POOL},
    ),
    Query(
        path="/audit/reads",
        policy=AUDITORS,
        summary="Einsichten: wer wann wessen Texte von wo wofür gelesen hat, die letzte zuerst",
        note="Kein Text steht darin, nur welche Felder wie oft geöffnet wurden; deshalb wird das Lesen dieses Verzeichnisses nicht "
        "selbst verzeichnet. Einsichten aus der Zeit vor der Verkettung nennen weder Nummer noch Zweck.",
        read=list_reads,
        parameters=parameters.ReadsOf,
        view=ReadEntry,
        paged=True,
    ),
)
