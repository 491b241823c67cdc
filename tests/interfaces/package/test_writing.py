"""The package as it is written, and the verifier that is alone with it."""

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any
from uuid import UUID

import jsonschema
import pytest

from application.projections.pools import list_pools
from application.proof import package as contents
from application.proof.tree import LogDiffers
from domain.handling import FindingOpened, Matter
from domain.quantities import hours
from interfaces.package import pruefer
from interfaces.storage.checkpoint_keys import CheckpointKeys
from tests.application.projections.driver import opened_log
from tests.domain.facts import CASE, PROVIDER_2, case_opened, pool_opened, provider_registered, worker_registered
from tests.domain.facts import POOL as OTHER_POOL
from tests.interfaces.demo.test_story import told
from tests.interfaces.package.packages import Files, events_of, listed, random_log, unzipped, verified, written
from tests.tampering import tampering

SEEDS = (2, 3)
GOLDEN = Path(__file__).parents[2] / "golden"


def test_a_random_history_is_verified(store_url: str, tmp_path: Path, keys: CheckpointKeys) -> None:
    """given a pool in a log with another one / then its package holds no event of the other, and is sound; both cover the log."""
    with random_log(store_url, keys) as log:
        own = unzipped(written(log.store, keys, tmp_path / "own.zip"))
        other = unzipped(written(log.store, keys, tmp_path / "other.zip", OTHER_POOL))
        states = [row.state for row in log.ask(lambda reader: reader.notifications(0, 100_000))]
    assert sorted([*own["ereignisse.jsonl"].splitlines(), *other["ereignisse.jsonl"].splitlines()]) == sorted(states)
    assert len(other["ereignisse.jsonl"].splitlines()) == 2
    found = verified(tmp_path, own, other)
    assert (found.status, found.deviations()) == (0, [])
    assert "Alle Pakete zusammen: in Ordnung" in found.protocol
    assert f"2 von {len(states)} Positionen gehören, wie das Amt sagt, anderswohin" in found.protocol


def test_other_histories_are_verified(tmp_path: Path, keys: CheckpointKeys) -> None:
    """given more of them / then every balance that the service states is the one that the verifier computes by itself."""
    packages = []
    for seed in SEEDS:
        with random_log(f"sqlite:///{tmp_path}/{seed}.db", keys, seed) as log:
            packages.append(unzipped(written(log.store, keys, tmp_path / f"{seed}.zip")))
    for package in packages:
        found = verified(tmp_path, package)
        assert (found.status, found.deviations()) == (0, [])


def test_the_demonstration_is_verified(tmp_path: Path, keys: CheckpointKeys) -> None:
    """given some hundred cases / then they are all written, and the verifier agrees with every balance."""
    with told(f"sqlite:///{tmp_path}/story.db", tmp_path) as store:
        with store.reading() as reader:
            [pool], _ = list_pools(reader, limit=2)
        package = written(store, keys, tmp_path / "demo.zip", pool.id).read_bytes()
    found = verified(tmp_path, package)
    assert (found.status, found.deviations()) == (0, [])
    available = pool.balance.available
    assert f"verfügbar: {hours(available)} ({available} Min.)" in found.protocol


def test_a_log_that_is_not_its_tree_is_not_packed(store_url: str, tmp_path: Path, keys: CheckpointKeys) -> None:
    """given an event that was changed behind its leaf / then no package says that it was always so."""
    with random_log(store_url, keys) as log:
        with tampering(log.store) as tx:
            tx.fetch("UPDATE stored_events SET topic = 'pool-closed' WHERE topic = 'budget-changed'")
        with pytest.raises(LogDiffers):
            written(log.store, keys, tmp_path / "out.zip")


def golden_events() -> list[Any]:
    """One of every form that there ever was; a package holds schemas of those that are recorded now."""
    return [json.loads(path.read_bytes()) for path in sorted(GOLDEN.glob("*.json"))]


def test_every_stored_event_fits_its_schema(package: Files) -> None:
    """given golden and recorded events / then each fits the schema of its type and version, and would not with a field more."""
    schemas = {name: json.loads(content) for name, content in contents.schemas().items()}
    golden = [event for event in golden_events() if f"{event['type']}.{event['schema']}" in schemas]
    validators = {name: jsonschema.Draft202012Validator(schema) for name, schema in schemas.items()}
    for event in [*golden, *events_of(package)[:100]]:
        validator = validators[f"{event['type']}.{event['schema']}"]
        assert list(validator.iter_errors(event)) == []
        assert list(validator.iter_errors({**event, "more": 1})) != []
    assert {f"schemata/{name}.json" for name in schemas} == {name for name in package if name.startswith("schemata/")}


