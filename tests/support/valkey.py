"""A real Valkey for tests, on a free port, with its log of writes in a directory of the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from medallero.embedded import redis
from medallero.embedded.processes import Command
from medallero.embedded.redis import EmbeddedRedis
from tests.support.ports import free_port
from tests.support.servers import Server, running


@contextmanager
def running_valkey(directory: Path) -> Iterator[Server]:
    """Run a Valkey whose answers are on the disk; the address is its URL."""

    def make() -> tuple[str, Callable[[], Command], Callable[[], bool]]:
        server = EmbeddedRedis(
            directory / "valkey",
            "127.0.0.1",
            free_port(),
            log=directory / "valkey.log",
            kind="valkey",
            fsync="always",
        )
        return server.url, server.prepare, lambda: redis.answers(server.host, server.port)

    with running(make) as server:
        yield server
