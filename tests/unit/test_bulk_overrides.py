"""Every internal of Faust and aiokafka that the extension overrides or leans on, as it was read.

A failure here means: the library changed there. Read the change, decide whether the override
still does what it promises, then record the new fingerprint.
"""

import hashlib
import inspect
from collections.abc import Callable
from typing import Any

import aiokafka.consumer.consumer
import aiokafka.consumer.fetcher
import aiokafka.consumer.group_coordinator
import aiokafka.producer.message_accumulator
import faust
import faust.app.base
import faust.tables.manager
import faust.tables.recovery
import faust.transport.consumer
import faust.transport.drivers.aiokafka as driver
import pytest
from faust.exceptions import ImproperlyConfigured

from streams.bulk import BulkApp

CONSUMER = faust.transport.consumer.Consumer
READ: list[tuple[Callable[..., Any], str]] = [
    (CONSUMER.getmany, "4b168d84882a"),
    (CONSUMER._wait_next_records, "6218e1969a63"),
    (CONSUMER.perform_seek, "0e8c130ff4b0"),
    (CONSUMER.ack, "5fcf41cf4515"),
    (CONSUMER.wait_empty, "e4662fe24f09"),
    (CONSUMER.on_partitions_revoked, "d04b7ae72c6f"),
    (CONSUMER.on_partitions_assigned, "29ce96596f05"),
    (CONSUMER._commit_tps, "a20e230b05ae"),
    (CONSUMER._filter_committable_offsets, "dc5e9baf5d99"),
    (CONSUMER._filter_tps_with_pending_acks, "f6f923977423"),
    (CONSUMER._should_commit, "5ce941793947"),
    (CONSUMER._add_gap, "4df2573ded7c"),
    (CONSUMER._drain_messages, "44a2500309e8"),
    (driver.Consumer._new_consumer_thread, "0870ec53dea7"),
    (driver.AIOKafkaConsumerThread._create_worker_consumer, "c2701bfc3e6f"),
    (driver.AIOKafkaConsumerThread._seek_wait, "9d221e816d94"),
    (driver.AIOKafkaConsumerThread._fetch_records, "39a2c6c79fc1"),
    (faust.Schema.compile, "d46eec5ce319"),
    (faust.tables.recovery.Recovery._resume_streams, "d986a6710c1a"),
    (faust.tables.recovery.Recovery._restart_recovery.fun, "6bd8a8558a2d"),
    (faust.tables.recovery.Recovery.on_rebalance, "aa4d997a1795"),
    (faust.tables.manager.TableManager.on_start, "365dd25fbc0e"),
    (faust.tables.manager.TableManager.on_stop, "351be149c036"),
    (faust.app.base.App._on_partitions_revoked, "d5c895bbe57d"),
    (faust.app.base.App._on_partitions_assigned, "de932b7927db"),
    (faust.app.base.App.on_rebalance_start, "5c1e23de3067"),
    (aiokafka.producer.message_accumulator.MessageAccumulator.add_batch, "5ed1c5b1367a"),
    (aiokafka.consumer.fetcher.PartitionRecords._unpack_records, "b803e6d46480"),
    (aiokafka.consumer.fetcher.FetchResult.getall, "3e717e30de50"),
    (aiokafka.consumer.fetcher.Fetcher.fetched_records, "be4348896b9b"),
    (aiokafka.consumer.fetcher.Fetcher._create_fetch_waiter, "61d840568746"),
    (aiokafka.consumer.group_coordinator.GroupCoordinator.reset_generation, "537aa37c531b"),
    (aiokafka.consumer.group_coordinator.GroupCoordinator._do_heartbeat, "dc1d6632aaa6"),
    (aiokafka.consumer.group_coordinator.GroupCoordinator._maybe_leave_group, "016cd88a16e6"),
    (driver.AIOKafkaConsumerThread.on_start, "38b4e8bd1e10"),
    (aiokafka.consumer.consumer.AIOKafkaConsumer.committed, "d8706147ab15"),
]


def fingerprint(function: Callable[..., Any]) -> str:
    source = inspect.getsource(inspect.unwrap(function))
    return hashlib.sha256(source.encode()).hexdigest()[:12]


@pytest.mark.parametrize(
    ("function", "read"), READ, ids=[f"{f.__module__}.{f.__qualname__}" for f, _ in READ]
)
def test_the_library_is_as_it_was_when_the_override_was_written(
    function: Callable[..., Any], read: str
) -> None:
    assert fingerprint(function) == read


def test_the_fetch_wait_that_is_shortened_exists() -> None:
    consumer = inspect.getsource(aiokafka.consumer.consumer.AIOKafkaConsumer)
    assert "self._fetch_max_wait_ms = fetch_max_wait_ms" in consumer
    assert "fetch_max_wait_ms=self._fetch_max_wait_ms" in consumer


def test_another_version_of_faust_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faust, "__version__", "0.16.0")
    with pytest.raises(ImproperlyConfigured, match=r"found 0\.16\.0"):
        BulkApp("any", kafka_settings={"bootstrap_servers": "127.0.0.1:1"}, broker="bulk://")


def test_stock_tables_beside_bulk_tables_are_refused() -> None:
    app = BulkApp("any", kafka_settings={"bootstrap_servers": "127.0.0.1:1"}, broker="bulk://")
    with pytest.raises(ImproperlyConfigured, match="BulkTable"):
        app.Table("stock", default=int)


if __name__ == "__main__":  # print the fingerprints, to record them after a change was read
    for function, _ in READ:
        print(f"{function.__module__}.{function.__qualname__}: {fingerprint(function)}")
