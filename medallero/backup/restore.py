"""Writing a back-up's records into a topic of any number of partitions.

What a partition of the new topic will hold, and in which order, follows from the file alone. So an
interrupted restore needs no marks: what is there must be the beginning of what is to be written,
and the rest follows.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, RecordListTooLargeError

from contracts.kafka import kafka_options
from contracts.partitioning import partition_of
from contracts.raw_topic import Bounds, RawTopic, TopicUnavailable
from contracts.reasons import reason_of
from contracts.settings import CommonSettings
from medallero.backup.forget import Forgetter
from medallero.backup.format import Head, StoredRecord, lies_right, open_backup, size_of

Progress = Callable[[int, int], None]

_BATCH_BYTES: Final = 256 * 1024
#: What a batch of one record has beside key, value and headers, at least.
_LEAST_OVERHEAD: Final = 61 + 7
#: Kafka's own default of max.message.bytes.
_USUAL_LIMIT: Final = 1_048_588
_TOPIC_LIMIT: Final = "max.message.bytes"
_PATIENCE: Final = 60.0
#: What a killed restore had sent may still arrive: how often to look, seconds apart.
_LOOKS: Final = 5
_PAUSE: Final = 1.0


class CannotRestore(Exception):
    """The records cannot be put there: what is wrong, and what to do."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem}; {remedy}")
        self.problem = problem
        self.remedy = remedy


class Contents(NamedTuple):
    """A back-up that was read to its end and is whole. ``largest``: bytes of a record, at most."""

    path: Path
    head: Head
    digest: str
    records: int
    largest: int


class Restored(NamedTuple):
    """How many records were on the topic before, and how many were written."""

    present: int
    written: int


def examine(path: Path, forgetter: Forgetter | None, progress: Progress) -> Contents:
    """Read a back-up to its end; *progress* is told bytes.

    :raises Damaged: it is not whole.
    """
    records = largest = 0
    file, reader = open_backup(path)
    with file:
        size = path.stat().st_size
        for block in reader.blocks():
            for record in block.records:
                largest = max(largest, size_of(record))
                if forgetter is not None:
                    forgetter.look(record.value)
            records += len(block.records)
            progress(file.tell(), size)
    if forgetter is not None:
        file, again = open_backup(path)
        with file:
            for block in again.blocks():
                for record in block.records:
                    forgetter.look_beside(record.value)
    return Contents(path, reader.head, reader.digest, records, largest)


async def restore(
    contents: Contents,
    topic: RawTopic,
    settings: CommonSettings,
    forgetter: Forgetter | None,
    progress: Progress,
) -> Restored:
    """Write what is not there yet; *progress* is told records.

    :raises CannotRestore: the topic holds other records, or Kafka does not take ours.
    :raises TopicUnavailable: the topic cannot be read.
    """
    limit = await _limit(settings, topic.name)
    if contents.largest + _LEAST_OVERHEAD > limit:
        raise CannotRestore(
            f"the largest record of the back-up has {contents.largest:,} bytes, topic "
            f"{topic.name!r} takes {limit:,}",
            f"raise {_TOPIC_LIMIT} of the topic",
        )
    ends = (await _resting(topic)).ends
    present = sum(ends.values())
    if present:
        await _check_beginning(contents, topic, forgetter, ends)
    done = 0
    missing = dict(ends)
    async with _writer(settings, topic.name, ends, min(limit, _BATCH_BYTES)) as writer:
        for place, record in _records(contents, len(topic.partitions), forgetter):
            if missing[place]:
                missing[place] -= 1
            else:
                await writer.add(place, record)
            done += 1
            if done % 1000 == 0:
                progress(done, contents.records)
        await writer.finish()
    progress(done, contents.records)
    reached = sum((await topic.bounds()).ends.values())
    if reached != contents.records:
        raise _others_write(topic.name)
    return Restored(present, contents.records - present)


def place_of(key: bytes | None, partition: int, head: Head, partitions: int) -> int | None:
    """Return in which of *partitions* a record of the old *partition* belongs.

    One that lay in another partition than its key's was no result, and must not become one: it
    goes into a wrong one again. None: there is none, and it must go without its key.
    """
    if key is None:
        return partition % partitions
    home = partition_of(key, partitions)
    if lies_right(key, partition, head.partitions):
        return home
    return (home + 1) % partitions if partitions > 1 else None


def _records(
    contents: Contents, partitions: int, forgetter: Forgetter | None
) -> Iterator[tuple[int, StoredRecord]]:
    """Yield the partition and the record of all that is to be written, always in one order."""
    file, reader = open_backup(contents.path)
    with file:
        for block in reader.blocks():
            for record in block.records:
                place = place_of(record.key, block.partition, contents.head, partitions)
                if place is None:
                    place, record = 0, record._replace(key=None)
                if forgetter is not None:
                    record = record._replace(value=forgetter.without(record.value))
                yield place, record
    if reader.digest != contents.digest:
        raise CannotRestore("the file was changed meanwhile", "begin again with new topics")


async def _resting(topic: RawTopic) -> Bounds:
    """Return where the topic begins and ends, when nobody writes to it."""
    bounds = await topic.bounds()
    if any(bounds.begins.values()):
        raise CannotRestore(
            f"topic {topic.name!r} had records before, which are gone",
            "delete the topic and create it again, or take another MEDALLERO_TOPIC_PREFIX",
        )
    for _ in range(_LOOKS if any(bounds.ends.values()) else 0):
        await asyncio.sleep(_PAUSE)
        before, bounds = bounds, await topic.bounds()
        if before.ends == bounds.ends:
            return bounds
    if any(bounds.ends.values()):
        raise _others_write(topic.name)
    return bounds


