"""A connection to Redis that was closed a moment ago, under the loop that the processes use."""

from __future__ import annotations

from typing import Any

import pytest
import uvloop

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
