"""Topics of a measurement: filled fast, and removed again."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from contracts.partitioning import partition_of

#: key and value
Record = tuple[bytes, bytes]

_BATCH_BYTES = 256 * 1024
_SETTLE_SECONDS = 20.0


def create_topic(
    bootstrap: str, name: str, partitions: int, config: Mapping[str, str] | None = None
) -> None:
    """Create a topic of one replica that keeps everything, unless *config* says otherwise."""

    async def work() -> None:
        async with _admin(bootstrap) as admin:
            topic = NewTopic(
                name, partitions, 1, topic_configs={"retention.ms": "-1", **(config or {})}
            )
            response = await admin.create_topics([topic])
            for topic_name, code, *_rest in response.topic_errors:
                if code:
                    raise RuntimeError(f"topic {topic_name} could not be created: error {code}")

    asyncio.run(work())


def delete_topics(bootstrap: str, containing: str) -> None:
    """Delete every topic whose name contains that text, and wait until they are gone."""

    async def work() -> None:
        async with _admin(bootstrap) as admin:
            if names := await _topics(admin, containing):
                await admin.delete_topics(names)
            for _ in range(int(_SETTLE_SECONDS / 0.1)):
                if not await _topics(admin, containing):
                    return
                await asyncio.sleep(0.1)
            raise RuntimeError(f"topics …{containing}… are still there")

    asyncio.run(work())


def count_records(bootstrap: str, containing: str, suffix: str) -> int:
    """Return how many records the topics named …containing…suffix have taken.

    Transactions' markers count, as they take an offset each.
    """

    async def work() -> int:
        async with _admin(bootstrap) as admin:
            names = [name for name in await _topics(admin, containing) if name.endswith(suffix)]
            described = await admin.describe_topics(names) if names else []
        partitions = [
            TopicPartition(topic["topic"], partition["partition"])
            for topic in described
            for partition in topic["partitions"]
        ]
        consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap)
        await consumer.start()
        try:
            ends = await consumer.end_offsets(partitions) if partitions else {}
        finally:
            await consumer.stop()
        return sum(ends.values())

    return asyncio.run(work())


def fill(bootstrap: str, topic: str, partitions: int, records: Iterable[Record]) -> Counter[int]:
    """Write *records* by Kafka's default partitioner; return how many each partition got."""

    async def work() -> Counter[int]:
        async with filler(bootstrap, topic, partitions) as write:
            return await write(records)

    return asyncio.run(work())


class Filler:
    """Writes records in large batches, those of a partition in their order."""

    def __init__(self, producer: AIOKafkaProducer, topic: str, partitions: int) -> None:
        self._producer = producer
        self._topic = topic
        self._partitions = partitions

    async def __call__(self, records: Iterable[Record]) -> Counter[int]:
        """Write *records* and return, when they are acknowledged, how many each partition got."""
        counts: Counter[int] = Counter()
        acknowledgements = []
        for partition, builder, count in self.batches(records):
            counts[partition] += count
            acknowledgements.append(
                await self._producer.send_batch(builder, self._topic, partition=partition)
            )
        await asyncio.gather(*acknowledgements)
        return counts

    async def send(self, batches: Iterable[tuple[int, Any, int]]) -> None:
        """Write batches made before, and return when they are acknowledged."""
        acknowledgements = [
            await self._producer.send_batch(builder, self._topic, partition=partition)
            for partition, builder, _count in batches
        ]
        await asyncio.gather(*acknowledgements)

    def batches(self, records: Iterable[Record]) -> Iterator[tuple[int, Any, int]]:
        """Yield (partition, closed batch, number of its records)."""
        builders: dict[int, Any] = {}
        # Neighbours mostly have the same key.
        for key, group in itertools.groupby(records, lambda record: record[0]):
            partition = partition_of(key, self._partitions)
            for _key, value in group:
                builder = builders.get(partition)
                if builder is None:
                    builder = builders[partition] = self._producer.create_batch()
                if builder.append(key=key, value=value, timestamp=None) is None:
                    yield partition, *_closed(builder)
                    builder = builders[partition] = self._producer.create_batch()
                    builder.append(key=key, value=value, timestamp=None)
        for partition, builder in builders.items():
            yield partition, *_closed(builder)


@asynccontextmanager
async def filler(bootstrap: str, topic: str, partitions: int) -> AsyncIterator[Filler]:
    """Connect a :class:`Filler`."""
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap,
        acks="all",
        enable_idempotence=True,
        max_batch_size=_BATCH_BYTES,
        max_request_size=8 * _BATCH_BYTES,
    )
    await producer.start()
    try:
        yield Filler(producer, topic, partitions)
    finally:
        await producer.stop()


def _closed(builder: Any) -> tuple[Any, int]:
    builder.close()
    return builder, builder.record_count()


async def _topics(admin: AIOKafkaAdminClient, containing: str) -> list[str]:
    return [name for name in await admin.list_topics() if containing in name]


@asynccontextmanager
async def _admin(bootstrap: str) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()
