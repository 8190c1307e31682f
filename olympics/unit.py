"""One event unit, kept so that a new result costs the same in a large unit as in a small one."""

from bisect import bisect_left, insort
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from olympics.catalogue import Sport
from olympics.latest import OFFICIAL, STATUS_NAMES, UNOFFICIAL, WITHDRAWN, Latest
from olympics.result import Medal, Outcome, Phase

#: Places in a list of counts: entries, winners, losers, ties, did_not_start, gold, silver, bronze.
ENTRIES, WINNERS, LOSERS, TIES, DID_NOT_START, GOLD, SILVER, BRONZE = range(8)
NO_MEDAL = 0

_BY_OUTCOME = {"won": WINNERS, "lost": LOSERS, "tied": TIES}
_BY_NAME = {"gold": GOLD, "silver": SILVER, "bronze": BRONZE, "none": NO_MEDAL}
_MEDAL_NAMES = {GOLD: "gold", SILVER: "silver", BRONZE: "bronze", NO_MEDAL: None}
_SPLIT_NAMES = {WINNERS: "winner", LOSERS: "loser", TIES: "tie", DID_NOT_START: "did_not_start"}


#: (split, medal): places in a list of counts
Earned = tuple[int, int]
#: (faculty, counted as, should count as)
Head = tuple[tuple[str, Earned, Earned], ...]


class UnitPlace(NamedTuple):
    """A competitor's place in the unit's standings; ``split`` is None for what does not count."""

    rank: int | None
    competitor: str
    latest: Latest
    split: str | None
    medal: str | None


