"""A worker as the tutorials of Faust teach it: ``python -m tests.soak.textbook GUARANTEE worker``.

A Record, an agent, a table write and a Redis increment a record, with Faust's own settings, and
GUARANTEE for ``processing_guarantee``. What follows GUARANTEE is Faust's command line. A result
that is read twice counts twice; there is nothing of ours in it. `compare` shows what faults do.
"""

from __future__ import annotations

import os
import sys
from typing import Final

import faust
from redis.asyncio import Redis

#: The hash of entries in Redis, by sport and unit; before it stands the prefix.
ENTRIES: Final = "entries"
#: The topic of the table, behind the app's id.
CHANGELOG: Final = f"-{ENTRIES}-changelog"


class Competitor(faust.Record):
    id: str
    name: str
    age: int


class Result(faust.Record, serializer="json"):
    sport: str
    unit: str
    phase: str
    competitor: Competitor
    faculty: str
    status: str
    version: int
    mark: str


def make_app(guarantee: str) -> faust.App:
    """Return the app; the variables of the environment are those of our workers."""
    app = faust.App(
        os.environ["MEDALLERO_APP_ID"],
        broker=";".join(f"kafka://{it}" for it in os.environ["MEDALLERO_KAFKA"].split(",")),
        processing_guarantee=guarantee,
        topic_partitions=int(os.environ["MEDALLERO_PARTITIONS"]),
        topic_replication_factor=int(os.environ["MEDALLERO_REPLICATION"]),
        # With the sixty seconds that are usual, a run would wait for them and see little else.
        broker_session_timeout=10.0,
        # Several workers on one machine are told apart by their port, even without a server.
        web_enabled=False,
        web_port=int(os.environ["MEDALLERO_WORKER_PORT"]),
    )
    results_topic = app.topic(f"{os.environ['MEDALLERO_TOPIC_PREFIX']}results", value_type=Result)
    entries = app.Table(ENTRIES, default=int)
    redis = Redis.from_url(os.environ["MEDALLERO_REDIS"])
    shown = f"{os.environ['MEDALLERO_REDIS_PREFIX']}{ENTRIES}"

    async def count(results: faust.StreamT[Result]) -> None:
        async for result in results:
            unit = f"{result.sport}/{result.unit}"
            entries[unit] += 1
            await redis.hincrby(shown, unit, 1)

    app.agent(results_topic)(count)
    return app


if __name__ == "__main__":
    make_app(sys.argv.pop(1)).main()
