"""A laboratory for tables: topics of its own, workers as processes, and eyes on what they did."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import resource
import signal
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError
from aiokafka.structs import OffsetAndMetadata

from faust_bulk.logs import MARK
from tests.support.bulk_app import Backend, BulkAppSettings, Faults, run
from tests.support.waiting import wait_until

# A server that has imported everything and forks: a worker begins within milliseconds.
_processes: Final = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["tests.support.bulk_app"])


class LabWorker:
    """A worker process."""

    def __init__(self, settings: BulkAppSettings) -> None:
        settings.directory.mkdir(parents=True, exist_ok=True)
        (settings.directory / "view.json").unlink(missing_ok=True)
        self.settings = settings
        self.faults = Faults(settings.directory)
        self._process = _processes.Process(target=run, args=(settings,), daemon=True)
        self._process.start()

    @property
    def exit_code(self) -> int | None:
        """Its exit code, negative if a signal ended it; None while it runs."""
        return self._process.exitcode

    def view(self) -> dict[str, Any]:
        """Return what it showed last; empty if nothing yet."""
        try:
            shown: dict[str, Any] = json.loads((self.settings.directory / "view.json").read_text())
        except FileNotFoundError:
            return {}
        return shown

    def values(self) -> dict[str, int]:
        """Return the state that it showed last."""
        values: dict[str, int] = self.view().get("values", {})
        return values

    def counter(self, name: str) -> int:
        """Return one of the extension's counters."""
        number: int = self.view().get("counters", {}).get(name, 0)
        return number

    def ready(self, partitions: int | None = None) -> bool:
        """Whether it serves *partitions* partitions; None: one or more."""
        view = self.view()
        served = len(view["partitions"]) if view.get("ready") else 0
        return served > 0 if partitions is None else served == partitions

    def wait_ready(self, partitions: int | None = None) -> LabWorker:
        """Wait until it serves *partitions* partitions; None: one or more."""
        wait_until(
            lambda: self.ready(partitions) or self.exit_code is not None,
            timeout=90,
            what=lambda: f"ready with {partitions}: {self.view()}\n{self.log()}",
        )
        assert self.exit_code is None, self.log()
        return self

    def wait_values(self, expected: Mapping[str, int], timeout: float = 60) -> None:
        """Wait until its state is *expected*."""
        wait_until(
            lambda: self.values() == expected,
            timeout=timeout,
            what=lambda: f"{difference(self.values(), expected)}\n{self.log()}",
        )

    def signal(self, number: signal.Signals) -> None:
        assert self._process.pid is not None
        os.kill(self._process.pid, number)

    def fill_disk(self, largest: int) -> None:
        """From now on no file of it may become larger: writing fails as it does on a full disk."""
        assert self._process.pid is not None
        resource.prlimit(self._process.pid, resource.RLIMIT_FSIZE, (largest, largest))

    def kill(self) -> None:
        """End it as a power failure would."""
        self.signal(signal.SIGKILL)
        self._process.join(10)

    def stop(self, timeout: float = 60) -> int:
        """Stop it in order; return its exit code."""
        self.signal(signal.SIGTERM)
        return self.wait_exit(timeout)

    def wait_exit(self, timeout: float = 60) -> int:
        """Wait until it has ended; return its exit code."""
        self._process.join(timeout)
        assert self.exit_code is not None, f"it does not end:\n{self.log()}"
        return self.exit_code

    def log(self) -> str:
        log = self.settings.directory / "log"
        return log.read_text(errors="replace")[-4_000:] if log.exists() else ""

    def clean_up(self) -> None:
        if self._process.is_alive():
            self.signal(signal.SIGCONT)
            self.kill()
        self._process.close()


