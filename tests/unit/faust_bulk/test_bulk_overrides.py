"""Every internal of Faust and aiokafka that the extension overrides or leans on, as it was read.

A failure here means: the library changed there. Read the change, decide whether the override
still does what it promises, then record the new fingerprint.
"""

import asyncio
import hashlib
import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aiokafka
import aiokafka.client
import aiokafka.consumer.consumer
import aiokafka.consumer.fetcher
import aiokafka.consumer.group_coordinator
import aiokafka.producer.message_accumulator as accumulator
import aiokafka.protocol.api
import aiokafka.protocol.group
import faust
import faust.agents
import faust.app.base
import faust.channels
import faust.tables.manager
import faust.tables.recovery
import faust.transport.consumer
import faust.transport.drivers.aiokafka as driver
import mode
import mode.utils.queues
import pytest
from faust.exceptions import ImproperlyConfigured
from faust.types import TP

from faust_bulk import BulkApp, DictState, damage, recovery, transport
from faust_bulk.delivery import BulkSchema

CONSUMER = faust.transport.consumer.Consumer
THREAD = driver.AIOKafkaConsumerThread
RECOVERY = faust.tables.recovery.Recovery
TABLES = faust.tables.manager.TableManager
APP = faust.app.base.App
COORDINATOR = aiokafka.consumer.group_coordinator.GroupCoordinator
JOINING = aiokafka.consumer.group_coordinator.CoordinatorGroupRebalance
FETCHER = aiokafka.consumer.fetcher.Fetcher
FETCHED = damage.PlacedErrors.__base__
RESULT = aiokafka.consumer.fetcher.FetchResult

