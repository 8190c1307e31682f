"""What a table promises, on each table that there is: ours in memory and on RocksDB, and Faust's.

Every test is one promise; its worker processes, its Kafka and its faults are real. What Faust's
own table does not keep is expected to fail, strictly: if Faust mends it, we want to know.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, cast

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition

from faust_bulk.fatal import EXIT_CODE
from tests.support.bulk_app import POISON, Backend
from tests.support.bulk_lab import Lab, difference, greatest, wait_seconds
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration

_BACKENDS: Final[tuple[Backend, ...]] = ("memory", "rocksdb", "stock")

Scenario = Callable[[Lab], None]
Test = Callable[..., None]


def promise(*, stock: str | None = None, always: bool = True) -> Callable[[Test], Test]:
    """Run the test on every table; *stock* says why Faust's own does not keep the promise.

    *always*: whether it never keeps it, or only sometimes not, as on a busy machine.
    """
    marks = [pytest.mark.xfail(reason=stock, raises=AssertionError, strict=always)] if stock else []
    return _on_each([pytest.param(b, marks=marks if b == "stock" else ()) for b in _BACKENDS])


def promise_of_ours() -> Callable[[Test], Test]:
    """Run the test on our tables only.

    For faults at random moments, and for commits that must be complete: with Faust's own both
    are a matter of chance, so neither its success nor its failure would say anything. Each way
    in which it loses something has a test here that provokes it.
    """
    return _on_each(_BACKENDS[:2])


def _on_each(backends: Sequence[Any]) -> Callable[[Test], Test]:
    """Run a test on these tables, all in one process: see the fixture `on`."""

    def mark(test: Test) -> Test:
        together = pytest.mark.xdist_group(f"{__name__}.{test.__name__}")
        marked: Test = together(pytest.mark.parametrize("backend", backends)(test))
        return marked

    return mark


def patience(lab: Lab) -> float:
    """Return how long to wait for what Faust's own table does not keep: for that, in vain."""
    return 8.0 if lab.backend == "stock" else 60.0


@pytest.fixture(scope="session")
def outcomes() -> dict[str, dict[Backend, BaseException | None]]:
    """What came out of the scenarios that have run: name of the test → table → failure."""
    return {}


@pytest.fixture
def on(
    request: pytest.FixtureRequest,
    outcomes: dict[str, dict[Backend, BaseException | None]],
    kafka: str,
    tmp_path: Path,
) -> Callable[[Scenario], None]:
    """Run a scenario on this test's table.

    Scenarios mostly wait, for sessions to time out and the like; so the first test of a promise
    runs it on all tables that are asked for, side by side, and each reports its own outcome.
    """
    name = request.node.originalname

    def run(scenario: Scenario, *, partitions: int = 1) -> None:
        if name not in outcomes:
            asked = [
                cast("Backend", item.callspec.params["backend"])
                for item in request.session.items
                if isinstance(item, pytest.Function)
                and item.originalname == name
                and item.module is request.module
            ]

            def outcome(backend: Backend) -> BaseException | None:
                lab = Lab(kafka, tmp_path / backend, backend, partitions)
                try:
                    scenario(lab)
                except BaseException as failure:
                    return failure
                finally:
                    lab.close()
                return None

            with ThreadPoolExecutor(len(asked)) as pool:
                outcomes[name] = dict(zip(asked, pool.map(outcome, asked), strict=True))
        failure = outcomes[name][request.node.callspec.params["backend"]]
        if failure is not None:
            raise failure

    return run


@promise_of_ours()
def test_every_record_counts_and_an_orderly_stop_commits_them(backend: Backend, on: Any) -> None:
    def scenario(lab: Lab) -> None:
        # given a worker that would commit by itself only after this test
        worker = lab.start(commit_interval=300.0).wait_ready()
        records = [(f"key-{i % 50}", i) for i in range(1_000)]
        lab.write(records)
        worker.wait_values(greatest(records))
        # when
        code = worker.stop()
        # then
        assert code == 0
        assert sum(offset or 0 for offset in lab.committed().values()) == 1_000

    on(scenario, partitions=3)


