"""The standings that the topic's records make, counted by the oracle, and what every view keeps."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, TypeVar

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from redis.asyncio import Redis

from contracts.latest import CHANGE_LEADERS, LATEST, last_medals
from contracts.partitioning import partition_of
from contracts.records import read_record
from contracts.settings import CommonSettings
from contracts.snapshot import (
    COUNTS,
    LatestView,
    MedallistsView,
    Snapshot,
    read_latest,
    read_medallists,
)
from olympics.catalogue import Catalogue, load_catalogue
from olympics.medal_table import medal_table
from olympics.recount import LastChange, LogRecord, recount, recount_log
from olympics.result import Result, ResultError, encode, key_of
from olympics.tally import NEWEST
from tests.support.stack import SnapshotReader, Stack

_View = TypeVar("_View", LatestView, MedallistsView)


class TopicRecord(NamedTuple):
    """A record as it lies on a topic."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int = 0


def write_results(
    settings: CommonSettings, results: Iterable[Result], codec: str | None = None
) -> None:
    """Put results onto the topic as the gateway would, or compressed."""
    records = ((key_of(r.sport, r.unit), encode(r)) for r in results)
    write_records(settings, records, codec=codec)


def write_records(
    settings: CommonSettings,
    records: Iterable[tuple[bytes | None, bytes | None]],
    partition: int | None = None,
    codec: str | None = None,
) -> None:
    """Put any records onto the results topic: where their key belongs, or into *partition*."""

    async def write() -> None:
        async with AIOKafkaProducer(
            bootstrap_servers=settings.kafka,
            acks="all",
            linger_ms=5,
            max_batch_size=256 * 1024,
            compression_type=codec,
        ) as producer:
            for key, value in records:
                home = partition
                if home is None:
                    home = partition_of(key or b"", settings.partitions)
                await producer.send(settings.results_topic, value, key, partition=home)
            await producer.flush()

    asyncio.run(write())


def topic_records(
    settings: CommonSettings, topic: str | None = None, partitions: int | None = None
) -> list[TopicRecord]:
    """Read the whole results topic, or another."""
    topic = topic or settings.results_topic

    async def read() -> list[TopicRecord]:
        found: list[TopicRecord] = []
        tps = [TopicPartition(topic, p) for p in range(partitions or settings.partitions)]
        # Assigning starts a look-up of the position that this names, whatever is sought after it.
        async with AIOKafkaConsumer(
            bootstrap_servers=settings.kafka, auto_offset_reset="earliest"
        ) as consumer:
            consumer.assign(tps)
            ends = await consumer.end_offsets(tps)
            await consumer.seek_to_beginning(*tps)
            behind = {tp for tp in tps if ends[tp]}
            while behind:
                for tp, records in (await consumer.getmany(timeout_ms=500)).items():
                    found += [
                        TopicRecord(tp.partition, r.offset, r.key, r.value, r.timestamp)
                        for r in records
                    ]
                behind = {tp for tp in behind if await consumer.position(tp) < ends[tp]}
        return found

    return asyncio.run(read())


def assert_standings_equal_the_oracle(stack: Stack, snapshot: Snapshot) -> None:
    """Compare every number of *snapshot* with a recount of what the topic holds before it.

    And the latest changes that Redis has now with a recount of what is before those.
    """
    settings = stack.settings
    catalogue = load_catalogue(settings.catalogue)
    on_topic = topic_records(settings)
    counted: list[bytes] = []
    rejected = 0
    for record in on_topic:
        if record.offset >= snapshot.offsets[record.partition][0]:
            continue
        try:
            read_record(record.key, record.value, record.partition, settings.partitions, catalogue)
        except ResultError:
            rejected += 1
        else:
            assert record.value is not None
            counted.append(record.value)
    expected = recount(counted, catalogue)
    pairs = {pair: c._asdict() for pair, c in expected.pairs.items() if c.entries}
    different = {
        pair: (snapshot.pairs.get(pair), pairs.get(pair))
        for pair in snapshot.pairs.keys() | pairs.keys()
        if snapshot.pairs.get(pair) != pairs.get(pair)
    }
    assert not different, f"pair → (mirror, oracle): {different}"
    assert snapshot.meta["results"] == expected.results
    assert snapshot.meta["provisional"] == expected.provisional
    assert snapshot.meta["conflicts"] == expected.conflicts
    assert snapshot.meta["rejected"] == rejected
    zero = expected.by_faculty()
    order = medal_table({name: zero[name] for name in zero if zero[name].entries})
    shown = [row for row in snapshot.faculties if row["entries"]]
    assert [(row["faculty"], row["gold"], row["silver"], row["bronze"]) for row in shown] == [
        (row.faculty, row.gold, row.silver, row.bronze) for row in order
    ]
    assert_consistent(snapshot)
    assert_lists_equal_the_oracle(settings, catalogue, on_topic)