async def _check_beginning(
    contents: Contents, topic: RawTopic, forgetter: Forgetter | None, ends: Mapping[int, int]
) -> None:
    """Check that what is on the topic is the beginning of what is to be written."""
    missing = dict(ends)
    wanted = {partition: hashlib.blake2b() for partition in ends}
    for place, record in _records(contents, len(topic.partitions), forgetter):
        if missing[place]:
            missing[place] -= 1
            wanted[place].update(_compared(record.key, record.value, record.headers))
            if not any(missing.values()):
                break
    found = {partition: hashlib.blake2b() for partition in ends}
    async for batch in topic.read(ends):
        for it in batch:
            found[it.partition].update(_compared(it.key, it.value, it.headers))
    for partition, end in ends.items():
        if missing[partition] or wanted[partition].digest() != found[partition].digest():
            raise CannotRestore(
                f"topic {topic.name!r} is not empty, and the {end:,} records of its partition "
                f"{partition} are not those of this restore",
                "restore into new topics, or give the same --forget as before",
            )


def _compared(key: bytes | None, value: bytes | None, headers: Any) -> bytes:
    # Not the time: a topic may have its own.
    return msgspec.msgpack.encode((key, value, headers))


class _Writer:
    """Writes batches, one after the other in each partition, and sees that nobody else does."""

    def __init__(self, producer: AIOKafkaProducer, topic: str, ends: Mapping[int, int]) -> None:
        self._producer = producer
        self._topic = topic
        self._ends = dict(ends)
        self._open: dict[int, Any] = {}
        self._sent: dict[int, tuple[asyncio.Future[Any], int]] = {}

    async def add(self, partition: int, record: StoredRecord) -> None:
        """Append a record; it is written when its batch is full."""
        batch = self._open.get(partition)
        if batch is None or not _append(batch, record):
            await self._send(partition)
            self._open[partition] = batch = self._producer.create_batch()
            _append(batch, record)

    async def finish(self) -> None:
        """Write what is left, and wait until Kafka has everything."""
        for partition in list(self._open):
            await self._send(partition)
        for partition in list(self._sent):
            await self._settle(partition)

    async def _send(self, partition: int) -> None:
        batch = self._open.pop(partition, None)
        if batch is None:
            return
        await self._settle(partition)
        batch.close()
        future = await self._producer.send_batch(batch, self._topic, partition=partition)
        self._sent[partition] = future, batch.record_count()

    async def _settle(self, partition: int) -> None:
        if partition not in self._sent:
            return
        future, count = self._sent.pop(partition)
        async with asyncio.timeout(_PATIENCE):
            written = await future
        # It is -1 where the broker forgot where it put a batch that was sent again.
        if written.offset not in (-1, self._ends[partition]):
            raise _others_write(self._topic)
        self._ends[partition] += count


def _append(batch: Any, record: StoredRecord) -> bool:
    added = batch.append(
        timestamp=record.timestamp, key=record.key, value=record.value, headers=[*record.headers]
    )
    return added is not None


@asynccontextmanager
async def _writer(
    settings: CommonSettings, topic: str, ends: Mapping[int, int], batch_bytes: int
) -> AsyncIterator[_Writer]:
    producer = AIOKafkaProducer(
        **kafka_options(settings),
        client_id="medallero-restore",
        acks="all",
        enable_idempotence=True,
        max_batch_size=batch_bytes,
    )
    try:
        await producer.start()
        yield _Writer(producer, topic, ends)
    except (MessageSizeTooLargeError, RecordListTooLargeError):
        raise CannotRestore(
            f"topic {topic!r} does not take the largest records", f"raise its {_TOPIC_LIMIT}"
        ) from None
    except (KafkaError, TimeoutError) as error:
        raise CannotRestore(
            f"Kafka did not take the records ({reason_of(error)})",
            "when it is well again, run the same command again: it goes on from there",
        ) from None
    finally:
        # An idempotent producer waits for an acknowledgement for ever.
        try:
            async with asyncio.timeout(5.0):
                await producer.stop()
        except (KafkaError, TimeoutError):
            pass


async def _limit(settings: CommonSettings, topic: str) -> int:
    """Return how many bytes the topic takes in a batch; the usual if we may not know."""
    admin = AIOKafkaAdminClient(**kafka_options(settings))
    try:
        await admin.start()
        resource = ConfigResource(ConfigResourceType.TOPIC, topic)
        for response in await admin.describe_configs([resource]):
            for described in response.resources:
                for entry in described[4]:
                    if entry[0] == _TOPIC_LIMIT:
                        return int(entry[1])
    except KafkaError as error:
        raise TopicUnavailable(
            f"Kafka does not say what topic {topic!r} takes ({reason_of(error)})",
            "see `medallero doctor`",
        ) from None
    finally:
        await admin.close()
    return _USUAL_LIMIT


def _others_write(topic: str) -> CannotRestore:
    return CannotRestore(
        f"somebody else writes to topic {topic!r} too",
        "stop the gateways, and restore into new topics. Records that lie there twice change no "
        "standings",
    )