@promise()
def test_a_successor_restores_what_was_committed(backend: Backend, on: Any) -> None:
    def scenario(lab: Lab) -> None:
        # given two lives, of which the second changes some of what the first wrote
        records = [(f"key-{i % 20}", i) for i in range(200)]
        for part in (records[:150], records[150:]):
            lab.write(part)
            worker = lab.start()
            worker.wait_values(greatest(records[: records.index(part[-1]) + 1]))
            assert worker.stop() == 0
        # when a successor begins on another machine
        successor = lab.start()
        # then
        successor.wait_values(greatest(records))

    on(scenario, partitions=2)


@promise_of_ours()
def test_nothing_is_committed_before_its_changes_are_durable(backend: Backend, on: Any) -> None:
    def scenario(lab: Lab) -> None:
        # given a worker whose changes do not reach the changelog
        worker = lab.start().wait_ready()
        worker.faults.hold.touch()
        records = [(f"key-{i}", i) for i in range(100)]
        lab.write(records)
        worker.wait_values(greatest(records))
        # when many commits are due
        wait_seconds(2.5)
        # then
        assert lab.committed() == {0: None}
        # and when they can reach it
        worker.faults.hold.unlink()
        lab.wait_committed(100)
        assert len({key for _, key, _ in lab.changes()}) == 100

    on(scenario)


@promise(stock="a failed delivery to the changelog is logged, and its offsets are committed")
def test_a_failed_delivery_ends_the_process_without_a_commit(backend: Backend, on: Any) -> None:
    def scenario(lab: Lab) -> None:
        # given
        worker = lab.start().wait_ready()
        lab.write([("key", 1)])
        worker.wait_values({"key": 1})
        lab.wait_committed(1)
        # when
        worker.faults.fail.touch()
        lab.write([("key", 2)])
        wait_until(lambda: worker.exit_code is not None or worker.values() == {"key": 2})
        wait_seconds(2)
        # then
        assert lab.committed() == {0: 1}
        assert worker.exit_code == EXIT_CODE
        # and a successor has it
        lab.start().wait_values({"key": 2})
        lab.wait_committed(2)

    on(scenario)


@promise(stock="an exception in an agent acknowledges the event")
def test_a_record_that_cannot_be_applied_is_not_passed_over(backend: Backend, on: Any) -> None:
    def scenario(lab: Lab) -> None:
        # given
        worker = lab.start().wait_ready()
        lab.write([("key", 1)])
        lab.wait_committed(1)
        # when
        lab.write([("key", POISON)])
        lab.write([("key", 3)])
        wait_until(lambda: worker.exit_code is not None or worker.values() == {"key": 3})
        wait_seconds(1)
        # then it ends rather than to go on without the record
        assert lab.committed() == {0: 1}
        assert worker.exit_code == EXIT_CODE

    on(scenario)


@promise(stock="the last write to a key wins in the changelog, whoever made it")
def test_a_late_write_of_a_former_owner_does_not_bury_its_successors(
    backend: Backend, on: Any
) -> None:
    def scenario(lab: Lab) -> None:
        # given an owner that freezes when a write is on its way
        former = lab.start().wait_ready()
        former.faults.hold.touch()
        lab.write([("key", 1)])
        former.wait_values({"key": 1})
        former.signal(signal.SIGSTOP)
        # and a successor that has gone further
        successor = lab.start()
        successor.wait_values({"key": 1})
        lab.write([("key", 2)])
        successor.wait_values({"key": 2})
        lab.wait_committed(2)
        wait_until(lambda: len(lab.changes()) == 2, what="both of the successor's writes")
        # when the former owner wakes up for as long as it takes its write to arrive: given more
        # time it might read the record again, and heal what it did
        former.faults.freeze.touch()
        former.faults.hold.unlink()
        former.signal(signal.SIGCONT)
        wait_until(lambda: len(lab.changes()) == 3, what=former.log)
        successor.kill()
        former.kill()
        # then who comes next has what the successor had, also from a compacted changelog
        lab.compact_changelog()
        heir = lab.start().wait_ready()
        assert heir.values() == {"key": 2}

    on(scenario)


