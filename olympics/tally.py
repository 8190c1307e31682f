"""The counts of one partition, kept up to date as results arrive."""

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache, partial
from heapq import nlargest
from operator import itemgetter
from typing import TYPE_CHECKING, Final, get_args

from olympics.catalogue import Catalogue, Sport
from olympics.changes import Change, change_of
from olympics.counts import Counts
from olympics.latest import (
    OFFICIAL,
    UNOFFICIAL,
    Latest,
    decode_in_slices,
    decode_latest,
    decode_together,
    encode_latest,
    head_of,
    join,
)
from olympics.ranking import SLICE, Ranking, Steps, rank, slices
from olympics.unit import (
    COUNTED_ON,
    ENTRIES,
    Unit,
    earned,
    earned_by_mark,
    highest_of,
    settle,
)
from olympics.words import ENTRY_UNIT_PREFIX, IRM_CLASSES, Order, Phase

if TYPE_CHECKING:
    from olympics.whole import Rules, Way

try:
    from olympics.whole import WholeUnits
except ImportError:  # nobody could compile it here
    WholeUnits = None  # type: ignore[assignment, misc]

#: So many keys are noted for who asks what has changed: a few megabytes.
_NOTED: Final = 100_000

#: So many units are told that were the last to change.
NEWEST: Final = 25
#: So many are noted, until those that are too old are thrown away.
_NEWEST_KEPT: Final = 5_000
_ENTRY: Final = ENTRY_UNIT_PREFIX.encode()

#: whether there is compiled code for what most units need
COMPILED = WholeUnits is not None


