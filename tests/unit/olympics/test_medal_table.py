"""The medal table's order, and counts that add up."""

from __future__ import annotations

from olympics.counts import NO_COUNTS, Counts, total
from olympics.medal_table import MedalRow, medal_table


def medals(gold: int, silver: int, bronze: int) -> Counts:
    return Counts(gold=gold, silver=silver, bronze=bronze)


def test_gold_counts_before_silver_before_bronze() -> None:
    table = medal_table(
        {"law": medals(0, 9, 9), "arts": medals(1, 0, 0), "music": medals(0, 9, 10)}
    )
    assert [row.faculty for row in table] == ["arts", "music", "law"]
    assert [row.rank for row in table] == [1, 2, 3]
    assert table[1] == MedalRow(2, "music", 0, 9, 10, 19)


def test_equal_faculties_share_a_rank_are_listed_by_name_and_the_next_ranks_are_skipped() -> None:
    table = medal_table(
        {
            "law": medals(1, 1, 0),
            "arts": medals(1, 1, 0),
            "music": medals(2, 0, 0),
            "science": medals(0, 0, 0),
            "history": medals(0, 0, 0),
        }
    )
    assert [(row.rank, row.faculty) for row in table] == [
        (1, "music"),
        (2, "arts"),
        (2, "law"),
        (4, "history"),
        (4, "science"),
    ]


def test_a_table_of_nobody_is_empty() -> None:
    assert medal_table({}) == []


def test_counts_add_field_by_field() -> None:
    assert Counts(1, 1, gold=1) + Counts(2, 0, 2, bronze=1) == Counts(3, 1, 2, gold=1, bronze=1)
    assert total([Counts(1), Counts(2), Counts(3)]) == Counts(6)
    assert total([]) == NO_COUNTS == Counts()
