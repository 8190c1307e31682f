"""The state of one partition of the weather topic: the surviving records and their counts.

Pure: lists of records in, changes out. Delivery is the extension's business.
"""

from collections.abc import Iterable
from typing import Final

import msgspec

from contracts.partitioning import partition_of
from streams.standings import OtherLogError, Record, Rejected
from weather.report import Report, ReportError, decode
from weather.survivors import Survivors

#: Which rules the numbers follow; raised when the same records come to other numbers.
RULES_REVISION: Final = 1

# A report's key is its id, which has no NUL in it.
_REJECTED: Final = b"\0rejected"
_OFFSET_SIZE: Final = 8


class _RejectedCount(msgspec.Struct, frozen=True, array_like=True):
    """How many records before ``end`` are not reports: a function of the log's prefix."""

    end: int
    count: int


_encode = msgspec.msgpack.Encoder().encode
_decode_rejected = msgspec.msgpack.Decoder(_RejectedCount).decode


class PartitionReports:
    """What is known of one partition after all records before ``offset``.

    Implements the extension's ``PartitionState``. Records are joined (of one id the least
    ``(at, bytes)`` counts), so they may be applied again; ``offset`` never goes back. In the
    changelog a value is the record's offset, in eight bytes, and the record.
    """

    def __init__(self, partition: int, partitions: int) -> None:
        self.partition = partition
        self.survivors = Survivors()
        self.offset = 0
        self.rejected = 0
        self._partitions = partitions
        self._rejected_end = 0
        #: nothing may be published before this offset: the state is ahead of ``offset`` until then
        self._quiet_until = 0

    @property
    def live(self) -> bool:
        """Whether the counts are those of the log's prefix up to ``offset``, and no more."""
        return self.offset >= self._quiet_until

    def apply(self, records: Iterable[Record]) -> tuple[dict[bytes, bytes], list[Rejected]]:
        """Apply *records* in order; return the changes for the changelog, and what was refused."""
        changes: dict[bytes, bytes] = {}
        rejected: list[Rejected] = []
        put = self.survivors.put
        for record in records:
            key, value, offset = record.key, record.value, record.offset
            try:
                report = self._read(key, value)
            except ReportError as error:
                if offset >= self._rejected_end:
                    self.rejected += 1
                    self._rejected_end = offset + 1
                rejected.append(Rejected(offset, key, value, error))
            else:
                assert key is not None
                assert value is not None
                if put(report, value):
                    changes[key] = offset.to_bytes(_OFFSET_SIZE) + value
            self.offset = max(self.offset, offset + 1)
        if rejected:
            changes[_REJECTED] = _encode(_RejectedCount(self._rejected_end, self.rejected))
        return changes, rejected

    def restore(self, records: Iterable[tuple[bytes, bytes]]) -> None:
        """Join values of the changelog, of this and of every earlier owner."""
        for key, stored in records:
            if key == _REJECTED:
                known = _decode_rejected(stored)
                if known.end > self._rejected_end:
                    self._rejected_end, self.rejected = known.end, known.count
                continue
            value = stored[_OFFSET_SIZE:]
            self.survivors.put(decode(value), value)
            self._quiet_until = max(self._quiet_until, int.from_bytes(stored[:_OFFSET_SIZE]) + 1)

    def restored(self, committed: int, end: int) -> int:
        """Begin at *committed*.

        :raises OtherLogError: the state knows of records beyond *end*.
        """
        self.offset = committed
        self._quiet_until = max(self._quiet_until, self._rejected_end)
        if self._quiet_until > end:
            raise OtherLogError(self.partition, self._quiet_until, end)
        return committed

    def _read(self, key: bytes | None, value: bytes | None) -> Report:
        if value is None:
            raise ReportError("value", "expected a weather report, found a record without a value")
        report = decode(value)
        if key != report.id.encode():
            raise ReportError("key", f"expected the report's id, {report.id!r}, as the key")
        home = partition_of(key, self._partitions)
        if home != self.partition:
            raise ReportError(
                "partition",
                f"expected {home} by Kafka's default partitioner (murmur2 of the key), "
                f"found {self.partition}",
            )
        return report