@promise(stock="the committed offset is read after the changelog", always=False)
def test_a_stale_commit_between_changelog_and_seek_skips_nothing(backend: Backend, on: Any) -> None:
    def scenario(lab: Lab) -> None:
        # given ten records, of which the group has committed four
        records = [(f"key-{i}", i) for i in range(1, 11)]
        lab.write(records[:4])
        former = lab.start().wait_ready()
        lab.wait_committed(4)
        assert former.stop() == 0
        lab.write(records[4:])
        # when a commit of seven, on its way since long, arrives after the restore
        directory = lab.prepare()
        (directory / "stale-commit").write_text("7")
        worker = lab.start(directory)
        wait_until(lambda: lab.committed() == {0: 10}, what=worker.log)
        assert not (directory / "stale-commit").exists(), "the commit of seven never came"
        # then all that the restored state did not contain was read
        worker.wait_values(greatest(records), timeout=patience(lab))

    on(scenario)


@promise_of_ours()
def test_a_kill_in_the_middle_loses_nothing_and_counts_nothing_twice(
    backend: Backend, on: Any
) -> None:
    def scenario(lab: Lab) -> None:
        # given a stream that does not stop while workers die
        records: list[tuple[str, bytes | int]] = []
        with _writing(lab, records):
            worker = lab.start().wait_ready()
            for life in range(2):
                behind = len(worker.values())
                wait_until(lambda w=worker, n=behind: len(w.values()) > n + 100)  # type: ignore[misc]
                # when, and work is in flight
                worker.kill()
                assert worker.exit_code == -signal.SIGKILL, life
                worker = lab.start(worker.settings.directory).wait_ready()
        # then
        worker.wait_values(greatest(records))
        lab.wait_committed(len(records))
        # and who restores it has the same
        worker.kill()
        assert lab.start().wait_ready().values() == greatest(records)

    on(scenario, partitions=2)


@promise(stock="its assignor gives two workers two partitions each, and the third none")
def test_every_worker_gets_a_share(backend: Backend, on: Any) -> None:
    def scenario(lab: Lab) -> None:
        # given four partitions, when workers come one after the other
        workers = []
        for share in (4, 2, None):
            workers.append(lab.start())
            if share:
                workers[-1].wait_ready(share)
        # then
        wait_until(
            lambda: all(worker.ready() for worker in workers),
            timeout=patience(lab),
            what=lambda: [worker.view().get("partitions") for worker in workers],
        )

    on(scenario, partitions=4)


@promise_of_ours()
def test_workers_that_come_and_go_lose_nothing(backend: Backend, on: Any) -> None:
    def scenario(lab: Lab) -> None:
        # given a stream that does not stop while workers join, leave, freeze and wake up
        records: list[tuple[str, bytes | int]] = []
        with _writing(lab, records):
            first = lab.start().wait_ready(4)
            second = lab.start().wait_ready(2)
            third = lab.start()
            wait_until(lambda: second.ready() and third.ready(), what=lab.logs)
            assert second.stop() == 0
            first.signal(signal.SIGSTOP)
            third.wait_ready(4)
            first.signal(signal.SIGCONT)
            wait_until(lambda: first.ready(2) or first.exit_code is not None)
        # then
        lab.wait_committed(len(records))
        wait_until(lambda: first.ready(2) and third.ready(2))
        expected = greatest(records)
        wait_until(
            lambda: first.values() | third.values() == expected,
            what=lambda: difference(first.values() | third.values(), expected),
        )
        # and who restores it has the same
        first.kill()
        third.kill()
        lab.start().wait_ready(4).wait_values(expected)

    on(scenario, partitions=4)


