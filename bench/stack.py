"""The Kafka and the Redis of a measurement: fresh ones, on free ports, in a scratch directory."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from redis import Redis
from rich.console import Console

from medallero.embedded.kafka import EmbeddedKafka
from medallero.embedded.lock import load_lock
from medallero.embedded.ports import free_port
from medallero.embedded.redis import EmbeddedRedis
from medallero.stop_flag import StopFlag
from medallero.up.provision import provide_kafka
from medallero.up.services import kafka_service, redis_service
from medallero.up.supervisor import Supervisor

_HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Stack:
    """Where Kafka and Redis are, and a directory for everything else."""

    kafka: str
    redis_url: str
    redis: Redis
    directory: Path


def cache_dir() -> Path:
    """Return the directory of downloaded software, which `medallero up` uses too."""
    return Path(os.environ.get("MEDALLERO_CACHE_DIR", "~/.cache/medallero")).expanduser()


@contextmanager
def started_stack(console: Console) -> Iterator[Stack]:
    """Start Kafka and Redis, stop them at the end, and leave nothing behind."""
    lock = load_lock()
    jars = provide_kafka(lock, cache_dir(), os.environ.get("MEDALLERO_MAVEN"), console, StopFlag())
    with tempfile.TemporaryDirectory(prefix="medallero-bench-") as scratch:
        directory = Path(scratch)
        logs = directory / "logs"
        broker = EmbeddedKafka(
            directory / "kafka", jars, _HOST, free_port(), free_port(), logs / "kafka.log", "1g"
        )
        server = EmbeddedRedis(directory / "redis", _HOST, free_port(), logs / "redis.log")
        supervisor = Supervisor(console.print, StopFlag())
        try:
            supervisor.start([kafka_service(broker, lock.version), redis_service(server)])
            with Redis.from_url(server.url, decode_responses=True) as client:
                yield Stack(broker.bootstrap, server.url, client, directory)
        finally:
            supervisor.stop_all()