def test_a_finding_over_pools_is_with_these_alone(tmp_path: Path, keys: CheckpointKeys) -> None:
    """given three pools, a finding about two of them and one of no known pool / then each package has what concerns it."""
    pools = [UUID(f"00000000-0000-4000-8000-00000000000{number}") for number in range(3)]
    of_two = Matter("overlap-worker", 1, "Zugleich.", (1, 3), None, None, None, "kraft-1", None)
    of_none = Matter("refused-outside", 2, "Versuche.", (2,), None, None, None, None, None)
    seen = [(UUID(int=number), FindingOpened(matter, None, True)) for number, matter in enumerate((of_two, of_none))]
    with opened_log(f"sqlite:///{tmp_path}/store.db") as log:
        log.append_all([([fact], None) for fact in (*((pool, pool_opened()[1]) for pool in pools), *seen)])
        packages = [unzipped(written(log.store, keys, tmp_path / f"{pool}.zip", pool)) for pool in pools]
    assert [[event["position"] for event in events_of(each)] for each in packages] == [[1, 4, 5], [2, 5], [3, 4, 5]]
    found = verified(tmp_path, *packages)
    assert (found.status, found.deviations()) == (0, [])


def test_what_is_registered_is_with_the_pools_of_its_provider(store_url: str, tmp_path: Path, keys: CheckpointKeys) -> None:
    """given two pools, a provider in one of them and one in none / then the first is with its pool, the other with both; together
    they hold the whole log."""
    (_, elsewhere), (_, opened) = pool_opened(), case_opened()
    other = UUID(int=7)
    with opened_log(store_url) as log:
        registered = [provider_registered(), provider_registered(PROVIDER_2)]
        told = [*registered, pool_opened(), (other, elsewhere), (CASE, opened), worker_registered()]
        log.append_all([([fact], None) for fact in told])
        packages = [unzipped(written(log.store, keys, tmp_path / f"{pool}.zip", pool)) for pool in (OTHER_POOL, other)]
    assert [[event["position"] for event in events_of(each)] for each in packages] == [[1, 2, 3, 5, 6], [2, 4]]
    found = verified(tmp_path, *packages)
    assert (found.status, found.deviations()) == (0, [])


def test_a_package_of_the_form_before_is_read(package: Files, tmp_path: Path) -> None:
    """given a package without the registry, as they were written before / then it is sound; one of a form to come is refused."""
    assert verified(tmp_path, listed(package, format=1)).status == 0
    assert verified(tmp_path, listed(package, format=3)).status == 1


def test_the_verifier_judges_schemas_as_another_library_does(package: Files) -> None:
    """given golden and recorded events with any one value changed or left out / then both say the same of each."""
    chance = random.Random(5)
    schemas = {name: json.loads(content) for name, content in contents.schemas().items()}
    checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
    golden = [event for event in golden_events() if f"{event['type']}.{event['schema']}" in schemas]
    events = golden + events_of(package)[:60]
    judged = Counter[bool]()
    for event in events:
        schema = schemas[f"{event['type']}.{event['schema']}"]
        validator = jsonschema.Draft202012Validator(schema, format_checker=checker)
        for changed in (event, *(with_a_change(event, chance) for _ in range(12))):
            fits = not [*pruefer.misfits(changed, schema, schema["$defs"], "event")]
            assert fits == validator.is_valid(changed), changed
            judged[fits] += 1
    assert min(judged[True], judged[False]) > len(events)


def with_a_change(event: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """The same with something else at one place."""
    changed = json.loads(json.dumps(event))
    inside = [changed]
    while (deeper := [each for each in inside[-1].values() if isinstance(each, dict) and each]) and chance.random() < 0.7:
        inside.append(chance.choice(deeper))
    name = chance.choice(sorted(inside[-1]))
    match chance.randrange(8):
        case 0:
            del inside[-1][name]
        case 1:
            inside[-1]["more"] = None
        case number:
            inside[-1][name] = ("x", 7, None, [1], {}, True)[number - 2]
    return changed
