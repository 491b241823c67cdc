"""One package that all who alter it share, and where it was written."""

from collections.abc import Iterator

import pytest

from application.proof.notes import Signer
from interfaces.storage.checkpoint_keys import CheckpointKeys
from tests.interfaces.package.packages import ORIGIN, Files, random_log, unzipped, written


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> CheckpointKeys:
    return CheckpointKeys(tmp_path_factory.mktemp("keys"), ORIGIN)


@pytest.fixture(scope="session")
def signer(keys: CheckpointKeys) -> Signer:
    return keys.signer()


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory, keys: CheckpointKeys) -> Iterator[Files]:
    """The files of a sound package of one of two pools."""
    folder = tmp_path_factory.mktemp("package")
    with random_log(f"sqlite:///{folder}/store.db", keys) as log:
        yield unzipped(written(log.store, keys, folder / "paket.zip"))
