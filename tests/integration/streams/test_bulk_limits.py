"""Bulk delivery and bulk tables at their limits: too much, too slow, stuck, misconfigured."""

from __future__ import annotations

import signal

import pytest

from faust_bulk.fatal import EXIT_CODE
from tests.support.bulk_lab import Lab, LabWorker, MakeLab, greatest, wait_seconds
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("own_loop", [False, True], ids=["process", "a loop of its own"])
def test_a_table_that_is_fed_by_another_topic_ends_the_process(
    make_lab: MakeLab, own_loop: bool
) -> None:
    # given an agent over the source with a table that was made of another topic
    lab = make_lab()
    other = f"{lab.name}-other"
    lab.create_topic(other)
    lab.write([(f"key-{number}", number) for number in range(5)])
    # when
    worker = lab.start(foreign=other, own_loop=own_loop)
    # then it ends and names both, and has neither committed nor written anything
    assert worker.wait_exit() == EXIT_CODE
    assert f"an agent over '{lab.source}' processes a table that was made of '{other}'" in (
        worker.log()
    )
    assert lab.committed() == {0: None}
    assert lab.changes() == []


def test_a_slow_agent_stops_the_fetching_and_memory_stays_bounded(make_lab: MakeLab) -> None:
    # given a worker whose changes do not reach the changelog
    lab = make_lab()
    worker = lab.start(batch_records=100).wait_ready()
    worker.faults.hold.touch()
    # when there is much more to read than it may have in hand
    records = [(f"key-{i % 700}", i) for i in range(10_000)]
    lab.write(records)
    wait_seconds(3)
    # then it has taken what fits: sixteen batches that wait, four on their way, one in each hand
    assert worker.counter("batches") <= 16 + 4 + 2
    assert worker.counter("records") <= 100 * worker.counter("batches")
    # and nothing was lost by the waiting
    worker.faults.hold.unlink()
    worker.wait_values(greatest(records))
    lab.wait_committed(10_000)


def test_a_stuck_batch_does_not_hold_up_a_rebalance_for_ever(make_lab: MakeLab) -> None:
    # given a worker that can finish nothing
    lab = make_lab(partitions=2)
    stuck, records = _stuck(lab)
    # when another joins
    other = lab.start().wait_ready(1)
    # then it gets its part, which was not committed, and works on it
    own = other.view()["partitions"]
    other.wait_values({k: v for k, v in greatest(records).items() if lab.partition_of(k) in own})
    # and the acknowledgements of the ended assignment are worth nothing
    stuck.faults.hold.unlink()
    lab.wait_committed(50)
    wait_until(lambda: stuck.counter("acks_dropped") > 0)
    assert "batches_abandoned" in stuck.log()


def test_a_worker_whose_name_another_one_has_taken_ends(make_lab: MakeLab) -> None:
    # given
    lab = make_lab(partitions=2)
    first = lab.start(name="worker").wait_ready(2)
    # when another begins under the same name
    second = lab.start(name="worker")
    # then the older one knows that it is not itself any more, and the newer one goes on
    assert first.wait_exit() == EXIT_CODE
    assert "has taken the name" in first.log()
    second.wait_ready(2)
    lab.write([("key", 1)])
    second.wait_values({"key": 1})
    assert second.exit_code is None


def test_a_named_worker_that_the_group_has_forgotten_joins_again(make_lab: MakeLab) -> None:
    # given two workers with names, and something in the state of each
    lab = make_lab(partitions=2)
    records = [(f"key-{i}", i) for i in range(100)]
    lab.write(records)
    sleeper, other = lab.start(name="sleeper"), lab.start(name="other")
    sleeper.wait_ready(1)
    other.wait_ready(1)
    # when one is silent until the other has everything
    sleeper.signal(signal.SIGSTOP)
    other.wait_ready(2).wait_values(greatest(records))
    more = [(f"key-{i}", 1_000 + i) for i in range(100)]
    lab.write(more)
    other.wait_values(greatest(more))
    sleeper.signal(signal.SIGCONT)
    # then it has its share again, whole, as the process that it was
    other.wait_ready(1)
    wait_until(
        lambda: (
            sleeper.values() | other.values() == greatest(more)
            and not sleeper.values().keys() & other.values().keys()
        ),
        timeout=60,
        what=lab.logs,
    )
    assert sleeper.exit_code is None
    lab.write([(f"key-{i}", 2_000 + i) for i in range(100)])
    lab.wait_committed(300)


def test_a_stalled_worker_ends(make_lab: MakeLab) -> None:
    # given
    lab = make_lab()
    worker = lab.start(stall_timeout=2.0).wait_ready()
    # when it finishes nothing any more
    worker.faults.hold.touch()
    lab.write([("key", 1)])
    # then
    assert worker.wait_exit() == EXIT_CODE
    assert "stalled" in worker.log()
    assert lab.committed() == {0: None}


def test_an_idle_worker_is_not_stalled(make_lab: MakeLab) -> None:
    # given
    lab = make_lab()
    worker = lab.start(stall_timeout=1.0).wait_ready()
    lab.write([("key", 1)])
    lab.wait_committed(1)
    # when nothing happens
    wait_seconds(3)
    # then
    assert worker.exit_code is None
    assert worker.stop() == 0


