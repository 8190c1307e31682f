"""Counting reports one after the other: integers by cell, which can be taken back and added up.

A *cell* is a name and an integer: how many reports there are of one place, say. All that is asked
follows from the cells, each report adds to a few of them, and two counts are added cell by cell.
So it does not matter in which order, or in how many parts, reports are counted; and one that is
replaced is taken back exactly. Extremes would not come back: hence how many values lie in each
tenth of a degree.

A cell's name is its family and its fields, with tabs between: no text of a report contains one.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from weather.report import Report
from weather.summary import MEASURES, Measured, Summary, minute_of, tenth_of

#: All families of cells. Those in ``ORDERED`` end in a number of which the least is asked.
FAMILIES: Final = (
    "total",
    "place",
    "weather",
    "condition",
    "pair",
    "minute",
    *(f"{measure}.{what}" for measure in MEASURES for what in ("count", "sum", "tenth")),
)
ORDERED: Final = ("minute", *(f"{measure}.tenth" for measure in MEASURES))

_TAB: Final = "\t"
REPORTS: Final = "total\treports"


def cells_of(report: Report) -> list[tuple[str, int]]:
    """Return what *report* adds to which cells."""
    at = f"{report.place_kind}\t{report.place}"
    weather = report.weather
    cells = [
        (REPORTS, 1),
        (f"place\t{at}", 1),
        (f"weather\t{weather}", 1),
        (f"condition\t{report.place_kind}\t{weather}", 1),
        (f"pair\t{at}\t{weather}", 1),
        (f"minute\t{minute_of(report.at)}", 1),
    ]
    if report.temperature is not None:
        cells += _measured("temperature", at, report.temperature)
    if report.humidity is not None:
        cells += _measured("humidity", at, report.humidity)
    return cells


class Counts:
    """Cells of some reports; those that come to zero are not there."""

    def __init__(self) -> None:
        self._cells: dict[str, int] = {}
        self._changed: set[str] = set()

    @property
    def cells(self) -> Mapping[str, int]:
        """Name of the cell → its number."""
        return self._cells

    def apply(self, report: Report) -> None:
        """Count *report*."""
        self._add(cells_of(report))

    def remove(self, report: Report) -> None:
        """Take *report* back, which was counted."""
        self._add((cell, -number) for cell, number in cells_of(report))

    def replace(self, old: Report, new: Report) -> None:
        """Count *new* instead of *old*."""
        self.remove(old)
        self.apply(new)

    def merge(self, other: "Counts") -> None:
        """Count the reports of *other* too: other ones than these."""
        self._add(other.cells.items())

    def take_changed(self) -> dict[str, int]:
        """Return the cells that have changed since the last call, with their numbers, also 0."""
        changed, self._changed = self._changed, set()
        return {cell: self._cells.get(cell, 0) for cell in changed}

    def _add(self, added: Iterable[tuple[str, int]]) -> None:
        cells, changed = self._cells, self._changed
        for cell, number in added:
            now = cells.get(cell, 0) + number
            if now:
                cells[cell] = now
            else:
                cells.pop(cell, None)
            changed.add(cell)


def summarise(cells: Mapping[str, int]) -> Summary:
    """Return the numbers that *cells* stand for."""
    of: dict[str, dict[tuple[str, ...], int]] = {family: {} for family in FAMILIES}
    for cell, number in cells.items():
        family, *fields = cell.split(_TAB)
        of[family][tuple(fields)] = number
    return Summary(
        reports=of["total"].get(("reports",), 0),
        places={(kind, place): n for (kind, place), n in of["place"].items()},
        weathers={weather: n for (weather,), n in of["weather"].items()},
        conditions={(kind, weather): n for (kind, weather), n in of["condition"].items()},
        pairs={(kind, place, weather): n for (kind, place, weather), n in of["pair"].items()},
        minutes={int(minute): n for (minute,), n in of["minute"].items()},
        measured={
            (measure, *place): it for measure in MEASURES for place, it in _summed(of, measure)
        },
    )


def _measured(measure: str, at: str, value: int) -> list[tuple[str, int]]:
    return [
        (f"{measure}.count\t{at}", 1),
        (f"{measure}.sum\t{at}", value),
        (f"{measure}.tenth\t{at}\t{tenth_of(value)}", 1),
    ]


def _summed(
    of: Mapping[str, Mapping[tuple[str, ...], int]], measure: str
) -> Iterator[tuple[tuple[str, str], Measured]]:
    tenths: dict[tuple[str, str], list[int]] = {}
    for kind, place, tenth in of[f"{measure}.tenth"]:
        tenths.setdefault((kind, place), []).append(int(tenth))
    for (kind, place), count in of[f"{measure}.count"].items():
        total = of[f"{measure}.sum"].get((kind, place), 0)
        found = tenths[kind, place]
        yield (kind, place), Measured(count, total, min(found), max(found))
