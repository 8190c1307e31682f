"""One event unit, kept so that a new result costs the same in a large unit as in a small one."""

from bisect import bisect_left, insort
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from olympics.catalogue import Sport
from olympics.latest import OFFICIAL, Latest
from olympics.words import IrmClass, Medal, Outcome, Phase

#: Places in a list of counts: entries, winners, losers, ties, did_not_start, gold, silver, bronze.
ENTRIES, WINNERS, LOSERS, TIES, DID_NOT_START, GOLD, SILVER, BRONZE = range(8)
NO_MEDAL = 0

_BY_OUTCOME = {"won": WINNERS, "lost": LOSERS, "tied": TIES}
_BY_NAME = {"gold": GOLD, "silver": SILVER, "bronze": BRONZE, "none": NO_MEDAL}

#: Where officials may count on from the places before: the best of a unit's ranks is its first.
COUNTED_ON: Final[frozenset[Phase]] = frozenset(("bronze", "other"))
#: Any rank that no rule asks further about. What was settled before is remembered, so there is one.
LATER_RANK: Final = 4

#: (split, medal): places in a list of counts
Earned = tuple[int, int]
#: (faculty, counted as, should count as)
Head = tuple[tuple[str, Earned, Earned], ...]


def highest_of(results: Iterable[Latest]) -> int:
    """Return the highest offset of *results*, or -1."""
    return max([it.offset for it in results], default=-1)


class UnitRules:
    """How the results of one unit count and rank, whatever results it has."""

    __slots__ = (
        "fixed_phase",
        "head_to_head",
        "irm_class",
        "lower_is_better",
        "sport",
        "two_bronzes",
        "unit",
    )

    def __init__(self, sport: Sport, unit: str) -> None:
        rules = sport.rules_of(unit)
        self.sport = sport.name
        self.unit = unit
        self.lower_is_better = rules.order == "lower"
        self.head_to_head = rules.order == "head-to-head"
        self.two_bronzes = rules.two_bronzes
        #: the phase that the catalogue gives the unit, if it does
        self.fixed_phase = rules.phase
        self.irm_class = sport.irm_class

    def counts(self, result: Latest) -> bool:
        """Whether a result of this unit counts: it is official and not out of competition."""
        return result.status == OFFICIAL and (
            result.irm is None or self.irm_class(result.irm) != "out_of_competition"
        )

    def key(self, result: Latest) -> int:
        """Return the mark of a result that has one, so that smaller is better."""
        mark = result.exact_mark()
        assert mark is not None
        return mark if self.lower_is_better else -mark

    def own_rank(self, result: Latest) -> int | None:
        """Return the officials' rank, of whatever status, if the result may be ranked."""
        if result.rank is None or result.irm is None:
            return result.rank
        unranked = self.irm_class(result.irm) in ("disqualified", "out_of_competition")
        return None if unranked else result.rank

    def settle(
        self, result: Latest, rank: int | None, phase: Phase, *, drawn: bool = False
    ) -> Earned:
        """Return (split, medal) of a counted result; the arguments are those of :func:`settle`."""
        irm = result.irm
        irm_class = None if irm is None else self.irm_class(irm)
        return settle(result, irm_class, rank, phase, two_bronzes=self.two_bronzes, drawn=drawn)


