"""The measurements. Each starts what it measures, and leaves the servers to the next one."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bench.figures import percentile
from bench.weather.senders import load
from contracts.topic_admin import ensure_topics
from contracts.weather_store import Path as Way
from medallero.embedded.processes import Process
from medallero.options import variable
from medallero.up.endpoints import as_environment
from medallero.up.services import WeatherKind, gateway_service
from streams.weather.store import ReportStore, connect
from tests.soak.weather import Servers
from tests.support.ports import free_port
from tests.support.stack import Member
from tests.support.waiting import wait_until
from tests.support.weather import as_the_net_brings_them, some_reports
from tests.support.weather_system import (
    WeatherSystem,
    send_to_kafka,
    send_to_rabbitmq,
    weather_settings,
)
from weather.recount import recount
from weather.report import decode
from weather.summary import Summary

_HOST: Final = "127.0.0.1"
_BATCH: Final = 100
_CONNECTIONS: Final = 8

Figures = dict[str, Any]


@dataclass
class Bench:
    """Servers, a scratch directory, and how long and how much."""

    servers: Servers
    directory: Path
    seconds: float
    reports: int
    started: int = field(default=0)

    @contextmanager
    def system(self, **fields: Any) -> Iterator[WeatherSystem]:
        """Give topics, queues and keys of their own; stop what was started with them."""
        settings = weather_settings(
            **{
                "kafka": self.servers.kafka.address,
                "redis": self.servers.redis.address,
                "rabbitmq": self.servers.rabbitmq.url,
                "valkey": self.servers.valkey.address,
                **fields,
            }
        )
        self.started += 1
        directory = self.directory / str(self.started)
        directory.mkdir()
        system = WeatherSystem(settings, directory)
        system.prepare()
        try:
            yield system
        finally:
            system.stop()

    def gateways(self, system: WeatherSystem, writers: str, count: int) -> list[tuple[int, int]]:
        """Start gateways and wait; return their HTTP and gRPC ports."""
        environment = {
            **as_environment(system.settings, secrets=True),
            variable("weather_writers"): writers,
        }
        ports = []
        for number in range(count):
            http, grpc = free_port(), free_port()
            service = gateway_service(
                environment,
                http=(_HOST, http),
                grpc=(_HOST, grpc),
                log=system.directory / f"gateway-{number}.log",
            )
            system.members.append(Member(service, http, Process(service.prepare())))
            ports.append((http, grpc))
        system.wait_ready()
        return ports


def writers(bench: Bench) -> list[Figures]:
    """One and two gateways, onto Kafka, into RabbitMQ, and both."""
    found = []
    for names in ("kafka", "rabbitmq", "kafka,rabbitmq"):
        for count in (1, 2):
            with bench.system() as system:
                _with_standings(system)
                ports = [http for http, _ in bench.gateways(system, names, count)]
                sent = asyncio.run(
                    load(
                        ports,
                        "http",
                        batch=_BATCH,
                        connections=_CONNECTIONS,
                        seconds=bench.seconds,
                    )
                )
            found.append({"writers": names, "gateways": count, **sent.figures()})
    return found


def protocols(bench: Bench) -> list[Figures]:
    """REST and gRPC, single reports and lists, onto Kafka."""
    found = []
    with bench.system() as system:
        _with_standings(system)
        ((http, grpc),) = bench.gateways(system, "kafka", 1)
        for batch in (1, _BATCH):
            for protocol, port in (("http", http), ("grpc", grpc)):
                sent = asyncio.run(
                    load(
                        [port],
                        protocol,
                        batch=batch,
                        connections=_CONNECTIONS,
                        seconds=bench.seconds,
                    )
                )
                found.append({"protocol": protocol, "batch": batch, **sent.figures()})
    return found


def counting(bench: Bench) -> list[Figures]:
    """How fast a backlog is counted by each way, by one and by two processes."""
    found = []
    values = as_the_net_brings_them(some_reports(bench.reports))
    expected = recount(values).summary
    valkey, redis = bench.servers.valkey.address, bench.servers.redis.address
    cases: list[tuple[str, Way, WeatherKind, int, str]] = [
        ("Kafka → Redis", "kafka", "worker", 1, valkey),
        ("Kafka → Redis", "kafka", "worker", 2, valkey),
        ("RabbitMQ → Valkey", "rabbitmq", "consumer", 1, valkey),
        ("RabbitMQ → Valkey", "rabbitmq", "consumer", 2, valkey),
        ("RabbitMQ → Redis", "rabbitmq", "consumer", 1, redis),
    ]
    for title, way, kind, processes, store in cases:
        with bench.system(valkey=store) as system:
            send = send_to_kafka if way == "kafka" else send_to_rabbitmq
            asyncio.run(send(system.settings, values))
            for _ in range(processes):
                system.add(kind)
            rate = _rate(system, way, expected)
        found.append({"way": title, "processes": processes, "rate": rate})
    return found


def stores(bench: Bench) -> list[Figures]:
    """The same batches counted by Redis and by Valkey, each durable before the next."""
    found = []
    values = as_the_net_brings_them(some_reports(bench.reports))
    reports = [(decode(it), it) for it in values]
    for name, url in (
        ("Redis", bench.servers.redis.address),
        ("Valkey", bench.servers.valkey.address),
    ):
        for fsync in ("everysec", "always"):
            for size in (100, 1_000):
                rate = asyncio.run(_count_all(url, fsync, reports, size))
                found.append({"store": name, "fsync": fsync, "batch": size, "rate": rate})
    return found


def absences(bench: Bench) -> list[Figures]:
    """What senders notice while whoever counts is frozen, or dead; and how it catches up."""
    found = []
    cases: list[tuple[str, WeatherKind, Way]] = [
        ("kafka", "worker", "kafka"),
        ("rabbitmq", "consumer", "rabbitmq"),
    ]
    for names, kind, way in cases:
        for what in ("frozen", "killed"):
            with bench.system() as system:
                _with_standings(system)
                counting_one = system.add(kind)
                ports = [http for http, _ in bench.gateways(system, names, 1)]
                found.append(
                    {
                        "way": way,
                        "counting is": what,
                        **asyncio.run(_absence(bench, system, counting_one, ports, what, way)),
                    }
                )
    return found


async def _absence(
    bench: Bench,
    system: WeatherSystem,
    counting_one: Member,
    ports: list[int],
    what: str,
    way: Way,
) -> Figures:
    third = bench.seconds
    sending = asyncio.create_task(
        load(
            ports,
            "http",
            batch=10,
            connections=_CONNECTIONS,
            seconds=3 * third,
            rate=bench.reports / (3 * third),
        )
    )
    began = time.monotonic()
    await asyncio.sleep(third)
    hurt = counting_one.pause if what == "frozen" else counting_one.kill
    await asyncio.to_thread(hurt)
    await asyncio.sleep(third)
    before = await asyncio.to_thread(_reports, system, way)
    await asyncio.to_thread(counting_one.resume if what == "frozen" else counting_one.start)
    back = time.monotonic()
    sent = await sending
    await asyncio.to_thread(
        wait_until,
        lambda: _reports(system, way) >= sent.reports,
        timeout=120,
        what=lambda: f"{_reports(system, way)} of {sent.reports} are counted\n{system.logs()}",
    )
    times: list[list[tuple[float, int]]] = [[], []]
    for at, took in sent.requests:
        times[began + third <= at < began + 2 * third].append((1000 * took, 1))
    return {
        "p99_ms": percentile(times[0], 0.99),
        "p99_ms_without": percentile(times[1], 0.99),
        "failed": sent.failed,
        "waiting": int(sent.reports * 2 / 3) - before,
        "all_counted_after_s": time.monotonic() - back,
        "lost": sent.reports - await asyncio.to_thread(_reports, system, way),
    }


async def _count_all(url: str, fsync: str, reports: list[Any], size: int) -> float:
    async with connect(url) as redis:
        await redis.config_set("appendfsync", fsync)
        prefix = f"bench-{fsync}-{size}:"
        store = ReportStore(redis, prefix)
        began = time.monotonic()
        for at in range(0, len(reports), size):
            await store.count(reports[at : at + size])
        await store.durable()
        took = time.monotonic() - began
        async for key in redis.scan_iter(f"{prefix}*"):
            await redis.delete(key)
    return len(reports) / took


def _with_standings(system: WeatherSystem) -> None:
    """Create the topics of the results too: the gateway wants them."""
    asyncio.run(ensure_topics(system.settings))


def _progress(system: WeatherSystem, way: Way) -> tuple[float, int] | None:
    reports = _reports(system, way)
    return (time.monotonic(), reports) if reports else None


def _rate(system: WeatherSystem, way: Way, expected: Summary) -> float | None:
    """Return how many reports a second are counted, from the first that are seen on."""
    first = wait_until(lambda: _progress(system, way), timeout=60, pause=0.02)
    system.wait_for(way, expected)
    took = time.monotonic() - first[0]
    return (expected.reports - first[1]) / took if took else None


def _reports(system: WeatherSystem, way: Way) -> int:
    counts = system.counts(way)
    return counts.cells.get("total\treports", 0) if counts else 0


#: Every measurement by its name, with what it answers.
SECTIONS: Final[dict[str, tuple[str, Callable[[Bench], list[Figures]]]]] = {
    "writers": ("Kafka against RabbitMQ, one gateway against two: lists of 100", writers),
    "protocols": ("REST against gRPC, onto Kafka", protocols),
    "counting": ("a backlog counted", counting),
    "stores": ("Redis against Valkey: batches counted, durable at the end", stores),
    "absences": ("who counts is away for a third of the time", absences),
}
