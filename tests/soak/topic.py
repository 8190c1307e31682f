"""What a run asks of Kafka itself, beside the system."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import threading
from array import array
from collections.abc import Iterator
from typing import Final

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from contracts.kafka import kafka_options
from contracts.partitioning import partition_of
from contracts.settings import CommonSettings
from tests.soak.games import Record
from tests.soak.senders import digest
from tests.support.oracle import garbage

#: Of every topic of a run.
REPLICAS: Final = 3

_FOREIGN_PAUSE: Final = 0.1


class Foreigner:
    """Another producer on the results topic, as nobody should be; leaving the context ends it.

    It writes what no rule can read, and results with fields that only a later version knows, some
    each second, and does not care what becomes of them.
    """

    def __init__(self, settings: CommonSettings, records: Iterator[Record]) -> None:
        self._settings = settings
        self._records = (it for it in records if it.value and it.partition is None)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="foreigner")
        #: records that Kafka has acknowledged
        self.written = 0

    def __enter__(self) -> Foreigner:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Write no more."""
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.is_set():
            # Brokers come and go.
            with contextlib.suppress(KafkaError, OSError):
                asyncio.run(self._write())

    async def _write(self) -> None:
        settings = self._settings
        async with AIOKafkaProducer(**kafka_options(settings), acks="all") as producer:
            for number, (key, value) in enumerate(itertools.cycle(garbage())):
                if self._over.is_set():
                    return
                await producer.send_and_wait(
                    settings.results_topic, value, key=key, partition=number % settings.partitions
                )
                record = next(self._records)
                assert record.key is not None
                await producer.send_and_wait(
                    settings.results_topic,
                    of_a_later_version(record.value or b"{}"),
                    key=record.key,
                    partition=partition_of(record.key, settings.partitions),
                )
                self.written += 2
                await asyncio.sleep(_FOREIGN_PAUSE)


def of_a_later_version(value: bytes) -> bytes:
    """Return the same result with fields that nobody knows yet."""
    return value[:-1] + b',"lane":{"number":4},"recorded_by":null}'


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