READ: list[tuple[Callable[..., Any], str]] = [
    # what we replace, or call around
    (CONSUMER.getmany, "4b168d84882a"),
    (CONSUMER._wait_next_records, "6218e1969a63"),
    (CONSUMER.perform_seek, "0e8c130ff4b0"),
    (CONSUMER.ack, "5fcf41cf4515"),
    (CONSUMER.wait_empty, "e4662fe24f09"),
    (CONSUMER.on_partitions_revoked, "d04b7ae72c6f"),
    (CONSUMER.on_partitions_assigned, "29ce96596f05"),
    (CONSUMER.on_buffer_drop, "4b57e8a418d5"),
    (CONSUMER.resume_partitions, "afe6b7c02a41"),
    (CONSUMER._filter_committable_offsets, "dc5e9baf5d99"),
    (CONSUMER._filter_tps_with_pending_acks, "f6f923977423"),
    (CONSUMER._add_gap, "4df2573ded7c"),
    (driver.Consumer._new_consumer_thread, "0870ec53dea7"),
    (THREAD._create_worker_consumer, "c2701bfc3e6f"),
    (THREAD._fetch_records, "39a2c6c79fc1"),
    (THREAD.on_start, "38b4e8bd1e10"),
    (faust.Schema.compile, "d46eec5ce319"),
    (RECOVERY._resume_streams, "d986a6710c1a"),
    (TABLES.on_start, "365dd25fbc0e"),
    (TABLES.add, "4c5232ce6ba1"),
    (inspect.getattr_static(TABLES, "recovery").fget, "f0bf5de78b4c"),
    (APP.on_rebalance_start, "5c1e23de3067"),
    (APP._create_directories, "a9f571c3b04a"),
    (APP._on_agent_error, "bdd12f286de6"),
    (CONSUMER.verify_all_partitions_active, "4e0e46f5c297"),
    (CONSUMER._commit_livelock_detector.fun, "af196ff46fd4"),
    (mode.Service.crash, "14980000465d"),
    (mode.Service._crash, "7bc0c709a151"),
    (mode.Service.on_shutdown, "c00b1dbba64a"),
    # what these count on: delivery
    (CONSUMER._drain_messages, "44a2500309e8"),
    (CONSUMER._get_active_partitions, "b24897f3c7af"),
    (CONSUMER._set_active_tps, "401f4dc88319"),
    (CONSUMER.on_buffer_full, "c8961679e0bc"),
    (CONSUMER.pause_partitions, "27a1c94bdacd"),
    (CONSUMER.stop_flow, "cf7e875a2b0d"),
    (CONSUMER.resume_flow, "db59630f25b5"),
    (THREAD._seek_wait, "9d221e816d94"),
    (THREAD.seek_to_committed, "775ab0adc4b0"),
    (inspect.getattr_static(faust.channels.Channel, "queue").fget, "549dd774f3e3"),
    (faust.channels.Channel._clone_args, "8f29b1a993ef"),
    (APP.topic, "7b040db38d3b"),
    (mode.utils.queues.FlowControlQueue.put_nowait_enhanced, "f1839f43dda3"),
    (mode.utils.queues.FlowControlQueue.in_pressure_high_state, "3165f1488019"),
    (mode.utils.queues.FlowControlQueue.maybe_endorse_pressure_drop, "dafd855ef5a0"),
    (mode.utils.queues.ThrowableQueue.clear, "d18f09e451ac"),
    (faust.Stream.noack, "921a6f5c674d"),
    (faust.Stream._c_aiter, "fa44582a5882"),
    # commits
    (CONSUMER._commit_tps, "a20e230b05ae"),
    (CONSUMER._commit_offsets, "1a6979904118"),
    (CONSUMER._should_commit, "5ce941793947"),
    (CONSUMER.commit, "a354437baaa0"),
    (CONSUMER.force_commit, "cc094614d22c"),
    (CONSUMER.maybe_wait_for_commit_to_finish, "d687f63a0b5e"),
    (CONSUMER.commit_and_end_transactions, "892377824b11"),
    (CONSUMER._wait_for_ack, "d9c9337d4af8"),
    (CONSUMER._clean_unacked_messages, "11be2587e71c"),
    (CONSUMER.on_stop, "45b1d2210ce2"),
    (THREAD._commit, "932852ce7a23"),
    (COORDINATOR.commit_offsets, "5cbe31af28d6"),
    # rebalances, recovery, the end
    (driver.ConsumerRebalanceListener.on_partitions_revoked, "348c3aec879f"),
    (driver.ConsumerRebalanceListener.on_partitions_assigned, "1c1f8406ad36"),
    (RECOVERY._restart_recovery.fun, "6bd8a8558a2d"),
    (RECOVERY.on_rebalance, "aa4d997a1795"),
    (TABLES.on_rebalance, "2d2c23a07bf5"),
    (TABLES.on_stop, "351be149c036"),
    (APP._on_partitions_revoked, "d5c895bbe57d"),
    (APP._on_partitions_assigned, "de932b7927db"),
    (APP._stop_consumer, "55854a5de12c"),
    (APP.on_stop, "bfe5a933defb"),
    (faust.agents.Agent._execute_actor, "c750b828d2bd"),
    (mode.Service.stop, "e17cd2b6bd01"),
    (COORDINATOR._on_join_prepare, "4d9524afc0ee"),
    (COORDINATOR.reset_generation, "537aa37c531b"),
    (COORDINATOR._do_heartbeat, "dc1d6632aaa6"),
    (COORDINATOR._maybe_leave_group, "016cd88a16e6"),
    (COORDINATOR._send_req, "fa4b12e914ce"),
    (COORDINATOR.fetch_committed_offsets, "6c049c737916"),
    (COORDINATOR.request_rejoin, "f70a261c91c3"),
    (
        JOINING.perform_group_join,
        "ff2c2109b2e9",
    ),
    (
        JOINING._send_sync_group_request,
        "7429ca078ddf",
    ),
    (aiokafka.protocol.group.JoinGroupRequest.build, "0cdd03808309"),
    (aiokafka.protocol.group.LeaveGroupRequest.build, "6eb246dfc638"),
    # aiokafka's clients
    (FETCHER.fetched_records, "be4348896b9b"),
    (FETCHER._create_fetch_waiter, "61d840568746"),
    (FETCHER._proc_fetch_request, "59bf948fff47"),
    (FETCHED.__init__, "8ec1c2ae6ea1"),
    (FETCHED.__next__, "63ac34a08c30"),
    (FETCHED._unpack_records, "b803e6d46480"),
    (FETCHED._contains_abort_marker, "17e9ad2322ef"),
    (RESULT.check_assignment, "b5340df67e3f"),
    (RESULT._update_position, "83fb1473bf10"),
    (RESULT.getall, "3e717e30de50"),
    (RESULT.has_more, "a25ee8ab9340"),
    (aiokafka.AIOKafkaConsumer.commit, "79b057d88220"),
    (aiokafka.AIOKafkaProducer.create_batch, "c4efda4bb7a0"),
    (aiokafka.AIOKafkaProducer.send_batch, "bf42b0f0c5c0"),
    (accumulator.MessageAccumulator.add_batch, "5ed1c5b1367a"),
    (accumulator.BatchBuilder.append, "657d76f55157"),
    (accumulator.BatchBuilder.close, "084fb8748d27"),
    (accumulator.BatchBuilder.record_count, "3a3d4948a3b7"),
    (accumulator.MessageBatch.done, "2d765e5c2dc8"),
    (aiokafka.client.AIOKafkaClient.send, "246b277687d7"),
    (aiokafka.client.AIOKafkaClient.force_metadata_update, "cb7befef21c8"),
    (aiokafka.protocol.api.Request.prepare, "3a65d9fdefe3"),
    (aiokafka.protocol.api.RequestStruct.build_request_header, "a3b54a5d4d46"),
]

