"""Both ways of the weather reports under faults; at the end both stores must say what the oracle
says of all that was sent.

Reports go onto the topic and into the queue at the same time, shuffled, many of them twice or with
another content. Meanwhile, in rotation, a worker and a consumer are killed and started again, and
RabbitMQ and Valkey are killed and come back a moment later with what they have on their disks.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.support.rabbitmq import RabbitMq, running_rabbitmq
from tests.support.servers import Server, running_kafka, running_redis
from tests.support.stack import Member
from tests.support.valkey import running_valkey
from tests.support.weather import as_the_net_brings_them, some_reports
from tests.support.weather_system import (
    WeatherSystem,
    send_to_kafka,
    send_to_rabbitmq,
    weather_settings,
)
from weather.recount import recount
from weather.summary import Summary

_DOWN: Final = 1.0


@dataclass(frozen=True)
class Servers:
    """Real servers that may be hurt."""

    kafka: Server
    redis: Server
    rabbitmq: RabbitMq
    valkey: Server


@dataclass(frozen=True)
class Plan:
    """How many reports; faults follow one another while they flow, each after *every* seconds."""

    reports: int
    seed: int = 1
    every: float = 1.0
    workers: int = 1
    consumers: int = 2
    patience: float = 300.0


@dataclass
class Report:
    """What happened."""

    records: int
    summary: Summary
    #: what was hurt, and how many records had not been counted by its way then
    strikes: list[tuple[str, int]] = field(default_factory=list)
    sent_seconds: float = 0.0
    seconds: float = 0.0


@contextmanager
def servers(directory: Path, kafka: Server | None = None) -> Iterator[Servers]:
    """Run the servers that are not given."""
    with (
        running_redis(directory) as redis,
        running_valkey(directory) as valkey,
        running_rabbitmq(directory) as rabbitmq,
    ):
        if kafka is not None:
            yield Servers(kafka, redis, rabbitmq, valkey)
            return
        with running_kafka(directory) as own:
            yield Servers(own, redis, rabbitmq, valkey)


def soak(
    plan: Plan, hurt: Servers, directory: Path, say: Callable[[str], None] = lambda _line: None
) -> Report:
    """Do it; raises AssertionError where a store says something else than the oracle."""
    values = as_the_net_brings_them(some_reports(plan.reports, seed=plan.seed), seed=plan.seed)
    expected = recount(values).summary
    report = Report(len(values), expected)
    settings = weather_settings(
        kafka=hurt.kafka.address,
        redis=hurt.redis.address,
        rabbitmq=hurt.rabbitmq.url,
        valkey=hurt.valkey.address,
    )
    system = WeatherSystem(settings, directory)
    system.prepare()
    workers = [system.add("worker") for _ in range(plan.workers)]
    # Small batches and a small prefetch, so that a fault finds work of every kind in flight.
    small = {"weather_batch": "200", "weather_prefetch": "2000"}
    consumers = [system.add("consumer", **small) for _ in range(plan.consumers)]
    try:
        system.wait_ready()
        began = time.monotonic()
        with ThreadPoolExecutor(2) as threads:
            sending = [
                threads.submit(asyncio.run, send_to_kafka(settings, values)),
                threads.submit(asyncio.run, send_to_rabbitmq(settings, values)),
            ]
            strike(plan, hurt, system, workers, consumers, sending, report, say)
            for it in sending:
                it.result(timeout=plan.patience)
        report.sent_seconds = time.monotonic() - began
        say(f"sent {len(values):,} records in {report.sent_seconds:.1f} s")
        system.wait_for("kafka", expected, plan.patience)
        system.wait_for("rabbitmq", expected, plan.patience)
        report.seconds = time.monotonic() - began
    finally:
        system.stop()
    return report


def strike(
    plan: Plan,
    hurt: Servers,
    system: WeatherSystem,
    workers: list[Member],
    consumers: list[Member],
    sending: list[Future[None]],
    report: Report,
    say: Callable[[str], None],
) -> None:
    """Hurt each in its turn, at least once; again and again while records flow."""

    def again(member: Member) -> Callable[[], None]:
        def restart() -> None:
            member.kill()
            member.start()

        return restart

    def down_for_a_moment(server: Server | RabbitMq) -> Callable[[], None]:
        def restart() -> None:
            server.kill()
            time.sleep(_DOWN)
            server.start()

        return restart

    turns: list[tuple[str, Callable[[], None]]] = [
        *((f"consumer {number}", again(it)) for number, it in enumerate(consumers, start=1)),
        ("Valkey", down_for_a_moment(hurt.valkey)),
        *((f"worker {number}", again(it)) for number, it in enumerate(workers, start=1)),
        ("RabbitMQ", down_for_a_moment(hurt.rabbitmq)),
    ]
    turn = 0
    while turn < len(turns) or not all(it.done() for it in sending):
        time.sleep(plan.every)
        name, hit = turns[turn % len(turns)]
        counts = system.counts("kafka" if name.startswith("worker") else "rabbitmq")
        left = report.summary.reports - (counts.summary().reports if counts else 0)
        report.strikes.append((name, left))
        hit()
        say(f"{name} was hit with {left:,} reports to go")
        turn += 1
        for it in sending:
            if it.done():
                it.result()
