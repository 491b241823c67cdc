"""Java for the tests: what other implementations say of what this one writes. The product itself needs none."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

_UNPACKED = Path(__file__).parent.parent / ".cache" / "system"  # where `make setup` puts it for an ordinary user
_XERCES = "xercesImpl.jar"


def run_java(source: Path, *arguments: str | Path, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Compiles and runs one file, with Xerces in reach; it may end with any status."""
    return subprocess.run(
        [_program(), "--class-path", str(_xerces()), str(source), *map(str, arguments)],
        input=stdin,
        capture_output=True,
        check=False,
        timeout=300,
        env=_environment(),
    )


def _program() -> str:
    """The system's, or an unpacked one."""
    unpacked = sorted(_UNPACKED.glob("usr/lib/jvm/java-*-openjdk-*/bin/java"))
    found = shutil.which("java") or (str(unpacked[-1]) if unpacked else None)
    if found is None:
        pytest.fail("There is no Java on this machine: `make setup` gets one.", pytrace=False)
    return found


def _xerces() -> Path:
    for folder in (Path("/usr/share/java"), _UNPACKED / "usr/share/java"):
        if (folder / _XERCES).exists():
            return folder / _XERCES
    pytest.fail("There is no Xerces on this machine: `make setup` gets it.", pytrace=False)


def _environment() -> dict[str, str]:
    libraries = [str(path) for pattern in ("lib/*-linux-gnu", "usr/lib/*-linux-gnu") for path in sorted(_UNPACKED.glob(pattern))]
    known = os.environ.get("LD_LIBRARY_PATH")
    return {**os.environ, "LD_LIBRARY_PATH": os.pathsep.join(filter(None, [*libraries, known]))}