class Unit(UnitRules):
    """The surviving results of one unit and what its counts depend on.

    Most of a competitor's counts follow from its own result and the unit's phase. Only ranks
    computed from marks depend on the others, and of those only the first three change a count; and
    in some phases, which of the officials' ranks is the first. These few are the *head*. So a
    change costs a binary search in the marks, and the head is computed once a batch. To make one
    counts nothing: see :meth:`count_all`.
    """

    __slots__ = (
        "_holder",
        "changes",
        "counted",
        "dirty",
        "floating",
        "head",
        "latest",
        "marks",
        "newest",
        "phase",
        "ranks",
        "rows",
    )

    def __init__(
        self,
        sport: Sport,
        unit: str,
        rows: dict[str, list[int]],
        latest: dict[str, Latest],
    ) -> None:
        super().__init__(sport, unit)
        #: faculty → the eight counts, shared by all units of the sport
        self.rows = rows
        #: competitor → its surviving result, of any status
        self.latest = latest
        #: how many times results of it have changed
        self.changes = 0
        #: the highest offset of its results, kept by whoever changes them
        self.newest = highest_of(latest.values())
        counted = [result for result in latest.values() if self.counts(result)]
        #: how many of them count
        self.counted = len(counted)
        #: the counted result that decides the phase; None while all of them agree on it
        self._holder: Latest | None = None
        phases = {result.phase for result in counted}
        if self.fixed_phase is not None:
            phases = {self.fixed_phase}
        elif len(phases) > 1:
            self._holder = self._first_of_counted()
            phases = {self._holder.phase}
        self.set_phase(phases.pop() if phases else "round")
        #: (mark, smaller is better; competitor) of the counted results without IRM, in order
        self.marks: list[tuple[int, str]] = []
        #: (the officials' rank; competitor) of the counted results that may be ranked, in order
        self.ranks: list[tuple[int, str]] = []
        for result in counted:
            if result.mark is not None and result.irm is None:
                self.marks.append((self.key(result), result.competitor))
            if (rank := self.own_rank(result)) is not None:
                self.ranks.append((rank, result.competitor))
        self.marks.sort()
        self.ranks.sort()
        #: those whose rank, or whether it is the first, changes a count
        self.head: Head = self.new_head()
        self.dirty = False

    def count_all(self) -> None:
        """Add all results to the counts, their ranks included."""
        for result in self.latest.values():
            if self.counts(result):
                self.count(result, +1)
        self.count_head(+1)

    def count_head(self, sign: int) -> None:
        """Count the head as it should count (+1), not as it is counted without; or undo it (-1)."""
        for faculty, base, real in self.head:
            row = self.rows[faculty]
            row[base[0]] -= sign
            row[real[0]] += sign
            if base[1]:
                row[base[1]] -= sign
            if real[1]:
                row[real[1]] += sign

    def enter(self, new: Latest) -> bool:
        """Count the result *new*, which is in ``latest``; return if the phase changes.

        If it does, what was counted under the old phase is the caller's to count anew.
        """
        self.counted += 1
        holder = self._holder
        phase_changes = False
        if self.fixed_phase is not None:
            pass
        elif holder is None:
            if new.phase != self.phase:
                if self.counted == 1:
                    self.set_phase(new.phase)  # nothing was counted under the old one
                else:
                    self._holder = holder = self._first_of_counted()
                    phase_changes = holder.phase != self.phase
        elif precedes(new, holder):
            self._holder = new
            phase_changes = new.phase != self.phase
        if new.mark is not None and new.irm is None:
            insort(self.marks, (self.key(new), new.competitor))
        if (rank := self.own_rank(new)) is not None:
            insort(self.ranks, (rank, new.competitor))
        self.count(new, +1)
        return phase_changes

    def leave(self, old: Latest, new: Latest | None) -> bool:
        """Stop counting the result *old*; return whether the phase changes.

        *new* is the result that will count in its place, if any; it has not entered yet.
        """
        self.counted -= 1
        self.count(old, -1)
        if old.mark is not None and old.irm is None:
            del self.marks[bisect_left(self.marks, (self.key(old), old.competitor))]
        if (rank := self.own_rank(old)) is not None:
            del self.ranks[bisect_left(self.ranks, (rank, old.competitor))]
        if self.fixed_phase is not None:
            return False
        if not self.counted:
            self._holder = None
            self.set_phase("round")
            return False
        holder = self._holder
        if holder is None or holder.competitor != old.competitor:
            return False
        # What replaces a result precedes it, so the same competitor goes on deciding. Else this is
        # linear in the unit, but only where results disagree and the decisive one is taken back.
        self._holder = holder = new or self._first_of_counted(leaving=old.competitor)
        return holder.phase != self.phase

    def count(self, result: Latest, sign: int) -> None:
        """Add a counted result to the counts (+1), or take it away (-1), the head left aside."""
        row = self.rows[result.faculty]
        split, medal = self.base(result)
        row[ENTRIES] += sign
        row[split] += sign
        if medal:
            row[medal] += sign

    def phase_of_holder(self) -> Phase:
        """Return the phase of the counted result that comes first by precedence."""
        return self.phase if self._holder is None else self._holder.phase

    def base(self, result: Latest) -> Earned:
        """Return (split, medal) of a counted result, without what it has from the others."""
        if (
            result.outcome is None
            and result.rank is None
            and result.irm is None
            and result.medal is None
        ):
            return self.floating  # most results of races; the rest costs three times as much
        rank = self.own_rank(result)
        if rank is not None and self.phase in COUNTED_ON:
            rank = LATER_RANK
        return self.settle(result, rank, self.phase)

    def set_phase(self, phase: Phase) -> None:
        """Enter *phase*. What was counted under another one is the caller's to count anew."""
        self.phase: Phase = phase
        bronze = phase == "semifinal" and self.two_bronzes
        #: (split, medal) of a result with nothing but a mark, its rank left aside
        self.floating = (LOSERS, BRONZE if bronze else NO_MEDAL)

    def new_head(self) -> Head:
        """Compute the head anew from the marks, and from the officials' ranks."""
        head: list[tuple[str, Earned, Earned]] = []
        drawn = self._drawn()
        first = self._first_rank()
        if first is not None:
            for rank, competitor in self.ranks:
                if rank != first:
                    break
                self._lead(head, competitor, 1)
            if not drawn:
                return tuple(head)
        previous: int | None = None
        rank = 0
        for place, (key, competitor) in enumerate(self.marks, 1):
            if key != previous:
                if place > 3:
                    break
                rank, previous = place, key
            if self.latest[competitor].rank is None:
                self._lead(head, competitor, rank if first is None else LATER_RANK, drawn=drawn)
        return tuple(head)

    def _first_rank(self) -> int | None:
        """Return the officials' rank that is the unit's first whatever it is; None is 1 by mark."""
        return self.ranks[0][0] if self.ranks and self.phase in COUNTED_ON else None

    def _lead(
        self,
        head: list[tuple[str, Earned, Earned]],
        competitor: str,
        rank: int,
        *,
        drawn: bool = False,
    ) -> None:
        """Note in *head* what *rank* changes for a competitor, if it does."""
        result = self.latest[competitor]
        base = self.base(result)
        real = self.settle(result, rank, self.phase, drawn=drawn)
        if real != base:
            head.append((result.faculty, base, real))

    def _drawn(self) -> bool:
        """Whether this is a head-to-head of two with equal marks."""
        marks = self.marks
        return (
            self.head_to_head
            and self.counted == 2
            and len(marks) == 2
            and marks[0][0] == marks[1][0]
        )

    def _first_of_counted(self, leaving: str | None = None) -> Latest:
        """Return the counted result that comes first by precedence, *leaving* left aside."""
        first: Latest | None = None
        for result in self.latest.values():
            if (
                self.counts(result)
                and result.competitor != leaving
                and (first is None or precedes(result, first))
            ):
                first = result
        assert first is not None
        return first


