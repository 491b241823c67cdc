"""A spreadsheet from before the pool had this program."""

import hashlib
from datetime import UTC, datetime, timedelta

from application import commands
from application.imports import import_file
from application.written import Row, Table
from interfaces.demo import city
from interfaces.demo.city import OFFICERS, PROVIDERS
from interfaces.demo.setting import OUTCOMES
from interfaces.demo.telling import Life, Telling


def spreadsheet(story: Telling) -> Life:
    """One provider kept its first weeks in a spreadsheet; the office takes it in, except for what the rules refuse."""
    yield datetime(2021, 12, 6, 9, 41, 8, tzinfo=UTC)
    for kind, lines in (("requests", _REQUESTS), ("sessions", _SESSIONS)):
        import_file(
            story.narrator,
            OFFICERS[1],
            story.pool,
            "requests" if kind == "requests" else "sessions",
            _table(lines),
            good_steps_alone=True,
            dry_run=False,
            progress=lambda done, total: None,
        )
        yield story.now + timedelta(minutes=4)
    for reference in ("VB-01", "VB-02", "VB-03", "VB-04"):
        yield story.working_days_on(story.random.randint(8, 20))
        yield from story.while_exhausted()
        outcome = story.weighted(OUTCOMES)
        note = story.said(city.CLOSING_NOTES[outcome])
        case = commands.imported_case_id(story.pool, reference)
        story.do(PROVIDERS[-1].lead, commands.close_case, case, outcome=outcome, note=note)


_REQUESTS = """\
request_id,case_ref,provider,district,requested_at,requested_by,requested_minutes,decision,decided_at,decided_by,granted_minutes,purpose,concern
A-1,VB-01,Verbund12,Altstadt-West,08.11.2021 10:20,fk-verbund12-01,10 h,approved,11.11.2021 09:00,sb-02,10 h,Ausbildungsplatz,work
A-2,VB-02,Verbund12,Nordhöhe,09.11.2021 14:05,fk-verbund12-02,8 h,approved,12.11.2021 09:10,sb-02,8 h,Ummeldung,authorities
A-3,VB-03,Verbund12,Nordhöhe,10.11.2021 11:30,fk-verbund12-01,12 h,approved,15.11.2021 10:00,sb-02,9 h,Ratenzahlung,finances
A-4,VB-04,Verbund12,Altstadt-West,12.11.2021 09:15,fk-verbund12-03,6 h,approved,16.11.2021 08:45,sb-02,6 h,Praktikum,work
A-5,VB-05,Verbund12,Altstadt-West,15.11.2021 16:00,fk-verbund12-03,20 h,declined,19.11.2021 11:00,sb-02,,Nachhilfe,other
A-6,VB-06,Verbund12,Nordhöhe,28.10.2021 13:00,fk-verbund12-02,5 h,approved,03.11.2021 10:00,sb-02,5 h,Wohngeld,finances
"""
_SESSIONS = """\
session_id,request_id,worker,starts_at,minutes,kind,note
T-01,A-1,fk-verbund12-01,15.11.2021 15:00,1:30,direct,Bewerbung vorbereitet
T-02,A-1,fk-verbund12-01,18.11.2021 14:00,60,direct,Berufsberatung
T-03,A-1,fk-verbund12-01,22.11.2021 10:00,30,indirect,Telefonate mit Betrieben
T-04,A-1,fk-verbund12-01,25.11.2021 15:30,1:30,direct,Vorstellungsgespräch geübt
T-05,A-1,fk-verbund12-01,30.11.2021 15:00,60,direct,Rückmeldung besprochen
T-06,A-2,fk-verbund12-02,16.11.2021 13:00,2 h,direct,Bürgerbüro
T-07,A-2,fk-verbund12-02,19.11.2021 09:00,30,absence,nicht gekommen
T-08,A-2,fk-verbund12-02,24.11.2021 13:30,1:30,direct,Antrag abgegeben
T-09,A-3,fk-verbund12-01,18.11.2021 16:00,1:30,direct,Unterlagen sortiert
T-10,A-3,fk-verbund12-01,26.11.2021 15:00,2 h,direct,Schuldnerberatung
T-11,A-3,fk-verbund12-01,02.12.2021 15:00,60,direct,Raten vereinbart
T-12,A-4,fk-verbund12-03,22.11.2021 14:00,60,direct,Betriebe angerufen
T-13,A-4,fk-verbund12-03,29.11.2021 14:00,1:30,direct,erster Praktikumstag
T-14,A-5,fk-verbund12-03,29.11.2021 16:00,60,direct,Lernhilfe
T-15,A-6,fk-verbund12-02,25.11.2021 10:00,60,direct,Wohngeldstelle
T-16,A-4,fk-verbund12-03,01.12.2021 14:00,5 h,direct,Praktikumswoche
"""


def _table(text: str) -> Table:
    """A spreadsheet as the import reads it."""
    header, *lines = text.splitlines()
    columns = header.split(",")
    rows = [
        Row(number, dict(zip(columns, (cell or None for cell in line.split(",")), strict=True)))
        for number, line in enumerate(lines, start=2)
    ]
    return Table(tuple(columns), rows, hashlib.sha256(text.encode()).hexdigest())
