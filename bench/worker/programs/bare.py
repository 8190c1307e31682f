"""The limits: an aiokafka consumer that decodes (``bare.py decode``), or only fetches.

What no worker on aiokafka can beat. The same fetch sizes as the worker; no state, no mirror but
for the count.
"""

from __future__ import annotations

import sys
import time

import msgspec
import uvloop
from aiokafka import AIOKafkaConsumer
from redis.asyncio import Redis

from bench.worker.programs.rules import Result
from bench.worker.programs.task import read_task

_REPORT_SECONDS = 0.05


async def consume(*, decode: bool) -> None:
    """Read the topic from its beginning, for ever."""
    task = read_task()
    redis = Redis.from_url(task.redis)
    decode_result = msgspec.json.Decoder(Result).decode
    consumer = AIOKafkaConsumer(
        task.topic,
        bootstrap_servers=task.kafka,
        group_id=task.group,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        max_partition_fetch_bytes=4 * 1024 * 1024,
    )
    await consumer.start()
    processed = reported = 0
    reported_at = 0.0
    while True:
        fetched = await consumer.getmany(timeout_ms=50, max_records=4_000)
        for records in fetched.values():
            if decode:
                for record in records:
                    decode_result(record.value)
            processed += len(records)
        now = time.monotonic()
        if processed != reported and now - reported_at >= _REPORT_SECONDS:
            await redis.hset(f"{task.prefix}meta", "snapshot", processed)
            reported, reported_at = processed, now


if __name__ == "__main__":
    uvloop.run(consume(decode=sys.argv[1:] == ["decode"]))
