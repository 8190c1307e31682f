"""Today's program comes to the same numbers from what every earlier version has written."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from contracts.records import read_record
from contracts.redis_keys import SnapshotKeys
from contracts.settings import CommonSettings
from contracts.snapshot import Snapshot, read_snapshot
from faust_bulk.logs import Log, Sieve
from olympics.recount import Recount, recount
from olympics.result import ResultError
from streams.board import Board
from streams.latest import LatestList
from streams.rejects import rejected_records
from streams.settings import WorkerSettings
from streams.snapshot_writer import SnapshotWriter
from streams.standings import Standings
from streams.tallies import decode_tally, encode_tally, tally_of
from tests.formats.record import redis_content
from tests.formats.recording import Recording, load_recording, recordings
from tests.properties.games import made
from tests.support.stack import unique_settings

UNREADABLE = """
What {} wrote does not lead to its numbers any more. A running system has such records, and a
rolling upgrade has writers of both versions at once. Either let the new code read them too (a new
field needs a default, and stands at the end of a list), or begin a changelog of another name
(`changelog_topic` in contracts/topics.py), which replays `results`; the results themselves must
stay readable for ever. See "A new version of the program" in docs/operations.md.
"""

CHANGED = """
The program writes something else than {} did. If that is meant: see that the tests of older
recordings pass as they are, record the new format beside them with
`python -m tests.formats.record tests/data/formats/version-N`, and say in CHANGELOG.md what a roll
back means.
"""


@pytest.fixture(params=recordings(), ids=lambda it: it.name)
def recording(request: pytest.FixtureRequest) -> Recording:
    directory: Path = request.param
    return load_recording(directory)


@pytest.fixture
def newest() -> Recording:
    return load_recording(recordings()[-1])


def oracle(recording: Recording, partition: int | None = None) -> tuple[Recount, int]:
    """Recount the recorded results; return that, and how many records are no results."""
    counted: list[bytes] = []
    rejected = 0
    for it in recording.results:
        if partition not in (None, it.partition):
            continue
        try:
            read_record(it.key, it.value, it.partition, recording.partitions, recording.catalogue)
        except ResultError:
            rejected += 1
        else:
            assert it.value is not None
            counted.append(it.value)
    return recount(counted, recording.catalogue), rejected


def standings_of(recording: Recording, partition: int) -> Standings:
    return Standings(partition, recording.partitions, recording.catalogue)


def restored(recording: Recording, partition: int) -> Standings:
    """Return what the recorded changelog makes of a partition."""
    standings = standings_of(recording, partition)
    with readable(recording):
        standings.restore(recording.state(partition))
    return standings


@contextmanager
def readable(recording: Recording) -> Iterator[None]:
    """Say what is to be done if something within cannot be decoded."""
    try:
        yield
    except msgspec.MsgspecError as error:
        raise AssertionError(UNREADABLE.format(recording.name)) from error


def assert_right(standings: Standings, recording: Recording) -> None:
    expected, rejected = oracle(recording, standings.partition)
    tally = standings.tally
    told = UNREADABLE.format(recording.name)
    found = {pair: counts for pair, counts in tally.counts() if counts.entries}
    assert found == {pair: c for pair, c in expected.pairs.items() if c.entries}, told
    assert tally.results == expected.results, told
    assert tally.provisional == expected.provisional, told
    assert tally.conflicts == expected.conflicts, told
    assert standings.rejected == rejected, told


def test_its_state_is_restored_and_nothing_is_counted_anew(recording: Recording) -> None:
    for partition in range(recording.partitions):
        standings = restored(recording, partition)
        end = len(recording.log(partition))
        begin = standings.restored(end, end)
        if str(standings.revision) == recording.redis["meta"]["revision"]:
            assert begin == end, UNREADABLE.format(recording.name)
        standings.apply(recording.log(partition)[begin:])
        assert standings.live
        assert_right(standings, recording)


def test_its_results_are_read_again_on_top_of_its_state(recording: Recording) -> None:
    # What a commit that came too late, or other rules, make necessary.
    for partition in range(recording.partitions):
        standings = restored(recording, partition)
        log = recording.log(partition)
        standings.restored(0, len(log))
        standings.apply(log)
        assert_right(standings, recording)


def test_the_log_that_a_state_is_of_is_still_known(newest: Recording) -> None:
    (log,) = {decode_tally(it.value or b"").log for it in newest.tallies}
    for partition in range(newest.partitions):
        sieve = Sieve(Log(newest.epoch + 1, "of a topic that was made again"))
        values, void = sieve.sift([it for it in newest.changelog if it.partition == partition])
        told = UNREADABLE.format(newest.name)
        assert (values, void, sieve.others) == ([], True, {Log(newest.epoch, log)}), told


def test_its_tallies_are_heard(recording: Recording) -> None:
    board = board_of(recording)
    tables = board.tables(SnapshotKeys("")).hashes
    pairs = {name: fields for name, fields in tables.items() if ":faculty:" in name}
    expected, rejected = oracle(recording)
    told = UNREADABLE.format(recording.name)
    assert pairs == {
        SnapshotKeys("").pair(sport, faculty): counts._asdict()
        for (sport, faculty), counts in expected.pairs.items()
        if counts.entries
    }, told
    assert board.totals() == {
        "results": expected.results,
        "provisional": expected.provisional,
        "rejected": rejected,
        "conflicts": expected.conflicts,
    }, told
    assert board.snapshot_number == len(recording.results), told


def test_its_rejected_records_can_be_read_again(recording: Recording) -> None:
    by_place = {(it.partition, it.offset): it for it in recording.results}
    assert recording.rejected
    for note in recording.rejected:
        told = json.loads(note.value or b"")
        original = by_place[told["partition"], told["offset"]]
        for name, data in (("key", original.key), ("value", original.value)):
            kept = told[name]
            assert (None if kept is None else base64.b64decode(kept["base64"])) == data


@pytest.fixture
def mirror_settings(recording: Recording, redis_url: str) -> CommonSettings:
    """A mirror that holds what the recording's does."""
    settings = unique_settings(
        "127.0.0.1:1", redis_url, partitions=recording.partitions, epoch=recording.epoch
    )
    prefix = settings.redis_prefix
    with Redis.from_url(redis_url, decode_responses=True) as redis:
        for key, content in recording.redis.items():
            if isinstance(content, dict):
                redis.hset(prefix + key, mapping=content)
            elif content and isinstance(content[0], dict):
                for fields in content:
                    redis.xadd(prefix + key, fields)
            else:
                redis.sadd(prefix + key, *(prefix + member for member in content))
    return settings


