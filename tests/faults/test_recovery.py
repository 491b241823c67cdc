"""Back to an instant on PostgreSQL, as docs/operations.md describes it: a base backup and the archived log of the server."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from interfaces.storage import open_store
from interfaces.storage.check import examine
from tests.faults.errands import Errand, Report, hold_against_log, hold_together, open_place, perform, run_errands
from tests.office import Office
from tests.postgres import Cluster, new_folder, run_program, running_cluster, running_server
from tests.schema import make_schema

THREADS = 4
ERRANDS = 100  # of each part: before the base backup, until the instant, and after it
WAIT_SECONDS_MAX = 60


class Stopped(Exception):
    """Enough errands."""


class Load:
    """Threads that run errands until they are told to stop, and what they were answered."""

    def __init__(self, office: Office) -> None:
        self.asked: dict[str, Errand] = {}
        self.reports: dict[str, Report] = {}
        self._office = office
        self._stopped = threading.Event()

    @contextmanager
    def running(self) -> Iterator[None]:
        pool = open_place(self._office)
        with ThreadPoolExecutor(THREADS) as threads:
            running = [threads.submit(run_errands, f"load-{thread}", pool, self._run) for thread in range(THREADS)]
            try:
                yield
            finally:
                self._stopped.set()
        assert all(isinstance(each.exception(), Stopped) for each in running), [each.exception() for each in running]

    def wait_for_more(self) -> None:
        until, deadline = len(self.reports) + ERRANDS, time.monotonic() + WAIT_SECONDS_MAX
        while len(self.reports) < until:
            assert time.monotonic() < deadline, f"only {len(self.reports)} of {until} errands were run"
            time.sleep(0.01)

    def _run(self, errand: Errand) -> Report:
        if self._stopped.is_set():
            raise Stopped
        self.asked[errand.key] = errand
        self.reports[errand.key] = perform(self._office, errand)
        return self.reports[errand.key]


@pytest.mark.chaos
@pytest.mark.postgres_tools
def test_back_to_an_instant(tmp_path: Path) -> None:
    """The log ends with the last decision before the instant; what had been answered by then is there, and the service goes on."""
    with new_folder() as archive, new_folder() as recovered:
        archiving = {"archive_mode": "on", "archive_command": f"test ! -f {archive}/%f && cp %p {archive}/%f"}
        with running_cluster(**archiving) as cluster:
            url = cluster.url(cluster.fresh_database())
            make_schema(url)
            with closing(Office(url, tmp_path / "keys")) as office:
                load = Load(office)
                with load.running():
                    load.wait_for_more()
                    run_program("pg_basebackup", "--pgdata", f"{recovered}/data", "--checkpoint=fast", "--wal-method=stream",
                                f"--dbname={cluster.url()}", folder=cluster.socket_directory)  # fmt: skip
                    load.wait_for_more()
                    answered = max(report.position for report in list(load.reports.values()))
                    [(instant,)] = cluster.run("SELECT clock_timestamp()::text")
                    reached = len(office.log())
                    load.wait_for_more()
                original = office.log()
            archive_the_rest(cluster, archive)

        (recovered / "data" / "recovery.signal").touch()
        target = {"restore_command": f"cp {archive}/%f %p", "recovery_target_time": instant, "recovery_target_action": "promote"}
        with running_server(recovered, archive_mode="off", **target) as cluster:
            wait_until_promoted(cluster)
            url = cluster.url(url.rpartition("/")[2])
            with closing(open_store(url, create=False)) as store:
                examined = examine(store, str(tmp_path / "keys"), "", rights_apart=False, progress=lambda done, total: None)
            assert examined.findings == []
            with closing(Office(url, tmp_path / "keys")) as office:
                log = office.log()
                assert log == original[: len(log)]
                assert answered <= len(log) <= reached < len(original)
                kept = {key: report for key, report in load.reports.items() if report.position <= answered}
                hold_against_log(log, load.asked, kept, all_answered=False)
                pool = open_place(office)
                later = Errand("later", "open", pool)
                assert perform(office, later) == perform(office, later)
                assert len(office.log()) == len(log) + 2
                hold_together(office)


def archive_the_rest(cluster: Cluster, archive: Path) -> None:
    """The file of the server's log that is being written goes to the archive as well."""
    [(last,)] = cluster.run("SELECT pg_walfile_name(pg_switch_wal())")
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    while not (archive / last).exists():
        assert time.monotonic() < deadline, cluster.run("SELECT * FROM pg_stat_archiver")
        time.sleep(0.1)


def wait_until_promoted(cluster: Cluster) -> None:
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    while cluster.run("SELECT pg_is_in_recovery()") != [(False,)]:
        assert time.monotonic() < deadline, (cluster.socket_directory / "log").read_text()
        time.sleep(0.1)
