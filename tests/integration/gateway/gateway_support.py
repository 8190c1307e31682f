"""A gateway in a thread of the test process, plain clients for it, and the topic read back."""

from __future__ import annotations

import asyncio
import http.client
import json
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from aiokafka import AIOKafkaConsumer, TopicPartition

from contracts.kafka import kafka_options
from contracts.topic_admin import ensure_topics
from contracts.weather import weather_topics
from gateway.service import Gateway
from gateway.settings import GatewaySettings
from tests.support.waiting import wait_until

JSON = {"Content-Type": "application/json"}
LINES = {"Content-Type": "application/x-ndjson"}


def a_result(**fields: Any) -> dict[str, Any]:
    """Return a good result, with *fields* instead of its own."""
    return {
        "sport": "swimming",
        "unit": "100m final",
        "competitor": {"id": "8", "name": "Ana"},
        "faculty": "engineering",
        "mark": "55.78",
        **fields,
    }


def an_entry(**fields: Any) -> dict[str, Any]:
    """Return a good entry of the course, with *fields* instead of its own."""
    return {
        "student": "Alvaro García",
        "age": 20,
        "faculty": "Ingeniería",
        "discipline": 1,
        **fields,
    }


@dataclass(frozen=True)
class Answer:
    """An HTTP answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Record:
    """A record of a topic."""

    partition: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


class RunningGateway:
    """A gateway that listens on free ports of this machine."""

    def __init__(self, settings: GatewaySettings) -> None:
        self.settings = settings
        self.http_port = 0
        self.grpc_port = 0
        #: what the gateway's certificate is judged by, if it has one
        self.trust: ssl.SSLContext | None = None

    def connection(self, source: str = "127.0.0.1") -> http.client.HTTPConnection:
        """Return a new connection from *source*, with TLS if the gateway has a certificate."""
        if self.trust is None:
            return http.client.HTTPConnection(
                "127.0.0.1", self.http_port, timeout=60, source_address=(source, 0)
            )
        return http.client.HTTPSConnection(
            "127.0.0.1", self.http_port, timeout=60, context=self.trust
        )

    def send(
        self,
        method: str,
        path: str,
        body: bytes | str | list[Any] | dict[str, Any] | None = None,
        headers: Mapping[str, str] = JSON,
        *,
        source: str = "127.0.0.1",
    ) -> Answer:
        """Send one request from *source*; lists and objects are sent as JSON."""
        if isinstance(body, (list, dict)):
            body = json.dumps(body)
        connection = self.connection(source)
        try:
            connection.request(
                method,
                path,
                body.encode() if isinstance(body, str) else body,
                dict(headers),
            )
            response = connection.getresponse()
            return Answer(response.status, dict(response.headers), response.read())
        finally:
            connection.close()

    def post(self, path: str, body: Any, **headers: str) -> Answer:
        """Post JSON; underscores in the names of *headers* stand for hyphens."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.send("POST", path, body, JSON | named)

    def wait_ready(self, ready: bool = True, timeout: float = 30.0, path: str = "/readyz") -> float:
        """Wait until readiness is as given; return the seconds that it took."""
        started = time.monotonic()
        wait_until(
            lambda: (self.send("GET", path).status == 200) is ready,
            timeout=timeout,
            what=lambda: self.send("GET", path).body,
        )
        return time.monotonic() - started

    def topic(self) -> list[Record]:
        """Return every record of the results topic, in order within each partition."""
        settings = self.settings
        return asyncio.run(_read_topic(settings, settings.results_topic, settings.partitions))

    def reports_topic(self) -> list[Record]:
        """Return every record of the topic of weather reports, in order within each partition."""
        settings = self.settings
        topic, partitions = settings.weather_reports_topic, settings.weather_partitions
        return asyncio.run(_read_topic(settings, topic, partitions))


def settings_for(kafka: str, redis: str, **fields: Any) -> GatewaySettings:
    """Return settings with topics and keys that no other test uses."""
    prefix = uuid4().hex[:8]
    return GatewaySettings(
        kafka=kafka,
        redis=redis,
        **{
            "topic_prefix": f"{prefix}-",
            "redis_prefix": f"{prefix}:",
            "http_port": 0,
            "grpc_port": 0,
            **fields,
        },
    )


@contextmanager
def running(
    settings: GatewaySettings, *, topics: bool = True, trust: ssl.SSLContext | None = None
) -> Iterator[RunningGateway]:
    """Run a gateway in a thread with a loop of its own; with its topics it is ready."""
    if topics:
        asyncio.run(ensure_topics(settings))
        if "kafka" in settings.weather_writers:
            asyncio.run(ensure_topics(settings, weather_topics(settings)))
    gateway = RunningGateway(settings)
    gateway.trust = trust
    started = threading.Event()
    failures: list[BaseException] = []
    over: asyncio.Event
    loop: asyncio.AbstractEventLoop

    async def serve() -> None:
        nonlocal over, loop
        over, loop = asyncio.Event(), asyncio.get_running_loop()
        service = Gateway(settings)
        try:
            await service.start()
            gateway.http_port, gateway.grpc_port = service.http_port, service.grpc_port
        except BaseException as error:
            failures.append(error)
            raise
        finally:
            started.set()
        await over.wait()
        await service.stop()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    started.wait()
    if failures:
        thread.join()
        raise failures[0]
    try:
        if topics:
            gateway.wait_ready()
            if settings.weather_writers:
                gateway.wait_ready(path="/readyz/weather")
        yield gateway
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()


async def _read_topic(settings: GatewaySettings, topic: str, number: int) -> list[Record]:
    partitions = [TopicPartition(topic, partition) for partition in range(number)]
    consumer = AIOKafkaConsumer(auto_offset_reset="earliest", **kafka_options(settings))
    await consumer.start()
    try:
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        await consumer.seek_to_beginning()
        records: list[Record] = []
        while any([await consumer.position(part) < end for part, end in ends.items()]):
            batches = await consumer.getmany(timeout_ms=1000)
            records += [
                Record(message.partition, message.key, message.value, tuple(message.headers))
                for messages in batches.values()
                for message in messages
            ]
        return records
    finally:
        await consumer.stop()
