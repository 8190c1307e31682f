"""A table on RocksDB whose disk is full: the process ends without a commit, and nothing is lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from faust_bulk.fatal import EXIT_CODE
from tests.support.bulk_lab import Lab, LabWorker, greatest

pytestmark = pytest.mark.integration

#: More than the log of a worker has, less than the records below take.
_ROOM = 64 * 1024
#: More than the log again, less than RocksDB needs to open: not even a small batch fits.
_NO_ROOM = 4 * 1024


@pytest.fixture
def lab(kafka: str, tmp_path: Path) -> Iterator[Lab]:
    made = Lab(kafka, tmp_path, "rocksdb")
    yield made
    made.close()


def test_a_disk_that_fills_up_ends_the_worker_and_costs_nothing(lab: Lab) -> None:
    # given a worker that has counted, and committed, a part
    records: list[tuple[str, bytes | int]] = [(f"{i:05}-{'key' * 40}", i) for i in range(2_000)]
    lab.write(records[:100])
    worker = lab.start().wait_ready()
    lab.wait_committed(100)
    # when its disk is full in the middle of the rest
    worker.fill_disk(_ROOM)
    lab.write(records[100:])
    # then it ends, loudly
    assert worker.wait_exit() == EXIT_CODE
    assert "process_ended reason=the local store of" in worker.log()
    # and has committed nothing that its store lacks
    [committed] = lab.committed().values()
    assert committed is not None
    assert 100 <= committed < len(records)
    # and one that finds the disk still full ends, too, and commits nothing
    worker.faults.full_disk.write_text(str(_NO_ROOM))
    again = lab.start(worker.settings.directory)
    assert again.wait_exit() == EXIT_CODE
    assert "process_ended" in again.log()
    assert lab.committed() == {0: committed}
    # and when there is space, everything is there, on this disk and from the changelog alone
    worker.faults.full_disk.unlink()
    _counts_all(lab, lab.start(worker.settings.directory), records)
    _counts_all(lab, lab.start(), records)


def _counts_all(lab: Lab, worker: LabWorker, records: list[tuple[str, bytes | int]]) -> None:
    worker.wait_values(greatest(records))
    lab.wait_committed(len(records))
    assert worker.stop() == 0
