"""What a run asks of Kafka itself, beside the system."""

from __future__ import annotations

import asyncio
from array import array
from typing import Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from contracts.kafka import kafka_options
from contracts.settings import CommonSettings
from tests.soak.senders import digest
from tests.support.oracle import garbage

#: Of every topic of a run.
REPLICAS: Final = 3


def send_garbage(settings: CommonSettings) -> None:
    """Write records that no rule can read, as a foreign producer would, to every partition."""

    async def send() -> None:
        async with AIOKafkaProducer(**kafka_options(settings), acks="all") as producer:
            for number, (key, value) in enumerate(garbage()):
                await producer.send_and_wait(
                    settings.results_topic,
                    value,
                    key=key,
                    partition=number % settings.partitions,
                )

    asyncio.run(send())


def digests(settings: CommonSettings, ends: dict[int, int]) -> array[int]:
    """Return the digest of every record of the topic, in order."""

    async def read() -> array[int]:
        found: array[int] = array("Q")
        async with AIOKafkaConsumer(
            **kafka_options(settings),
            auto_offset_reset="earliest",
            fetch_max_bytes=16 * 2**20,
            max_partition_fetch_bytes=4 * 2**20,
        ) as consumer:
            for partition, end in ends.items():
                place = TopicPartition(settings.results_topic, partition)
                consumer.assign([place])
                position = 0
                while position < end:
                    for records in (await consumer.getmany(place, timeout_ms=1000)).values():
                        found.frombytes(b"".join(digest(it.value or b"") for it in records))
                        position = records[-1].offset + 1
        return found

    return array("Q", sorted(asyncio.run(read())))


def missing_of(promised: array[int], found: array[int]) -> int:
    """Return how many of *promised* are not in *found*; both are sorted."""
    place = missing = 0
    for one in promised:
        while place < len(found) and found[place] < one:
            place += 1
        if place == len(found) or found[place] != one:
            missing += 1
    return missing


async def in_sync(settings: CommonSettings) -> bool:
    admin = AIOKafkaAdminClient(**kafka_options(settings))
    try:
        await admin.start()
        names = [it for it in await admin.list_topics() if not it.startswith("__share")]
        topics = await admin.describe_topics(names)
    except Exception:  # brokers come and go
        return False
    finally:
        await admin.close()
    return all(
        len(partition["isr"]) == len(partition["replicas"]) == REPLICAS
        for topic in topics
        for partition in topic["partitions"]
    )
