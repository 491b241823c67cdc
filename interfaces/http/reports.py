"""Reports: the figures of the evaluation, for programs and for spreadsheets."""

from application.projections import pools
from application.projections.evaluation import evaluation
from application.views import Evaluation
from interfaces.evaluation_csv import evaluation_csv
from interfaces.http import parameters
from interfaces.http.examples import POOL
from interfaces.http.operations import Asking, Operation, Query
from interfaces.http.policies import REPORTS

_NOTE = (
    "Jede Kennzahl mit ihrer Definition, insgesamt und nach Monat, Stadtraum, Leistungsbereich, Anlass und Träger, wie das "
    "Protokoll heute steht, mit known_at wie es damals stand. Kleine Zahlen sind hier nicht unterdrückt: Vor einer "
    "Veröffentlichung sind Werte unter 5 zu "
    "unterdrücken, weil sie auf einzelne Personen schließen lassen. "
)


def get_evaluation(asking: Asking, wanted: parameters.EvaluationOf) -> Evaluation:
    pools.must_exist(asking.reader, wanted.pool)
    return evaluation(asking.reader, wanted.pool)


def get_evaluation_csv(asking: Asking, wanted: parameters.EvaluationOf) -> str:
    return evaluation_csv(get_evaluation(asking, wanted))


OPERATIONS: tuple[Operation, ...] = (
    Query(
        path="/reports/evaluation",
        policy=REPORTS,
        summary="Kennzahlen der Auswertung eines Pools",
        note=f"{_NOTE}Gruppen, in denen nichts zählt, fehlen; was es nicht gibt, etwa ein Anteil an nichts, ist null.",
        read=get_evaluation,
        parameters=parameters.EvaluationOf,
        view=Evaluation,
        given=("open_pool",),
        example={"pool": POOL},
    ),
    Query(
        path="/reports/evaluation.csv",
        policy=REPORTS,
        summary="Kennzahlen der Auswertung eines Pools als Tabelle",
        note=f"{_NOTE}RFC 4180 mit Kommas, UTF-8 und der Kopfzeile `figure,label,group_by,group,value,unit`: eine Zeile je "
        "Wert; ohne `group_by` ist es der des ganzen Pools. Was es nicht gibt, ist leer. Namen, die ein Tabellenprogramm für "
        "eine Formel hielte, beginnen mit einem Apostroph.",
        read=get_evaluation_csv,
        parameters=parameters.EvaluationOf,
        view=str,
        media_type="text/csv; charset=utf-8; header=present",
        given=("open_pool",),
        example={"pool": POOL},
    ),
)
