"""The demonstration: a made-up city in its model period, told by real commands under a clock of its own.

city.py      who and what there is: districts, providers, people, the texts they write
days.py      when people work
story.py     what happens, from a seed
loading.py   tells it to an empty log
"""
