"""What lies on the topic `results` in the model, what it adds up to, and the real code that reads.

The states of workers are those of :class:`streams.standings.Standings`, made by its own methods.
They are functions of what went in, so the search names them by number and makes each one once.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from contracts.partitioning import partition_of
from contracts.records import read_record
from olympics.catalogue import Catalogue, load_catalogue, rules_revision
from olympics.counts import Counts
from olympics.latest import Latest, join
from olympics.recount import recount
from olympics.result import ResultError, encode, key_of, parse_result
from streams.standings import OtherLogError, Standings
from streams.tallies import TallyRecord, tally_of

#: (counts by sport and faculty, results, provisional, rejected, conflicts)
Content = tuple[tuple[tuple[str, str, Counts], ...], int, int, int, int]
#: numbers of a key (without tag) and of a value in the changelog
Pair = tuple[int, int]

#: In place of a value: the key was deleted.
TOMBSTONE = -1
#: In place of a state: the code says that the state is of another log.
OTHER_LOG = -1


class Result(NamedTuple):
    """A record of the topic, in short; ``what`` is how a story calls it."""

    what: str
    competitor: str = "a"
    version: int = 1
    faculty: str = "engineering"
    #: of two contents with the same version and status, the one with the greater digest survives
    rank: int = 1
    status: str = "official"
    garbage: bool = False


class Record(NamedTuple):
    """A record as the worker gets it."""

    offset: int
    key: bytes | None
    value: bytes | None


class Seen(NamedTuple):
    """What can be seen of a worker's state of one partition."""

    offset: int
    live: bool
    content: Content


class _Recipe(NamedTuple):
    partition: int
    rules: int
    restored: tuple[Pair, ...]
    committed: int
    end: int
    ends: tuple[int, ...]
    #: the state that was kept, into which all this is restored; OTHER_LOG: none
    kept: int


