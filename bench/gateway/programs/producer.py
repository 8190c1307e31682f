"""A bare producer fed in-process: the limit of every gateway on aiokafka.

Results that are there as objects are encoded and appended to batches, one open batch a partition,
two in flight at most; no HTTP, no JSON in. Prints one JSON object.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from pathlib import Path

import uvloop
from aiokafka import AIOKafkaProducer

from bench.gateway.programs.rules import Result, decode, encode, key_of

_PARTITIONS = int(os.environ["BENCH_PARTITIONS"])
_SECONDS = float(os.environ["BENCH_SECONDS"])


async def feed() -> None:
    """Send for BENCH_SECONDS and print how much was acknowledged."""
    topic = os.environ["BENCH_TOPIC"]
    results: list[Result] = []
    for line in Path(os.environ["BENCH_BODIES"]).read_bytes().splitlines():  # noqa: ASYNC240
        found = decode(line)
        assert isinstance(found, list)
        results += found
    producer = AIOKafkaProducer(
        bootstrap_servers=os.environ["BENCH_KAFKA"],
        acks="all",
        enable_idempotence=True,
        max_batch_size=512 * 1024,
        max_request_size=8 * 512 * 1024,
    )
    await producer.start()
    began, cpu = time.monotonic(), time.process_time()
    counts = await asyncio.gather(
        *(_partition(producer, topic, number, results, began) for number in range(_PARTITIONS))
    )
    seconds, cpu = time.monotonic() - began, time.process_time() - cpu
    await producer.stop()
    json.dump({"accepted": sum(counts), "seconds": seconds, "cpu": cpu}, sys.stdout)


async def _partition(
    producer: AIOKafkaProducer, topic: str, partition: int, results: list[Result], began: float
) -> int:
    count, at = 0, partition
    while time.monotonic() - began < _SECONDS:
        batch = producer.create_batch()
        while True:
            result = results[at % len(results)]
            if batch.append(key=key_of(result), value=encode(result), timestamp=None) is None:
                break
            at += 1
        batch.close()
        acknowledged = await producer.send_batch(batch, topic, partition=partition)
        await acknowledged
        count += batch.record_count()
    return count


if __name__ == "__main__":
    uvloop.run(feed())
