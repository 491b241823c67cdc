"""Writes which parts of others an installation consists of, as CycloneDX: `make sbom`.

The Python packages are those of `deploy/requirements.lock`, with their hashes, read by `cyclonedx-py`; what licence each has comes
from its installed metadata. What lies in the repository itself is listed here. Nothing is asked over the network.
"""

import json
import re
import subprocess
import sys
from importlib.metadata import Distribution, distribution
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
LOCK = ROOT / "deploy" / "requirements.lock"
TARGET = ROOT / "build" / "stundenpool.cdx.json"

# Parts that are handed on with the sources: name, version, licence, kind of package and where it lies.
VENDORED = (
    ("swagger-ui-dist", "5.35.0", "Apache-2.0", "npm", "interfaces/http/static/swagger-ui"),
    ("@kern-ux/native", "2.7.2", "EUPL-1.2", "npm", "interfaces/web/static/kern"),
    ("FiraSans", "4.106", "OFL-1.1", "generic", "interfaces/web/static/kern/fonts"),
)

# What classifiers call a licence, where metadata has no SPDX expression.
OF_CLASSIFIERS = {
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "3-Clause BSD License": "BSD-3-Clause",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "DFSG approved": "",  # said beside the licence itself
    "BSD-3-Clause, Apache-2.0, dependency licenses": "BSD-3-Clause AND Apache-2.0",
}


def bill() -> dict[str, Any]:
    """The whole bill of materials."""
    read = ("requirements", str(LOCK), "--pyproject", str(ROOT / "pyproject.toml"), "--mc-type", "application")
    written_as = ("--output-reproducible", "--no-validate", "--output-format", "JSON", "-o", "-")
    written = subprocess.run(
        [sys.executable, "-m", "cyclonedx_py", *read, *written_as],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    made: dict[str, Any] = json.loads(written)
    for component in made["components"]:
        component["licenses"] = [{"expression": licence_of(distribution(component["name"]))}]
    made["components"] += [_vendored(*part) for part in VENDORED]
    return made


def licence_of(package: Distribution) -> str:
    """The licence that an installed package states, as an SPDX expression as far as its words are known."""
    metadata = package.metadata
    if expression := metadata.get("License-Expression"):
        return expression
    stated = [line.rpartition("::")[2].strip() for line in metadata.get_all("Classifier") or [] if line.startswith("License")]
    names = stated or [(metadata.get("License") or "").strip()]
    return " AND ".join(filter(None, (OF_CLASSIFIERS.get(name, name) for name in names)))


def _vendored(name: str, version: str, licence: str, kind: str, folder: str) -> dict[str, Any]:
    group, _, short = name.rpartition("/")
    return {
        "type": "library",
        "bom-ref": f"{name}@{version}",
        **({"group": group} if group else {}),
        "name": short,
        "version": version,
        "purl": f"pkg:{kind}/{re.sub('^@', '%40', name)}@{version}",
        "licenses": [{"license": {"id": licence}}],
        "properties": [{"name": "stundenpool:folder", "value": folder}],
    }


if __name__ == "__main__":
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(json.dumps(bill(), ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    print(TARGET.relative_to(ROOT))