class Records:
    """The records of all partitions, and everything that follows from any part of them.

    *logs*: the results of each partition, in order. *again*: the same of the topic that is made
    when it was deleted. *catalogues*: the rules that a worker may have, older ones first.

    Where a method is told a partition, it is told one of these logs: those of the second topic
    follow upon those of the first.
    """

    def __init__(
        self,
        logs: Sequence[Sequence[Result]],
        catalogues: Sequence[Catalogue] = (),
        *,
        again: Sequence[Sequence[Result]] = (),
        quiet: bool = True,
        marker: bool = True,
    ) -> None:
        self.catalogues = tuple(catalogues) or (load_catalogue(),)
        self.results = tuple(tuple(log) for log in (*logs, *again))
        self.partitions = len(logs)
        self.recreated = bool(again)
        self.logs = tuple(self._log(self.home(p), log) for p, log in enumerate(self.results))
        self._quiet = quiet
        self._marker = marker
        self._keys: list[bytes] = []
        self._key_numbers: dict[bytes, int] = {}
        self._values: list[bytes] = []
        self._value_numbers: dict[bytes, int] = {}
        self._recipes: list[_Recipe] = []
        self._states: dict[_Recipe, int] = {}
        self._seen: list[Seen] = []
        self._applied: dict[tuple[int, int], tuple[int, tuple[Pair, ...]]] = {}
        self._made: dict[int, Standings] = {}
        self._oracle: dict[tuple[int, int, int], Content] = {}

    def home(self, log: int) -> int:
        """Return the partition that a log is of."""
        return log % self.partitions

    def oracle(self, partition: int, rules: int, offset: int) -> Content:
        """Return what the first *offset* records add up to, by the recount."""
        known = self._oracle.get((partition, rules, offset))
        if known is None:
            known = self._recount(partition, rules, offset)
            self._oracle[partition, rules, offset] = known
        return known

    def restored(
        self,
        partition: int,
        rules: int,
        pairs: Iterable[Pair],
        committed: int,
        end: int,
        kept: int = OTHER_LOG,
    ) -> int:
        """Return the state that is restored from *pairs* of the changelog, or OTHER_LOG.

        Into the state *kept*, if there is one.
        """
        restored = tuple(sorted(set(pairs)))
        recipe = _Recipe(partition, rules, restored, committed, end, (), kept)
        number = self._states.get(recipe)
        if number is None:
            try:
                standings = self._restore(recipe)
            except OtherLogError:
                number = self._states[recipe] = OTHER_LOG
            else:
                number = self._add(recipe, standings)
        return number

    def applied(self, state: int, end: int) -> tuple[int, tuple[Pair, ...]]:
        """Return the state after the records before *end*, and the changes."""
        known = self._applied.get((state, end))
        if known is None:
            recipe = self._recipes[state]
            standings = self._made.pop(state, None) or self._make(recipe)
            batch = self.logs[recipe.partition][standings.offset : end]
            changes, _ = standings.apply(batch)
            after = recipe._replace(ends=(*recipe.ends, end))
            pairs = tuple((self._key(k), self._value(v)) for k, v in changes.items())
            known = self._applied[state, end] = (self._add(after, standings), pairs)
        return known

    def seen(self, state: int) -> Seen:
        """Return what can be seen of a state."""
        return self._seen[state]

    def joined(self, values: Iterable[int]) -> int | None:
        """Return the join of values of one key; None if they are no results."""
        decoded = [_decode(self._values[v]) for v in values]
        first = decoded[0]
        if first is None:
            return None
        for other in decoded[1:]:
            assert other is not None
            first = join(first, other)
        return self._value(_encode(first))

    def named_key(self, key: int) -> str:
        """Return how a story calls a key of the changelog."""
        data = self._keys[key]
        return (
            "the rules"
            if data[:7] == b"\0rules/"
            else ("the rejects" if data[:1] == b"\0" else data.rpartition(b"\0")[2].decode())
        )

    def named_value(self, value: int) -> str:
        """Return how a story calls a value of the changelog."""
        if value == TOMBSTONE:
            return "deleted"
        latest = _decode(self._values[value])
        if latest is None:
            return "noted"
        return f"version {latest.version}" + (" (conflict)" if latest.conflict else "")

    def tally(self, partition: int, rules: int, offset: int) -> TallyRecord:
        """Return the right tally of a prefix, as the scoreboard gets it."""
        rows, results, provisional, rejected, conflicts = self.oracle(partition, rules, offset)
        return TallyRecord(
            epoch=1,
            partition=partition,
            offset=offset,
            revision=rules_revision(self.catalogues[rules]),
            rules=self.catalogues[rules].fingerprint,
            rows=list(rows),
            results=results,
            provisional=provisional,
            rejected=rejected,
            conflicts=conflicts,
            worker=f"http://worker-{partition}",
            at=1.0,
        )

    def _log(self, partition: int, log: Sequence[Result]) -> tuple[Record, ...]:
        unit = next(
            name
            for name in map(str, range(1000))
            if partition_of(key_of("swimming", name), self.partitions) == partition
        )
        return tuple(self._record(o, unit, result) for o, result in enumerate(log))

    def _record(self, offset: int, unit: str, result: Result) -> Record:
        key = key_of("swimming", unit)
        if result.garbage:
            return Record(offset, key, b"garbage")
        raw = {
            "sport": "swimming",
            "unit": unit,
            "phase": "final",
            "competitor": {"id": result.competitor},
            "faculty": result.faculty,
            "rank": result.rank,
            "status": result.status,
            "version": result.version,
        }
        return Record(offset, key, encode(parse_result(raw, self.catalogues[-1])))

    def _recount(self, partition: int, rules: int, offset: int) -> Content:
        catalogue = self.catalogues[rules]
        accepted: list[bytes] = []
        for record in self.logs[partition][:offset]:
            try:
                home = self.home(partition)
                read_record(record.key, record.value, home, self.partitions, catalogue)
            except ResultError:
                continue
            assert record.value is not None
            accepted.append(record.value)
        counted = recount(accepted, catalogue)
        rows = ((s, f, c) for (s, f), c in counted.pairs.items() if c.entries)
        return (
            tuple(sorted(rows)),
            counted.results,
            counted.provisional,
            offset - len(accepted),
            counted.conflicts,
        )

    def _restore(self, recipe: _Recipe) -> Standings:
        catalogue = self.catalogues[recipe.rules]
        if recipe.kept == OTHER_LOG:
            standings = Standings(self.home(recipe.partition), self.partitions, catalogue)
        else:
            standings = self._make(self._recipes[recipe.kept])
        standings.restore((self._keys[k], self._values[v]) for k, v in recipe.restored)
        if not self._marker:
            standings.restore(self._markers_of_the_end(recipe.partition, catalogue))
        standings.restored(recipe.committed, recipe.end)
        return standings

    def _markers_of_the_end(
        self, partition: int, catalogue: Catalogue
    ) -> list[tuple[bytes, bytes]]:
        """Return what says that the rules have come to the end: then only the commit counts."""
        standings = Standings(self.home(partition), self.partitions, catalogue)
        changes, _ = standings.apply(self.logs[partition])
        return [(key, value) for key, value in changes.items() if key.startswith(b"\0rules/")]

    def _make(self, recipe: _Recipe) -> Standings:
        standings = self._restore(recipe)
        for end in recipe.ends:
            standings.apply(self.logs[recipe.partition][standings.offset : end])
        return standings

    def _add(self, recipe: _Recipe, standings: Standings) -> int:
        number = self._states.get(recipe)
        if number is None:
            number = self._states[recipe] = len(self._recipes)
            self._recipes.append(recipe)
            tally = tally_of(standings, epoch=1, rules="", worker="", at=0.0)
            content: Content = (
                tuple((sport, faculty, Counts(*row)) for sport, faculty, row in tally.rows),
                tally.results,
                tally.provisional,
                tally.rejected,
                tally.conflicts,
            )
            live = standings.live or not self._quiet
            self._seen.append(Seen(standings.offset, live, content))
            if len(self._made) < 10_000:
                self._made[number] = standings
        return number

    def _key(self, key: bytes) -> int:
        return _number(key, self._keys, self._key_numbers)

    def _value(self, value: bytes) -> int:
        return _number(value, self._values, self._value_numbers)


_encode = msgspec.msgpack.Encoder().encode
_decoder = msgspec.msgpack.Decoder(Latest)


def _decode(value: bytes) -> Latest | None:
    try:
        return _decoder.decode(value)
    except msgspec.MsgspecError:
        return None


def _number(data: bytes, known: list[bytes], numbers: dict[bytes, int]) -> int:
    number = numbers.get(data)
    if number is None:
        number = numbers[data] = len(known)
        known.append(data)
    return number