@promise(stock="the table in memory keeps the keys of a partition that was given up")
def test_state_leaves_with_its_partition(backend: Backend, on: Any) -> None:
    def scenario(lab: Lab) -> None:
        # given
        records = [(f"key-{i}", i) for i in range(40)]
        lab.write(records)
        first = lab.start().wait_ready(2)
        first.wait_values(greatest(records))
        # when
        second = lab.start().wait_ready(1)
        first.wait_ready(1)
        # then each has the keys of its own partition
        for worker in (first, second):
            [own] = worker.view()["partitions"]
            expected = {k: v for k, v in greatest(records).items() if lab.partition_of(k) == own}
            worker.wait_values(expected, timeout=patience(lab))

    on(scenario, partitions=2)


@promise(stock="a rebalance drops what was acknowledged before it is committed")
def test_a_commit_is_made_before_partitions_are_given_up(backend: Backend, on: Any) -> None:
    def scenario(lab: Lab) -> None:
        # given a worker that would commit by itself only after this test
        first = lab.start(commit_interval=300.0).wait_ready(2)
        records = [(f"key-{i}", i) for i in range(100)]
        lab.write(records)
        first.wait_values(greatest(records))
        assert not any(lab.committed().values())
        # when another takes over a part
        second = lab.start(commit_interval=300.0).wait_ready(1)
        # then all was committed before
        assert sum(offset or 0 for offset in lab.committed().values()) == 100
        second.wait_ready(1)

    on(scenario, partitions=2)


@promise_of_ours()
def test_gaps_in_the_offsets_do_not_stop_the_commits(backend: Backend, on: Any) -> None:
    def scenario(lab: Lab) -> None:
        # given a log with transactions' markers, from offset 0 on, and aborted records
        asyncio.run(_write_transactions(lab))
        # when
        worker = lab.start().wait_ready()
        # then everything is applied (Faust reads uncommitted records), and the commit reaches
        # the last record, which is followed by a marker
        worker.wait_values({"key": 29})
        wait_until(
            lambda: (lab.committed()[0] or 0) >= 59, what=lambda: f"59 of 60: {lab.committed()}"
        )

    on(scenario)


@promise_of_ours()
def test_an_agent_of_an_ordinary_topic_keeps_working_beside_it(backend: Backend, on: Any) -> None:
    def scenario(lab: Lab) -> None:
        # given an agent of Faust's own kind on another topic, in the same app
        first = lab.start(ordinary=lab.ordinary).wait_ready()
        lab.write([(f"key-{i}", i) for i in range(2_000)])
        lab.write([(f"key-{i}", b"a-%d" % i) for i in range(300)], lab.ordinary)
        # then it gets its records one by one, and they are committed
        wait_until(lambda: len(first.view()["ordinary"]) == 300, what=first.log)
        wait_until(lambda: sum(o or 0 for o in lab.committed(lab.ordinary).values()) == 300)
        lab.wait_committed(2_000)
        # and a successor goes on behind them
        assert first.stop() == 0
        second = lab.start(ordinary=lab.ordinary).wait_ready()
        lab.write([("key", b"b")], lab.ordinary)
        wait_until(lambda: second.view()["ordinary"] == ["b"], what=lambda: second.view())

    on(scenario, partitions=2)


class _writing:  # noqa: N801  # a context manager
    """Write records in the background, and collect them, until the block ends."""

    def __init__(self, lab: Lab, records: list[tuple[str, bytes | int]]) -> None:
        self._lab = lab
        self._records = records
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._write)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_exception: object) -> None:
        self._stop.set()
        self._thread.join()

    def _write(self) -> None:
        number = 0
        while not self._stop.wait(0.1):
            # New keys, and greater numbers for old ones.
            part: list[tuple[str, bytes | int]] = [
                (f"key-{i if i % 2 else i // 2}", i) for i in range(number, number + 100)
            ]
            number += 100
            self._lab.write(part)
            self._records += part


async def _write_transactions(lab: Lab) -> None:
    tp = TopicPartition(lab.source, 0)
    async with AIOKafkaProducer(
        bootstrap_servers=lab.kafka, transactional_id=f"{lab.name}-writer"
    ) as producer:
        for number in range(30):
            await producer.begin_transaction()
            await producer.send(tp.topic, b"%d" % number, b"key", partition=0)
            if number % 3 == 1:
                await producer.flush()
                await producer.abort_transaction()
            else:
                await producer.commit_transaction()
