"""Whatever comes in whatever order: the counts are those of the oracle."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from contracts.partitioning import partition_of
from tests.properties.weather_reports import reports
from weather.counts import Counts, cells_of, summarise
from weather.recount import recount
from weather.report import Report, encode, key_of
from weather.summary import Summary, tenth_of
from weather.survivors import Survivors

_RECORDS = st.lists(reports(), max_size=40)


def counted(records: list[Report]) -> Survivors:
    survivors = Survivors()
    for report in records:
        survivors.put(report, encode(report))
    return survivors


def oracle(records: list[Report]) -> Summary:
    return recount(map(encode, records)).summary


@given(_RECORDS)
def test_the_counts_are_those_of_the_oracle(records: list[Report]) -> None:
    assert summarise(counted(records).counts.cells) == oracle(records)


@given(_RECORDS, st.randoms(use_true_random=False))
def test_order_and_repetition_change_nothing(records: list[Report], chance: random.Random) -> None:
    again = [*records, *chance.choices(records, k=len(records))] if records else []
    chance.shuffle(again)

    assert counted(again).counts.cells == counted(records).counts.cells


@given(_RECORDS, st.integers(1, 5))
def test_partitions_add_up_to_the_whole(records: list[Report], partitions: int) -> None:
    parts = [Survivors() for _ in range(partitions)]
    for report in records:
        parts[partition_of(key_of(report), partitions)].put(report, encode(report))

    together = Counts()
    for part in parts:
        together.merge(part.counts)

    assert together.cells == counted(records).counts.cells


@given(_RECORDS)
def test_the_changes_since_the_last_look_bring_a_copy_up_to_date(records: list[Report]) -> None:
    survivors, copy = Survivors(), dict[str, int]()
    for place, report in enumerate(records):
        survivors.put(report, encode(report))
        if place % 3 == 0:
            copy |= survivors.counts.take_changed()
    copy |= survivors.counts.take_changed()

    assert {cell: number for cell, number in copy.items() if number} == survivors.counts.cells


@given(_RECORDS)
def test_what_is_taken_back_leaves_no_trace(records: list[Report]) -> None:
    counts = Counts()
    for report in records:
        counts.apply(report)
    for report in reversed(records):
        counts.remove(report)

    assert counts.cells == {}


@given(_RECORDS)
def test_of_one_id_the_earliest_record_counts(records: list[Report]) -> None:
    survivors = counted(records)

    for report in records:
        kept = survivors.get(report.id)
        assert kept == min((it.at, encode(it)) for it in records if it.id == report.id)[1]


@given(reports(), st.integers(1, 10**9))
def test_a_retry_with_a_later_time_of_receipt_changes_nothing(report: Report, later: int) -> None:
    survivors = counted([report])
    survivors.counts.take_changed()

    again = replace(report, at=report.at + later)
    assert not survivors.put(again, encode(again))
    assert survivors.counts.take_changed() == {}


@given(st.integers(-10_000, 10_000))
def test_a_tenth_is_the_nearest_one(hundredths: int) -> None:
    assert abs(10 * tenth_of(hundredths) - hundredths) <= 5


@given(reports())
def test_no_text_of_a_report_breaks_a_cells_name(report: Report) -> None:
    for cell, _ in cells_of(report):
        assert "" not in cell.split("\t")
        assert len(cell.split("\t")) <= 4
