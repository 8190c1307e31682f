"""Real Kafka and Redis for tests, on free ports, with their data in a directory of the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from medallero.embedded import fetch, kafka, redis
from medallero.embedded.kafka import EmbeddedKafka
from medallero.embedded.lock import load_lock
from medallero.embedded.processes import Command, Process, stop_all
from medallero.embedded.redis import EmbeddedRedis
from medallero.up.settings import UpSettings
from tests.support.java_cache import use_java_cache
from tests.support.ports import free_port
from tests.support.tcp_proxy import TcpProxy

_ATTEMPTS: Final = 3
_START_TIMEOUT: Final = 120.0


@dataclass
class Server:
    """A running server that a test may kill and start again on the same data and port."""

    address: str
    prepare: Callable[[], Command]
    answers: Callable[[], bool]
    process: Process

    @property
    def pid(self) -> int:
        return self.process.pid

    def kill(self) -> None:
        """End it at once, as a power failure would."""
        self.process.kill()

    def stop(self) -> None:
        """End it in order."""
        stop_all([self.process], grace=20.0)

    def start(self) -> None:
        """Start it again and wait until it serves."""
        self.process = Process(self.prepare())
        if not _serves(self.process, self.answers):
            raise AssertionError(f"it does not start again:\n{self.process.log_tail(50)}")


@contextmanager
def running_kafka(directory: Path) -> Iterator[Server]:
    """Run a Kafka broker; the address is its bootstrap server."""
    jars = class_path()

    def make() -> tuple[str, Callable[[], Command], Callable[[], bool]]:
        broker = EmbeddedKafka(
            directory / "kafka",
            jars,
            "127.0.0.1",
            free_port(),
            controller_port=free_port(),
            log=directory / "kafka.log",
        )
        return broker.bootstrap, broker.prepare, lambda: kafka.answers(broker.host, broker.port)

    with running(make) as server:
        yield server


@contextmanager
def running_kafka_behind_proxy(directory: Path) -> Iterator[tuple[Server, TcpProxy]]:
    """Run a Kafka broker that tells its clients the proxy's address; so does the server's."""
    jars = class_path()
    # The broker has to know the proxy's port, and the proxy the broker's.
    with TcpProxy(("127.0.0.1", 0)) as proxy:

        def make() -> tuple[str, Callable[[], Command], Callable[[], bool]]:
            broker = _ProxiedKafka(
                directory / "kafka",
                jars,
                "127.0.0.1",
                free_port(),
                controller_port=free_port(),
                log=directory / "kafka.log",
                advertised=proxy.port,
            )
            proxy.upstream = (broker.host, broker.port)
            return proxy.address, broker.prepare, lambda: kafka.answers(broker.host, broker.port)

        with running(make) as server:
            yield server, proxy


@contextmanager
def running_redis(directory: Path) -> Iterator[Server]:
    """Run a Redis; the address is its URL."""

    def make() -> tuple[str, Callable[[], Command], Callable[[], bool]]:
        server = EmbeddedRedis(
            directory / "redis", "127.0.0.1", free_port(), log=directory / "redis.log"
        )
        return server.url, server.prepare, lambda: redis.answers(server.host, server.port)

    with running(make) as server:
        yield server


@dataclass(frozen=True, slots=True)
class _ProxiedKafka(EmbeddedKafka):
    advertised: int = 0

    def prepare(self) -> Command:
        command = EmbeddedKafka.prepare(self)
        file = self.directory / "server.properties"
        own, told = (
            f"advertised.listeners=CLIENT://{self.host}:{port}"
            for port in (self.port, self.advertised)
        )
        properties = file.read_text(encoding="utf-8")
        assert own in properties
        file.write_text(properties.replace(own, told), encoding="utf-8")
        return command


def class_path() -> tuple[Path, ...]:
    """Return Kafka's jars, fetching what the machine's cache lacks; Java starts faster then."""
    from jgo.constants import MAVEN_CENTRAL_URL

    settings = UpSettings()
    lock = load_lock()
    directory = settings.cache_dir.expanduser().absolute() / "jars"
    if fetch.missing(lock.jars, directory):
        fetch.fetch(lock.jars, directory, settings.maven or str(MAVEN_CENTRAL_URL))
    jars = kafka.jar_paths(lock, directory)
    use_java_cache(jars)
    return jars


@contextmanager
def running(
    make: Callable[[], tuple[str, Callable[[], Command], Callable[[], bool]]],
) -> Iterator[Server]:
    """Run what *make* describes; anew on other ports if somebody took them in between."""
    for attempt in range(1, _ATTEMPTS + 1):
        address, prepare, answers = make()
        server = Server(address, prepare, answers, Process(prepare()))
        try:
            if _serves(server.process, answers):
                yield server
                return
            if attempt == _ATTEMPTS:
                raise AssertionError(f"it does not start:\n{server.process.log_tail(50)}")
        finally:
            server.stop()


def _serves(process: Process, answers: Callable[[], bool]) -> bool:
    """Wait until it answers; kill it and return false if it ends first or takes too long."""
    for _ in range(int(_START_TIMEOUT / 0.1)):
        if answers():
            return True
        if process.wait(0.1) is not None:
            return False
    process.kill()
    return False
