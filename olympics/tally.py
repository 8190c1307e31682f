"""The counts of one partition, kept up to date as results arrive."""

from collections.abc import Iterator

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
        self._rows: dict[str, dict[str, list[int]]] = {
            sport: {faculty: [0] * 8 for faculty in catalogue.faculties}
            for sport in catalogue.sports
        }
        self._dirty: list[Unit] = []
        #: identities with any result, of any status
        self.results = 0
        #: identities whose surviving result is unofficial
        self.provisional = 0
        #: identities with two contents at their surviving version and status
        self.conflicts = 0

    def unit(self, key: bytes, sport: str, unit: str) -> Unit:
        """Return the unit with *key*, a new one if it was never seen.

        *sport* must be of the catalogue, and so must the faculty of every result put in.
        """
        found = self.units.get(key)
        if found is None:
            found = Unit(self._catalogue.sports[sport], unit, self._rows[sport])
            self.units[key] = found
        return found

    def put(self, unit: Unit, competitor: str, new: Latest) -> Latest | None:
        """Join *new* into the unit; return what survives, or None if that is as before."""
        latest = unit.latest
        old = latest.get(competitor)
        if old is None:
            survivor = new
            self.results += 1
            before = None
        else:
            survivor = join(old, new)
            if survivor is old:
                return None
            self.conflicts -= old.conflict
            self.provisional -= old.status == UNOFFICIAL
            before = old if old.status == OFFICIAL else None
        latest[competitor] = survivor
        self.conflicts += survivor.conflict
        phase_changes = False
        if survivor.status == OFFICIAL:
            if before is not None:
                phase_changes = unit.leave(competitor, before, survivor)
            phase_changes |= unit.enter(competitor, survivor)
        else:
            self.provisional += survivor.status == UNOFFICIAL
            if before is not None:
                phase_changes = unit.leave(competitor, before, None)
        if phase_changes:
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
        for sport, rows in self._rows.items():
            for faculty, row in rows.items():
                if row[ENTRIES]:
                    yield (sport, faculty), Counts(*row)

    def _move(self, unit: Unit, sign: int) -> None:
        for faculty, base, real in unit.head:
            row = unit.rows[faculty]
            row[base[0]] -= sign
            row[real[0]] += sign
            if base[1]:
                row[base[1]] -= sign
            if real[1]:
                row[real[1]] += sign

    def _change_phase(self, unit: Unit) -> None:
        counted = [result for result in unit.latest.values() if result.status == OFFICIAL]
        for result in counted:
            unit.count(result, -1)
        unit.set_phase(unit.phase_of_holder())
        for result in counted:
            unit.count(result, +1)
        # The head's own moves were noted as they were made, so settle() takes them back exactly.
        if unit.head and not unit.dirty:
            unit.dirty = True
            self._dirty.append(unit)