class Tally:
    """Everything that is known of one partition: its units and the counts that follow.

    A function of the set of results that were put in: order and repetition do not matter.
    """

    def __init__(self, catalogue: Catalogue, *, compiled: bool = COMPILED) -> None:
        self._names = {name.encode(): sport for name, sport in catalogue.sports.items()}
        self._faculties = catalogue.faculties
        # Most units get their results at once, or in a few batches. Such a unit is counted anew
        # each time, as a whole, and nothing is kept of it but one list of its results, encoded: a
        # quarter of the memory of a unit that takes them one by one, and nothing for the garbage
        # collector to look at.
        self._whole: dict[bytes, bytes] = {}
        #: the others: large ones of which little changes at a time, and difficult ones
        self._units: dict[bytes, Unit] = {}
        self._rows: dict[str, dict[str, list[int]]] = {
            sport: {faculty: [0] * 8 for faculty in catalogue.faculties}
            for sport in catalogue.sports
        }
        self._counter = _counter(catalogue, self._rows) if compiled else None
        self._dirty: list[Unit] = []
        #: keys of units that were put since the last call of ``changed``, some of them twice; None:
        #: nobody has asked yet, or they were too many
        self._noted: list[bytes] | None = None
        #: units that have changed since the last call of ``newest`` → the highest offset of their
        #: results; entries of the course are left out, and so are units beyond the newest ones
        self._last: dict[bytes, int] = {}
        #: identities with any result, of any status
        self.results = 0
        #: identities whose surviving result is unofficial
        self.provisional = 0
        #: identities with two contents at their surviving version and status
        self.conflicts = 0

    def put(
        self, units: dict[bytes, list[bytes]], changes: dict[bytes, bytes] | None = None
    ) -> int:
        """Join encoded results, in any order, and count; *units*: key of a unit → results of it.

        What survives and was not there before is put into *changes*, if somebody wants it, encoded,
        under the unit's key, a NUL and the competitor: no text of a result contains one. Results
        of sports and faculties that the catalogue does not have are left out, and so are times of
        0 and less: state that other rules accepted may have such.

        Returns the highest offset, or -1.
        """
        if self._noted is not None:
            self._noted += units
            if len(self._noted) > _NOTED:
                self._noted = None
        highest = -1
        if self._counter is not None:
            units, more, highest = self._counter.put(
                units, self._units, self._whole, changes, self._last
            )
            self._add(*more)
        for key, encoded in units.items():
            name, _, unit = key.partition(b"/")
            sport = self._names.get(name)
            if sport is None:
                continue
            news = {
                one: new
                for one in encoded
                if (new := decode_latest(one)).faculty in self._faculties
                and (new.mark is None or new.mark > 0 or _is_mark(new, sport, unit.decode()))
            }
            if not news:
                continue
            highest = max(highest, *[new.offset for new in news.values()])
            known = self._units.get(key)
            if known is not None:
                changed = self._put_into(known, news.values())
            else:
                changed = self._put_whole(key, news)
            if changes is not None:
                for value, survivor in changed.items():
                    changes[b"%b\0%b" % (key, survivor.competitor.encode())] = value
            if changed and not unit.startswith(_ENTRY):
                # Of all results: after a restore, what changes may come before what was known.
                known = self._units.get(key)
                self._last[key] = highest_of(changed.values()) if known is None else known.newest
        self._settle()
        if len(self._last) > _NEWEST_KEPT:
            self._last = newest(self._last)
        return highest

    def counts(self) -> Iterator[tuple[tuple[str, str], Counts]]:
        """Yield ((sport, faculty), counts) of every pair that has any entry."""
        for sport, rows in self._rows.items():
            for faculty, row in rows.items():
                if row[ENTRIES]:
                    yield (sport, faculty), Counts(*row)

    def version(self, key: bytes) -> object | None:
        """Return what equals itself as long as a unit does not change; None if it has no result."""
        known = self._units.get(key)
        return self._whole.get(key) if known is None else (known, known.changes)

    def ranking(self, key: bytes, step: int = SLICE) -> Steps[Ranking]:
        """Rank a unit that has results; they are those of now, whatever comes between the steps."""
        name, _, unit = key.partition(b"/")
        return rank(self._names[name], unit.decode(), self.survivors(key, step), step)

    def change(self, key: bytes, step: int = SLICE) -> Steps[Change]:
        """Return the last change of a unit that has results: those of now, as above."""
        sport = self._names[key.partition(b"/")[0]]
        return change_of(self.survivors(key, step), self.ranking(key, step), sport)

    def survivors(self, key: bytes, step: int = SLICE) -> Iterator[list[Latest]]:
        """Return all results of a unit that has any, those of now, *step* of them at a time."""
        known = self._units.get(key)
        if known is not None:
            return slices(list(known.latest.values()), step)
        return decode_in_slices(self._whole[key], step)

    def survivor(self, key: bytes, competitor: str, encoded: bytes) -> Latest | None:
        """Return a competitor's result in a unit; *encoded*: ``encode_text`` of the competitor.

        It is for those who look for one competitor in all units: most of them need not be decoded.
        """
        known = self._units.get(key)
        if known is not None:
            return known.latest.get(competitor)
        together = self._whole.get(key, b"")
        if encoded not in together:
            return None
        found = (it for it in decode_together(together) if it.competitor == competitor)
        return next(found, None)

    def changed(self) -> list[bytes]:
        """Return the keys of all units that were put since the last call, and maybe others too.

        Before the first call nothing is noted, so that it costs nothing if nobody ever asks.
        """
        noted, self._noted = self._noted, []
        return [*self._whole, *self._units] if noted is None else noted

    def newest(self) -> dict[bytes, int]:
        """Return the units that were the last to change since the last call, at most NEWEST.

        With each of them the highest offset of its results. That is the offset of the change, as
        what changes a unit comes behind all that it had, except while a restore replays the log.
        """
        last, self._last = self._last, {}
        return newest(last)

    def _put_whole(self, key: bytes, news: dict[bytes, Latest]) -> dict[bytes, Latest]:
        """Join *news* into a unit that is new, or counted as a whole; return what has changed.

        Both are encoded results → results.
        """
        known = self._whole.get(key)
        if known is not None:
            before = {old.competitor: old for old in decode_together(known)}
            if all(_adds_nothing(new, before.get(new.competitor)) for new in news.values()):
                return {}
            # To count all of it anew would take three times as long.
            del self._whole[key]
            unit = self._units[key] = self._unit(key, before)
            return self._put_into(unit, news.values())
        results: dict[str, Latest] = {}
        for new in news.values():
            have = results.get(new.competitor)
            results[new.competitor] = new if have is None else join(have, new)
        if len(results) < len(news):
            news = {encode_latest(result): result for result in results.values()}
        self._count(key, results)
        self._whole[key] = head_of(len(news)) + b"".join(news)
        return news

    def _count(self, key: bytes, results: dict[str, Latest]) -> None:
        """Add a whole unit to the counts."""
        provisional = conflicts = 0
        for result in results.values():
            provisional += result.status == UNOFFICIAL
            conflicts += result.conflict
        self._add(len(results), provisional, conflicts)
        if len(results) > 1 or result.irm is not None:
            self._unit(key, results).count_all()
        elif result.status == OFFICIAL:
            # A third of the time of a unit that could rank it.
            name, _, unit = key.partition(b"/")
            sport = self._names[name]
            phase = sport.phase_of(unit.decode()) or result.phase
            rank = result.rank
            if rank is None:
                rank = None if result.mark is None else 1
            elif phase in COUNTED_ON:
                rank = 1
            two_bronzes = sport.two_bronzes_of(unit.decode())
            split, medal = settle(result, None, rank, phase, two_bronzes=two_bronzes)
            row = self._rows[sport.name][result.faculty]
            row[ENTRIES] += 1
            row[split] += 1
            if medal:
                row[medal] += 1

    def _add(self, results: int, provisional: int, conflicts: int) -> None:
        self.results += results
        self.provisional += provisional
        self.conflicts += conflicts

    def _unit(self, key: bytes, results: dict[str, Latest]) -> Unit:
        """Make a unit of its results, which are counted already."""
        name, _, unit = key.partition(b"/")
        sport = self._names[name]
        return Unit(sport, unit.decode(), self._rows[sport.name], results)

    def _put_into(self, unit: Unit, news: Iterable[Latest]) -> dict[bytes, Latest]:
        """Join *news* into *unit*; return what has changed, encoded → result."""
        changed = {
            survivor.competitor: survivor
            for new in news
            if (survivor := self._put_one(unit, new)) is not None
        }
        unit.changes += bool(changed)
        return {encode_latest(survivor): survivor for survivor in changed.values()}

    def _put_one(self, unit: Unit, new: Latest) -> Latest | None:
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
            before = old if unit.counts(old) else None
        latest[competitor] = survivor
        if survivor.offset > unit.newest:
            unit.newest = survivor.offset
        elif old is not None and old.offset == unit.newest:
            unit.newest = highest_of(latest.values())
        self.conflicts += survivor.conflict
        phase_changes = False
        self.provisional += survivor.status == UNOFFICIAL
        if unit.counts(survivor):
            if before is not None:
                phase_changes = unit.leave(before, survivor)
            phase_changes |= unit.enter(survivor)
        elif before is not None:
            phase_changes = unit.leave(before, None)
        if phase_changes:
            self._change_phase(unit)
        if not unit.dirty and (unit.marks or unit.ranks or unit.head):
            unit.dirty = True
            self._dirty.append(unit)
        return survivor

    def _settle(self) -> None:
        """Bring the counts of the units changed since the last call up to date."""
        for unit in self._dirty:
            unit.dirty = False
            head = unit.new_head()
            if head != unit.head:
                unit.count_head(-1)
                unit.head = head
                unit.count_head(+1)
        self._dirty.clear()

    def _change_phase(self, unit: Unit) -> None:
        # The head's own moves were noted as they were made, so settle() takes them back exactly.
        counted = [result for result in unit.latest.values() if unit.counts(result)]
        for result in counted:
            unit.count(result, -1)
        unit.set_phase(unit.phase_of_holder())
        for result in counted:
            unit.count(result, +1)


