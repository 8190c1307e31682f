"""What is counted of every sport, every faculty, and every pair of them."""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterable
from typing import NamedTuple


class Counts(NamedTuple):
    """Eight counts; ``+`` adds them field by field.

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

    def __add__(self, other: Counts) -> Counts:  # type: ignore[override]  # no concatenation here
        return Counts(*map(operator.add, self, other))


NO_COUNTS = Counts()


def total(counts: Iterable[Counts]) -> Counts:
    """Return the sum of any number of counts; of none ``NO_COUNTS``."""
    return functools.reduce(operator.add, counts, NO_COUNTS)