@dataclass
class Lab:
    """Topics that nobody else uses, and workers of one consumer group over them."""

    kafka: str
    directory: Path
    backend: Backend
    partitions: int = 1
    workers: list[LabWorker] = field(default_factory=list)
    name: str = field(default_factory=lambda: f"lab-{uuid.uuid4().hex[:8]}")
    _number: int = 0

    def __post_init__(self) -> None:
        self.source = f"{self.name}-source"
        self.ordinary = f"{self.name}-ordinary"
        self.changelog = f"{self.name}-changelog"
        self.create_topic(self.source)
        self.create_topic(self.ordinary)
        self.create_topic(self.changelog, config={"cleanup.policy": "compact"})

    @property
    def app_id(self) -> str:
        """The consumer group: Faust appends the version, of which there is one."""
        return self.name

    def start(self, directory: Path | None = None, **changes: Any) -> LabWorker:
        """Start a worker, with a directory of its own unless one is given."""
        self._number += 1
        settings = BulkAppSettings(
            self.backend,
            self.kafka,
            self.app_id,
            self.source,
            self.changelog,
            self.partitions,
            directory or self.directory / f"worker-{self._number}",
        )
        worker = LabWorker(replace(settings, **changes))
        self.workers.append(worker)
        return worker

    def prepare(self) -> Path:
        """Return a directory for a worker that is to be started, to put faults into."""
        self._number += 1
        directory = self.directory / f"worker-{self._number}"
        directory.mkdir(parents=True)
        return directory

    def create_topic(
        self, name: str, partitions: int | None = None, config: Mapping[str, str] | None = None
    ) -> None:
        asyncio.run(self._create_topic(name, partitions or self.partitions, config or {}))

    def write(self, records: Iterable[tuple[str, bytes | int]], topic: str | None = None) -> None:
        """Append (key, value) records to the source, each to its key's partition."""
        asyncio.run(self._write(list(records), topic or self.source))

    def read(self, topic: str) -> list[tuple[int, bytes | None, bytes | None]]:
        """Return (partition, key, value) of each record that *topic* has."""
        return asyncio.run(self._read(topic))

    def changes(self) -> list[tuple[int, bytes | None, bytes | None]]:
        """Return what the changelog has of keys, without the marks of the assignments."""
        return [it for it in self.read(self.changelog) if not (it[1] or b"").startswith(MARK)]

    def marks(self) -> list[tuple[int, bytes | None, bytes | None]]:
        """Return the marks of the assignments, which say of which log they are."""
        return [it for it in self.read(self.changelog) if (it[1] or b"").startswith(MARK)]

    def recreate(self, topic: str, config: Mapping[str, str] | None = None) -> None:
        """Delete a topic and make it again, as somebody else would."""
        asyncio.run(self._delete_topic(topic))
        self.create_topic(topic, config=config)

    def delete(self, topic: str) -> None:
        asyncio.run(self._delete_topic(topic))

    def committed(self, topic: str | None = None) -> dict[int, int | None]:
        """Return the group's committed offset of each partition."""
        return asyncio.run(self._committed(topic or self.source))

    def wait_committed(self, expected: int, timeout: float = 60) -> None:
        """Wait until the committed offsets of the source add up to *expected*."""
        wait_until(
            lambda: sum(offset or 0 for offset in self.committed().values()) == expected,
            timeout=timeout,
            what=lambda: f"committed {expected}: {self.committed()}\n{self.logs()}",
        )

    def compact_changelog(self) -> str:
        """Return a topic that has what compaction leaves of the changelog.

        The broker's own cleaner decides by itself when, and leaves the last segment alone. What the
        group has committed is worth as much beside it as beside the first, once it has no members.
        """
        records = self.read(self.changelog)
        self.changelog += "-compacted"
        self.create_topic(self.changelog, config={"cleanup.policy": "compact"})
        last = {(partition, key): value for partition, key, value in records}
        asyncio.run(self._copy(last, self.changelog))
        self._commit_again()
        return self.changelog

    def commit_without_note(self, offset: int) -> None:
        """Commit for partition 0 as a version without notes would."""
        wait_until(partial(self._commits, 0, offset), what="no members are left")

    def forget_logs(self) -> None:
        """Make changelog and commits what a version without marks and notes would have left."""
        records = self.changes()
        self.changelog += "-unmarked"
        self.create_topic(self.changelog, config={"cleanup.policy": "compact"})
        asyncio.run(self._copy({(p, key): value for p, key, value in records}, self.changelog))
        self._commit_again()

    def logs(self) -> str:
        return "\n".join(f"--- {w.settings.directory.name}\n{w.log()}" for w in self.workers)

    def close(self) -> None:
        for worker in self.workers:
            worker.clean_up()

    def partition_of(self, key: str) -> int:
        from aiokafka.partitioner import murmur2

        number: int = (murmur2(key.encode()) & 0x7FFFFFFF) % self.partitions
        return number

    async def _create_topic(self, name: str, partitions: int, config: Mapping[str, str]) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.kafka)
        await admin.start()
        try:
            topic = NewTopic(name, partitions, 1, topic_configs=dict(config))
            await admin.create_topics([topic])
        finally:
            await admin.close()

    async def _delete_topic(self, name: str) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.kafka)
        await admin.start()
        try:
            await admin.delete_topics([name])
            while name in await admin.list_topics():  # noqa: ASYNC110  # the broker's doing
                await asyncio.sleep(0.1)
        finally:
            await admin.close()

    async def _write(self, records: list[tuple[str, bytes | int]], topic: str) -> None:
        async with AIOKafkaProducer(bootstrap_servers=self.kafka, linger_ms=5) as producer:
            for key, value in records:
                data = value if isinstance(value, bytes) else b"%d" % value
                await producer.send(topic, data, key.encode(), partition=self.partition_of(key))
            await producer.flush()

    async def _copy(
        self, records: Mapping[tuple[int, bytes | None], bytes | None], topic: str
    ) -> None:
        async with AIOKafkaProducer(bootstrap_servers=self.kafka, linger_ms=5) as producer:
            for (partition, key), value in records.items():
                await producer.send(topic, value, key, partition=partition)
            await producer.flush()

    async def _read(self, topic: str) -> list[tuple[int, bytes | None, bytes | None]]:
        found: list[tuple[int, bytes | None, bytes | None]] = []
        async with AIOKafkaConsumer(bootstrap_servers=self.kafka) as consumer:
            tps = [TopicPartition(topic, p) for p in range(self.partitions)]
            ends = await consumer.end_offsets(tps)
            consumer.assign(tps)
            await consumer.seek_to_beginning(*tps)
            behind = [tp for tp in tps if ends[tp]]
            while behind:
                for tp, records in (await consumer.getmany(timeout_ms=200)).items():
                    found += [(tp.partition, r.key, r.value) for r in records]
                behind = [tp for tp in behind if await consumer.position(tp) < ends[tp]]
        return found

    async def _committed(self, topic: str) -> dict[int, int | None]:
        async with self._group() as consumer:
            return {
                p: await consumer.committed(TopicPartition(topic, p))
                for p in range(self.partitions)
            }

    def _commit_again(self) -> None:
        for partition, offset in self.committed().items():
            if offset is not None:
                wait_until(partial(self._commits, partition, offset), what="no members are left")

    def _commits(self, partition: int, offset: int) -> bool:
        try:
            asyncio.run(self._commit(offset, partition))
        except KafkaError:
            return False
        return True

    async def _commit(self, offset: int, partition: int = 0) -> None:
        async with self._group() as consumer:
            tp = TopicPartition(self.source, partition)
            consumer.assign([tp])
            await consumer.commit({tp: OffsetAndMetadata(offset, "")})

    def _group(self) -> AIOKafkaConsumer:
        return AIOKafkaConsumer(
            bootstrap_servers=self.kafka, group_id=self.app_id, enable_auto_commit=False
        )


def greatest(records: Iterable[tuple[str, bytes | int]]) -> dict[str, int]:
    """Return the state that *records* make, computed in the most obvious way."""
    values: dict[str, int] = {}
    for key, value in records:
        values[key] = max(values.get(key, 0), int(value))
    return values


def wait_seconds(seconds: float) -> None:
    """Wait for something that must not happen."""
    time.sleep(seconds)


def difference(found: Mapping[str, int], expected: Mapping[str, int]) -> str:
    """Describe how the states differ, for a failed test."""
    different = {
        key: (found.get(key), expected.get(key))
        for key in found.keys() | expected.keys()
        if found.get(key) != expected.get(key)
    }
    few = dict(list(different.items())[:10])
    return f"{len(different)} keys differ, as key: (found, expected): {few}"


MakeLab = Callable[..., Lab]
