"""What many reports come to: the numbers that people ask for, however they were counted."""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

#: What a report may have measured, each in hundredths of its unit (°C, %).
MEASURES: Final = ("temperature", "humidity")
_MINUTE: Final = 60_000


class Measured(NamedTuple):
    """What one kind of measurement at one place comes to.

    How many ``values`` with the ``sum``, in hundredths, so that the mean is exact. ``lowest`` and
    ``highest`` are in tenths, as :func:`tenth_of` rounds: that is as finely as they are kept.
    """

    values: int
    sum: int
    lowest: int
    highest: int

    @property
    def mean(self) -> float:
        """The mean, in the unit itself."""
        return self.sum / self.values / 100


class Summary(NamedTuple):
    """All numbers; nothing that is zero is listed.

    A *place* is (``country`` or ``municipality``, name). ``conditions`` are reports by kind of
    place and weather, ``pairs`` by place and weather, ``minutes`` by minute since 1970, UTC.
    ``measured`` is by name of the measurement (see :data:`MEASURES`) and place.
    """

    reports: int
    places: Mapping[tuple[str, str], int]
    weathers: Mapping[str, int]
    conditions: Mapping[tuple[str, str], int]
    pairs: Mapping[tuple[str, str, str], int]
    minutes: Mapping[int, int]
    measured: Mapping[tuple[str, str, str], Measured]

    def overall(self, measure: str, kind: str = "municipality") -> Measured | None:
        """Return what *measure* comes to over all places of a *kind*; None if nobody measured."""
        return together(
            it
            for (name, its_kind, _), it in self.measured.items()
            if (name, its_kind) == (measure, kind)
        )

    def top(self, kind: str = "country", count: int | None = None) -> list[tuple[str, int]]:
        """Return places of a *kind* with most reports, the first *count*; equal ones by name."""
        found = [
            (place, reports)
            for (its_kind, place), reports in self.places.items()
            if its_kind == kind
        ]
        # By the name's bytes, as the stores order it too.
        return sorted(found, key=lambda it: (-it[1], it[0].encode()))[:count]


def together(parts: Iterable[Measured]) -> Measured | None:
    """Return what several measurements come to in one; None of none."""
    found = list(parts)
    if not found:
        return None
    return Measured(
        sum(it.values for it in found),
        sum(it.sum for it in found),
        min(it.lowest for it in found),
        max(it.highest for it in found),
    )


def minute_of(at: int) -> int:
    """Return the minute since 1970 of a time in Unix milliseconds."""
    return at // _MINUTE


def tenth_of(hundredths: int) -> int:
    """Return the nearest tenth; a half goes up: 25 is 3, -25 is -2."""
    return (hundredths + 5) // 10
