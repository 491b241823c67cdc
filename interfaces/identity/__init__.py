"""Who somebody is: tokens of programs, accounts of people, and the sessions of browsers that are signed in.

people.py         who somebody can be
tokens.py         bearer tokens of ours
bearers.py        theirs and those of an issuer, told apart
accounts.py       accounts, and what an administrator does to them
passwords.py      which passwords are taken, and how they are kept
second_factor.py  codes of an app, and those for when it is lost
limits.py         how long to wait after failures
sessions.py       browsers that are signed in
signing_in.py     the way there, step by step
restored.py       what a restored backup does not bring back
oidc.py           people and systems whom an issuer knows, with issuer.py, jwt.py and claims.py
trail.py          what happened at the door
"""
