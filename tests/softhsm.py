"""A PKCS#11 token of the tests' own: SoftHSM, with its files in a temporary directory."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pkcs11
import pytest
from pkcs11 import Attribute

_UNPACKED = Path(__file__).parent.parent / ".cache" / "system"  # where `make setup` puts it for an ordinary user
_LABEL, _PIN = "stundenpool", "1234"


class Token:
    """An initialised token; every key store of a test has a key of its own in it."""

    sensitive, extractable = Attribute.SENSITIVE, Attribute.EXTRACTABLE

    def __init__(self, module: Path, pin: Path) -> None:
        self._module = module
        self._pin = pin

    def setting(self, object: str) -> str:
        """The setting MASTER_KEY for a key in the token."""
        return f"pkcs11:token={_LABEL};object={object}?module-path={self._module}&pin-source=file:{self._pin}"

    def keys(self, session: Any, setting: str) -> list[Any]:
        """The keys in use under a setting, of which there is at most one."""
        label = setting.partition(";object=")[2].partition("?")[0]
        return list(session.get_objects({Attribute.LABEL: label}))


def new_token(folder: Path) -> Token:
    """Must come before anybody loads the module: that reads its configuration only once."""
    module = next((path for root in (Path("/"), _UNPACKED) for path in root.glob("usr/lib/softhsm/libsofthsm2.so")), None)
    unpacked = os.pathsep.join([os.environ["PATH"], str(_UNPACKED / "usr/bin")])
    program = shutil.which("softhsm2-util", path=unpacked)
    if module is None or program is None:
        pytest.fail("There is no SoftHSM on this machine: `make setup` gets one.", pytrace=False)
    (folder / "tokens").mkdir()
    (folder / "softhsm2.conf").write_text(f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\n")
    (folder / "pin").write_text(f"{_PIN}\n")
    os.environ["SOFTHSM2_CONF"] = str(folder / "softhsm2.conf")
    command = [program, "--module", str(module), "--init-token", "--free", "--label", _LABEL, "--pin", _PIN, "--so-pin", _PIN]
    subprocess.run(command, check=True, capture_output=True)
    pkcs11.lib(str(module))
    return Token(module, folder / "pin")