def test_a_partition_that_stays_keeps_its_state(make_lab: MakeLab) -> None:
    # given a worker that has all partitions, and has read nothing from the changelog
    lab = make_lab(partitions=2)
    records = [(f"key-{i}", i) for i in range(200)]
    lab.write(records)
    first = lab.start().wait_ready(2)
    lab.wait_committed(200)
    # when another joins
    other = lab.start().wait_ready(1)
    first.wait_ready(1)
    # then the first has what it had of its part, and has not read it again
    assert first.values() | other.values() == greatest(records)
    assert first.counter("restored_records") == 0
    assert other.counter("restored_records") == len(other.values())
    # and when the other has gone, it reads what it did not keep, and no more
    lost = len(other.values())
    later = [(f"key-{i}", 1_000 + i) for i in range(200)]
    lab.write(later)
    lab.wait_committed(400)
    other.kill()
    first.wait_ready(2)
    first.wait_values(greatest(later))
    assert first.counter("restored_records") == 2 * lost


def test_a_state_with_more_than_the_changelog_has_is_not_kept(make_lab: MakeLab) -> None:
    # given a worker whose changes do not reach the changelog
    lab = make_lab(partitions=2)
    stuck, records = _stuck(lab)
    # when another joins, and what stays with the first is read again
    other = lab.start().wait_ready(1)
    stuck.wait_ready(1)
    own = stuck.view()["partitions"]
    stuck.wait_values({k: v for k, v in greatest(records).items() if lab.partition_of(k) in own})
    wait_seconds(1)
    # then it is not taken for done, and whoever comes next has all of it
    stuck.kill()
    other.kill()
    lab.start().wait_ready(2).wait_values(greatest(records))


def test_a_rebalance_during_a_restore_leads_to_the_right_parts(make_lab: MakeLab) -> None:
    # given a table to restore
    lab = make_lab(partitions=2)
    records = [(f"key-{i}", i) for i in range(200)]
    lab.write(records)
    first = lab.start().wait_ready(2)
    lab.wait_committed(200)
    first.kill()
    # and a worker in the middle of it
    directory = lab.prepare()
    (directory / "hold-restore").touch()
    slow = lab.start(directory)
    wait_until(lambda: "restoring" in slow.log(), timeout=90, what=slow.log)
    # when another joins, and each gets a part
    other = lab.start()
    wait_until(lambda: other.ready(1), timeout=90, what=lab.logs)
    slow.faults.hold_restore.unlink()
    slow.wait_ready(1)
    # then each has its own part, whole, and nothing else
    assert slow.values() | other.values() == greatest(records)
    assert not slow.values().keys() & other.values().keys()
    assert slow.exit_code is None
    assert other.exit_code is None


@pytest.mark.parametrize(
    ("changelog_partitions", "message"),
    [(2, "has 2 partitions"), (None, "does not exist")],
)
def test_a_changelog_that_does_not_fit_ends_the_process_and_says_why(
    make_lab: MakeLab, changelog_partitions: int | None, message: str
) -> None:
    # given
    lab = make_lab(partitions=3)
    lab.changelog += "-other"
    if changelog_partitions is not None:
        lab.create_topic(lab.changelog, changelog_partitions)
    # when
    worker = lab.start()
    # then
    assert worker.wait_exit() == EXIT_CODE
    assert message in worker.log()
    assert lab.changelog in worker.log()


def test_a_restart_on_rocksdb_reads_only_the_tail(make_lab: MakeLab) -> None:
    # given a store that ends before the changelog does
    lab = make_lab("rocksdb")
    early = [(f"key-{i}", i) for i in range(500)]
    lab.write(early)
    worker = lab.start().wait_ready()
    lab.wait_committed(500)
    worker.kill()
    late = [(f"key-{i}", i + 1_000) for i in range(7)]
    lab.write(late)
    other = lab.start()
    other.wait_values(greatest(early + late), timeout=90)
    lab.wait_committed(507)
    other.kill()
    # when it is opened again
    again = lab.start(worker.settings.directory)
    # then
    again.wait_values(greatest(early + late), timeout=90)
    assert again.counter("restored_records") == 7
    # and a store that is complete reads nothing
    assert again.stop() == 0
    last = lab.start(worker.settings.directory).wait_ready()
    assert last.values() == greatest(early + late)
    assert last.counter("restored_records") == 0


def test_a_rocksdb_store_has_nothing_that_the_changelog_lacks(make_lab: MakeLab) -> None:
    # given a worker that has applied what does not reach the changelog
    lab = make_lab("rocksdb")
    worker = lab.start().wait_ready()
    worker.faults.hold.touch()
    lab.write([("key", 1)])
    worker.wait_values({"key": 1})
    # when it is killed, and starts again on its store
    worker.kill()
    worker.faults.hold.unlink()
    again = lab.start(worker.settings.directory)
    again.wait_values({"key": 1}, timeout=90)
    lab.wait_committed(1)
    again.kill()
    # then the change is not only there: whoever restores from the changelog has it
    assert lab.start().wait_ready().values() == {"key": 1}


def test_a_rocksdb_store_of_another_log_is_thrown_away(make_lab: MakeLab) -> None:
    # given a store, and topics that were created anew under another name
    lab, new = make_lab("rocksdb"), make_lab("rocksdb")
    lab.write([("old", 1)])
    worker = lab.start()
    worker.wait_values({"old": 1})
    assert worker.stop() == 0
    # when it is opened over the new ones
    new.write([("new", 2)])
    other = new.start(worker.settings.directory)
    # then
    other.wait_values({"new": 2})
    assert "local_state_dropped" in other.log()


def _stuck(lab: Lab) -> tuple[LabWorker, list[tuple[str, int]]]:
    """Start a worker that has applied some records, and can publish none of the changes."""
    stuck = lab.start(drain_timeout=1.0).wait_ready(2)
    stuck.faults.hold.touch()
    records = [(f"key-{i}", i) for i in range(50)]
    lab.write(records)
    stuck.wait_values(greatest(records))
    return stuck, records
