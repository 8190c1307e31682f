"""Full peer: stock Faust as somebody writes it who knows it well.

``take()`` for batches, a table keyed by unit that is written with ``use_partitioner`` (the only
way to write one inside ``take()``), raw bytes in and msgpack out, uvloop, large fetches. The
counts are derived from the table: after a recovery from its content.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from typing import TYPE_CHECKING

import faust
import mode.loop
from redis.asyncio import Redis

from bench.worker.programs.rules import Counts, Result, decode_result, decode_unit, encode_unit
from bench.worker.programs.task import read_task

if TYPE_CHECKING:
    from faust.types import StreamT

_REPORT_SECONDS = 0.05


def main() -> None:
    """Run the peer."""
    mode.loop.use("uvloop")
    # Faust makes a debug record of every message that it sends, at any --loglevel.
    logging.disable(logging.INFO)
    task = read_task()
    app = faust.App(
        task.group,
        broker=f"kafka://{task.kafka}",
        store="memory://",
        topic_partitions=task.partitions,
        topic_replication_factor=1,
        table_standby_replicas=0,
        broker_commit_interval=0.5,
        broker_max_poll_records=4_000,
        consumer_max_fetch_size=4 * 1024 * 1024,
        consumer_auto_offset_reset="earliest",
        stream_buffer_maxsize=8_192,
        producer_max_batch_size=512 * 1024,
        producer_linger=0.01,
        producer_acks=-1,
        web_enabled=False,
        datadir=str(task.directory),
    )
    topic = app.topic(task.topic, key_type=bytes, value_type=bytes, value_serializer="raw")
    units = app.Table(
        "units",
        partitions=task.partitions,
        use_partitioner=True,
        key_type=bytes,
        value_type=bytes,
    )
    counts = Counts()
    redis = Redis.from_url(task.redis)
    processed = 0
    reported = 0

    @app.agent(topic)
    async def standings(stream: StreamT[bytes]) -> None:
        nonlocal processed
        async for batch in stream.take(1_000, within=0.02):
            by_unit: defaultdict[tuple[str, str], list[Result]] = defaultdict(list)
            for data in batch:
                result = decode_result(data)
                by_unit[result.sport, result.unit].append(result)
            for (sport, name), results in by_unit.items():
                key = f"{sport}/{name}".encode()
                stored = units.get(key)
                unit = {} if stored is None else decode_unit(stored)
                if counts.change(sport, unit, results):
                    units[key] = encode_unit(unit)
            processed += len(batch)

    @units.on_recover
    async def recovered() -> None:
        counts.rows.clear()
        for key, stored in units.items():
            counts.add(key.decode().partition("/")[0], decode_unit(stored), +1)

    @app.timer(_REPORT_SECONDS)  # type: ignore[untyped-decorator]  # Faust has no hints for it
    async def report() -> None:
        nonlocal reported
        if processed != reported:
            reported = processed
            pipeline = redis.pipeline(transaction=True)
            for key, fields in counts.commands(task.prefix):
                pipeline.hset(key, mapping=fields)
            pipeline.hset(f"{task.prefix}meta", "snapshot", reported)
            await pipeline.execute()

    faust.Worker(app, loglevel="WARNING", quiet=True).execute_from_commandline()


if __name__ == "__main__":
    main()
