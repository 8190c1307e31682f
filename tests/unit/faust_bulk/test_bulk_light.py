"""Records that are taken a batch at a time are those that aiokafka would have given one by one."""

from __future__ import annotations

import gc
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer import fetcher
from aiokafka.consumer.fetcher import (
    READ_COMMITTED,
    READ_UNCOMMITTED,
    FetchResult,
)
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c

from faust_bulk.damage import DamagedBatch, place_damage
from faust_bulk.light import lighten

place_damage()

TP = TopicPartition("results", 0)
#: base offset → how many offsets, and which of them compaction has left
LOG = {10: (5, (0, 1, 2, 3, 4)), 15: (4, (1, 2)), 19: (3, ()), 22: (1, (0,)), 23: (6, (0, 2, 3))}

# Where things stand in a batch of Kafka's message format 2.
_BASE, _CRC, _ATTRIBUTES, _LAST = slice(0, 8), slice(17, 21), slice(21, 23), slice(23, 27)
_RECORDS = 61
_CONTROL = 0x20
_ABORT = b"\0\0\0\0"


def a_batch(
    base: int, count: int, kept: Sequence[int], *, control: bool = False, **of: Any
) -> bytes:
    """Return a record batch of *count* offsets from *base* on, of which those *kept* are left."""
    producer = {"producer_id": -1, "producer_epoch": -1, "base_sequence": -1} | of
    builder = DefaultRecordBatchBuilder(
        2,
        producer.pop("codec", 0),
        producer.pop("is_transactional", 0),
        **producer,
        batch_size=1 << 20,
    )
    for place in kept:
        key = _ABORT if control else b"key %d" % (base + place)
        builder.append(place, 1_700_000_000_000 + place, key, b"value", [])
    data = bytearray(builder.build())
    data[_BASE] = base.to_bytes(8, "big")
    data[_LAST] = (count - 1).to_bytes(4, "big")
    data[_ATTRIBUTES.stop - 1] |= _CONTROL * control
    data[_CRC] = calc_crc32c(data[_ATTRIBUTES.start :]).to_bytes(4, "big")
    return bytes(data)


def a_fetch(start: int) -> bytes:
    """Return what a broker sends that is asked for *start*: from the batch on that has it."""
    return b"".join(
        a_batch(base, count, kept) for base, (count, kept) in LOG.items() if base + count > start
    )


class Partition:
    """What a consumer knows of a partition, and what it has fetched of it."""

    def __init__(self, data: bytes, start: int, isolation: int, aborted: list[Any]) -> None:
        self.position = start
        self.paused = False
        assignment = SimpleNamespace(active=True, state_value=lambda _tp: self)
        records = fetcher.PartitionRecords(
            TP, fetcher.MemoryRecords(data), aborted, start, None, None, True, isolation
        )
        self.result = FetchResult(TP, assignment=assignment, partition_records=records, backoff=0)

    def consumed_to(self, position: int) -> None:
        self.position = position


def as_they_come(partition: Partition) -> None:
    pass


def as_batches(
    partition: Partition, damaged: dict[TopicPartition, DamagedBatch] | None = None
) -> None:
    damaged = {} if damaged is None else damaged
    fetched = SimpleNamespace(_records={TP: partition.result})
    lighten(fetched, {TP.topic}, damaged)
    lighten(fetched, {TP.topic}, damaged)  # it is done before each take


def taken(
    how: Callable[[Partition], None],
    size: int | None,
    data: bytes,
    start: int = 10,
    isolation: int = READ_UNCOMMITTED,
    aborted: Sequence[Any] = (),
) -> list[tuple[list[tuple[int, bytes | None, bytes | None, int]], int]]:
    """Take all in turns of *size*; return each turn's records and the position after it."""
    partition = Partition(data, start, isolation, list(aborted))
    how(partition)
    turns = []
    while partition.result.has_more():
        records = partition.result.getall(size)
        turns.append(
            ([(it.offset, it.key, it.value, it.timestamp) for it in records], partition.position)
        )
    return turns


@pytest.mark.parametrize("size", [1, 2, 3, 5, 6, 100, None])
@pytest.mark.parametrize("start", [10, 12, 14, 16, 18, 22, 25, 27])
def test_each_turn_gives_the_same_records_and_ends_at_the_same_place(
    size: int | None, start: int
) -> None:
    expected = taken(as_they_come, size, a_fetch(start), start)

    assert taken(as_batches, size, a_fetch(start), start) == expected
    left = [base + place for base, (_, kept) in LOG.items() for place in kept]
    assert [it[0] for records, _ in expected for it in records] == [
        it for it in left if it >= start
    ]


@pytest.mark.parametrize("isolation", [READ_UNCOMMITTED, READ_COMMITTED])
@pytest.mark.parametrize("size", [1, 3, None])
def test_what_a_transaction_has_taken_back_is_passed_over_alike(
    size: int | None, isolation: int
) -> None:
    ours: dict[str, Any] = {
        "producer_id": 7,
        "producer_epoch": 0,
        "base_sequence": 0,
        "is_transactional": 1,
    }
    data = (
        a_batch(10, 3, (0, 1, 2))
        + a_batch(13, 2, (0, 1), **ours)
        + a_batch(15, 1, (0,), **ours, control=True)
        + a_batch(16, 2, (0, 1), **ours)
    )
    more = (10, isolation, [(7, 13)])

    expected = taken(as_they_come, size, data, *more)

    assert taken(as_batches, size, data, *more) == expected
    offsets = [offset for records, _ in expected for offset, *_ in records]
    assert offsets == [10, 11, 12, *([13, 14] if isolation == READ_UNCOMMITTED else []), 16, 17]


