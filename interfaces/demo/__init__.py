"""The demonstration: a made-up city in its model period, told by real commands under a clock of its own.

city.py          who and what there is: districts, providers, people, the texts they write
days.py          when people work
setting.py       the pool, its rules and days, and how often what happens
telling.py       the agenda of what happens side by side, and what everybody in it can do
story.py         what happens, from a seed; its parts: office.py, cases.py, decisions.py, sessions.py, spreadsheet.py, audit.py
loading.py       tells it to an empty log
"""
