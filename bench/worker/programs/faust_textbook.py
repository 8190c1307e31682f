"""Less: stock Faust as its tutorials teach it, with their settings.

A Record, an agent, a table write and a Redis increment a record. No versions, no medals; a result
that comes twice counts twice.
"""

from __future__ import annotations

import os

import faust
from redis.asyncio import Redis


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


app = faust.App(
    os.environ["BENCH_GROUP"],
    broker=f"kafka://{os.environ['BENCH_KAFKA']}",
    topic_partitions=int(os.environ["BENCH_PARTITIONS"]),
    web_enabled=False,
    datadir=os.environ["BENCH_DIR"],
)
results_topic = app.topic(os.environ["BENCH_TOPIC"], value_type=Result)
entries = app.Table("entries", default=int)
redis = Redis.from_url(os.environ["BENCH_REDIS"])
ENTRIES = f"{os.environ['BENCH_PREFIX']}entries"


@app.agent(results_topic)
async def count(results: faust.StreamT[Result]) -> None:
    """Count entries by unit in the table, by sport and faculty in Redis."""
    async for result in results:
        entries[result.unit] += 1
        await redis.hincrby(ENTRIES, f"{result.sport}/{result.faculty}", 1)


if __name__ == "__main__":
    app.main()