# Compiled: their sources lie beside them, and are what runs where Faust is installed from a wheel.
READ_FILES = [
    ("transport/_cython/conductor.pyx", "dde1f9742678"),
    ("_cython/streams.pyx", "0041622f4a25"),
]

#: ours → Faust's
OVERRIDES = [
    (transport.Consumer, driver.Consumer),
    (transport.ConsumerThread, driver.AIOKafkaConsumerThread),
    (recovery.Recovery, faust.tables.recovery.Recovery),
    (recovery.TableManager, faust.tables.manager.TableManager),
    (BulkApp, faust.App),
    (BulkSchema, faust.Schema),
]


def fingerprint(function: Callable[..., Any]) -> str:
    source = inspect.getsource(inspect.unwrap(function))
    return hashlib.sha256(source.encode()).hexdigest()[:12]


def fingerprint_of_file(path: str) -> str:
    source = (Path(faust.__file__).parent / path).read_bytes()
    return hashlib.sha256(source).hexdigest()[:12]


@pytest.mark.parametrize(
    ("function", "read"), READ, ids=[f"{f.__module__}.{f.__qualname__}" for f, _ in READ]
)
def test_the_library_is_as_it_was_when_the_override_was_written(
    function: Callable[..., Any], read: str
) -> None:
    assert fingerprint(function) == read


@pytest.mark.parametrize(("path", "read"), READ_FILES)
def test_the_compiled_parts_are_as_they_were(path: str, read: str) -> None:
    assert fingerprint_of_file(path) == read


@pytest.mark.parametrize(("ours", "base"), OVERRIDES)
def test_everything_that_is_overridden_was_read(ours: type, base: type) -> None:
    read = {inspect.unwrap(function) for function, _ in READ}
    missing = []
    for name in vars(ours):
        known = inspect.getattr_static(base, name, None)
        known = known.fget if isinstance(known, property) else known
        if not name.startswith("__") and inspect.isfunction(known):
            known = inspect.unwrap(known)
            # An abstract method of Faust promises no more than its name.
            if known not in read and not getattr(known, "__isabstractmethod__", False):
                missing.append(known.__qualname__)
    assert missing == []


