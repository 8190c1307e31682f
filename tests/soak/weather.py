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
from itertools import count
from pathlib import Path
from typing import Final

from contracts.weather_store import Path as Way
from tests.support.rabbitmq import RabbitMq, running_rabbitmq
from tests.support.servers import Server, running_kafka, running_redis
from tests.support.stack import Member
from tests.support.valkey import running_valkey
from tests.support.waiting import wait_until
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
#: Reports that a way counts between two faults.
_STEP: Final = 200


@dataclass(frozen=True)
class Servers:
    """Real servers that may be hurt."""

    kafka: Server
    redis: Server
    rabbitmq: RabbitMq
    valkey: Server


@dataclass(frozen=True)
class Plan:
    """How many reports, at which rate (records a second; 0: as fast as it goes), and the faults.

    Between two faults lie at least *every* seconds, and records that the way which is to be hit
    has counted. *rounds*: how often each is hit; 0: as long as records flow.
    """

    reports: int
    rate: int = 0
    seed: int = 1
    every: float = 1.0
    rounds: int = 0
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
                threads.submit(asyncio.run, send_to_kafka(settings, values, plan.rate)),
                threads.submit(asyncio.run, send_to_rabbitmq(settings, values, plan.rate)),
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
    """Hurt each in its turn, as the plan says."""

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

    turns: list[tuple[Way, str, Callable[[], None]]] = [
        *(("kafka", f"worker {number}", again(it)) for number, it in enumerate(workers, start=1)),
        ("rabbitmq", "Valkey", down_for_a_moment(hurt.valkey)),
        *(
            ("rabbitmq", f"consumer {number}", again(it))
            for number, it in enumerate(consumers, start=1)
        ),
        ("rabbitmq", "RabbitMQ", down_for_a_moment(hurt.rabbitmq)),
    ]
    total = report.summary.reports
    counted: dict[Way, int] = {"kafka": 0, "rabbitmq": 0}
    for turn in count():
        if turn >= plan.rounds * len(turns) and (plan.rounds or all(it.done() for it in sending)):
            return
        time.sleep(plan.every)
        way, name, hit = turns[turn % len(turns)]
        counted[way] = _when_it_is_further(
            system, way, min(counted[way] + _STEP, total), name, plan
        )
        report.strikes.append((name, total - counted[way]))
        say(f"{name} is hit with {total - counted[way]:,} reports to go")
        hit()


def _when_it_is_further(system: WeatherSystem, way: Way, least: int, name: str, plan: Plan) -> int:
    """Wait until a way has counted so many, so that what hits it finds it at work."""

    def now() -> int:
        counts = system.counts(way)
        return counts.summary().reports if counts else 0

    wait_until(
        lambda: now() >= least,
        timeout=plan.patience,
        what=lambda: f"{least:,} reports are counted before {name} is hit\n{system.logs()}",
    )
    return now()
