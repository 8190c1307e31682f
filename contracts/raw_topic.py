"""Reading the raw results topic in bulk, outside of any consumer group."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from contracts.kafka import kafka_options
from contracts.reasons import reason_of
from contracts.settings import CommonSettings
from faust_bulk.damage import DamagedBatch

_STALLED_AFTER: Final = 30.0
_AT_ONCE: Final = 10_000
#: What helps where a batch cannot be read.
DAMAGED: Final = 'docs/operations.md says what to do: "A batch cannot be read"'


class TopicUnavailable(Exception):
    """The topic cannot be read: what is wrong, and what to do."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem}; {remedy}")
        self.problem = problem
        self.remedy = remedy


class RawRecord(NamedTuple):
    """A record as it lies on the topic. ``timestamp``: milliseconds since 1970, UTC."""

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]] = ()


class Bounds(NamedTuple):
    """First offset, and the one after the last, of each partition."""

    begins: Mapping[int, int]
    ends: Mapping[int, int]


class RawTopic:
    """An open topic; see `open_topic`."""

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        name: str,
        partitions: Collection[int],
        at_once: int = _AT_ONCE,
    ) -> None:
        """*at_once*: so many records are taken before others have their turn."""
        self._consumer = consumer
        self._at_once = at_once
        self.name = name
        self.partitions = sorted(partitions)

    async def bounds(self) -> Bounds:
        """Return where the topic begins and ends now."""
        places = [TopicPartition(self.name, partition) for partition in self.partitions]
        try:
            begins = await self._consumer.beginning_offsets(places)
            ends = await self._consumer.end_offsets(places)
        except KafkaError as error:
            raise _unreachable(error) from None
        return Bounds(
            {place.partition: offset for place, offset in begins.items()},
            {place.partition: offset for place, offset in ends.items()},
        )

    async def read(
        self, until: Mapping[int, int], since: Mapping[int, int] | None = None
    ) -> AsyncIterator[Sequence[RawRecord]]:
        """Yield the records of the partitions in *until* below the offset given there, in order.

        From the beginning, or from the offsets in *since*; a batch is of one partition.

        :raises TopicUnavailable: Kafka goes away, or stops giving records.
        """
        ends = {TopicPartition(self.name, it): offset for it, offset in until.items()}
        self._consumer.assign(list(ends))
        try:
            for place in ends:
                if since is None or place.partition not in since:
                    await self._consumer.seek_to_beginning(place)
                else:
                    self._consumer.seek(place, since[place.partition])
            async for batch in self._read_to(ends, since or {}):
                yield batch
        except DamagedBatch as damage:
            raise TopicUnavailable(str(damage), DAMAGED) from None
        except KafkaError as error:
            raise _unreachable(error) from None

    async def _read_to(
        self, ends: dict[TopicPartition, int], since: Mapping[int, int]
    ) -> AsyncIterator[Sequence[RawRecord]]:
        progress = time.monotonic()
        while True:
            for place in list(ends):
                if await self._position(place) >= ends[place]:
                    del ends[place]
                    self._consumer.pause(place)
            if not ends:
                return
            batches = await self._consumer.getmany(*ends, timeout_ms=500, max_records=self._at_once)
            if batches:
                progress = time.monotonic()
            elif time.monotonic() - progress > _STALLED_AFTER:
                raise self._stalled()
            for place, records in batches.items():
                end = ends[place]
                # A reset that was under way when the seek came may have won.
                begin = since.get(place.partition, 0)
                yield [
                    RawRecord(
                        place.partition, it.offset, it.timestamp, it.key, it.value, it.headers
                    )
                    for it in records
                    if begin <= it.offset < end
                ]

    async def _position(self, place: TopicPartition) -> int:
        try:
            position: int = await asyncio.wait_for(self._consumer.position(place), _STALLED_AFTER)
        except TimeoutError:
            raise self._stalled() from None
        return position

    def _stalled(self) -> TopicUnavailable:
        return TopicUnavailable(
            f"no records from topic {self.name!r} for {_STALLED_AFTER:g} s",
            "see whether Kafka is well: medallero doctor",
        )


@asynccontextmanager
async def open_topic(
    settings: CommonSettings, name: str | None = None, *, at_once: int = _AT_ONCE
) -> AsyncIterator[RawTopic]:
    """Open the results topic, or another, for reading, *at_once* records at a time.

    :raises TopicUnavailable: Kafka does not answer, or has no such topic.
    """
    name = name or settings.results_topic
    consumer = AIOKafkaConsumer(
        **kafka_options(settings),
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=4 << 20,
        request_timeout_ms=20_000,
    )
    try:
        try:
            await consumer.start()
        except KafkaError as error:
            raise TopicUnavailable(
                f"Kafka does not answer at {settings.kafka} ({reason_of(error)})",
                "start it with `medallero up`, or set MEDALLERO_KAFKA",
            ) from None
        except ValueError as error:
            raise TopicUnavailable(
                f"{settings.kafka!r} is no address of Kafka ({error})",
                "set MEDALLERO_KAFKA to host:port",
            ) from None
        # All topics are listed first: to ask for one by name would create it.
        if name not in await consumer.topics():
            raise TopicUnavailable(
                f"topic {name!r} does not exist",
                "`medallero up` creates it",
            )
        yield RawTopic(consumer, name, await _partitions(consumer, name), at_once)
    finally:
        await _stop(consumer)


async def _partitions(consumer: AIOKafkaConsumer, name: str) -> Collection[int]:
    try:
        # The consumer knows the partitions only of topics that it was asked about.
        await consumer.end_offsets([TopicPartition(name, 0)])
    except KafkaError as error:
        raise _unreachable(error) from None
    return consumer.partitions_for_topic(name) or {0}


async def _stop(consumer: AIOKafkaConsumer) -> None:
    # aiokafka 0.14's fetcher loses a cancellation that comes while it takes in a new assignment,
    # and stop() then waits for it for ever. Cancelling stop() cancels the fetcher once more.
    stopping = asyncio.create_task(consumer.stop())
    while not (await asyncio.wait({stopping}, timeout=0.5))[0]:
        stopping.cancel()
    if not stopping.cancelled():
        stopping.result()


def _unreachable(error: KafkaError) -> TopicUnavailable:
    return TopicUnavailable(
        f"Kafka does not answer any more ({reason_of(error)})", "see `medallero doctor`"
    )
