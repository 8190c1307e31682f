"""The changes of a partition that people tell each other: which units were the last to change.

Derived from the state, never stored, restored or merged. The state has the offset of each unit's
last change. The time of a change is that of the record there. The batch that brought it tells the
time; after a restore it is read from the topic.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter, itemgetter
from typing import Final, NamedTuple, Protocol

from contracts.latest import ChangeLine, line_of
from olympics.catalogue import Catalogue
from olympics.changes import Change
from olympics.ranking import Steps
from olympics.tally import NEWEST, Tally, newest

#: So many units, and times, are kept, until those that are too old are thrown away.
_KEPT: Final = 8 * NEWEST


class TimedRecord(Protocol):
    """A record of the results topic; ``timestamp`` in milliseconds."""

    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...


class LatestList(NamedTuple):
    """The last changes of a partition's units after all its results before ``offset``."""

    offset: int
    lines: list[ChangeLine]


NOTHING_LISTED: Final = LatestList(0, [])


class LatestChanges:
    """The units that were the last to change, at most NEWEST, and what is to be told of them."""

    def __init__(self, tally: Tally, catalogue: Catalogue) -> None:
        self._tally = tally
        self._catalogue = catalogue
        #: key of a unit → the offset of its last change
        self._offsets: dict[bytes, int] = {}
        #: the offset of a change → its time
        self._times: dict[int, int] = {}
        #: offsets whose time is not known
        self._untimed: set[int] = set()
        #: what was told of a unit, which is the same until its offset is another one
        self._lines: dict[bytes, ChangeLine] = {}

    def note(self, records: Sequence[TimedRecord]) -> None:
        """Take the times of changes from *records*, which have just been put into the tally."""
        self._gather()
        first, last = records[0].offset, records[-1].offset
        for offset in [it for it in self._untimed if first <= it <= last]:
            self._times[offset] = _time_of(records, offset)
            self._untimed.remove(offset)

    def untimed(self) -> list[int]:
        """Return the offsets of those changes whose time has to be read from the topic."""
        self._gather()
        if not self._untimed:
            return []
        return sorted(self._untimed.intersection(newest(self._offsets).values()))

    def know(self, times: Mapping[int, int]) -> None:
        """Note the times of changes: offset → milliseconds."""
        self._times |= times
        self._untimed.difference_update(times)

    def lines(self) -> Steps[list[ChangeLine]]:
        """Return what is to be told: of the results of now, whatever comes between the steps.

        The newest comes first. All times must be known.
        """
        self._gather()
        changes: list[tuple[bytes, ChangeLine | Steps[ChangeLine]]] = []
        for key, offset in sorted(newest(self._offsets).items(), key=itemgetter(1), reverse=True):
            line = self._lines.get(key)
            if line is None or line.offset != offset:
                steps = self._line(key, self._tally.change(key), offset, self._times[offset])
                changes.append((key, steps))
            else:
                changes.append((key, line))
        return self._told(changes)

    def _line(self, key: bytes, change: Steps[Change], offset: int, at: int) -> Steps[ChangeLine]:
        sport, _, unit = key.decode().partition("/")
        return line_of((yield from change), self._catalogue.sports[sport], unit, offset, at)

    def _told(
        self, changes: Iterable[tuple[bytes, ChangeLine | Steps[ChangeLine]]]
    ) -> Steps[list[ChangeLine]]:
        lines = {}
        for key, line in changes:
            lines[key] = line if isinstance(line, ChangeLine) else (yield from line)
            yield
        self._lines = lines
        return list(lines.values())

    def _gather(self) -> None:
        """Take the units that have changed out of the tally."""
        changed = self._tally.newest()
        if not changed:
            return
        self._offsets |= changed
        self._untimed.update(changed.values())
        if len(self._offsets) > _KEPT or len(self._times) > _KEPT:
            self._offsets = newest(self._offsets)
            kept = set(self._offsets.values())
            self._untimed &= kept
            self._times = {it: at for it, at in self._times.items() if it in kept}


def _time_of(records: Sequence[TimedRecord], offset: int) -> int:
    """Return the time of the record at *offset*, which is one of *records*."""
    place = offset - records[0].offset
    if place >= len(records) or records[place].offset != offset:
        # Offsets may be missing, as those that Kafka uses itself.
        place = bisect_left(records, offset, key=attrgetter("offset"))
    return records[place].timestamp
