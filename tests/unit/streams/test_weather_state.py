"""What a weather worker keeps of one partition, and what comes back from its changelog."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from msgspec.structs import replace

from contracts.partitioning import partition_of
from streams.standings import OtherLogError
from streams.weather.state import PartitionReports
from tests.support.weather import as_the_net_brings_them, some_reports
from weather.counts import summarise
from weather.recount import recount
from weather.report import decode, encode

PARTITION, PARTITIONS = 1, 3


class Record(NamedTuple):
    offset: int
    key: bytes | None
    value: bytes | None


def records(count: int = 300) -> list[Record]:
    """Records of one partition, with gaps in the offsets."""
    values = (it for it in as_the_net_brings_them(some_reports(count)))
    keyed = ((decode(it).id.encode(), it) for it in values)
    mine = (it for it in keyed if partition_of(it[0], PARTITIONS) == PARTITION)
    return [Record(2 * number, key, value) for number, (key, value) in enumerate(mine)]


def partition() -> PartitionReports:
    return PartitionReports(PARTITION, PARTITIONS)


def test_a_partition_comes_to_what_the_oracle_says() -> None:
    log = records()
    state = partition()

    state.apply(log)

    expected = recount(it.value or b"" for it in log)
    assert summarise(state.survivors.counts.cells) == expected.summary
    assert (state.offset, state.rejected, state.live) == (log[-1].offset + 1, 0, True)


def test_what_the_changelog_has_restores_the_state() -> None:
    log = records()
    state, restored = partition(), partition()
    stored = [it for some in (log[:90], log[90:]) for it in state.apply(some)[0].items()]

    # Of two owners, and in any order.
    restored.restore([*reversed(stored), *stored])
    assert restored.restored(40, log[-1].offset + 1) == 40

    assert restored.survivors.counts.cells == state.survivors.counts.cells


def test_nothing_is_live_before_the_offset_that_the_changelog_knows_of() -> None:
    log = records()
    state, restored = partition(), partition()
    restored.restore(state.apply(log)[0].items())
    restored.restored(log[10].offset, log[-1].offset + 1)

    assert not restored.live
    restored.apply(log[10:-5])
    assert not restored.live
    restored.apply(log[-5:])

    assert restored.live
    assert restored.survivors.counts.cells == state.survivors.counts.cells


def test_records_that_are_no_reports_are_told_and_counted_once() -> None:
    report = some_reports(1)[0]
    key, value = report.id.encode(), encode(report)
    home = partition_of(key, PARTITIONS)
    state = PartitionReports(home, PARTITIONS)
    other = next(it for it in some_reports(50) if partition_of(it.id.encode(), PARTITIONS) != home)
    log = [
        Record(0, key, b"{"),
        Record(1, b"another", value),
        Record(2, key, None),
        Record(3, other.id.encode(), encode(other)),
        Record(4, None, value),
        Record(5, key, value),
    ]

    changes, rejected = state.apply(log)

    assert [(it.offset, it.error.field) for it in rejected] == [
        (0, ""),
        (1, "key"),
        (2, "value"),
        (3, "partition"),
        (4, "key"),
    ]
    assert (state.rejected, state.survivors.counts.cells["total\treports"]) == (5, 1)
    again = PartitionReports(home, PARTITIONS)
    again.restore(changes.items())
    again.restored(0, 6)
    again.apply(log)
    assert again.rejected == 5


def test_an_earlier_record_replaces_in_the_changelog_too() -> None:
    report = next(
        it for it in some_reports(50) if partition_of(it.id.encode(), PARTITIONS) == PARTITION
    )
    key = report.id.encode()
    earlier = encode(replace(report, at=report.at - 1))
    state = partition()

    first, _ = state.apply([Record(0, key, encode(report))])
    second, _ = state.apply([Record(1, key, earlier)])
    third, _ = state.apply([Record(2, key, encode(report))])

    assert [list(it) for it in (first, second, third)] == [[key], [key], []]
    restored = partition()
    restored.restore([*second.items(), *first.items()])
    assert restored.survivors.get(report.id) == earlier


def test_a_changelog_of_another_topic_is_not_taken() -> None:
    state, restored = partition(), partition()
    restored.restore(state.apply(records())[0].items())

    with pytest.raises(OtherLogError, match="was recreated"):
        restored.restored(0, 5)