class Unit:
    """The surviving results of one unit and what its counts depend on.

    Most of a competitor's counts follow from its own result and the unit's phase. Only ranks
    computed from marks depend on the others, and of those only the first three change a count:
    these few are the *head*. So a change costs a binary search in the marks, and the head is
    computed once a batch. To make one counts nothing: see :meth:`count_all`.
    """

    __slots__ = (
        "_holder",
        "counted",
        "dirty",
        "floating",
        "head",
        "head_to_head",
        "latest",
        "lower_is_better",
        "marks",
        "phase",
        "rows",
        "sport",
        "two_bronzes",
        "unit",
    )

    def __init__(
        self,
        sport: Sport,
        unit: str,
        rows: dict[str, list[int]],
        latest: dict[str, Latest],
    ) -> None:
        order = sport.order_of(unit)
        self.sport = sport.name
        self.unit = unit
        #: faculty → the eight counts, shared by all units of the sport
        self.rows = rows
        self.lower_is_better = order == "lower"
        self.head_to_head = order == "head-to-head"
        self.two_bronzes = sport.two_bronzes
        #: competitor → its surviving result, of any status
        self.latest = latest
        official = [result for result in latest.values() if result.status == OFFICIAL]
        #: how many of them are official
        self.counted = len(official)
        #: the official result that decides the phase; None while all of them agree on it
        self._holder: Latest | None = None
        phases = {result.phase for result in official}
        if len(phases) > 1:
            self._holder = self._first_of_official()
            phases = {self._holder.phase}
        self.set_phase(phases.pop() if phases else "round")
        #: (mark, smaller is better; competitor) of the official results without IRM, in order
        self.marks: list[tuple[int, str]] = []
        sign = 1 if self.lower_is_better else -1
        for result in official:
            if result.mark is not None and result.irm is None:
                self.marks.append((sign * result.mark, result.competitor))
        self.marks.sort()
        #: those whose rank by mark changes a count
        self.head: Head = self.new_head()
        self.dirty = False

    def count_all(self, sign: int) -> None:
        """Add all results to the counts (+1), or take them away (-1), their ranks included."""
        for result in self.latest.values():
            if result.status == OFFICIAL:
                self.count(result, sign)
        self.count_head(sign)

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
        """Count the official result *new*, which is in ``latest``; return if the phase changes.

        If it does, what was counted under the old phase is the caller's to count anew.
        """
        self.counted += 1
        holder = self._holder
        phase_changes = False
        if holder is None:
            if new.phase != self.phase:
                if self.counted == 1:
                    self.set_phase(new.phase)  # nothing was counted under the old one
                else:
                    self._holder = holder = self._first_of_official()
                    phase_changes = holder.phase != self.phase
        elif _precedes(new, holder):
            self._holder = new
            phase_changes = new.phase != self.phase
        if new.mark is not None and new.irm is None:
            key = new.mark if self.lower_is_better else -new.mark
            insort(self.marks, (key, new.competitor))
        self.count(new, +1)
        return phase_changes

    def leave(self, old: Latest, new: Latest | None) -> bool:
        """Stop counting the official result *old*; return whether the phase changes.

        *new* is the official result that will take its place, if any; it has not entered yet.
        """
        self.counted -= 1
        self.count(old, -1)
        if old.mark is not None and old.irm is None:
            key = old.mark if self.lower_is_better else -old.mark
            del self.marks[bisect_left(self.marks, (key, old.competitor))]
        if not self.counted:
            self._holder = None
            self.set_phase("round")
            return False
        holder = self._holder
        if holder is None or holder.competitor != old.competitor:
            return False
        # What replaces a result precedes it, so the same competitor goes on deciding. Else this is
        # linear in the unit, but only where results disagree and the decisive one is taken back.
        self._holder = holder = new or self._first_of_official(leaving=old.competitor)
        return holder.phase != self.phase

    def count(self, result: Latest, sign: int) -> None:
        """Add an official result to the counts (+1), or take it away (-1), its rank left aside."""
        row = self.rows[result.faculty]
        split, medal = self.base(result)
        row[ENTRIES] += sign
        row[split] += sign
        if medal:
            row[medal] += sign

    def phase_of_holder(self) -> Phase:
        """Return the phase of the official result that comes first by precedence."""
        return self.phase if self._holder is None else self._holder.phase

    def base(self, result: Latest) -> Earned:
        """Return (split, medal) of an official result, its rank by mark left aside."""
        if (
            result.outcome is None
            and result.rank is None
            and result.irm is None
            and result.medal is None
        ):
            return self.floating  # most results of races; the rest costs three times as much
        return settle(result, result.rank, self.phase, two_bronzes=self.two_bronzes)

    def set_phase(self, phase: Phase) -> None:
        """Enter *phase*. What was counted under another one is the caller's to count anew."""
        self.phase: Phase = phase
        bronze = phase == "semifinal" and self.two_bronzes
        #: (split, medal) of a result with nothing but a mark, its rank left aside
        self.floating = (LOSERS, BRONZE if bronze else NO_MEDAL)

    def new_head(self) -> Head:
        """Compute the head anew from the marks."""
        marks = self.marks
        head: list[tuple[str, Earned, Earned]] = []
        drawn = self._drawn()
        previous: int | None = None
        rank = 0
        for place, (key, competitor) in enumerate(marks, 1):
            if key != previous:
                if place > 3:
                    break
                rank, previous = place, key
            result = self.latest[competitor]
            if result.rank is None:
                base = self.base(result)
                real = settle(result, rank, self.phase, two_bronzes=self.two_bronzes, drawn=drawn)
                if real != base:
                    head.append((result.faculty, base, real))
        return tuple(head)

    def places(self) -> Iterator[UnitPlace]:
        """Yield every result of the unit: ranked ones first, then the others, by competitor.

        Unofficial results carry the rank that they would take if all of them became official as
        they are, so that a race that is still running can be read; withdrawn ones are left out.
        """
        drawn = self._drawn()
        rows: list[UnitPlace] = []
        with_provisional = sorted(
            self._key(result.mark)
            for result in self.latest.values()
            if result.status != WITHDRAWN and result.mark is not None and result.irm is None
        )
        for competitor, result in self.latest.items():
            if result.status == OFFICIAL:
                rank = result.rank
                if rank is None and result.mark is not None and result.irm is None:
                    # The empty text sorts before every competitor: ties share the first place.
                    rank = 1 + bisect_left(self.marks, (self._key(result.mark), ""))
                split, medal = settle(
                    result,
                    rank,
                    self.phase,
                    two_bronzes=self.two_bronzes,
                    drawn=drawn and result.rank is None,
                )
                rows.append(
                    UnitPlace(rank, competitor, result, _SPLIT_NAMES[split], _MEDAL_NAMES[medal])
                )
            elif result.status == UNOFFICIAL:
                rank = result.rank
                if rank is None and result.mark is not None and result.irm is None:
                    rank = 1 + bisect_left(with_provisional, self._key(result.mark))
                rows.append(UnitPlace(rank, competitor, result, None, None))
        rows.sort(key=lambda row: (row.rank is None, row.rank or 0, row.competitor))
        return iter(rows)

    def _key(self, mark: int) -> int:
        return mark if self.lower_is_better else -mark

    def _drawn(self) -> bool:
        """Whether this is a head-to-head of two with equal marks."""
        marks = self.marks
        return (
            self.head_to_head
            and self.counted == 2
            and len(marks) == 2
            and marks[0][0] == marks[1][0]
        )

    def _first_of_official(self, leaving: str | None = None) -> Latest:
        """Return the official result that comes first by precedence, *leaving* left aside."""
        first: Latest | None = None
        for result in self.latest.values():
            if (
                result.status == OFFICIAL
                and result.competitor != leaving
                and (first is None or _precedes(result, first))
            ):
                first = result
        assert first is not None
        return first


