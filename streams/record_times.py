"""The times of single records, read from their topic."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition

#: So long Kafka may take for all of them, seconds.
_PATIENCE: Final = 30.0
#: Records read behind the one that is looked for: the next one may be among them.
_AT_ONCE: Final = 500


class RecordTimes:
    """Reads when records were written; nothing is kept open in between."""

    def __init__(self, topic: str, kafka_settings: Mapping[str, Any]) -> None:
        self._topic = topic
        self._kafka = dict(kafka_settings)

    async def read(self, partition: int, offsets: Sequence[int]) -> dict[int, int]:
        """Return offset → Kafka's timestamp in milliseconds; 0 for a record that is gone.

        *offsets* lie before the topic's end, in order. Errors of Kafka are the caller's.
        """
        tp = TopicPartition(self._topic, partition)
        times: dict[int, int] = {}
        reader = AIOKafkaConsumer(
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=256 * 1024,
            fetch_max_wait_ms=100,
            **self._kafka,
        )
        await reader.start()
        try:
            async with asyncio.timeout(_PATIENCE):
                beginning = (await reader.beginning_offsets([tp]))[tp]
                reader.assign([tp])
                for offset in offsets:
                    if offset < beginning:
                        times[offset] = 0
                    elif offset not in times:
                        times |= await _around(reader, tp, offset)
        finally:
            await reader.stop()
        return {offset: times[offset] for offset in offsets}


async def _around(reader: AIOKafkaConsumer, tp: TopicPartition, offset: int) -> dict[int, int]:
    """Return the time of a record, and of some that follow."""
    reader.seek(tp, offset)
    while True:
        fetched = await reader.getmany(tp, timeout_ms=1000, max_records=_AT_ONCE)
        if records := fetched.get(tp):
            return {offset: 0} | {it.offset: it.timestamp for it in records}
