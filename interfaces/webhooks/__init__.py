"""Webhooks: the log, event by event, posted to systems of the office.

``subscriptions`` is the table of who wants what and where they stand, ``standing`` what each attempt makes of that, ``signing`` the
signature, ``sending`` one attempt, and ``delivering`` who makes the attempts and when.
"""