def settle(
    result: Latest, rank: int | None, phase: Phase, *, two_bronzes: bool, drawn: bool = False
) -> Earned:
    """Return (split, medal) of an official result with *rank* in a unit of *phase*.

    *drawn*: it is one of the two of a head-to-head with equal marks. *two_bronzes*: the sport
    gives both losers of its semi-finals a bronze.
    """
    if rank is not None and rank > 4:
        rank = 4  # no rule asks further, and what was settled before is remembered
    return earned(
        two_bronzes,
        result.outcome,
        result.irm,
        result.medal,
        result.rank is not None,
        rank,
        phase,
        drawn,
    )


def earned_by_mark(phase: Phase, *, two_bronzes: bool) -> tuple[Earned, ...]:
    """Return what nothing but a mark earns: with rank 1, 2, 3, any later one, and in a draw."""
    by_rank = (
        earned(two_bronzes, None, None, None, False, rank, phase, False) for rank in (1, 2, 3, 4)
    )
    return (*by_rank, earned(two_bronzes, None, None, None, False, 1, phase, True))


# What a result earns depends on a handful of words, so the same few cases come up all the time.
@lru_cache(maxsize=4096)
def earned(
    two_bronzes: bool,
    outcome: Outcome | None,
    irm: str | None,
    medal: Medal | None,
    has_own_rank: bool,
    rank: int | None,
    phase: Phase,
    drawn: bool,
) -> Earned:
    """Do what :func:`settle` does, of words; a *rank* beyond 3 is 4."""
    if outcome is not None:
        split = _BY_OUTCOME[outcome]
    elif irm == "DNS" and not has_own_rank:
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
    if split == DID_NOT_START or irm == "DSQ" or irm == "DQB":
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


def status_name(result: Latest) -> str:
    """Return the status as users write it."""
    return STATUS_NAMES[result.status]


def _precedes(result: Latest, other: Latest) -> bool:
    """Whether *result* decides about the unit before *other*; both are official."""
    if result.version != other.version:
        return result.version > other.version
    if result.digest != other.digest:
        return result.digest > other.digest
    return result.competitor < other.competitor
