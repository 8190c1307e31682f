"""One pass over the results topic for `medallero doctor`: what is on it that nobody meant.

All records of a unit lie in one partition, so the partitions are read one after the other, and of
each only the surviving results are held, until it is examined. What stays is bounded: counts, the
first few examples of each kind, and one result a unit, by which names of units are compared.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

from contracts.raw_topic import RawRecord, RawTopic
from contracts.records import read_record
from olympics.catalogue import Catalogue
from olympics.latest import STATUS_ORDER
from olympics.plausibility import Finding, Kind, examine, without_medals
from olympics.result import Result, ResultError, digest_of

LISTED: Final = 5
#: The course's coins: one unit each, in which nothing can be wrong but a conflict.
_ENTRY: Final = "entry/"
_BETWEEN_UNITS: Final[frozenset[Kind]] = frozenset(("look_alikes", "heats_as_finals"))

Progress = Callable[[int, int], None]


def weight(finding: Finding) -> int:
    """Return how many cases a finding tells: of unknown events it gathers a sport's units."""
    return len(finding.units) if finding.kind == "unrecognised" else 1


class Gathered:
    """Findings by their kind: how many, and the first of them.

    ``counts``: the number of units, or results, that findings are about; ``examples``: the first
    few findings of a kind.
    """

    def __init__(self) -> None:
        self.counts: Counter[Kind] = Counter()
        self.examples: defaultdict[Kind, list[Finding]] = defaultdict(list)

    def add(self, findings: Iterable[Finding]) -> None:
        """Take findings in."""
        for it in findings:
            self.counts[it.kind] += weight(it)
            if len(self.examples[it.kind]) < LISTED:
                self.examples[it.kind].append(it)


class RefusedRecords:
    """Where records of the topic lie that are no results, by partition."""

    def __init__(self) -> None:
        self._offsets: dict[int, array[int]] = defaultdict(lambda: array("Q"))

    def add(self, partition: int, offset: int) -> None:
        """Take a place in; those of a partition come in order."""
        self._offsets[partition].append(offset)

    def __contains__(self, place: tuple[int, int]) -> bool:
        partition, offset = place
        offsets = self._offsets.get(partition, array("Q"))
        at = bisect_left(offsets, offset)
        return at < len(offsets) and offsets[at] == offset

    def __len__(self) -> int:
        return sum(map(len, self._offsets.values()))


class Note(NamedTuple):
    """A note of a rejected record: its (partition, offset), and what was wrong with it.

    ``value``: what the gateway would write if the record were sent again, ``digest`` of that; None
    if it would not take it.
    """

    place: tuple[int, int]
    words: str
    value: bytes | None
    digest: int | None


class Notes(NamedTuple):
    """How many notes of rejected records there are, and the latest, each place once."""

    total: int
    latest: list[Note]


class Scan(NamedTuple):
    """What a pass found.

    ``conflicts``: how many identities have two contents in one version; ``conflict_lines``: the
    first of them in words. ``sent``: digests of the notes that are on the topic as results.
    ``ends``: the offset after the last record that was read, by partition.
    """

    found: Gathered
    conflicts: int
    conflict_lines: list[str]
    refused: RefusedRecords
    sent: set[int]
    ends: dict[int, int]

    def counts(self, note: Note) -> bool:
        """Whether the record that was rejected is a result by the present catalogue."""
        partition, offset = note.place
        return 0 <= offset < self.ends.get(partition, 0) and note.place not in self.refused


class _Surviving:
    """The result that survives for an identity, and where it lies."""

    __slots__ = ("offset", "order", "result", "rivals")

    def __init__(self, result: Result, order: tuple[int, int, int], offset: int) -> None:
        self.result = result
        self.order = order
        self.offset = offset
        #: digest → first offset, where several contents share version and status
        self.rivals: dict[int, int] = {}

    def join(self, result: Result, order: tuple[int, int, int], offset: int) -> None:
        if order == self.order:
            return
        if order[:2] == self.order[:2]:
            self.rivals.setdefault(self.order[2], self.offset)
            self.rivals.setdefault(order[2], offset)
        elif order > self.order:
            self.rivals = {}
        if order > self.order:
            self.result, self.order, self.offset = result, order, offset


async def scan(topic: RawTopic, catalogue: Catalogue, notes: Notes, progress: Progress) -> Scan:
    """Read the whole topic as it is now; of *notes* see which are on it as results.

    :raises TopicUnavailable: it cannot be read.
    """
    bounds = await topic.bounds()
    read, total = 0, sum(bounds.ends.values()) - sum(bounds.begins.values())
    found, refused = Gathered(), RefusedRecords()
    wanted = {it.digest for it in notes.latest if it.digest is not None}
    sent: set[int] = set()
    conflicts: list[str] = []
    conflict_count = 0
    of_units: list[Result] = []
    for partition, end in sorted(bounds.ends.items()):
        survivors: dict[tuple[str, str, str], _Surviving] = {}
        async for batch in topic.read({partition: end}):
            sent |= wanted & _take(batch, len(topic.partitions), catalogue, survivors, refused)
            read += len(batch)
            progress(read, total)
        for words in _conflicts(partition, survivors):
            conflict_count += 1
            if len(conflicts) < LISTED:
                conflicts.append(words)
        results = [
            it.result for (_, unit, _), it in survivors.items() if not unit.startswith(_ENTRY)
        ]
        del survivors
        found.add(it for it in examine(results, catalogue) if it.kind not in _BETWEEN_UNITS)
        found.add(without_medals(results, catalogue))
        of_units += _one_a_unit(results)
    found.add(it for it in examine(of_units, catalogue) if it.kind in _BETWEEN_UNITS)
    return Scan(found, conflict_count, conflicts, refused, sent, dict(bounds.ends))


def _take(
    batch: Iterable[RawRecord],
    partitions: int,
    catalogue: Catalogue,
    survivors: dict[tuple[str, str, str], _Surviving],
    refused: RefusedRecords,
) -> set[int]:
    """Take a batch in; return the digests of its results."""
    digests: set[int] = set()
    for record in batch:
        try:
            result = read_record(record.key, record.value, record.partition, partitions, catalogue)
        except ResultError:
            refused.add(record.partition, record.offset)
            continue
        order = (result.version, STATUS_ORDER[result.status], digest_of(record.value or b""))
        identity = (result.sport, result.unit, result.competitor.id)
        known = survivors.get(identity)
        if known is None:
            survivors[identity] = _Surviving(result, order, record.offset)
        else:
            known.join(result, order, record.offset)
        digests.add(order[2])
    return digests


def _conflicts(partition: int, survivors: dict[tuple[str, str, str], _Surviving]) -> Iterator[str]:
    rivals = [(identity, it) for identity, it in survivors.items() if it.rivals]
    for (sport, unit, competitor), it in sorted(rivals, key=lambda pair: pair[0]):
        places = ", ".join(f"{partition}/{offset}" for offset in it.rivals.values())
        yield f"{sport} / {unit} / {competitor}, version {it.order[0]}: at {places}"


def _one_a_unit(results: Iterable[Result]) -> Iterable[Result]:
    """Return of each unit the result by which its phase is known; none where all are withdrawn."""
    first: dict[tuple[str, str], Result] = {}
    for result in results:
        if result.status != "withdrawn":
            known = first.setdefault((result.sport, result.unit), result)
            if result.version > known.version:
                first[result.sport, result.unit] = result
    return first.values()
