"""The command line ``stundenpool``: one file per command or group of commands.

What a program may read goes to stdout, everything else to stderr. Exit status 0: done; 1: refused or differing, with the
reason on stderr; 2: wrong use.
"""

from interfaces.cli.commands import Commands
from interfaces.cli.german import speak_german

speak_german()

main = Commands(
    name="stundenpool",
    help="Flexibler Stundenpool: Anträge, Bewilligungen, Leistungsnachweise und Salden auf einem Ereignisprotokoll.",
    epilog="Einstellungen kommen aus der Umgebung oder aus .env; „stundenpool config check“ zeigt sie.",
    modules={
        "serve": "interfaces.cli.serve",
        "demo": "interfaces.cli.demo",
        "db": "interfaces.cli.db",
        "keys": "interfaces.cli.keys",
        "account": "interfaces.cli.account",
        "token": "interfaces.cli.token",
        "pool": "interfaces.cli.pool",
        "provider": "interfaces.cli.provider",
        "import": "interfaces.cli.imports",
        "balance": "interfaces.cli.balance",
        "report": "interfaces.cli.report",
        "audit": "interfaces.cli.audit",
        "rebuild": "interfaces.cli.rebuild",
        "log": "interfaces.cli.log",
        "erase": "interfaces.cli.erase",
        "retention": "interfaces.cli.retention",
        "subject": "interfaces.cli.subject",
        "webhook": "interfaces.cli.webhook",
        "config": "interfaces.cli.config",
    },
)
