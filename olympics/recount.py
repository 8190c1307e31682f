"""The oracle: the tables from a plain list of results, in the most obvious way there is.

Everything else that computes tables is tested against this module, and an audit runs it on the
live topic. So it shares no code with what it judges: no increments, no state, nothing clever. It
takes every unit's results at once and follows the rules sentence by sentence.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from olympics.catalogue import Catalogue, Sport
from olympics.counts import NO_COUNTS, Counts, total
from olympics.result import Result, ResultError, decode, digest_of, encode
from olympics.words import Medal, Phase, Split, Status

Pair = tuple[str, str]


class Recount(NamedTuple):
    """Everything that a list of records adds up to.

    ``pairs``: the counts by (sport, faculty), where there is any entry. ``results``: identities of
    any status; ``provisional``: those whose surviving result is unofficial; ``conflicts``: those
    with two contents at the surviving version and status. ``rejected``: records without a result.
    """

    pairs: dict[Pair, Counts]
    results: int
    provisional: int
    conflicts: int
    rejected: int

    def by_sport(self) -> dict[str, Counts]:
        """Return the pairs' sums by sport."""
        return _sums((sport, counts) for (sport, _), counts in self.pairs.items())

    def by_faculty(self) -> dict[str, Counts]:
        """Return the pairs' sums by faculty."""
        return _sums((faculty, counts) for (_, faculty), counts in self.pairs.items())


class UnitRow(NamedTuple):
    """A competitor's line in a unit's standings.

    ``split`` and ``medal`` are None where the result is provisional; ``medal`` also where there is
    none.
    """

    rank: int | None
    competitor: str
    result: Result
    split: Split | None
    medal: Medal | None
    provisional: bool


def recount(records: Iterable[bytes], catalogue: Catalogue) -> Recount:
    """Count the values of all records, in any order, from the beginning."""
    survivors: dict[tuple[str, str, str], _Survivor] = {}
    rejected = 0
    for data in records:
        try:
            result = decode(data, catalogue)
        except ResultError:
            rejected += 1
            continue
        _let_survive(survivors, result, digest_of(data))
    return _recount(survivors.values(), catalogue, rejected)


def unit_standings(results: Iterable[Result], catalogue: Catalogue) -> list[UnitRow]:
    """Return the standings of one unit from all its results (any versions, in any order).

    Ranked competitors come first, in order; equal ranks and the unranked by competitor. A
    provisional result has the rank that it would take if all provisional ones of the unit became
    official as they are. Withdrawn results are left out.
    """
    survivors: dict[tuple[str, str, str], _Survivor] = {}
    for result in results:
        _let_survive(survivors, result, digest_of(encode(result)))
    if not survivors:
        return []
    sport, unit = next((sport, unit) for sport, unit, _ in survivors)
    rules = _UnitRules(catalogue.sports[sport], unit, list(survivors.values()))
    rows = [
        UnitRow(rules.rank(result), result.competitor.id, result, *rules.settle(result), False)
        for result in rules.counted
    ]
    provisional = [s.result for s in survivors.values() if s.result.status == "unofficial"]
    with_provisional = _Marks(rules.lower_is_better, [*rules.counted, *provisional])
    rows.extend(
        UnitRow(with_provisional.rank(result), result.competitor.id, result, None, None, True)
        for result in provisional
    )
    return sorted(rows, key=lambda row: (row.rank is None, row.rank, row.competitor))


class _Survivor(NamedTuple):
    """The result that survives for an identity, and all digests seen at its version and status."""

    result: Result
    digest: int
    digests: set[int]


_STATUS_ORDER: Mapping[Status, int] = {"unofficial": 0, "official": 1, "withdrawn": 2}


def _let_survive(
    survivors: dict[tuple[str, str, str], _Survivor], result: Result, digest: int
) -> None:
    """Higher version; then withdrawn over official over unofficial; then the greater digest."""
    identity = (result.sport, result.unit, result.competitor.id)
    other = survivors.get(identity)
    order = (result.version, _STATUS_ORDER[result.status])
    its_order = (other.result.version, _STATUS_ORDER[other.result.status]) if other else (0, 0)
    if other is None or order > its_order:
        survivors[identity] = _Survivor(result, digest, {digest})
    elif order == its_order:
        other.digests.add(digest)
        if digest > other.digest:
            survivors[identity] = _Survivor(result, digest, other.digests)


