"""The counts of one partition, kept up to date as results arrive."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from olympics.catalogue import Catalogue
from olympics.counts import Counts
from olympics.latest import OFFICIAL, UNOFFICIAL, Latest, decode_latest, encode_latest, join
from olympics.unit import ENTRIES, Unit, settle


class Tally:
    """Everything that is known of one partition: its units and the counts that follow.

    A function of the set of results that were put in: order and repetition do not matter. The
    counts are right after :meth:`settle`, which a caller makes once for a batch.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self._sports = catalogue.sports
        self._names = {sport.encode(): sport for sport in catalogue.sports}
        #: the units that have had results of several competitors
        self._units: dict[bytes, Unit] = {}
        # Most units of a games with entries have one competitor for ever. Its counts follow from
        # the one result, which is kept as the bytes that it is on the changelog: a quarter of the
        # memory and of the time of a unit that could rank it.
        self._alone: dict[bytes, bytes] = {}
        self._rows: dict[str, dict[str, list[int]]] = {
            sport: _no_rows(catalogue) for sport in catalogue.sports
        }
        self._catalogue = catalogue
        self._dirty: list[Unit] = []
        #: identities with any result, of any status
        self.results = 0
        #: identities whose surviving result is unofficial
        self.provisional = 0
        #: identities with two contents at their surviving version and status
        self.conflicts = 0

    def put(
        self,
        key: bytes,
        sport: str,
        unit: str,
        news: Sequence[Latest],
        changes: dict[bytes, bytes] | None = None,
    ) -> None:
        """Join *news*, results of the unit with *key*, in any order.

        *sport* and the faculties must be of the catalogue. What survives and was not there before
        is put into *changes*, if somebody wants it, encoded, under the unit's key, a NUL and the
        competitor: no text of a result contains one.
        """
        ranked = self._units.get(key)
        if ranked is not None:
            changed: Iterable[Latest] = {
                survivor.competitor: survivor
                for new in news
                if (survivor := self._put(ranked, new)) is not None
            }.values()
        else:
            known = self._alone.get(key)
            if known is None and len(news) == 1:
                new = news[0]
                self._count_alone(sport, new, +1)
                encoded = self._alone[key] = encode_latest(new)
                if changes is not None:
                    changes[b"%b\0%b" % (key, new.competitor.encode())] = encoded
                return
            changed = self._meet(key, sport, unit, known, news)
        if changes is None:
            return
        prefix = key + b"\0"
        for survivor in changed:
            changes[prefix + survivor.competitor.encode()] = encode_latest(survivor)

    def restore(self, units: Mapping[bytes, Sequence[bytes]]) -> int:
        """Join encoded results by the key of their unit; return their highest offset, or -1.

        Those of sports and faculties that the catalogue does not have are left out.
        """
        names, faculties = self._names, self._catalogue.faculties
        alone, ranked, count_alone = self._alone, self._units, self._count_alone
        highest = -1
        for key, values in units.items():
            sport = names.get(key.partition(b"/")[0])
            if sport is None:
                continue
            if len(values) == 1 and key not in alone and key not in ranked:
                value = values[0]
                new = decode_latest(value)
                if new.faculty in faculties:
                    count_alone(sport, new, +1)
                    alone[key] = value
                    if new.offset > highest:
                        highest = new.offset
                continue
            news = [new for value in values if (new := decode_latest(value)).faculty in faculties]
            if news:
                self.put(key, sport, key.partition(b"/")[2].decode(), news)
                highest = max(highest, *[new.offset for new in news])
        return highest

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

    def unit(self, key: bytes, sport: str, unit: str) -> Unit | None:
        """Return the unit with *key*, to be read; None if it has no result."""
        known = self._units.get(key)
        if known is not None:
            return known
        encoded = self._alone.get(key)
        if encoded is None:
            return None
        latest = decode_latest(encoded)
        rows = _no_rows(self._catalogue)
        return Unit(self._sports[sport], unit, rows, {latest.competitor: latest})

    def _meet(
        self, key: bytes, sport: str, unit: str, known: bytes | None, news: Sequence[Latest]
    ) -> Sequence[Latest]:
        """Join *news* into a unit that has had one competitor or none; return what has changed."""
        results = {new.competitor: new for new in news}
        changed = news
        if known is not None or len(results) < len(news):
            results = {}
            old = None
            if known is not None:
                old = decode_latest(known)
                results[old.competitor] = old
            for new in news:
                competitor = new.competitor
                have = results.get(competitor)
                results[competitor] = new if have is None else join(have, new)
            changed = [result for result in results.values() if result is not old]
            if not changed:
                return changed
            if old is not None:
                self._count_alone(sport, old, -1)
                del self._alone[key]
        if len(results) == 1:
            self._count_alone(sport, changed[0], +1)
            self._alone[key] = encode_latest(changed[0])
            return changed
        ranked = self._units[key] = Unit(self._sports[sport], unit, self._rows[sport], results)
        self.results += len(results)
        for result in results.values():
            if result.status == UNOFFICIAL:
                self.provisional += 1
            if result.conflict:
                self.conflicts += 1
        if ranked.marks:
            ranked.dirty = True
            self._dirty.append(ranked)
        return changed

    def _put(self, unit: Unit, new: Latest) -> Latest | None:
        """Join *new* into *unit*; return what survives, or None if that is as before."""
        latest = unit.latest
        competitor = new.competitor
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
                phase_changes = unit.leave(before, survivor)
            phase_changes |= unit.enter(survivor)
        else:
            self.provisional += survivor.status == UNOFFICIAL
            if before is not None:
                phase_changes = unit.leave(before, None)
        if phase_changes:
            self._change_phase(unit)
        if not unit.dirty and (unit.marks or unit.head):
            unit.dirty = True
            self._dirty.append(unit)
        return survivor

    def _count_alone(self, sport: str, result: Latest, sign: int) -> None:
        """Add the only result of a unit to the counts (+1), or take it away (-1)."""
        self.results += sign
        if result.conflict:
            self.conflicts += sign
        if result.status != OFFICIAL:
            if result.status == UNOFFICIAL:
                self.provisional += sign
            return
        rank = result.rank
        if rank is None and result.mark is not None and result.irm is None:
            rank = 1
        split, medal = settle(
            result, rank, result.phase, two_bronzes=self._sports[sport].two_bronzes
        )
        row = self._rows[sport][result.faculty]
        row[ENTRIES] += sign
        row[split] += sign
        if medal:
            row[medal] += sign

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
        # The head's own moves were noted as they were made, so settle() takes them back exactly.
        counted = [result for result in unit.latest.values() if result.status == OFFICIAL]
        for result in counted:
            unit.count(result, -1)
        unit.set_phase(unit.phase_of_holder())
        for result in counted:
            unit.count(result, +1)


def _no_rows(catalogue: Catalogue) -> dict[str, list[int]]:
    return {faculty: [0] * 8 for faculty in catalogue.faculties}
