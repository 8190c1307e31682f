"""All that the raw topic holds of one unit: every version of each result, and which survives."""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import partial
from typing import Final, NamedTuple

from contracts.partitioning import partition_of
from contracts.records import read_record
from medallero.topic import RawRecord, RawTopic
from olympics.catalogue import Catalogue
from olympics.latest import STATUS_ORDER
from olympics.result import Result, ResultError, digest_of, key_of
from olympics.text import folded

_NEAR: Final = 5


class Version(NamedTuple):
    """One content of one competitor's result, with every place of the topic where it lies."""

    result: Result
    digest: int
    records: Sequence[RawRecord]

    @property
    def order(self) -> tuple[int, int, int]:
        """What decides between two contents of one result: the greater survives."""
        return (self.result.version, STATUS_ORDER[self.result.status], self.digest)


class RefusedRecord(NamedTuple):
    """A record under the unit's key that is no result, and why."""

    record: RawRecord
    error: ResultError


class UnitLog(NamedTuple):
    """The unit's records as far as they were read.

    ``competitors``: id → its versions, the surviving one first. ``end``: the offset in
    ``partition`` up to which the topic was read.
    """

    sport: str
    unit: str
    partition: int
    end: int
    competitors: Mapping[str, Sequence[Version]]
    refused: Sequence[RefusedRecord]

    def survivors(self) -> list[Result]:
        """Return what counts of each competitor."""
        return [versions[0].result for versions in self.competitors.values()]

    def conflicting(self, competitor: str) -> list[Version]:
        """Return the contents that share the surviving version and status, if several do."""
        versions = self.competitors[competitor]
        rivals = [it for it in versions if it.order[:2] == versions[0].order[:2]]
        return rivals if len(rivals) > 1 else []


#: Called with the number of records read, and of those there are.
Progress = Callable[[int, int], None]


async def read_unit(
    topic: RawTopic, catalogue: Catalogue, sport: str, unit: str, progress: Progress
) -> UnitLog:
    """Read one unit; see `read_units`."""
    return (await read_units(topic, catalogue, {(sport, unit)}, progress))[sport, unit]


#: (sport, unit), both by the names that stand on the topic.
UnitName = tuple[str, str]


async def read_units(
    topic: RawTopic, catalogue: Catalogue, units: Collection[UnitName], progress: Progress
) -> dict[UnitName, UnitLog]:
    """Read the records of *units*, in one pass over the partitions that their keys belong to.

    :raises TopicUnavailable: the topic cannot be read.
    """
    found: dict[bytes, list[RawRecord]] = {key_of(*name): [] for name in units}
    homes = {key: partition_of(key, len(topic.partitions)) for key in found}
    bounds = await topic.bounds()
    ends = {it: bounds.ends[it] for it in set(homes.values())}
    read, total = 0, sum(end - bounds.begins[it] for it, end in ends.items())
    async for batch in topic.read(ends):
        for record in batch:
            if record.key in found and homes[record.key] == record.partition:
                found[record.key].append(record)
        read += len(batch)
        progress(read, total)
    logs = {}
    for sport, unit in units:
        key = key_of(sport, unit)
        home = homes[key]
        sorted_out = _sorted(found[key], len(topic.partitions), catalogue)
        logs[sport, unit] = UnitLog(sport, unit, home, ends[home], *sorted_out)
    return logs


async def changed_since(topic: RawTopic, logs: Collection[UnitLog]) -> list[UnitLog]:
    """Return those of *logs* whose units have got records since they were read."""
    ends = (await topic.bounds()).ends
    by_key = {key_of(log.sport, log.unit): log for log in logs}
    since: dict[int, int] = {}
    for log in logs:
        since[log.partition] = min(log.end, since.get(log.partition, log.end))
    changed: dict[bytes, UnitLog] = {}
    async for batch in topic.read({it: ends[it] for it in since}, since=since):
        for record in batch:
            known = by_key.get(record.key or b"")
            if known and known.partition == record.partition and record.offset >= known.end:
                changed[record.key or b""] = known
    return list(changed.values())


async def units_of_sports(
    topic: RawTopic, sports: Collection[str], progress: Progress
) -> dict[str, list[str]]:
    """Return the names of all units of each of the *sports*; reads the whole topic."""
    prefixes = tuple(key_of(sport, "") for sport in sports)
    bounds = await topic.bounds()
    homes = partial(partition_of, partitions=len(topic.partitions))
    keys: set[bytes] = set()
    read, total = 0, sum(bounds.ends.values()) - sum(bounds.begins.values())
    async for batch in topic.read(bounds.ends):
        keys.update(
            key
            for it in batch
            if (key := it.key) and key.startswith(prefixes) and it.partition == homes(key)
        )
        read += len(batch)
        progress(read, total)
    units: dict[str, list[str]] = {sport: [] for sport in sports}
    for key in keys:
        sport, _, unit = key.decode("utf-8", "replace").partition("/")
        units[sport].append(unit)
    return units


def nearest(text: str, names: Iterable[str]) -> list[str]:
    """Return some of *names* that are like *text*, the likest first; case does not matter."""
    by_folded: defaultdict[str, list[str]] = defaultdict(list)
    for name in sorted(set(names)):
        by_folded[folded(name)].append(name)
    wanted = folded(text)
    # Somebody who knows a part of the name finds the whole.
    parts = [it for it in by_folded if wanted and wanted in it]
    close = difflib.get_close_matches(wanted, by_folded, n=_NEAR, cutoff=0.5)
    likest = dict.fromkeys([*close, *parts])
    return [name for it in likest for name in by_folded[it]][:_NEAR]


def _sorted(
    records: Iterable[RawRecord], partitions: int, catalogue: Catalogue
) -> tuple[dict[str, list[Version]], list[RefusedRecord]]:
    contents: defaultdict[str, dict[bytes, tuple[Result, list[RawRecord]]]] = defaultdict(dict)
    refused: list[RefusedRecord] = []
    for record in records:
        try:
            result = read_record(record.key, record.value, record.partition, partitions, catalogue)
        except ResultError as error:
            refused.append(RefusedRecord(record, error))
            continue
        assert record.value is not None
        known = contents[result.competitor.id].setdefault(record.value, (result, []))
        known[1].append(record)
    competitors = {
        competitor: sorted(
            (Version(result, digest_of(data), places) for data, (result, places) in its.items()),
            key=lambda version: version.order,
            reverse=True,
        )
        for competitor, its in sorted(contents.items())
    }
    return competitors, refused
