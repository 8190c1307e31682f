"""What is counted of every sport, every faculty, and every pair of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Counts(NamedTuple):
    """Eight counts. ``a.plus(b)`` adds field by field (``+`` on tuples would concatenate).

    Always: entries = winners + losers + ties + did_not_start.
    """

    entries: int = 0
    winners: int = 0
    losers: int = 0
    ties: int = 0
    did_not_start: int = 0
    gold: int = 0
    silver: int = 0
    bronze: int = 0

    def plus(self, other: Counts) -> Counts:
        """Return the sum, field by field."""
        return Counts(*(mine + its for mine, its in zip(self, other, strict=True)))


NO_COUNTS = Counts()


def total(counts: Iterable[Counts]) -> Counts:
    """Return the sum of any number of counts; of none ``NO_COUNTS``."""
    return Counts(*map(sum, zip(*counts, strict=True))) if (counts := list(counts)) else NO_COUNTS