def newest(last: dict[bytes, int]) -> dict[bytes, int]:
    """Return those of the units with the highest offsets; *last*: key → offset."""
    if len(last) <= NEWEST:
        return last
    return dict(nlargest(NEWEST, last.items(), key=itemgetter(1)))


def _adds_nothing(new: Latest, known: Latest | None) -> bool:
    return known is not None and join(known, new) is known


def _is_mark(result: Latest, sport: Sport, unit: str) -> bool:
    mark = result.exact_mark()
    return mark is None or mark > 0 or not sport.times_of(unit)


def _counter(catalogue: Catalogue, rows: dict[str, dict[str, list[int]]]) -> "WholeUnits | None":
    if WholeUnits is None:
        return None
    sports = catalogue.sports
    return WholeUnits({name.encode(): _way(sports[name], rows[name]) for name in sports})


def _way(sport: Sport, rows: dict[str, list[int]]) -> "Way":
    """Return how units of a sport are counted, as compiled code wants it."""

    @lru_cache(maxsize=1024)
    def irm_class_of(code: str) -> int:
        return IRM_CLASSES.index(sport.irm_class(code))

    def rules(order: Order, phase: Phase | None, two_bronzes: bool) -> "Rules":
        by_phase = {
            it.encode(): (it, it in COUNTED_ON, earned_by_mark(it, two_bronzes=two_bronzes))
            for it in get_args(Phase)
        }
        return (
            order == "lower",
            order == "head-to-head",
            None if phase is None else by_phase[phase.encode()],
            by_phase,
            partial(earned, two_bronzes),
        )

    rules_of: Callable[[str], Rules] | None
    differs = any(it.phase is not None or it.two_bronzes is not None for it in sport.events)
    if differs:
        of_these = lru_cache(maxsize=64)(rules)
        rules_of = lambda unit: of_these(*sport.rules_of(unit))  # noqa: E731
    elif any(it.order is not None for it in sport.events):
        by_order = {it: rules(it, None, sport.two_bronzes) for it in get_args(Order)}
        rules_of = lambda unit: by_order[sport.order_of(unit)]  # noqa: E731
    else:
        rules_of = None
    every = rules(sport.order, None, sport.two_bronzes)
    return rows, irm_class_of, every, rules_of, differs, sport.has_times()