def settle(
    result: Latest,
    irm_class: IrmClass | None,
    rank: int | None,
    phase: Phase,
    *,
    two_bronzes: bool,
    drawn: bool = False,
) -> Earned:
    """Return (split, medal) of a counted result with *rank* in a unit of *phase*.

    *rank* is 1 for the unit's first, whatever the officials wrote. *drawn*: it is one of the two of
    a head-to-head with equal marks. *two_bronzes*: both losers of a semi-final take bronze.
    """
    if rank is not None and rank > LATER_RANK:
        rank = LATER_RANK
    return earned(
        two_bronzes,
        result.outcome,
        irm_class,
        result.medal,
        result.rank is not None,
        rank,
        phase,
        drawn,
    )


def earned_by_mark(phase: Phase, *, two_bronzes: bool) -> tuple[Earned, ...]:
    """Return what nothing but a mark earns: with rank 1, 2, 3, any later one, and in a draw."""
    by_rank = (
        earned(two_bronzes, None, None, None, False, rank, phase, False)
        for rank in (1, 2, 3, LATER_RANK)
    )
    return (*by_rank, earned(two_bronzes, None, None, None, False, 1, phase, True))


# What a result earns depends on a handful of words, so the same few cases come up all the time.
@lru_cache(maxsize=4096)
def earned(
    two_bronzes: bool,
    outcome: Outcome | None,
    irm_class: IrmClass | None,
    medal: Medal | None,
    has_own_rank: bool,
    rank: int | None,
    phase: Phase,
    drawn: bool,
) -> Earned:
    """Do what :func:`settle` does, of words; a *rank* beyond 3 is LATER_RANK."""
    if irm_class == "disqualified":
        split = LOSERS
    elif outcome is not None:
        split = _BY_OUTCOME[outcome]
    elif irm_class == "did_not_start" and not has_own_rank:
        split = DID_NOT_START
    elif drawn:
        split = TIES
    elif rank == 1:
        split = WINNERS
    else:
        split = LOSERS
    if medal is not None:
        return split, _BY_NAME[medal]
    won = NO_MEDAL
    if split == DID_NOT_START or irm_class == "disqualified":
        return split, won
    if phase == "final":
        if outcome is not None:
            won = SILVER if outcome == "lost" else GOLD
        elif rank is not None and rank <= 3:
            won = (NO_MEDAL, GOLD, SILVER, BRONZE)[rank]
    elif phase == "bronze":
        if outcome != "lost" if outcome is not None else rank == 1:
            won = BRONZE
    elif phase == "semifinal" and two_bronzes and split == LOSERS:
        won = BRONZE
    return split, won


def precedes(result: Latest, other: Latest) -> bool:
    """Return whether *result* decides about the unit before *other*; both have the same status."""
    if result.version != other.version:
        return result.version > other.version
    if result.digest != other.digest:
        return result.digest > other.digest
    return result.competitor < other.competitor