@pytest.mark.integration
def test_its_mirror_is_read_and_written_on(
    recording: Recording, mirror_settings: CommonSettings
) -> None:
    told = UNREADABLE.format(recording.name)
    snapshot = read(mirror_settings)
    assert snapshot is not None
    expected, rejected = oracle(recording)
    pairs = {pair: c._asdict() for pair, c in expected.pairs.items() if c.entries}
    assert snapshot.pairs == pairs, told
    assert (snapshot.meta["results"], snapshot.meta["rejected"]) == (
        expected.results,
        rejected,
    ), told
    # and a scoreboard of today, which has heard the same, may write over it
    assert write(mirror_settings, board_of(recording)), told
    assert redis_content(mirror_settings).keys() >= recording.redis.keys()
    again = read(mirror_settings)
    assert again is not None
    assert (again.pairs, again.offsets) == (snapshot.pairs, snapshot.offsets), told


def test_the_state_is_written_as_it_was_recorded(newest: Recording) -> None:
    told = CHANGED.format(newest.name)
    for partition in range(newest.partitions):
        standings = standings_of(newest, partition)
        standings.restored(0, 0)
        changes, _ = standings.apply(newest.log(partition))
        recorded = set(newest.state(partition))
        assert set(changes.items()) <= recorded, told


def test_tallies_and_notes_are_written_as_they_were_recorded(newest: Recording) -> None:
    told = CHANGED.format(newest.name)
    for partition in range(newest.partitions):
        standings = standings_of(newest, partition)
        standings.restored(0, 0)
        _, rejected = standings.apply(newest.log(partition))
        standings.latest.note(newest.log(partition))
        latest = LatestList(standings.offset, made(standings.latest.lines()))
        rules = newest.catalogue.fingerprint
        tally = tally_of(standings, epoch=1, rules=rules, worker="", at=0.0, latest=latest)
        recorded = {decode_tally(it.value or b"").partition: it.value for it in newest.tallies}
        assert shape(encode_tally(tally)) == shape(recorded[partition]), told
        notes = rejected_records("results", partition, rejected)
        known = {(it.key, without_topic(it.value)) for it in newest.rejected}
        assert {(key, without_topic(value)) for key, value in notes} <= known, told


@pytest.mark.integration
def test_the_mirror_is_written_as_it_was_recorded(newest: Recording, redis_url: str) -> None:
    settings = unique_settings(
        "127.0.0.1:1", redis_url, partitions=newest.partitions, epoch=newest.epoch
    )
    assert write(settings, board_of(newest))
    found, recorded = redis_content(settings), dict(newest.redis)
    for content in (found, recorded):
        # What depends on the moment; which fields there are does not.
        content["history"] = sorted(content["history"][-1])
        content["meta"] = {**content["meta"], "updated_at": "", "age": ""}
    # The history's last entry has only the medals of who has one, as the first one of today.
    assert found == recorded, CHANGED.format(newest.name)


def board_of(recording: Recording) -> Board:
    """A scoreboard that has heard the recorded tallies."""
    with readable(recording):
        tallies = [decode_tally(it.value or b"") for it in recording.tallies]
    log = tallies[0].log
    board = Board(recording.epoch, recording.partitions, recording.catalogue, log)
    for tally in tallies:
        board.hear(tally)
    assert board.complete, UNREADABLE.format(recording.name)
    return board


def write(settings: CommonSettings, board: Board) -> bool:
    async def offer() -> bool:
        mirror = SnapshotWriter(WorkerSettings(**settings.model_dump()))
        try:
            return await mirror.write(board)
        finally:
            await mirror.close()

    return asyncio.run(offer())


def read(settings: CommonSettings) -> Snapshot | None:
    async def ask() -> Snapshot | None:
        async with AsyncRedis.from_url(settings.redis, decode_responses=True) as redis:
            return await read_snapshot(redis, settings)

    return asyncio.run(ask())


def shape(tally: bytes | None) -> dict[str, Any]:
    """Return what a tally says, without what accompanies it, and whichever log it was."""
    told: dict[str, Any] = json.loads(tally or b"")
    for line in told["latest"]:
        line[3] = 0  # the time, which is not recorded
    return told | dict.fromkeys(told.keys() & {"worker", "at", "since", "log"})


def without_topic(note: bytes | None) -> str:
    """Return a note of a rejected record; the recorded topic had a prefix of its own."""
    return json.dumps({**json.loads(note or b""), "topic": ""})
