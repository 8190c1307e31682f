"""What the harness tells a program, through the environment."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Task:
    """Read ``topic`` of ``partitions`` as ``group``; write to Redis under ``prefix``.

    ``directory`` is the program's own. Programs report at least ten times a second.
    """

    kafka: str
    redis: str
    topic: str
    partitions: int
    group: str
    prefix: str
    directory: Path


def read_task() -> Task:
    """Return the task that the environment describes."""
    env = os.environ
    return Task(
        kafka=env["BENCH_KAFKA"],
        redis=env["BENCH_REDIS"],
        topic=env["BENCH_TOPIC"],
        partitions=int(env["BENCH_PARTITIONS"]),
        group=env["BENCH_GROUP"],
        prefix=env["BENCH_PREFIX"],
        directory=Path(env["BENCH_DIR"]),
    )
