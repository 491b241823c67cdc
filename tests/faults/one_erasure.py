"""A process that carries out what is left to erase; whoever started it may kill it at any instant.

python -m tests.faults.one_erasure URL KEYS LEDGER
"""

import sys
from pathlib import Path

from application.erasure import Erasing
from interfaces.storage.ledger import ErasureLedger
from tests.office import Office

url, keys, ledger = sys.argv[1:]
office = Office(url, Path(keys))
print("ready", flush=True)
Erasing(office.store, office.keystore, office.keyring, ErasureLedger(Path(ledger))).settle(office.engine)
office.close()