def test_the_fetch_wait_that_is_shortened_exists() -> None:
    consumer = inspect.getsource(aiokafka.consumer.consumer.AIOKafkaConsumer)
    assert "self._fetch_max_wait_ms = fetch_max_wait_ms" in consumer
    assert "fetch_max_wait_ms=self._fetch_max_wait_ms" in consumer
    assert "self._fetch_min_bytes = fetch_min_bytes" in consumer
    assert "fetch_min_bytes=self._fetch_min_bytes" in consumer


@pytest.fixture
def consumer() -> Iterator[Any]:
    """The consumer of an app that is not started."""

    async def make() -> Any:
        return BulkApp(
            "any", kafka_settings={"bootstrap_servers": "127.0.0.1:1"}, broker="bulk://"
        ).consumer

    with asyncio.Runner() as runner:
        made = runner.run(make())
        yield made
        made._thread.thread_loop.close()


@pytest.mark.parametrize("stopping", [False, True])
def test_the_process_ends_with_any_part_that_fails_but_not_while_it_stops(
    monkeypatch: pytest.MonkeyPatch, consumer: Any, stopping: bool
) -> None:
    reasons: list[str] = []
    monkeypatch.setattr(
        "faust_bulk.app.end_process", lambda reason, _exception: reasons.append(reason)
    )
    if stopping:
        consumer.app._stopped_set()

    asyncio.run(consumer.crash(AssertionError("no position")))

    told = "a part of the app failed: AssertionError('no position')"
    assert reasons[:1] == ([] if stopping else [told])


def test_no_partition_is_asked_for_a_position_that_it_may_not_have(
    monkeypatch: pytest.MonkeyPatch, consumer: Any
) -> None:
    asked: list[TP] = []
    monkeypatch.setattr(consumer, "verify_event_path", lambda _now, tp: asked.append(tp))
    monkeypatch.setattr(consumer, "assignment", lambda: {TP("results", 0)})

    asyncio.run(consumer.verify_all_partitions_active())

    assert asked == []


def test_another_version_of_faust_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faust, "__version__", "0.16.0")
    with pytest.raises(ImproperlyConfigured, match=r"found 0\.16\.0"):
        BulkApp("any", kafka_settings={"bootstrap_servers": "127.0.0.1:1"}, broker="bulk://")


def test_a_table_is_made_of_a_topic_of_its_app_and_has_a_changelog_of_its_own() -> None:
    def make_app() -> BulkApp:
        return BulkApp("any", kafka_settings={"bootstrap_servers": "127.0.0.1:1"}, broker="bulk://")

    def make_state(_partition: int) -> DictState[int]:
        return DictState(str.encode, int, max)  # type: ignore[arg-type]  # never used

    app, other = make_app(), make_app()
    topic = app.bulk_topic("readings")
    for source in ("readings", app.topic("readings"), other.bulk_topic("readings"), None):
        with pytest.raises(ImproperlyConfigured, match=r"app\.bulk_table\(app\.bulk_topic"):
            app.bulk_table(source, "changelog", make_state)
    with pytest.raises(ImproperlyConfigured, match="serves something else"):
        app.bulk_table(topic, "readings", make_state)
    assert app.bulk_table(topic, "changelog", make_state).source == "readings"
    with pytest.raises(ImproperlyConfigured, match="needs one of its own"):
        app.bulk_table(app.bulk_topic("other"), "changelog", make_state)


def test_stock_tables_beside_bulk_tables_are_refused() -> None:
    app = BulkApp("any", kafka_settings={"bootstrap_servers": "127.0.0.1:1"}, broker="bulk://")
    with pytest.raises(ImproperlyConfigured, match="BulkTable"):
        app.Table("stock", default=int)


if __name__ == "__main__":  # print the fingerprints, to record them after a change was read
    for function, _ in READ:
        print(f"{function.__module__}.{function.__qualname__}: {fingerprint(function)}")
    for path, _ in READ_FILES:
        print(f"{path}: {fingerprint_of_file(path)}")
