"""Today's version and one to come, which writes one field more everywhere, read one another."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import msgspec
import pytest
from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from contracts.settings import CommonSettings
from contracts.snapshot import Snapshot, read_snapshot
from olympics.catalogue import load_catalogue
from olympics.recount import recount
from olympics.result import encode, key_of
from streams.board import Board
from streams.settings import WorkerSettings
from streams.snapshot_writer import SnapshotWriter
from streams.standings import Standings
from streams.tallies import encode_tally
from tests.formats.games import games, unreadable
from tests.formats.version_two import WRITER, encode2, installed
from tests.support.oracle import TopicRecord
from tests.support.stack import unique_settings

CATALOGUE = load_catalogue()

#: Which version writes first, second, ...: also back again, and to and fro.
ORDERS = [order for size in (2, 3) for order in itertools.product((1, 2), repeat=size)]


def version(number: int) -> AbstractContextManager[None]:
    return installed() if number == 2 else nullcontext()


def as_installed() -> Any:
    """Return the worker's module, with the names that it uses now."""
    import streams.worker

    return streams.worker


def a_log(size: int = 150) -> list[TopicRecord]:
    """A partition's records: results of either version, and such as nobody can read."""
    records: list[tuple[bytes | None, bytes | None]] = [*unreadable()]
    for number, result in enumerate(games(CATALOGUE, size, seed=2)):
        value = encode2(result, "+1.2") if number % 2 else encode(result)
        records.append((key_of(result.sport, result.unit), value))
        if number == size // 2:
            records += unreadable()
    return [TopicRecord(0, offset, key, value) for offset, (key, value) in enumerate(records)]


def own(changelog: Sequence[tuple[bytes, bytes]], begin: int, end: int) -> Standings:
    """A new owner's state: all that the changelog has, where the group's offset is *begin*."""
    standings = Standings(0, 1, CATALOGUE)
    standings.restore(changelog)
    standings.restored(begin, end)
    return standings


def numbers(standings: Standings) -> dict[str, Any]:
    tally = standings.tally
    return {
        "pairs": {pair: counts for pair, counts in tally.counts() if counts.entries},
        "results": tally.results,
        "provisional": tally.provisional,
        "conflicts": tally.conflicts,
        "rejected": standings.rejected,
    }


def right(log: Sequence[TopicRecord]) -> dict[str, Any]:
    """The oracle's numbers; what is no result is what the log's makers put there as such."""
    nobodys = set(unreadable())
    results = [it.value for it in log if (it.key, it.value) not in nobodys]
    expected = recount([it for it in results if it is not None], CATALOGUE)
    return {
        "pairs": {pair: counts for pair, counts in expected.pairs.items() if counts.entries},
        "results": expected.results,
        "provisional": expected.provisional,
        "conflicts": expected.conflicts,
        "rejected": len(log) - len(results),
    }


@pytest.mark.parametrize("order", ORDERS, ids=lambda it: "-".join(map(str, it)))
def test_each_version_goes_on_from_what_the_others_wrote(order: tuple[int, ...]) -> None:
    # given owners that come one after the other, and redo a part of what was done
    log = a_log()
    share = len(log) // len(order)
    changelog: list[tuple[bytes, bytes]] = []
    done = 0
    for place, number in enumerate(order):
        end = len(log) if place == len(order) - 1 else done + share
        with version(number):
            standings = own(changelog, done, len(log))
            assert standings.offset == done, "it replays what was counted under these very rules"
            changes, _ = standings.apply(log[max(0, done - 20) : end])
        changelog += changes.items()
        done = end
    # then the last of them is right, and so is who restores it
    assert numbers(standings) == right(log)
    for number in (1, 2):
        with version(number):
            assert numbers(own(changelog, done, len(log))) == right(log)


def test_version_two_writes_more_than_today() -> None:
    # The tests above would prove nothing if both wrote the same.
    written = {}
    for number in (1, 2):
        with version(number):
            changes, _ = own([], 0, 0).apply(a_log())
        values = {key: msgspec.msgpack.decode(value) for key, value in changes.items()}
        written[number] = values
    assert written[1].keys() == written[2].keys()
    for key, value in written[2].items():
        short = written[1][key]
        assert value[:-1] == (short if isinstance(short, list) else [short])
    assert "+1.2" in {value[-1] for value in written[2].values()}


@pytest.fixture
def mirror_settings(redis_url: str) -> CommonSettings:
    return unique_settings("127.0.0.1:1", redis_url, partitions=2)


@pytest.mark.integration
@pytest.mark.parametrize("order", ORDERS, ids=lambda it: "-".join(map(str, it)))
def test_scoreboards_of_either_version_hear_and_follow_one_another(
    mirror_settings: CommonSettings, order: tuple[int, ...]
) -> None:
    # given a partition of each version, and scoreboards of either version in turn
    log = a_log()
    share = len(log) // len(order)
    for place, number in enumerate(order, 1):
        tallies = [_tally(partition, 1 + partition, log[: place * share]) for partition in (0, 1)]
        snapshot = _shown(mirror_settings, number, tallies)
        # then each is taken, and readers of today read it
        assert snapshot is not None
        assert {p: offset for p, (offset, _) in snapshot.offsets.items()} == {
            0: place * share,
            1: place * share,
        }
        expected = right(log[: place * share])
        assert snapshot.meta["results"] == 2 * expected["results"]
        assert snapshot.pairs == {
            pair: (counts + counts)._asdict() for pair, counts in expected["pairs"].items()
        }
        with Redis.from_url(mirror_settings.redis, decode_responses=True) as redis:
            assert ("writer" in redis.hgetall(f"{mirror_settings.redis_prefix}meta")) == (
                number == 2
            )


def test_a_note_of_a_rejected_record_keeps_its_fields() -> None:
    _, rejected = own([], 0, 0).apply(a_log())
    notes = {}
    for number in (1, 2):
        with version(number):
            notes[number] = [
                json.loads(value)
                for _, value in as_installed().rejected_records("results", 0, rejected)
            ]
    assert rejected
    for short, long in zip(notes[1], notes[2], strict=True):
        assert long == {**short, "writer": WRITER}


def _tally(partition: int, number: int, log: Sequence[TopicRecord]) -> bytes:
    """The tally of a log, as version *number* publishes it for *partition*."""
    with version(number):
        standings = own([], 0, 0)
        standings.apply(log)
        standings.partition = partition
        tally = as_installed().tally_of(
            standings, epoch=1, rules="rules", worker=f"http://127.0.0.1:{partition}", at=1.0
        )
        return encode_tally(tally)


def _shown(settings: CommonSettings, number: int, tallies: Sequence[bytes]) -> Snapshot | None:
    """Let a new scoreboard of version *number* hear and write; read it as today's readers do."""

    async def write() -> bool:
        board = Board(settings.epoch, settings.partitions, CATALOGUE)
        for tally in tallies:
            board.hear(as_installed().decode_tally(tally))
        assert board.complete
        mirror = SnapshotWriter(WorkerSettings(**settings.model_dump()))
        try:
            return await mirror.write(board)
        finally:
            await mirror.close()

    async def read() -> Snapshot | None:
        async with AsyncRedis.from_url(settings.redis, decode_responses=True) as redis:
            return await read_snapshot(redis, settings)

    with version(number):
        assert asyncio.run(write()), "the snapshot was refused"
    return asyncio.run(read())
