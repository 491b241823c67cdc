"""The package as it is written, and the verifier that is alone with it."""

import json
from pathlib import Path

import jsonschema
import pytest

from application.catalogue import CATALOGUE
from application.projections.pools import list_pools
from application.proof import package as contents
from application.proof.tree import LogDiffers
from interfaces.storage.checkpoint_keys import CheckpointKeys
from tests.domain.facts import POOL as OTHER_POOL
from tests.interfaces.demo.test_story import told
from tests.interfaces.package.packages import Files, events_of, random_log, unzipped, verified, written
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
    assert "verfügbar: 76,75 Std. (4605 Min.)" in found.protocol


def test_a_log_that_is_not_its_tree_is_not_packed(store_url: str, tmp_path: Path, keys: CheckpointKeys) -> None:
    """given an event that was changed behind its leaf / then no package says that it was always so."""
    with random_log(store_url, keys) as log:
        with tampering(log.store) as tx:
            tx.fetch("UPDATE stored_events SET topic = 'pool-closed' WHERE topic = 'budget-changed'")
        with pytest.raises(LogDiffers):
            written(log.store, keys, tmp_path / "out.zip")


def test_every_stored_event_fits_its_schema(package: Files) -> None:
    """given golden and recorded events / then each fits the schema of its type and version, and would not with a field more."""
    golden = [json.loads(path.read_bytes()) for path in sorted(GOLDEN.glob("*.json"))]
    schemas = {name: json.loads(content) for name, content in contents.schemas().items()}
    validators = {name: jsonschema.Draft202012Validator(schema) for name, schema in schemas.items()}
    for event in [*golden, *events_of(package)[:100]]:
        validator = validators[f"{event['type']}.{event['schema']}"]
        assert list(validator.iter_errors(event)) == []
        assert list(validator.iter_errors({**event, "more": 1})) != []
    assert {f"schemata/{name}.json" for name in schemas} == {name for name in package if name.startswith("schemata/")}


def test_every_event_has_a_german_title() -> None:
    """The verifier calls it by that."""
    assert contents.TITLES.keys() == {entry.name for entry in CATALOGUE}
