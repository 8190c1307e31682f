"""Figures from figures. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from statistics import median


def middle(values: Iterable[float | None]) -> float | None:
    """Return the median of the values that are there; None if there are none."""
    present = [value for value in values if value is not None]
    return median(present) if present else None


def ratios(rates: Mapping[str, float | None], of: str) -> dict[str, float]:
    """Return ``of/other`` → how many times as fast, for every other peer with a rate."""
    own = rates.get(of)
    if own is None:
        return {}
    return {f"{of}/{name}": own / r for name, r in rates.items() if name != of and r}


def percentile(weighted: Iterable[tuple[float, int]], share: float) -> float | None:
    """Return the value that *share* of all observations do not exceed; (value, how many) each."""
    ordered = sorted(weighted)
    total = sum(count for _, count in ordered)
    reached = 0
    for value, count in ordered:
        reached += count
        if reached >= share * total:
            return value
    return None
