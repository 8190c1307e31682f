"""The counts of one partition, kept up to date as results arrive."""

from collections.abc import Iterator, Mapping

from olympics.catalogue import Catalogue
from olympics.counts import Counts
from olympics.latest import OFFICIAL, UNOFFICIAL, Latest, join
from olympics.unit import ENTRIES, Unit


class Tally:
    """Everything that is known of one partition: its units and the counts that follow.

    A function of the set of results that were put in: order and repetition do not matter. The
    counts are right after :meth:`settle`, which a caller makes once for a batch.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self.units: dict[bytes, Unit] = {}
        self._rows: dict[tuple[str, str], list[int]] = {}
        self._dirty: list[Unit] = []
        #: identities with any result, of any status
        self.results = 0
        #: identities whose surviving result is unofficial
        self.provisional = 0
        #: identities with two contents at their surviving version and status
        self.conflicts = 0

    def unit(self, key: bytes, sport: str, unit: str) -> Unit:
        """Return the unit with *key*, a new one if it was never seen."""
        found = self.units.get(key)
        if found is None:
            found = self.units[key] = Unit(self._catalogue.sports[sport], unit)
        return found

    def put(self, unit: Unit, competitor: str, new: Latest) -> Latest | None:
        """Join *new* into the unit; return what survives, or None if that is as before."""
        old = unit.latest.get(competitor)
        if old is None:
            survivor = new
            self.results += 1
        else:
            survivor = join(old, new)
            if survivor is old:
                return None
            self.conflicts -= old.conflict
            self.provisional -= old.status == UNOFFICIAL
        unit.latest[competitor] = survivor
        self.conflicts += survivor.conflict
        self.provisional += survivor.status == UNOFFICIAL
        before = old if old is not None and old.status == OFFICIAL else None
        after = survivor if survivor.status == OFFICIAL else None
        if before is not None:
            self._count(unit, before, -1)
        if after is not None:
            self._count(unit, after, +1)
        if unit.replace(competitor, before, after):
            self._change_phase(unit)
        if not unit.dirty and (unit.marks or unit.head):
            unit.dirty = True
            self._dirty.append(unit)
        return survivor

    def settle(self) -> None:
        """Bring the counts of the units changed since the last call up to date."""
        for unit in self._dirty:
            unit.dirty = False
            head = unit.new_head()
            if head != unit.head:
                self._move(unit, -1)
                unit.head = head
                self._move(unit, +1)
        self._dirty.clear()

    def counts(self) -> Iterator[tuple[tuple[str, str], Counts]]:
        """Yield ((sport, faculty), counts) of every pair that has any entry."""
        for pair, row in self._rows.items():
            if row[ENTRIES]:
                yield pair, Counts(*row)

    def _count(self, unit: Unit, result: Latest, sign: int) -> None:
        row = self._row(unit, result.faculty)
        split, medal = unit.base(result)
        row[ENTRIES] += sign
        row[split] += sign
        if medal:
            row[medal] += sign

    def _move(self, unit: Unit, sign: int) -> None:
        for faculty, base, real in unit.head:
            row = self._row(unit, faculty)
            row[base[0]] -= sign
            row[real[0]] += sign
            if base[1]:
                row[base[1]] -= sign
            if real[1]:
                row[real[1]] += sign

    def _change_phase(self, unit: Unit) -> None:
        phase = unit.phase_of_holder()
        if phase == unit.phase:
            return
        counted = [r for r in unit.latest.values() if r.status == OFFICIAL]
        for result in counted:
            self._count(unit, result, -1)
        unit.phase = phase
        for result in counted:
            self._count(unit, result, +1)
        if unit.head:
            # What the head says was computed for the old phase; settle() computes it anew.
            self._move(unit, -1)
            unit.head = []
            if not unit.dirty:
                unit.dirty = True
                self._dirty.append(unit)

    def _row(self, unit: Unit, faculty: str) -> list[int]:
        pair = (unit.sport, faculty)
        row = self._rows.get(pair)
        if row is None:
            row = self._rows[pair] = [0] * 8
        return row


def add_counts(
    totals: dict[tuple[str, str], Counts], more: Mapping[tuple[str, str], Counts]
) -> None:
    """Add *more* to *totals*, pair by pair."""
    for pair, counts in more.items():
        totals[pair] = totals[pair] + counts if pair in totals else counts
