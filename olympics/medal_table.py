"""The order of the medal table: gold, then silver, then bronze."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from olympics.counts import Counts


class MedalRow(NamedTuple):
    """A line of the table. Faculties that are equal on all three medals share the rank."""

    rank: int
    faculty: str
    gold: int
    silver: int
    bronze: int
    total: int


def medal_table(by_faculty: Mapping[str, Counts]) -> list[MedalRow]:
    """Return the table of all the faculties given, also of those without medals.

    Equal faculties are listed by name; after them, as many ranks are skipped as they share.
    """
    ordered = sorted(
        (-counts.gold, -counts.silver, -counts.bronze, name) for name, counts in by_faculty.items()
    )
    rows: list[MedalRow] = []
    for place, (gold, silver, bronze, name) in enumerate(ordered, start=1):
        medals = (-gold, -silver, -bronze)
        shares = bool(rows) and (rows[-1].gold, rows[-1].silver, rows[-1].bronze) == medals
        rank = rows[-1].rank if shares else place
        rows.append(MedalRow(rank, name, *medals, sum(medals)))
    return rows