def _recount(survivors: Iterable[_Survivor], catalogue: Catalogue, rejected: int) -> Recount:
    units: defaultdict[tuple[str, str], list[_Survivor]] = defaultdict(list)
    results = provisional = conflicts = 0
    for survivor in survivors:
        results += 1
        provisional += survivor.result.status == "unofficial"
        conflicts += len(survivor.digests) > 1
        units[survivor.result.sport, survivor.result.unit].append(survivor)
    pairs: defaultdict[Pair, list[Counts]] = defaultdict(list)
    for (sport, unit), its_survivors in units.items():
        rules = _UnitRules(catalogue.sports[sport], unit, its_survivors)
        for result in rules.counted:
            pairs[sport, result.faculty].append(_counts(*rules.settle(result)))
    return Recount(
        pairs={pair: total(counts) for pair, counts in pairs.items()},
        results=results,
        provisional=provisional,
        conflicts=conflicts,
        rejected=rejected,
    )


class _Marks:
    """Ranks among results by their marks: 1 + the number of strictly better ones."""

    def __init__(self, lower_is_better: bool, results: Iterable[Result]) -> None:
        self._sign = 1 if lower_is_better else -1
        self._sorted = sorted(
            self._key(result.mark)
            for result in results
            if result.mark is not None and result.irm is None
        )

    def rank(self, result: Result) -> int | None:
        """Return the officials' rank, else the one that follows from the mark, else None."""
        if result.rank is not None:
            return result.rank
        if result.mark is None or result.irm is not None:
            return None
        return 1 + bisect_left(self._sorted, self._key(result.mark))

    def _key(self, mark: str) -> int:
        return self._sign * int(mark.replace(".", ""))


class _UnitRules:
    """The rules for one unit, whose results are all known."""

    def __init__(self, sport: Sport, unit: str, survivors: list[_Survivor]) -> None:
        order = sport.order_of(unit)
        official = [survivor for survivor in survivors if survivor.result.status == "official"]
        self.counted = [survivor.result for survivor in official]
        self.lower_is_better = order == "lower"
        self._two_bronzes = sport.two_bronzes
        self._phase: Phase = _phase(official)
        self._marks = _Marks(self.lower_is_better, self.counted)
        self._is_drawn = (
            order == "head-to-head"
            and len(self.counted) == 2
            and all(result.mark is not None and result.irm is None for result in self.counted)
            and self.counted[0].mark == self.counted[1].mark
        )

    def rank(self, result: Result) -> int | None:
        return self._marks.rank(result)

    def settle(self, result: Result) -> tuple[Split, Medal | None]:
        """Return how a counted result is counted, and the medal that it takes."""
        split = self._split(result)
        medal = self._medal(result, split)
        return split, None if medal == "none" else medal

    def _split(self, result: Result) -> Split:
        if result.irm == "DNS" and result.outcome is None and result.rank is None:
            return "did_not_start"
        if result.outcome == "won":
            return "winner"
        if result.outcome == "lost":
            return "loser"
        if result.outcome == "tied":
            return "tie"
        if self._is_drawn and result.rank is None:
            return "tie"
        return "winner" if self.rank(result) == 1 else "loser"

    def _medal(self, result: Result, split: Split) -> Medal:
        if result.medal is not None:  # the officials' word
            return result.medal
        if result.irm in ("DSQ", "DQB") or split == "did_not_start":
            return "none"
        if self._phase == "final":
            if result.outcome is not None:
                return "silver" if result.outcome == "lost" else "gold"
            return _BY_RANK.get(self.rank(result), "none")
        if self._phase == "bronze":
            if result.outcome is not None:
                return "none" if result.outcome == "lost" else "bronze"
            return "bronze" if self.rank(result) == 1 else "none"
        if self._phase == "semifinal" and self._two_bronzes and split == "loser":
            return "bronze"
        return "none"


_BY_RANK: Mapping[int | None, Medal] = {1: "gold", 2: "silver", 3: "bronze"}


def _phase(official: list[_Survivor]) -> Phase:
    """Return the phase that the first official result says: the highest version, then digest."""
    if not official:
        return "round"
    first = min(official, key=lambda s: (-s.result.version, -s.digest, s.result.competitor.id))
    return first.result.phase


def _counts(split: Split, medal: Medal | None) -> Counts:
    return Counts(
        entries=1,
        winners=int(split == "winner"),
        losers=int(split == "loser"),
        ties=int(split == "tie"),
        did_not_start=int(split == "did_not_start"),
        gold=int(medal == "gold"),
        silver=int(medal == "silver"),
        bronze=int(medal == "bronze"),
    )


def _sums(named: Iterable[tuple[str, Counts]]) -> dict[str, Counts]:
    sums: defaultdict[str, Counts] = defaultdict(lambda: NO_COUNTS)
    for name, counts in named:
        sums[name] += counts
    return dict(sums)
