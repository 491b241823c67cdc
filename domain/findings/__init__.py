"""Findings (Feststellungen): what an auditor should look at, found by pure rules over the events of the log.

A ``Register`` is fed with events in their order and sorts them into *files* (Akten): of a case, a booking, a worker's day, a
provider, a pool, a person who was refused, a day on which somebody read. A *rule* is a pure function of one file and the
thresholds. So findings are a function of the log up to a position; one that a later correction makes wrong no longer holds, and
the log up to an earlier position still shows that it did.

Modules, in the order in which they build on each other: ``thresholds``, ``finding``, ``files``; the rules over each kind of file:
``of_days``, ``of_cases``, ``of_bookings``, ``of_providers``, ``of_refusals``, ``of_reads``, ``of_registry``; ``rules`` (all of
them), ``register``.
"""
