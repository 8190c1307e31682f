"""The ranking of one unit, made in small steps, so that a large unit stops nobody else."""

from bisect import bisect_left
from collections.abc import Generator, Iterable, Iterator, Sequence
from hashlib import blake2b
from heapq import merge
from itertools import islice
from typing import Final, NamedTuple, TypeVar

from olympics.catalogue import Sport
from olympics.latest import UNOFFICIAL, WITHDRAWN, Latest
from olympics.unit import (
    BRONZE,
    COUNTED_ON,
    DID_NOT_START,
    GOLD,
    LATER_RANK,
    LOSERS,
    NO_MEDAL,
    SILVER,
    TIES,
    WINNERS,
    UnitRules,
    precedes,
)
from olympics.words import Medal, Phase

#: How many results a step of the work is about: it takes less than a millisecond.
SLICE: Final = 500

_MEDAL_NAMES: Final[dict[int, Medal | None]] = {
    GOLD: "gold",
    SILVER: "silver",
    BRONZE: "bronze",
    NO_MEDAL: None,
}
_SPLIT_NAMES = {WINNERS: "winner", LOSERS: "loser", TIES: "tie", DID_NOT_START: "did_not_start"}
#: Added to a rank, that of damaged state too, so that it is not negative.
_LOWEST: Final = 2**63
#: where those without a rank stand
_BEHIND_ALL: Final = 2**66

_Value = TypeVar("_Value")
_Sortable = TypeVar("_Sortable", int, bytes)

#: What yields after each step, and returns what it has made.
Steps = Generator[None, None, _Value]


class UnitPlace(NamedTuple):
    """A competitor's place in the unit's standings; ``split`` is None for what does not count."""

    rank: int | None
    competitor: str
    latest: Latest
    split: str | None
    medal: Medal | None


class Ranking:
    """Every result of a unit in order: ranked ones first, then the others, by competitor.

    Unofficial results have the rank that they would have if all of them became official as they
    are, so that a race that is still running can be read. Withdrawn ones are left out.

    A function of the results that it was made of, which never changes.
    """

    def __init__(
        self,
        rules: UnitRules,
        phase: Phase,
        first: int | None,
        drawn: bool,
        counted_marks: list[int],
        all_marks: list[int],
    ) -> None:
        self._rules = rules
        self.phase: Phase = phase
        #: the officials' rank that is the unit's first whatever it is; None: rank 1 is
        self._first = first
        #: whether this is a head-to-head of two with equal marks
        self._drawn = drawn
        # In order; smaller is better.
        self._counted_marks = counted_marks
        self._all_marks = all_marks
        self._order: list[Latest] = []
        #: tells this ranking from others of the unit, whoever made them
        self.digest = ""

    def __len__(self) -> int:
        return len(self._order)

    def places(self, begin: int = 0, end: int | None = None) -> Iterator[UnitPlace]:
        """Yield the places from *begin* to before *end*, counted from 0."""
        for result in self._order[begin:end]:
            yield self.place_of(result)

    def place_of(self, result: Latest) -> UnitPlace:
        """Return the place of one of the results."""
        rules, first = self._rules, self._first
        rank = place = self._rank(result)
        if not rules.counts(result):
            return UnitPlace(rank, result.competitor, result, None, None)
        if first is not None and rank is not None:
            place = 1 if result.rank == first else LATER_RANK
        split, medal = rules.settle(
            result, place, self.phase, drawn=self._drawn and result.rank is None
        )
        return UnitPlace(rank, result.competitor, result, _SPLIT_NAMES[split], _MEDAL_NAMES[medal])

    def find(self, competitor: str) -> UnitPlace | None:
        """Return a competitor's place; None if there is none, or it was withdrawn."""
        for result in self._order:
            if result.competitor == competitor:
                return self.place_of(result)
        return None

    def _rank(self, result: Latest) -> int | None:
        rules = self._rules
        if result.rank is None and result.mark is not None and result.irm is None:
            marks = self._counted_marks if rules.counts(result) else self._all_marks
            return 1 + bisect_left(marks, rules.key(result))
        return rules.own_rank(result)

    def _put_in_order(self, results: list[Latest], step: int) -> Steps[None]:
        # Bytes sort as the texts do that they encode. The garbage collector leaves them alone; its
        # walk through as many tuples would be the longest step of all.
        by_place: dict[bytes, Latest] = {}
        for some in slices(results, step):
            for result in some:
                rank = self._rank(result)
                place = _BEHIND_ALL if rank is None else rank + _LOWEST
                by_place[place.to_bytes(9, "big") + result.competitor.encode()] = result
            yield
        digest = blake2b(digest_size=8)
        for places in slices((yield from _in_order(list(by_place), step)), step):
            some = [by_place[place] for place in places]
            self._order += some
            digest.update(b"".join([result.digest for result in some]))
            yield
        self.digest = digest.hexdigest()


def rank(
    sport: Sport, unit: str, results: Iterable[Sequence[Latest]], step: int = SLICE
) -> Steps[Ranking]:
    """Return the ranking of a unit; *results* are those that survive, some at a time."""
    rules = UnitRules(sport, unit)
    shown: list[Latest] = []
    counted_marks: list[int] = []
    other_marks: list[int] = []
    counted = 0
    holder: Latest | None = None  # the counted result that decides the phase
    provisional: Latest | None = None  # the one that does while none counts
    best: int | None = None  # of the officials' ranks
    for some in results:
        for result in some:
            if result.status == WITHDRAWN:
                continue
            shown.append(result)
            marks = other_marks
            if rules.counts(result):
                marks = counted_marks
                counted += 1
                if holder is None or precedes(result, holder):
                    holder = result
                own = rules.own_rank(result)
                if own is not None and (best is None or own < best):
                    best = own
            elif result.status == UNOFFICIAL and (
                provisional is None or precedes(result, provisional)
            ):
                provisional = result
            if result.mark is not None and result.irm is None:
                marks.append(rules.key(result))
        yield
    deciding = holder or provisional
    phase = rules.fixed_phase or (deciding.phase if deciding is not None else "round")
    counted_marks = yield from _in_order(counted_marks, step)
    all_marks = counted_marks
    if other_marks:
        all_marks = yield from _in_order(counted_marks + other_marks, step)
    drawn = (
        rules.head_to_head
        and counted == len(counted_marks) == 2
        and counted_marks[0] == counted_marks[1]
    )
    first = best if phase in COUNTED_ON else None
    ranking = Ranking(rules, phase, first, drawn, counted_marks, all_marks)
    yield from ranking._put_in_order(shown, step)
    return ranking


def slices(values: list[_Value], size: int) -> Iterator[list[_Value]]:
    """Yield *values*, *size* of them at a time."""
    for begin in range(0, len(values), size):
        yield values[begin : begin + size]


def _in_order(values: list[_Sortable], step: int) -> Steps[list[_Sortable]]:
    """Return *values* sorted. To sort a large list in one go would be one long step."""
    runs: list[list[_Sortable]] = []
    for some in slices(values, step):
        some.sort()
        runs.append(some)
        yield
    merged = merge(*runs)
    values = []
    while some := list(islice(merged, step)):
        values += some
        yield
    return values
