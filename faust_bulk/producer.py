"""Batches of records to Kafka, in order, and the knowledge of when they are durable."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.producer.message_accumulator import BatchBuilder


class Written(NamedTuple):
    """Where records are in a partition: from ``first`` until before ``end``, without a gap."""

    first: int
    end: int


class DurableProducer:
    """An idempotent producer that takes many records at once.

    Faust's own producer is not idempotent under at-least-once: a retried batch may land after
    its successor and bury it. Records of one partition keep the order of the calls.
    """

    def __init__(self, **settings: Any) -> None:
        self._settings = settings
        self._producer: AIOKafkaProducer | None = None
        # One batch a partition waits for aiokafka at a time: its accumulator is not fair to
        # several waiters, and the order of waiters is the order of the log.
        self._turns: dict[tuple[str, int], asyncio.Lock] = defaultdict(asyncio.Lock)

    async def start(self) -> None:
        """Connect."""
        self._producer = AIOKafkaProducer(
            acks="all",
            enable_idempotence=True,
            max_batch_size=512 * 1024,
            max_request_size=8 * 1024 * 1024,
            linger_ms=0,
            **self._settings,
        )
        await self._producer.start()

    async def stop(self) -> None:
        """Send what waits, then disconnect."""
        if self._producer is not None:
            await self._producer.stop()
            self._producer = None

    async def publish(
        self, topic: str, partition: int, records: Iterable[tuple[bytes | None, bytes]]
    ) -> Written | None:
        """Write (key, value) *records* and return when all in-sync replicas have them.

        Returns where they are; None if that is not one range (another has written in between),
        or if the broker recognised a retry of what it had written before and cannot say where.

        :raises aiokafka.errors.KafkaError: some of them may not have been written.
        :raises ValueError: a record is larger than a batch may be.
        """
        producer = self._producer
        if producer is None:
            raise RuntimeError("the producer is not started")
        delivered: list[tuple[asyncio.Future[Any], int]] = []
        async with self._turns[topic, partition]:
            left = list(records)
            while left:
                builder = producer.create_batch()
                taken = _fill(builder, left)
                if not taken:
                    raise ValueError(f"a record of {len(left[0][1])} bytes does not fit in a batch")
                delivered.append(await self._send(builder, topic, partition))
                del left[:taken]
        written: Written | None = None
        in_one_range = bool(delivered)
        for future, count in delivered:
            first = (await future).offset
            in_one_range &= first >= 0 and (written is None or written.end == first)
            written = Written(first if written is None else written.first, first + count)
        return written if in_one_range else None

    async def _send(
        self, builder: BatchBuilder, topic: str, partition: int
    ) -> tuple[asyncio.Future[Any], int]:
        """Return the future of what *builder* has, and how many records that are."""
        count = builder.record_count()
        assert self._producer is not None
        builder.close()
        return await self._producer.send_batch(builder, topic, partition=partition), count


def _fill(builder: BatchBuilder, records: Sequence[tuple[bytes | None, bytes]]) -> int:
    """Append *records* until the batch is full; return how many it has taken.

    Goes below aiokafka's ``BatchBuilder.append``, which does as much work again for a record as
    the compiled append under it.
    """
    append = builder._builder.append
    now = int(time.time() * 1000)
    taken = 0
    for key, value in records:
        if append(taken, now, key, value, []) is None:
            break
        taken += 1
    builder._relative_offset = taken
    return taken
