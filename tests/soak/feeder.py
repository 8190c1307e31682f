"""Writes a soak's records at a steady rate, and knows what Kafka has acknowledged."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

from aiokafka import AIOKafkaProducer

from contracts.partitioning import partition_of
from contracts.settings import CommonSettings
from tests.soak.games import Record

_TICK: Final = 0.02
# After a pause of the machine no more than this is made up for at once.
_MOST_SECONDS: Final = 1.0


class Feeder:
    """A thread that feeds; use as a context manager, leaving it ends the feeding."""

    def __init__(self, settings: CommonSettings, records: Iterator[Record], rate: int) -> None:
        self._settings = settings
        self._records = records
        self._rate = rate
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="feeder")
        self._limit: int | None = None
        self._acknowledged: Counter[int] = Counter()
        self._lock = threading.Lock()
        self.problem: BaseException | None = None

    def __enter__(self) -> Feeder:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._over.set()
        self._thread.join()

    @property
    def running(self) -> bool:
        return self._thread.is_alive()

    def acknowledged(self) -> dict[int, int]:
        """Return how many records of each partition all replicas have: where the topic ends.

        Nobody else writes to the topic, and the producer is idempotent.
        """
        with self._lock:
            return {it: self._acknowledged[it] for it in range(self._settings.partitions)}

    def hold(self, limit: int) -> None:
        """Go on to so many records in all, and wait there."""
        self._limit = limit

    def go_on(self) -> None:
        """Feed on, without a limit."""
        self._limit = None

    def _run(self) -> None:
        try:
            asyncio.run(self._feed())
        except BaseException as problem:
            self.problem = problem

    async def _feed(self) -> None:
        async with AIOKafkaProducer(
            bootstrap_servers=self._settings.kafka,
            acks="all",
            enable_idempotence=True,
            max_batch_size=1024 * 1024,
            max_request_size=8 * 1024 * 1024,
        ) as producer:
            fed, due, looked = 0, 0.0, time.monotonic()
            while not self._over.is_set():
                now = time.monotonic()
                due = min(due + (now - looked) * self._rate, _MOST_SECONDS * self._rate)
                looked = now
                limit = self._limit
                wanted = int(due) if limit is None else max(0, min(int(due), limit - fed))
                records = list(itertools.islice(self._records, wanted))
                if len(records) < wanted:
                    self._over.set()
                fed += len(records)
                due -= len(records)
                await self._write(producer, records)
                await asyncio.sleep(_TICK)

    async def _write(self, producer: AIOKafkaProducer, records: list[Record]) -> None:
        topic, partitions = self._settings.results_topic, self._settings.partitions
        builders: dict[int, Any] = {}
        counts: Counter[int] = Counter()
        waiting = []

        async def send(partition: int, builder: Any) -> None:
            builder.close()
            waiting.append(await producer.send_batch(builder, topic, partition=partition))

        for key, value, given in records:
            partition = partition_of(key or b"", partitions) if given is None else given
            builder = builders.get(partition) or builders.setdefault(
                partition, producer.create_batch()
            )
            if builder.append(key=key, value=value, timestamp=None) is None:
                await send(partition, builder)
                builder = builders[partition] = producer.create_batch()
                builder.append(key=key, value=value, timestamp=None)
            counts[partition] += 1
        for partition, builder in builders.items():
            await send(partition, builder)
        await asyncio.gather(*waiting)
        with self._lock:
            self._acknowledged += counts
