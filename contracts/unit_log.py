"""All that the raw topic holds of one unit: every version of each result, and which survives."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, Literal, NamedTuple

import msgspec

from contracts.partitioning import partition_of
from contracts.raw_topic import RawRecord, RawTopic
from contracts.records import read_record
from olympics.catalogue import Catalogue
from olympics.latest import STATUS_ORDER
from olympics.result import Result, ResultError, Status, digest_of, key_of

#: The header of a record that names who sent it, by its token.
SENDER: Final = "sender"

_LONGEST_SENDER: Final = 64


class Place(msgspec.Struct, frozen=True):
    """Where a record lies, when it arrived (milliseconds since 1970), and who sent it.

    ``sender`` is the name of the token, None where the record does not say.
    """

    partition: int
    offset: int
    timestamp: int
    sender: str | None


#: What became of a version.
Fate = Literal["counts", "provisional", "withdrawn", "replaced"]


#: Of the surviving version, by its status.
_FATES: Final[Mapping[Status, Fate]] = {
    "official": "counts",
    "unofficial": "provisional",
    "withdrawn": "withdrawn",
}


class Version(msgspec.Struct, frozen=True):
    """One content of one competitor's result, with every place of the topic where it lies.

    ``digest``: of its bytes, in hexadecimal digits. ``conflict``: other contents share the
    surviving version and status, and this is one of them.
    """

    result: Result
    digest: str
    fate: Fate
    conflict: bool
    records: list[Place]

    @property
    def order(self) -> tuple[int, int, str]:
        """What decides between two contents of one result: the greater survives."""
        return (self.result.version, STATUS_ORDER[self.result.status], self.digest)


class RefusedRecord(msgspec.Struct, frozen=True):
    """A record under the unit's key that is no result, and why."""

    place: Place
    error: str


class UnitLog(msgspec.Struct, frozen=True):
    """All that the topic holds of a unit, as far as it was read.

    ``competitors``: id → its versions, the surviving one first. ``end``: the offset in
    ``partition`` up to which the topic was read.
    """

    sport: str
    unit: str
    partition: int
    end: int
    competitors: dict[str, list[Version]]
    refused: list[RefusedRecord]

    def survivors(self) -> list[Result]:
        """Return what counts of each competitor."""
        return [versions[0].result for versions in self.competitors.values()]

    def conflicting(self, competitor: str) -> list[Version]:
        """Return the contents that share the surviving version and status, if several do."""
        return [it for it in self.competitors[competitor] if it.conflict]


class UnitRecords(NamedTuple):
    """The records under a unit's key that lie in ``partition`` before ``end``."""

    partition: int
    end: int
    records: Sequence[RawRecord]


#: (sport, unit), both by the names that stand on the topic.
UnitName = tuple[str, str]


async def read_records(
    topic: RawTopic,
    units: Collection[UnitName],
    known: Mapping[UnitName, UnitRecords],
    most: int,
) -> dict[UnitName, UnitRecords]:
    """Return the records of *units*, in one pass over the partitions that their keys belong to.

    *known*: what was read of some of them before; of these only what is new is read. *most*: of a
    unit with more records, only one more than these are returned.

    :raises TopicUnavailable: the topic cannot be read.
    """
    ends = (await topic.bounds()).ends
    homes = {key_of(*it): partition_of(key_of(*it), len(topic.partitions)) for it in units}
    found: dict[bytes, UnitRecords] = {}
    for name in units:
        key = key_of(*name)
        before = known.get(name)
        if before is None or before.end > ends[homes[key]]:  # the topic was made again
            before = UnitRecords(homes[key], 0, ())
        found[key] = before
    since = {
        home: min(it.end for it in found.values() if it.partition == home)
        for home in set(homes.values())
    }
    more: dict[bytes, list[RawRecord]] = {key: [] for key in found}
    async for batch in topic.read({it: ends[it] for it in since}, since=since):
        for record in batch:
            key = record.key or b""
            if key not in more or len(found[key].records) + len(more[key]) > most:
                continue
            if homes[key] == record.partition and record.offset >= found[key].end:
                more[key].append(record)
    read: dict[UnitName, UnitRecords] = {}
    for name in units:
        key = key_of(*name)
        records = [*found[key].records, *more[key]]
        read[name] = UnitRecords(homes[key], ends[homes[key]], records)
    return read


def log_of(name: UnitName, read: UnitRecords, partitions: int, catalogue: Catalogue) -> UnitLog:
    """Return what the *read* records of the unit say."""
    competitors, refused = _sorted(read.records, partitions, catalogue)
    return UnitLog(*name, read.partition, read.end, competitors, refused)


def _sorted(
    records: Iterable[RawRecord], partitions: int, catalogue: Catalogue
) -> tuple[dict[str, list[Version]], list[RefusedRecord]]:
    contents: defaultdict[str, dict[bytes, tuple[Result, list[Place]]]] = defaultdict(dict)
    refused: list[RefusedRecord] = []
    for record in records:
        place = _place(record)
        try:
            result = read_record(record.key, record.value, record.partition, partitions, catalogue)
        except ResultError as error:
            refused.append(RefusedRecord(place, str(error)))
            continue
        assert record.value is not None
        contents[result.competitor.id].setdefault(record.value, (result, []))[1].append(place)
    return {it: _versions(its) for it, its in sorted(contents.items())}, refused


def _versions(contents: Mapping[bytes, tuple[Result, list[Place]]]) -> list[Version]:
    ordered = sorted(
        (
            ((result.version, STATUS_ORDER[result.status], digest_of(data)), result, places)
            for data, (result, places) in contents.items()
        ),
        key=lambda it: it[0],
    )
    survives = ordered[-1][0]
    rivals = sum(order[:2] == survives[:2] for order, _, _ in ordered) > 1
    return [
        Version(
            result,
            f"{order[2]:016x}",
            _FATES[result.status] if order == survives else "replaced",
            rivals and order[:2] == survives[:2],
            places,
        )
        for order, result, places in reversed(ordered)
    ]


def _place(record: RawRecord) -> Place:
    sender = dict(record.headers).get(SENDER)
    return Place(
        record.partition,
        record.offset,
        record.timestamp,
        sender.decode("utf-8", "replace")[:_LONGEST_SENDER] if sender else None,
    )
