"""Weather workers and consumers as real processes, and a sender that goes through everything."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Final, cast

import aio_pika
from aio_pika.exceptions import AMQPError, ChannelInvalidStateError
from aiokafka import AIOKafkaProducer
from aiormq import Channel as RawChannel
from yarl import URL

from contracts.kafka import kafka_options
from contracts.topic_admin import ensure_topics
from contracts.weather import declare_weather_queues
from contracts.weather_store import Path as Way
from contracts.weather_store import StoredCounts, WeatherStoreSettings, counting_topics
from gateway.weather.rabbit_writer import publish
from medallero.embedded.processes import Process, stop_all
from medallero.options import variable
from medallero.up.endpoints import as_environment
from medallero.up.services import WeatherKind, weather_service
from tests.support.ports import free_port
from tests.support.stack import Member
from tests.support.waiting import wait_until
from tests.support.weather import check_tables, stored
from weather.report import decode
from weather.summary import Summary

_HOST: Final = "127.0.0.1"
_AT_ONCE: Final = 250
_PATIENCE: Final = 120.0


def weather_settings(**fields: Any) -> WeatherStoreSettings:
    """Return settings whose topics, queues and keys no other test uses."""
    name = uuid.uuid4().hex[:8]
    own = {
        "topic_prefix": f"{name}-",
        "weather_queue": f"{name}-reports",
        "weather_prefix": f"{name}:",
        "redis_prefix": f"{name}-olympics:",
    }
    return WeatherStoreSettings(**{**own, **fields})


@dataclass
class WeatherSystem:
    """Processes that count weather reports."""

    settings: WeatherStoreSettings
    directory: Path
    members: list[Member] = field(default_factory=list)

    def prepare(self) -> None:
        """Create the topics."""
        asyncio.run(ensure_topics(self.settings, counting_topics(self.settings)))

    def add(self, kind: WeatherKind, **environment: str) -> Member:
        """Start one more process; it is not waited for."""
        port = free_port()
        number = len(self.members) + 1
        service = weather_service(
            {
                **as_environment(self.settings, secrets=True),
                variable("app_id"): f"{self.settings.topic_prefix}weather",
                **{variable(name): value for name, value in environment.items()},
            },
            kind=kind,
            http=(_HOST, port),
            log=self.directory / f"weather-{kind}-{number}.log",
        )
        command = service.prepare()
        if kind == "worker":
            # Of several each has a name of its own.
            own = {**command.environment, variable("worker_id"): f"weather-worker-{number}"}
            command = type(command)(command.argv, command.log, own)
            service = type(service)(
                service.name, lambda: command, service.problem, service.stop_rank
            )
        member = Member(service, port, Process(command))
        self.members.append(member)
        return member

    def wait_ready(self) -> None:
        for member in self.members:
            member.wait_ready()

    def counts(self, way: Way) -> StoredCounts | None:
        """Read the store at the end of a way."""
        return stored(self.settings.store_url(way), self.settings.weather_prefix)

    def wait_for(self, way: Way, summary: Summary, timeout: float = _PATIENCE) -> None:
        """Wait until a store says *summary*, tables and all."""

        def reached() -> bool:
            counts = self.counts(way)
            return counts is not None and counts.summary() == summary

        def state() -> str:
            counts = self.counts(way)
            found = None if counts is None else counts.summary()
            return (
                f"{way} comes to {summary.reports} reports; it has {found and found.reports}, "
                f"{found and found.places}\n{self.logs()}"
            )

        wait_until(reached, timeout=timeout, pause=0.2, what=state)
        check_tables(self.settings.store_url(way), self.settings.weather_prefix, summary, way)

    def logs(self) -> str:
        return "\n".join(f"--- {it.name} (pid {it.pid})\n{it.log()}" for it in self.members)

    def stop(self) -> None:
        """Stop everything."""
        stop_all((it.process for it in self.members), grace=20.0)


async def send_to_kafka(
    settings: WeatherStoreSettings,
    values: Sequence[bytes],
    rate: int = 0,
) -> None:
    """Put encoded reports onto the topic, *rate* a second at most (0: as fast as it goes)."""
    producer = AIOKafkaProducer(
        **kafka_options(settings), acks="all", enable_idempotence=True, linger_ms=5
    )
    await producer.start()
    try:
        for some in _chunks(values):
            futures = [
                await producer.send(
                    settings.weather_reports_topic, value=it, key=decode(it).id.encode()
                )
                for it in some
            ]
            await asyncio.gather(*futures)
            await _pause(len(some), rate)
    finally:
        await producer.stop()


async def send_to_rabbitmq(
    settings: WeatherStoreSettings,
    values: Sequence[bytes],
    rate: int = 0,
) -> None:
    """Put encoded reports into the queue, at such a rate, whatever happens to RabbitMQ.

    What is not confirmed is sent again, with all of its chunk.
    """
    waiting = list(_chunks(values))
    deadline = asyncio.get_running_loop().time() + 600 + len(values) / 500
    while waiting:
        try:
            # Made by hand, as it is to be closed also when it was never open.
            connection = aio_pika.Connection(URL(settings.rabbitmq))
            try:
                await connection.connect(timeout=5)
                channel = await connection.channel()
                await declare_weather_queues(channel, settings)
                underlay = cast(RawChannel, await channel.get_underlay_channel())
                while waiting:
                    messages: list[tuple[bytes, bytes, list[Any]]] = [
                        (str(n).encode(), it, []) for n, it in enumerate(waiting[0])
                    ]
                    async with asyncio.timeout(30):
                        await publish(underlay, settings.weather_queue, messages)
                    await _pause(len(waiting.pop(0)), rate)
            finally:
                with contextlib.suppress(Exception):
                    await asyncio.wait_for(connection.close(), 5)
        except (AMQPError, ChannelInvalidStateError, OSError, TimeoutError):
            assert asyncio.get_running_loop().time() < deadline, "RabbitMQ does not come back"
            await asyncio.sleep(0.2)


async def _pause(sent: int, rate: int) -> None:
    if rate:
        await asyncio.sleep(sent / rate)


def _chunks(values: Sequence[bytes]) -> list[list[bytes]]:
    left = iter(values)
    return [some for _ in range(0, len(values), _AT_ONCE) if (some := list(islice(left, _AT_ONCE)))]
