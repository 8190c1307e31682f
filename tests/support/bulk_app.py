"""A worker that keeps the greatest number of each key, in as many ways as Faust has tables.

The program is the same for all of them: records are a key and a number as text; the state is the
greatest number of each key. What it is told to suffer, it reads from files in its directory.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import resource
import signal
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import faust
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError
from aiokafka.producer.sender import Sender
from aiokafka.structs import OffsetAndMetadata
from faust.types import TP, EventT

from faust_bulk import Batch, BulkApp, BulkTable, DictState, KeyedState
from faust_bulk.recovery import Recovery
from faust_bulk.rocks import RocksState

Backend = Literal["memory", "rocksdb", "stock"]

#: A record that the program cannot read, and has no answer to.
POISON = b"poison"


@dataclass(frozen=True)
class BulkAppSettings:
    """What one worker is told."""

    backend: Backend
    kafka: str
    app_id: str
    source: str
    changelog: str
    partitions: int
    directory: Path
    #: a topic for an agent of Faust's own kind beside the table's; its values are collected
    ordinary: str | None = None
    commit_interval: float = 0.3
    batch_records: int = 200
    drain_timeout: float = 20.0
    stall_timeout: float = 60.0
    #: another topic that the table is made of, although the agent is over the source
    foreign: str | None = None
    #: whether the agent has a loop of its own instead of the table's
    own_loop: bool = False
    #: of the group's static member
    name: str | None = None
    epoch: int = 1
    #: whether a changelog that is missing is made again
    provide: bool = False


@dataclass(frozen=True)
class Faults:
    """What a worker suffers, as files in its directory: they are there, or not."""

    directory: Path

    @property
    def hold(self) -> Path:
        """Writes to the changelog wait before they leave the process."""
        return self.directory / "hold-changelog"

    @property
    def fail(self) -> Path:
        """Writes to the changelog fail."""
        return self.directory / "fail-changelog"

    @property
    def freeze(self) -> Path:
        """The process freezes as soon as a write to the changelog has been made."""
        return self.directory / "freeze-after-write"

    @property
    def hold_restore(self) -> Path:
        """A restore waits before it takes the next records of the changelog."""
        return self.directory / "hold-restore"

    @property
    def full_disk(self) -> Path:
        """No file of the process may become larger than the bytes that stand here, from its start.

        Writing fails then as it does on a full disk, without a disk.
        """
        return self.directory / "full-disk"

    @property
    def stale_commit(self) -> Path:
        """Before the next seek the group commits this offset of partition 0."""
        return self.directory / "stale-commit"


def run(settings: BulkAppSettings) -> None:
    """Run a worker in this process; its output goes to a file in its directory."""
    log = os.open(settings.directory / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    logging.getLogger("streams").setLevel(logging.INFO)
    asyncio.set_event_loop(asyncio.new_event_loop())
    faults = Faults(settings.directory)
    if faults.full_disk.exists():
        limit = int(faults.full_disk.read_text())
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    _disturb_producers(settings.changelog, faults)
    _disturb_restore(faults)
    app, look = _stock(settings) if settings.backend == "stock" else _bulk(settings)
    _disturb_seek(app, settings.source, faults)
    seen = _ordinary_agent(app, settings.ordinary)

    async def show() -> None:
        while not app.should_stop:
            _show(settings.directory, {**look(), "ordinary": sorted(seen)})
            await asyncio.sleep(0.05)

    app.task(show)
    faust.Worker(
        app, loglevel="WARNING", override_logging=False, redirect_stdouts=False, quiet=True
    ).execute_from_commandline()


def _bulk(settings: BulkAppSettings) -> tuple[Any, Callable[[], dict[str, Any]]]:
    async def provide_changelog(name: str) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka)
        await admin.start()
        await admin.create_topics([NewTopic(name, settings.partitions, 1)])
        await admin.close()

    app = BulkApp(
        settings.app_id,
        kafka_settings={"bootstrap_servers": settings.kafka},
        drain_timeout=settings.drain_timeout,
        stall_timeout=settings.stall_timeout,
        epoch=settings.epoch,
        provide_changelog=provide_changelog if settings.provide else None,
        **_options(settings, "bulk"),
    )

    def make_state(partition: int) -> KeyedState[int]:
        if settings.backend == "memory":
            return DictState(_encode, int, max)
        return RocksState(settings.directory / f"state-{partition}", _encode, int, max)

    source = app.bulk_topic(settings.source)
    of = source if settings.foreign is None else app.bulk_topic(settings.foreign)
    table: BulkTable[KeyedState[int]] = app.bulk_table(of, settings.changelog, make_state)

    def apply(state: KeyedState[int], batch: Batch) -> dict[bytes, bytes]:
        for record in batch.records:
            assert record.key is not None
            assert record.value is not None
            state.put(record.key, int(record.value))
        return state.take_changes()

    @app.agent(source)
    async def keep(stream: Any) -> None:
        if not settings.own_loop:
            await table.process(stream, apply)
        async for event in stream.noack().events():
            state = table.state_of(event.value)
            if state is not None:
                await table.publish(event.value, apply(state, event.value))
            event.ack()

    def look() -> dict[str, Any]:
        by_partition = {p: dict(state.items()) for p, state in table.owned()}
        return {
            "ready": app.problem is None,
            "problem": app.problem,
            "partitions": sorted(by_partition),
            "values": {
                key.decode(): value
                for state in by_partition.values()
                for key, value in state.items()
            },
            "counters": vars(app.counters),
        }

    return app, look


def _stock(settings: BulkAppSettings) -> tuple[Any, Callable[[], dict[str, Any]]]:
    app = faust.App(settings.app_id, store="memory://", **_options(settings, "kafka"))
    source = app.topic(settings.source, key_type=bytes, value_type=bytes, acks=True)
    table = app.Table(
        "greatest",
        partitions=settings.partitions,
        key_type=str,
        value_type=int,
        changelog_topic=app.topic(
            settings.changelog,
            key_type=str,
            value_type=cast(Any, int),
            key_serializer="json",
            value_serializer="json",
            partitions=settings.partitions,
            internal=True,
        ),
    )

    @app.agent(source)
    async def keep(stream: Any) -> None:
        async for key, value in stream.items():
            name, number = key.decode(), int(value)
            known = table.get(name)
            if known is None or number > known:
                table[name] = number

    def look() -> dict[str, Any]:
        assigned = app.consumer.assignment()
        return {
            "ready": not app.rebalancing and bool(assigned),
            "partitions": sorted(tp.partition for tp in assigned if tp.topic == settings.source),
            "values": dict(table.items()),
            "counters": {},
        }

    return app, look


def _options(settings: BulkAppSettings, scheme: str) -> dict[str, Any]:
    return {
        "broker": f"{scheme}://{settings.kafka}",
        "broker_session_timeout": 6.0,
        "consumer_group_instance_id": settings.name,
        "broker_heartbeat_interval": 1.0,
        "broker_commit_interval": settings.commit_interval,
        "broker_max_poll_records": settings.batch_records,
        "consumer_auto_offset_reset": "earliest",
        "stream_wait_empty": True,
        "topic_disable_leader": True,
        "producer_acks": -1,
        "web_enabled": False,
        "datadir": str(settings.directory / "data"),
    }


def _encode(value: int) -> bytes:
    return b"%d" % value


def _ordinary_agent(app: Any, topic: str | None) -> set[str]:
    seen: set[str] = set()
    if topic is not None:

        async def collect(stream: Any) -> None:
            async for event in cast("AsyncIterator[EventT[bytes]]", stream.events()):
                seen.add(event.value.decode())

        app.agent(app.topic(topic, value_type=bytes, value_serializer="raw", acks=True))(collect)
    return seen


def _disturb_producers(changelog: str, faults: Faults) -> None:
    send = Sender._send_produce_req

    async def send_disturbed(self: Any, node_id: int, batches: Any) -> None:
        if any(tp.topic == changelog for tp in batches):
            while faults.hold.exists():  # noqa: ASYNC110  # another process removes it
                await asyncio.sleep(0.01)
            if faults.fail.exists():
                for batch in batches.values():
                    batch.failure(KafkaError("as the test wants it"))
                self._in_flight.remove(node_id)
                self._muted_partitions.difference_update(batches)
                return
        await send(self, node_id, batches)
        if faults.freeze.exists() and any(tp.topic == changelog for tp in batches):
            os.kill(os.getpid(), signal.SIGSTOP)

    Sender._send_produce_req = send_disturbed


def _disturb_restore(faults: Faults) -> None:
    take = Recovery._take

    async def take_disturbed(reader: Any, topic: str, damaged: Any) -> Any:
        if faults.hold_restore.exists():
            logging.getLogger("streams").info("restoring, as slowly as the test wants it")
            await asyncio.sleep(0.05)
            return {}
        return await take(reader, topic, damaged)

    Recovery._take = staticmethod(take_disturbed)  # type: ignore[method-assign]


def _disturb_seek(app: Any, source: str, faults: Faults) -> None:
    """Let a commit of this group arrive when the tables are restored, before the seek."""
    consumer = app.consumer
    seek = consumer.perform_seek

    async def seek_disturbed() -> None:
        if faults.stale_commit.exists() and TP(source, 0) in consumer.assignment():
            offset = int(faults.stale_commit.read_text())
            thread = consumer._thread
            await thread.call_thread(
                thread._ensure_consumer().commit,
                {TopicPartition(source, 0): OffsetAndMetadata(offset, "")},
            )
            faults.stale_commit.unlink()
        await seek()

    consumer.perform_seek = seek_disturbed


def _show(directory: Path, view: dict[str, Any]) -> None:
    new = directory / "view.new"
    # A disk that is full is the table's affair here, not ours.
    with contextlib.suppress(OSError):
        new.write_text(json.dumps(view))
        new.replace(directory / "view.json")
