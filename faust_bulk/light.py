"""Fetched records as they come from the wire, a record batch at a time.

aiokafka takes them one by one through a generator and puts a dataclass around each, and both cost
more than reading them.
"""

import logging
import time
from collections.abc import Container, Iterator, MutableMapping
from functools import partial
from itertools import chain, islice
from typing import Any, Final, Protocol
from weakref import proxy

from aiokafka.consumer.fetcher import FetchResult
from aiokafka.structs import TopicPartition

from faust_bulk.damage import DamagedBatch

logger = logging.getLogger("faust_bulk")

# A megabyte of a well compressed batch may be millions of records, and each becomes an object.
_AT_ONCE: Final = 1_000
#: Seconds until a batch that could not be read is fetched again: another replica may have it whole.
_PAUSE: Final = 5.0


class LightRecord(Protocol):
    """A fetched record: aiokafka's record of the wire format, or its ``ConsumerRecord``.

    ``timestamp`` is in milliseconds.
    """

    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...


def lighten(
    fetcher: Any, topics: Container[str], damaged: MutableMapping[TopicPartition, DamagedBatch]
) -> None:
    """Let *fetcher* return what it has buffered of *topics* as it came from the wire.

    To be called right before records are taken: what is fetched later is not affected. The
    fetcher's consumer must have no deserializers. A partition with a batch that cannot be read
    is in *damaged*, and stands still until it can be.
    """
    for tp, result in fetcher._records.items():
        # Others are errors.
        if tp.topic in topics and type(result) is FetchResult and "getall" not in vars(result):
            source = result._partition_records
            source._records = _Batches(source._records)
            source._consumer_record = _records_of
            # Weakly, as it belongs to the result: megabytes must not wait for the collector.
            result.getall = partial(_take, proxy(result), [], damaged)
            result.again_at = None


def _take(
    result: Any,
    left: list[LightRecord],
    damaged: MutableMapping[TopicPartition, DamagedBatch],
    max_records: int | None = None,
) -> Any:
    """Do what ``FetchResult.getall`` does; *left* is what the last call has left of a batch."""
    if not result.check_assignment(result._topic_partition) or not result.has_more():
        return []
    if result.again_at is not None:
        if time.monotonic() >= result.again_at:
            result._partition_records = None  # so that it is fetched again
        return []
    source = result._partition_records
    taken: list[LightRecord] = []
    while max_records is None or len(taken) < max_records:
        if not left:
            position = source.next_fetch_offset
            try:
                some = next(source, None)
            except DamagedBatch as damage:
                if not taken:
                    _stand_still(result, damage, damaged)
                    return []
                some = None  # what is good before it comes first; then it is fetched again
            if some is None:
                result._update_position()
                result._partition_records = None
                return taken
            # The first batch of a fetch may begin before what was asked for.
            left += (
                some
                if some[0].offset >= position
                else [record for record in some if record.offset >= position]
            )
            if damaged:
                damaged.pop(result._topic_partition, None)
        room = len(left) if max_records is None else max_records - len(taken)
        taken += left[:room]
        del left[:room]
        # aiokafka throws away what is not where its consumer stands.
        source.next_fetch_offset = taken[-1].offset + 1
    result._update_position()
    return taken


def _stand_still(
    result: Any, damage: DamagedBatch, damaged: MutableMapping[TopicPartition, DamagedBatch]
) -> None:
    known = damaged.get(damage.tp)
    if known is None or known.offset != damage.offset:
        logger.error("batch_damaged reason=%s", damage)
    damaged[damage.tp] = damage
    result.again_at = time.monotonic() + _PAUSE


class _Batches:
    """A fetch's record batches, each of which has many of its records as one."""

    def __init__(self, records: Any) -> None:
        self.has_next = records.has_next
        self._next_batch = records.next_batch

    def next_batch(self) -> "_Batch":
        return _Batch(self._next_batch())


class _Batch:
    def __init__(self, batch: Any) -> None:
        self._batch = batch

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __iter__(self) -> Iterator["_Records"]:
        # aiokafka's own may be begun only once, and asked only once for what is beyond its end.
        records = chain(self._batch)
        while some := _Records(islice(records, _AT_ONCE)):
            yield some

    def __next__(self) -> Any:
        return next(self._batch)  # how aiokafka reads a transaction's marker


class _Records(list[LightRecord]):
    """Records of a batch; ``offset`` is the last one's, by which aiokafka knows where it stands."""

    @property
    def offset(self) -> int:
        return self[-1].offset


def _records_of(_tp: Any, records: _Records) -> _Records:
    return records
