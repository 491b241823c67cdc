"""What of others is in an installation, and on which terms."""

import json
import re
from importlib.metadata import PackageNotFoundError, distribution

import pytest
from cyclonedx.schema import OutputFormat, SchemaVersion
from cyclonedx.validation import make_schemabased_validator

from scripts.sbom import LOCK, ROOT, VENDORED, bill, licence_of

# Terms under which a part may be handed on with a work under EUPL-1.2, or be installed beside it.
FREE = {
    *("0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MIT-0", "OFL-1.1", "PSF-2.0", "Unlicense"),
    *("EUPL-1.2", "LGPL-3.0-only", "MPL-2.0"),  # they bind the part itself, not what uses it
}
NOT_STATED = {"axe-playwright-python": "MIT, as its LICENSE says"}


def packages(lock: str) -> list[str]:
    return re.findall(r"^([\w.-]+)==", lock, re.MULTILINE)


@pytest.mark.parametrize("name", packages((ROOT / "requirements.lock").read_text(encoding="utf-8")))
def test_every_package_may_be_used(name: str) -> None:
    """Whatever the lock names, for development as well, and for this kind of machine."""
    try:
        package = distribution(name)
    except PackageNotFoundError:
        return  # the lock serves every system; this one needs it not
    if name not in NOT_STATED:
        terms = set(re.split(r" AND | OR |[()]", licence_of(package))) - {""}
        assert terms <= FREE, terms


def test_the_bill_of_materials_is_valid_and_complete() -> None:
    """By the schema of CycloneDX; with every package that is installed, its hashes and its licence, and all that lies here."""
    made = bill()
    version = SchemaVersion.from_version(made["specVersion"])
    refused = make_schemabased_validator(OutputFormat.JSON, version).validate_str(json.dumps(made))
    assert refused is None, str(refused)
    components = {component["name"].lower(): component for component in made["components"]}
    installed = packages(LOCK.read_text(encoding="utf-8"))
    assert components.keys() == {name.lower() for name in installed} | {"swagger-ui-dist", "native", "firasans"}
    assert all(component["licenses"] for component in components.values())
    assert all(components[name.lower()]["externalReferences"][0]["hashes"] for name in installed)


def test_what_lies_here_is_listed() -> None:
    """Each folder with a licence of somebody else, in the version that it says."""
    here = {path.parent for path in (ROOT / "interfaces").rglob("*") if path.name.startswith("NOTICE")}
    assert here <= {ROOT / folder for *_, folder in VENDORED}
    script = (ROOT / "interfaces/http/static/swagger-ui/swagger-ui-bundle.js").read_text(encoding="utf-8")
    assert 'PACKAGE_VERSION:"5.35.0"' in script
    notice = (ROOT / "interfaces/web/static/kern/NOTICE").read_text(encoding="utf-8")
    assert all(f"{name} {version}" in notice for name, version in (("@kern-ux/native", "2.7.2"), ("Fira Sans", "4.106")))
