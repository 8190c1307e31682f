"""The oracle: the tables from a plain list of results, in the most obvious way there is.

Everything else that computes tables is tested against this module, and an audit runs it on the
live topic. So it shares no code with what it judges: no increments, no state, nothing clever. It
takes every unit's results at once and follows the rules sentence by sentence.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from olympics.catalogue import Catalogue, Sport
from olympics.counts import NO_COUNTS, Counts, total
from olympics.result import Result, ResultError, decode, digest_of, encode
from olympics.words import IrmClass, Medal, Order, Phase, Split, Status

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

    ``split`` is None where the result does not count: it is provisional, or out of competition.
    ``medal`` is None there too, and where there is none.
    """

    rank: int | None
    competitor: str
    result: Result
    split: Split | None
    medal: Medal | None
    provisional: bool


class LogRecord(NamedTuple):
    """A record and where it lies on the topic; ``at``: Kafka's timestamp, milliseconds."""

    partition: int
    offset: int
    at: int
    value: bytes


class LastChange(NamedTuple):
    """The last change of a unit; ``changed``: whose result it was; ``state`` as in the index.

    ``leaders``: (rank, competitor, medal) of who has a medal; else who won; else who is first.
    """

    sport: str
    unit: str
    partition: int
    offset: int
    at: int
    what: str
    changed: str
    state: str | None
    results: int
    leaders: list[tuple[int | None, str, Medal | None]]


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


def recount_log(
    records: Iterable[LogRecord], catalogue: Catalogue, of_partition: int, of_all: int
) -> tuple[Recount, list[LastChange]]:
    """Count all records, those of a partition in order; return the last changes of units too.

    The newest change comes first; so many of a partition are told at most, and of all. A unit
    changes with a record that makes another result survive, or shows for the first time that there
    are two contents of one version. Entries of the course are left out.
    """
    survivors: dict[tuple[str, str, str], _Survivor] = {}
    last: dict[tuple[str, str], tuple[LogRecord, str]] = {}
    rejected = 0
    for record in records:
        try:
            result = decode(record.value, catalogue)
        except ResultError:
            rejected += 1
            continue
        if _let_survive(survivors, result, digest_of(record.value)):
            place = record._replace(value=b"")
            last[result.sport, result.unit] = place, result.competitor.id
    counted = _recount(survivors.values(), catalogue, rejected)
    partitions: defaultdict[int, list[tuple[LogRecord, tuple[str, str]]]] = defaultdict(list)
    for unit, (record, _) in last.items():
        if not unit[1].startswith("entry/"):
            partitions[record.partition].append((record, unit))
    newest: list[tuple[LogRecord, tuple[str, str]]] = []
    for of_one in partitions.values():
        newest += sorted(of_one, key=lambda it: -it[0].offset)[:of_partition]
    newest.sort(key=lambda it: (-it[0].at, it[0].partition, -it[0].offset))
    results: dict[tuple[str, str], list[Result]] = {unit: [] for _, unit in newest[:of_all]}
    for survivor in survivors.values():
        unit = survivor.result.sport, survivor.result.unit
        if unit in results:
            results[unit].append(survivor.result)
    changes = [
        _last_change(record, last[unit][1], results[unit], catalogue)
        for record, unit in newest[:of_all]
    ]
    return counted, changes


def _last_change(
    record: LogRecord, competitor: str, results: list[Result], catalogue: Catalogue
) -> LastChange:
    changed = next(it for it in results if it.competitor.id == competitor)
    sport, unit = changed.sport, changed.unit
    rules = catalogue.sports[sport]
    if changed.status == "withdrawn":
        what = "withdrawal"
    elif _irm_class(rules, changed) == "disqualified":
        what = "disqualification"
    elif changed.status == "official" and changed.version > min(it.version for it in results):
        what = "correction"
    else:
        what = "result"
    rows = unit_standings(results, catalogue)
    provisional = [row for row in rows if row.provisional]
    state = None
    if rows:
        state = "official"
        if provisional:
            state = "provisional" if len(provisional) == len(rows) else "running"
    leaders = sorted((it for it in rows if it.medal), key=lambda it: _MEDALS.index(it.medal))
    if not leaders and provisional:
        leaders = [it for it in rows if it.result.outcome == "won" and it.result.irm is None]
    elif not leaders:
        leaders = [it for it in rows if it.split == "winner"]
    if not leaders:
        ranks = [it.rank for it in rows if it.rank is not None]
        leaders = [it for it in rows if ranks and it.rank == min(ranks)]
    return LastChange(
        sport,
        unit,
        record.partition,
        record.offset,
        record.at,
        what,
        changed.competitor.id,
        state,
        len(rows),
        [(it.rank, it.competitor, it.medal) for it in leaders],
    )


