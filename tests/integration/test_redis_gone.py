"""A connection to Redis that was closed a moment ago, under the loop that the processes use."""

from __future__ import annotations

from typing import Any

import pytest
import uvloop
from msgspec.structs import replace

from contracts.latest import ChangeLine, PlacedLine
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


def test_the_lists_in_redis_never_go_back(redis_url: str) -> None:
    gold = PlacedLine(1, "7", "Ana", "law", None, None, None, None, "gold")

    def tally(offset: int, listed: int) -> TallyRecord:
        line = ChangeLine("swimming", f"race {listed}", listed - 1, 1000 + listed, "result", gold,
                          "final", "official", 1, [gold])  # fmt: skip
        return replace(A_TALLY, offset=offset, latest=[line], latest_offset=listed)

    async def write() -> list[tuple[int, int, list[str], list[str]]]:
        settings = WorkerSettings(redis=redis_url, redis_prefix="lists:", partitions=1)
        writer = SnapshotWriter(settings)
        shown = []
        # The last two are those of a new owner, which another scoreboard hears first.
        for offset, listed in ((5, 4), (6, 3), (7, 6)):
            board = Board(settings.epoch, settings.partitions, load_catalogue())
            board.hear(tally(offset, listed))
            assert await writer.write(board)
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