@pytest.mark.parametrize("start", [0, 999, 1_000, 1_001])
@pytest.mark.parametrize("size", [1, 700, 1_000, 1_700, None])
def test_a_large_batch_is_given_whole(size: int | None, start: int) -> None:
    data = a_batch(0, 2_600, [it for it in range(2_600) if it % 13])

    expected = taken(as_they_come, size, data, start)

    assert taken(as_batches, size, data, start) == expected
    assert sum(len(records) for records, _ in expected) == sum(
        1 for it in range(start, 2_600) if it % 13
    )


def test_of_a_batch_of_millions_only_a_part_is_read_at_a_time() -> None:
    read = 0

    class Millions:
        is_control_batch, producer_id, next_offset = False, None, 5_000_000

        def validate_crc(self) -> bool:
            return True

        def __iter__(self) -> Iterator[Any]:
            nonlocal read
            for read in range(5_000_000):
                yield SimpleNamespace(offset=read)

    partition = Partition(a_batch(0, 1, (0,)), 0, READ_UNCOMMITTED, [])
    partition.result._partition_records._records = SimpleNamespace(
        has_next=lambda: True, next_batch=Millions
    )
    as_batches(partition)

    assert len(partition.result.getall(4_000)) == 4_000
    assert 4_000 <= read + 1 <= 5_000


#: name → its number in a batch's attributes
CODECS = {"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS.keys())
def test_every_codec_is_read(codec: int) -> None:
    plain = a_batch(0, 300, range(300))
    data = a_batch(0, 300, range(300), codec=codec)

    assert (codec == 0) == (data == plain)
    assert taken(as_batches, None, data, 0) == taken(as_they_come, None, plain, 0)


def an_uncompressible(codec: int) -> bytes:
    """Return a batch whose CRC is right, and whose compressed part is not of its codec."""
    data = bytearray(a_batch(12, 300, range(300), codec=codec))
    data[_RECORDS:] = b"?" * (len(data) - _RECORDS)
    data[_CRC] = calc_crc32c(data[_ATTRIBUTES.start :]).to_bytes(4, "big")
    return bytes(data)


def too_long(batch: bytes) -> bytes:
    return batch[:8] + (1 << 30).to_bytes(4, "big") + batch[12:]


DAMAGED = {
    "crc": (a_batch(12, 2, (0, 1))[:-1] + b"?", "CRC"),
    "length": (too_long(a_batch(12, 2, (0, 1))), "length"),
    "codec that is none": (
        a_batch(12, 2, (0, 1))[:22] + b"\x07" + a_batch(12, 2, (0, 1))[23:],
        "",
    ),
    **{name: (an_uncompressible(codec), "") for name, codec in CODECS.items() if codec},
}


@pytest.mark.parametrize("good", [(10, 11), ()], ids=["behind good ones", "at its head"])
@pytest.mark.parametrize(("batch", "why"), DAMAGED.values(), ids=DAMAGED.keys())
def test_at_a_damaged_batch_the_partition_stands_still_and_says_where(
    batch: bytes, why: str, good: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    damaged: dict[TopicPartition, DamagedBatch] = {}
    if good:
        partition = Partition(a_batch(10, 2, (0, 1)) + batch, 10, READ_UNCOMMITTED, [])
        as_batches(partition, damaged)
        assert tuple(it.offset for it in partition.result.getall(5)) == good
        assert not damaged
        assert partition.position == 12
    partition = Partition(batch, 12, READ_UNCOMMITTED, [])
    as_batches(partition, damaged)

    assert partition.result.getall(5) == []
    assert partition.position == 12
    assert "offset 12 of results/0" in str(damaged[TP])
    assert why in str(damaged[TP])

    now += 4.9
    assert partition.result.getall(5) == []
    assert partition.result.has_more(), "it would be fetched again without a pause"
    now += 0.2
    partition.result.getall(5)
    assert not partition.result.has_more(), "it would never be fetched again"

    partition = Partition(a_batch(12, 2, (0, 1)), 12, READ_UNCOMMITTED, [])
    as_batches(partition, damaged)
    assert [it.offset for it in partition.result.getall(5)] == [12, 13]
    assert not damaged


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS.keys())
def test_no_damage_is_taken_for_other_records(codec: int) -> None:
    whole = a_batch(12, 40, range(40), codec=codec)
    expected = taken(as_batches, None, whole, 12)
    for place in range(8, len(whole)):
        for bit in (1, 128):
            data = bytearray(whole)
            data[place] ^= bit
            damaged: dict[TopicPartition, DamagedBatch] = {}
            partition = Partition(bytes(data), 12, READ_UNCOMMITTED, [])
            as_batches(partition, damaged)
            records = partition.result.getall(None)
            if not damaged:
                # The leader's epoch and the version above 2 are in no checksum.
                assert [(it.offset, it.key, it.value, it.timestamp) for it in records] == (
                    expected[0][0]
                ), (place, bit)


def test_what_was_fetched_before_a_seek_is_not_given_after_it() -> None:
    partition = Partition(a_fetch(10), 10, READ_UNCOMMITTED, [])
    as_batches(partition)
    assert [it.offset for it in partition.result.getall(2)] == [10, 11]

    partition.position = 10

    assert partition.result.getall(2) == []
    assert not partition.result.has_more()


def test_what_was_fetched_goes_with_its_last_user() -> None:
    partition = Partition(a_fetch(10), 10, READ_UNCOMMITTED, [])
    as_batches(partition)
    partition.result.getall(2)
    fetched = weakref.ref(partition.result)

    gc.disable()
    try:
        partition.result = None
        assert fetched() is None
    finally:
        gc.enable()