def assert_lists_equal_the_oracle(
    settings: CommonSettings, catalogue: Catalogue, on_topic: Iterable[TopicRecord]
) -> None:
    """Compare the latest changes and the last medals in Redis with a recount."""
    latest = latest_of(settings)
    changes = latest_recounted(settings, catalogue, on_topic, latest.offsets)
    assert [it.recounted() for it in latest.changes] == changes[:LATEST]
    medallists = medallists_of(settings)
    if medallists.offsets != latest.offsets:
        changes = latest_recounted(settings, catalogue, on_topic, medallists.offsets)
    assert medallists.medals == last_medals(changes)


def medallists_of(settings: CommonSettings) -> MedallistsView:
    """Read the last medals in Redis."""
    return _read(settings, read_medallists)


def latest_of(settings: CommonSettings) -> LatestView:
    """Read the latest changes in Redis."""

    return _read(settings, read_latest)


def _read(
    settings: CommonSettings, read: Callable[[Redis, CommonSettings], Awaitable[_View | None]]
) -> _View:
    async def connected() -> _View | None:
        async with Redis.from_url(settings.redis, decode_responses=True) as redis:
            return await read(redis, settings)

    view = asyncio.run(connected())
    assert view is not None
    return view


def latest_recounted(
    settings: CommonSettings,
    catalogue: Catalogue,
    on_topic: Iterable[TopicRecord],
    offsets: Mapping[int, tuple[int, int]],
) -> list[LastChange]:
    """Recount the last changes of all partitions before *offsets*."""
    results = []
    for record in on_topic:
        if record.offset < offsets[record.partition][0]:
            place = record.partition, settings.partitions
            with contextlib.suppress(ResultError):
                read_record(record.key, record.value, *place, catalogue)
                value = record.value or b""
                results.append(LogRecord(place[0], record.offset, record.timestamp, value))
    _, changes = recount_log(results, catalogue, NEWEST, settings.partitions * NEWEST)
    return [it._replace(leaders=it.leaders[:CHANGE_LEADERS]) for it in changes]


def assert_consistent(snapshot: Snapshot) -> None:
    """Check what every view of the mirror keeps, whatever is going on."""
    faculties = {row["faculty"]: row for row in snapshot.faculties}
    for counts in [*snapshot.sports.values(), *faculties.values(), *snapshot.pairs.values()]:
        split = ("winners", "losers", "ties", "did_not_start")
        assert counts["entries"] == sum(counts[name] for name in split), counts
    by_sport: defaultdict[str, Counter[str]] = defaultdict(Counter)
    by_faculty: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for (sport, faculty), counts in snapshot.pairs.items():
        by_sport[sport].update(counts)
        by_faculty[faculty].update(counts)
    for name in COUNTS:
        for sport, counts in snapshot.sports.items():
            assert counts[name] == by_sport[sport][name], (sport, name)
        for faculty, row in faculties.items():
            assert row[name] == by_faculty[faculty][name], (faculty, name)
    assert by_sport.keys() <= snapshot.sports.keys()
    assert by_faculty.keys() <= faculties.keys()
    assert snapshot.meta["snapshot"] == sum(offset for offset, _ in snapshot.offsets.values())


class Watcher:
    """Reads the mirror all the time in a thread, and keeps the first thing that is wrong.

    Use as a context manager; leaving it raises what was seen. ``views`` are counted.
    """

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._problem: BaseException | None = None
        self.views = 0

    def __enter__(self) -> Watcher:
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._stop.set()
        self._thread.join(timeout=30)
        if self._problem is not None:
            raise self._problem

    def _watch(self) -> None:
        last: Snapshot | None = None
        try:
            with SnapshotReader(self._stack.settings) as read:
                while not self._stop.wait(0.02):
                    snapshot = read()
                    if snapshot is None:
                        continue
                    self.views += 1
                    if snapshot == last:
                        continue
                    assert_consistent(snapshot)
                    for partition, seen in last.offsets.items() if last else ():
                        assert snapshot.offsets[partition] >= seen, "the mirror went back"
                    last = snapshot
        except BaseException as problem:
            self._problem = problem


def offsets_behind(snapshot: Snapshot | None, ends: dict[int, int]) -> int:
    """Return how many records the mirror has still to count."""
    if snapshot is None:
        return sum(ends.values())
    return sum(max(0, end - snapshot.offsets[p][0]) for p, end in ends.items())


def garbage() -> Sequence[tuple[bytes | None, bytes | None]]:
    """Return records that no rule can read, each in its own way."""
    return (
        (b"swimming/x", b"not json"),
        (b"swimming/x", None),
        (None, b'{"sport":"swimming"}'),
        (b"", b""),
        (b"swimming/x", b'{"sport":"swimming","unit":"x"}'),
        (b"\xff\xfe", b"\xff" * 100),
        (b"swimming/x", b"[" * 5_000),
        (b"chess/x", b'{"sport":"chess","unit":"x","phase":"final"}'),
    )
