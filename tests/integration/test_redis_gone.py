"""A connection to Redis that was closed a moment ago, under the loop that the processes use."""

from __future__ import annotations

from typing import Any

import pytest
import uvloop
from msgspec.structs import replace

from contracts.latest import ChangeLine, PlacedLine
from contracts.redis_keys import SnapshotKeys
from contracts.snapshot import read_latest, read_medallists, read_snapshot
from gateway.errors import Reason, Refused
from gateway.reading.snapshot_cache import SnapshotCache
from gateway.settings import GatewaySettings
from olympics.catalogue import load_catalogue
from streams.board import Board
from streams.settings import WorkerSettings
from streams.snapshot_writer import SnapshotWriter
from streams.tallies import TallyRecord

pytestmark = pytest.mark.integration

A_TALLY = TallyRecord(
    epoch=1,
    partition=0,
    offset=1,
    revision=1,
    rules="r",
    rows=[],
    results=1,
    provisional=0,
    rejected=0,
    conflicts=0,
    worker="http://127.0.0.1:1",
    at=0.0,
)


def close_connections(redis: Any) -> None:
    """Close the transports that wait for their next command, as a reset by the server does."""
    connections = redis.connection_pool._available_connections
    assert connections
    for connection in connections:
        connection._writer.transport.abort()


def test_the_gateway_says_that_it_cannot_read(redis_url: str) -> None:
    async def read() -> Refused:
        standings = SnapshotCache(GatewaySettings(redis=redis_url), load_catalogue())
        try:
            await standings.stamp()
            close_connections(standings._redis)
            with pytest.raises(Refused) as refused:
                await standings.stamp()
            await standings.stamp()  # on a new connection
            return refused.value
        finally:
            await standings.close()

    assert uvloop.run(read()).reason is Reason.UNAVAILABLE


def test_the_worker_goes_on_and_writes_the_next_time(redis_url: str) -> None:
    async def write() -> list[bool]:
        settings = WorkerSettings(redis=redis_url, redis_prefix="gone:", partitions=1)
        mirror = SnapshotWriter(settings)
        board = Board(settings.epoch, settings.partitions, load_catalogue())
        board.hear(A_TALLY)
        written = [await mirror.write(board)]
        close_connections(mirror._redis)
        written += [await mirror.write(board), await mirror.write(board)]
        await mirror.close()
        return written

    assert uvloop.run(write()) == [True, False, True]


def board_of(settings: WorkerSettings, offset: int, listed: int) -> Board:
    """A scoreboard that has heard counts up to *offset*, and the changes before *listed*."""
    gold = PlacedLine(1, "7", "Ana", "law", None, None, None, None, "gold")
    line = ChangeLine("swimming", f"race {listed}", listed - 1, 1000 + listed, "result", gold,
                      "final", "official", 1, [gold])  # fmt: skip
    board = Board(settings.epoch, settings.partitions, load_catalogue())
    board.hear(replace(A_TALLY, offset=offset, latest=[line], latest_offset=listed))
    return board


def test_what_redis_has_lost_of_a_snapshot_does_not_keep_the_next_one_out(redis_url: str) -> None:
    async def write(listed: int) -> list[Any]:
        settings = WorkerSettings(redis=redis_url, redis_prefix="half:", partitions=1)
        meta = SnapshotKeys(settings.redis_prefix).meta
        writer = SnapshotWriter(settings)
        try:
            if listed == 4:
                await writer._redis.hset(meta, "epoch", "1")
                await writer._redis.hset(meta, "latest_offsets", '{"0":[5,1],"1":[5,1]}')
            assert await writer.write(board_of(settings, 5, listed))
            return [*await writer._redis.hmget(meta, ["offsets", "latest_offsets"])]
        finally:
            await writer.close()

    # A list that is behind in one partition is not taken; the counts are.
    assert uvloop.run(write(4)) == ['{"0":[5,1]}', '{"0":[5,1],"1":[5,1]}']
    assert uvloop.run(write(5)) == ['{"0":[5,1]}', '{"0":[5,1]}']


def test_the_lists_in_redis_never_go_back(redis_url: str) -> None:
    async def write() -> list[tuple[int, int, list[str], list[str]]]:
        settings = WorkerSettings(redis=redis_url, redis_prefix="lists:", partitions=1)
        writer = SnapshotWriter(settings)
        shown = []
        # The last two are those of a new owner, which another scoreboard hears first.
        for offset, listed in ((5, 4), (6, 3), (7, 6)):
            assert await writer.write(board_of(settings, offset, listed))
            snapshot = await read_snapshot(writer._redis, settings)
            latest = await read_latest(writer._redis, settings)
            medallists = await read_medallists(writer._redis, settings)
            assert snapshot
            assert latest
            assert medallists
            assert latest.offsets == medallists.offsets
            shown.append(
                (
                    snapshot.offsets[0][0],
                    latest.offsets[0][0],
                    [it.unit for it in latest.changes],
                    [it.unit for it in medallists.medals],
                )
            )
        await writer.close()
        return shown

    assert uvloop.run(write()) == [
        (5, 4, ["race 4"], ["race 4"]),
        (6, 4, ["race 4"], ["race 4"]),
        (7, 6, ["race 6"], ["race 6"]),
    ]