def unit_standings(results: Iterable[Result], catalogue: Catalogue) -> list[UnitRow]:
    """Return the standings of one unit from all its results (any versions, in any order).

    Ranked competitors come first, in order; equal ranks and the unranked by competitor. A
    provisional result has the rank that it would take if all provisional ones of the unit became
    official as they are. Who is disqualified or out of competition has none. Withdrawn results are
    left out.
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
    rows.extend(
        UnitRow(None, result.competitor.id, result, None, None, False)
        for result in rules.out_of_competition
    )
    provisional = [s.result for s in survivors.values() if s.result.status == "unofficial"]
    with_provisional = _Ranks(rules.sport, rules.order, [*rules.counted, *provisional])
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
) -> bool:
    """Higher version; then withdrawn over official over unofficial; then the greater digest.

    Return whether another result survives, or one has become a conflict.
    """
    identity = (result.sport, result.unit, result.competitor.id)
    other = survivors.get(identity)
    order = (result.version, _STATUS_ORDER[result.status])
    its_order = (other.result.version, _STATUS_ORDER[other.result.status]) if other else (0, 0)
    if other is None or order > its_order:
        survivors[identity] = _Survivor(result, digest, {digest})
        return True
    if order < its_order or digest in other.digests:
        return False
    other.digests.add(digest)
    if digest > other.digest:
        survivors[identity] = _Survivor(result, digest, other.digests)
        return True
    return len(other.digests) == 2


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


class _Ranks:
    """Ranks among results: the officials' ones, else 1 + the number of strictly better marks."""

    def __init__(self, sport: Sport, order: Order, results: Iterable[Result]) -> None:
        self._sport = sport
        self._sign = 1 if order == "lower" else -1
        results = list(results)
        self._marks = sorted(
            self._key(result.mark)
            for result in results
            if result.mark is not None and result.irm is None
        )
        #: the officials' ranks
        self.own = [
            result.rank
            for result in results
            if result.rank is not None and not self._is_unranked(result)
        ]

    def rank(self, result: Result) -> int | None:
        """Return the officials' rank, else the one that follows from the mark, else None."""
        if self._is_unranked(result):
            return None
        if result.rank is not None:
            return result.rank
        if result.mark is None or result.irm is not None:
            return None
        return 1 + bisect_left(self._marks, self._key(result.mark))

    def _is_unranked(self, result: Result) -> bool:
        """Whether a result has no rank whatever is written beside its invalid-result mark."""
        return _irm_class(self._sport, result) in ("disqualified", "out_of_competition")

    def _key(self, mark: str) -> Decimal:
        return self._sign * Decimal(mark)


class _UnitRules:
    """The rules for one unit, whose results are all known."""

    def __init__(self, sport: Sport, unit: str, survivors: list[_Survivor]) -> None:
        self.sport = sport
        self.order = sport.order_of(unit)
        self._two_bronzes = sport.two_bronzes_of(unit)
        official = [survivor for survivor in survivors if survivor.result.status == "official"]
        self.out_of_competition = [
            survivor.result for survivor in official if _is_out_of_competition(sport, survivor)
        ]
        official = [it for it in official if not _is_out_of_competition(sport, it)]
        self.counted = [survivor.result for survivor in official]
        self._phase: Phase = sport.phase_of(unit) or _phase(official)
        self._ranks = _Ranks(sport, self.order, self.counted)
        self._is_drawn = (
            self.order == "head-to-head"
            and len(self.counted) == 2
            and all(result.mark is not None and result.irm is None for result in self.counted)
            and self.counted[0].mark == self.counted[1].mark
        )

    def rank(self, result: Result) -> int | None:
        return self._ranks.rank(result)

    def settle(self, result: Result) -> tuple[Split, Medal | None]:
        """Return how a counted result is counted, and the medal that it takes."""
        split = self._split(result)
        medal = self._medal(result, split)
        return split, None if medal == "none" else medal

    def _split(self, result: Result) -> Split:
        irm_class = _irm_class(self.sport, result)
        if irm_class == "disqualified":
            return "loser"
        if irm_class == "did_not_start" and result.outcome is None and result.rank is None:
            return "did_not_start"
        if result.outcome == "won":
            return "winner"
        if result.outcome == "lost":
            return "loser"
        if result.outcome == "tied":
            return "tie"
        if self._is_drawn and result.rank is None:
            return "tie"
        return "winner" if self._is_first(result) else "loser"

    def _is_first(self, result: Result) -> bool:
        """Whether the result's rank is the unit's first.

        That is 1. But in a bronze match, or one for other places, officials may count on from the
        places before: where they gave any ranks there, the best one of them is the first.
        """
        if self._phase in ("bronze", "other") and self._ranks.own:
            return result.rank == min(self._ranks.own)
        return self.rank(result) == 1

    def _medal(self, result: Result, split: Split) -> Medal:
        if result.medal is not None:  # the officials' word
            return result.medal
        if _irm_class(self.sport, result) == "disqualified" or split == "did_not_start":
            return "none"
        if self._phase == "final":
            if result.outcome is not None:
                return "silver" if result.outcome == "lost" else "gold"
            return _BY_RANK.get(self.rank(result), "none")
        if self._phase == "bronze":
            if result.outcome is not None:
                return "none" if result.outcome == "lost" else "bronze"
            return "bronze" if self._is_first(result) else "none"
        if self._phase == "semifinal" and self._two_bronzes and split == "loser":
            return "bronze"
        return "none"


def _irm_class(sport: Sport, result: Result) -> IrmClass | None:
    return None if result.irm is None else sport.irm_class(result.irm)


def _is_out_of_competition(sport: Sport, survivor: _Survivor) -> bool:
    return _irm_class(sport, survivor.result) == "out_of_competition"


_MEDALS: Sequence[Medal | None] = ("gold", "silver", "bronze")
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
