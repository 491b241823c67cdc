"""How fast the service is, beside stock ``eventsourcing`` and beside the limit, in one run on one machine.

sizes.py            how long and how much; the only constants
measuring.py        rounds in turn, callers in threads, medians and spread
places.py           both stores: fresh databases for ours and for the others
office.py           ours: an office with bookings, and a log of any length
stock.py            the library as it comes: saving, a hot aggregate, projections
limits.py           what the databases can do at most: commits of single rows, reading the table
load.py             the load generator, a process of its own
servers.py          ours, and the servers it is measured beside, as processes
stock_server.py     stock behind FastAPI, and a route that only validates
commands.py  http.py  projections.py  reads.py  footprint.py       the benchmarks
report.py           the table, the marks, results.json, large-*.json, history.json
"""
