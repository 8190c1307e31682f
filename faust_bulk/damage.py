"""Record batches that cannot be read, as errors that name their place.

Of such a batch aiokafka raises whatever it comes upon, without the partition. One whose length is
wrong it takes for a record that is too large, and passes over.
"""

from collections.abc import Iterator
from typing import Any

from aiokafka import TopicPartition
from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record import MemoryRecords


class DamagedBatch(CorruptRecordException):  # type: ignore[misc]
    """The batch at ``offset`` of ``tp`` cannot be read."""

    def __init__(self, tp: TopicPartition, offset: int, why: str) -> None:
        super().__init__(tp, offset, why)
        self.tp = tp
        self.offset = offset
        self._why = why

    def __str__(self) -> str:
        return (
            f"the batch at offset {self.offset} of {self.tp.topic}/{self.tp.partition} cannot be "
            f"read ({self._why})"
        )


class PlacedErrors(fetcher.PartitionRecords):  # type: ignore[misc]
    """Fetched records whose errors name their place."""

    def _unpack_records(self) -> Iterator[Any]:
        try:
            yield from super()._unpack_records()
        except Exception as error:
            wrong_crc = "Invalid CRC" in str(error)
            why = "its CRC is wrong" if wrong_crc else str(error) or type(error).__name__
            raise DamagedBatch(self._tp, self.next_fetch_offset, why) from error


class _CutOff:
    """Bytes that end before the first batch in them does, although a broker sends it whole."""

    def has_next(self) -> bool:
        return True

    def next_batch(self) -> None:
        raise CorruptRecordException("its length is wrong")


def _records_of(data: bytes) -> Any:
    records = MemoryRecords(data)
    return _CutOff() if data and not records.has_next() else records


def place_damage() -> None:
    """Have every consumer of aiokafka raise `DamagedBatch` for a batch that it cannot read."""
    fetcher.PartitionRecords = PlacedErrors
    fetcher.MemoryRecords = _records_of
