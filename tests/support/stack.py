"""A gateway and workers as real processes, with topics and keys that no other test uses."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import signal
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from redis.asyncio import Redis

from contracts.kafka import kafka_options
from contracts.settings import CommonSettings
from contracts.snapshot import Snapshot, read_snapshot
from contracts.topic_admin import ensure_topics
from medallero.embedded.processes import Command, Process, stop_all
from medallero.options import variable
from medallero.up.endpoints import as_environment
from medallero.up.services import gateway_service, unreadiness, worker_service
from medallero.up.supervisor import Service
from tests.support.ports import free_port
from tests.support.waiting import wait_until

_HOST: Final = "127.0.0.1"


def unique_settings(
    kafka: str, redis: str, name: str | None = None, **fields: Any
) -> CommonSettings:
    """Return settings whose topics and keys no other test uses; with *name*, those of that name."""
    name = name or uuid.uuid4().hex[:8]
    return CommonSettings(
        kafka=kafka,
        redis=redis,
        **{"topic_prefix": f"{name}-", "redis_prefix": f"{name}:", **fields},
    )


@dataclass
class Member:
    """A process of a stack; after `kill` or `stop` it can be started again."""

    service: Service
    port: int
    process: Process

    @property
    def name(self) -> str:
        return self.service.name

    @property
    def log_name(self) -> str:
        """What tells it from all others of its stack."""
        return self.process.command.log.stem

    @property
    def url(self) -> str:
        """Its HTTP address."""
        return f"http://{_HOST}:{self.port}"

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def running(self) -> bool:
        return self.process.exit_code is None

    def kill(self, signal_number: int = signal.SIGKILL) -> None:
        """Send a signal; after SIGKILL the process is gone when this returns."""
        self.process.send(signal_number)
        if signal_number == signal.SIGKILL:
            self.process.kill()

    def pause(self) -> None:
        """Freeze it: it keeps its connections and answers nothing."""
        self.process.send(signal.SIGSTOP)

    def resume(self) -> None:
        self.process.send(signal.SIGCONT)

    def stop(self, grace: float | None = None) -> int:
        """Stop it in order; return its exit code. It is killed after its *grace* in seconds."""
        stop_all([self.process], grace or self.service.grace)
        code = self.process.exit_code
        assert code is not None
        return code

    def add_environment(self, environment: Mapping[str, str]) -> None:
        """Let it have these variables too when it is started the next time."""
        command = self.service.prepare()
        command = replace(command, environment={**command.environment, **environment})
        self.service = replace(self.service, prepare=lambda: command)

    def start(self) -> None:
        """Start it again; it gets its old name and port."""
        assert not self.running
        self.process = Process(self.service.prepare())

    def wait_ready(self, timeout: float = 120.0) -> None:
        """Wait until it says that it is ready."""

        def ready_or_gone() -> bool:
            return not self.running or self.problem() is None

        wait_until(
            ready_or_gone,
            timeout=timeout,
            what=lambda: f"{self.name} is ready: {self.problem()}\n{self.log()}",
        )
        assert self.running, (
            f"{self.name} ended with {self.process.exit_code} before it was ready:\n{self.log()}"
        )

    def problem(self) -> str | None:
        """Return what it says is in the way of its readiness, None if nothing."""
        return unreadiness(_HOST, self.port)

    def log(self, lines: int = 40) -> str:
        """Return the end of its log."""
        return self.process.log_tail(lines)

    def request(
        self,
        method: str,
        path: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = 30.0,
    ) -> tuple[int, Any]:
        """Make a request (bytes are sent as they are, the rest as JSON).

        Returns the status and the answer's JSON, or its text where it is none.
        """
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        sent = {"Content-Type": "application/json"} if data is not None else {}
        connection = http.client.HTTPConnection(_HOST, self.port, timeout=timeout)
        try:
            connection.request(method, path, data, sent | dict(headers or {}))
            response = connection.getresponse()
            text = response.read().decode("utf-8", "replace")
        finally:
            connection.close()
        with contextlib.suppress(ValueError):
            return response.status, json.loads(text)
        return response.status, text


class SnapshotReader:
    """Reads the standings again and again over one connection; use as a context manager."""

    def __init__(self, settings: CommonSettings) -> None:
        self._settings = settings
        self._runner = asyncio.Runner()
        self._redis = Redis.from_url(settings.redis, decode_responses=True)

    def __enter__(self) -> SnapshotReader:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._runner.run(self._redis.aclose())
        self._runner.close()

    def __call__(self) -> Snapshot | None:
        return self._runner.run(read_snapshot(self._redis, self._settings))


@dataclass
class Stack:
    """A gateway and workers over the session's Kafka and Redis."""

    settings: CommonSettings
    directory: Path
    environment: Mapping[str, str]
    gateways: list[Member] = field(default_factory=list)
    workers: list[Member] = field(default_factory=list)
    #: gRPC address of each gateway, in the order of `gateways`
    grpc: list[str] = field(default_factory=list)
    #: what runs `medallero worker` in the place of `python -m medallero`
    worker_program: tuple[str, ...] | None = None
    #: … and `medallero gateway`
    gateway_program: tuple[str, ...] | None = None
    #: what a process with that log has in its environment beside settings
    beside: Callable[[str], Mapping[str, str]] = lambda _log: {}

    @property
    def gateway(self) -> Member:
        """The first gateway."""
        return self.gateways[0]

    @property
    def members(self) -> list[Member]:
        return [*self.gateways, *self.workers]

    def create_topics(self) -> None:
        """Create the topics, as `up` does."""
        asyncio.run(ensure_topics(self.settings))

    def add_gateway(self, **environment: str) -> Member:
        """Start one more gateway; it is not waited for. Names of settings, their values as text."""
        http_port, grpc_port = free_port(), free_port()
        service = gateway_service(
            self._environment(environment),
            http=(_HOST, http_port),
            grpc=(_HOST, grpc_port),
            log=self.directory / f"gateway-{len(self.gateways) + 1}.log",
        )
        service = _run_by(self.gateway_program, "gateway", service)
        self.grpc.append(f"{_HOST}:{grpc_port}")
        return self._add(self.gateways, service, http_port)

    def add_worker(self, **environment: str) -> Member:
        """Start one more worker; it is not waited for. Names of settings, their values as text."""
        number = len(self.workers) + 1
        port = free_port()
        service = worker_service(
            self._environment(environment),
            number=number,
            http=(_HOST, port),
            log=self.directory / f"worker-{number}.log",
        )
        service = _run_by(self.worker_program, "worker", service)
        return self._add(self.workers, service, port)

    def set_epoch(self, epoch: int) -> None:
        """Let every process begin with that epoch when it is started the next time."""
        self.settings = self.settings.model_copy(update={"epoch": epoch})
        for member in self.members:
            member.add_environment({variable("epoch"): str(epoch)})

    def wait_ready(self, timeout: float = 120.0) -> None:
        """Wait until every process that runs is ready."""
        for member in self.members:
            if member.running:
                member.wait_ready(timeout)

    def snapshot(self) -> Snapshot | None:
        """Read the standings from Redis."""
        with SnapshotReader(self.settings) as read:
            return read()

    def topic_end(self) -> dict[int, int]:
        """Return the end of each partition of the results topic."""

        async def ends() -> dict[int, int]:
            from aiokafka import AIOKafkaConsumer, TopicPartition

            async with AIOKafkaConsumer(**kafka_options(self.settings)) as consumer:
                partitions = [
                    TopicPartition(self.settings.results_topic, number)
                    for number in range(self.settings.partitions)
                ]
                found = await consumer.end_offsets(partitions)
            return {partition.partition: end for partition, end in found.items()}

        return asyncio.run(ends())

    def committed(self) -> dict[int, int]:
        """Return what the workers' group has committed of each partition, if anything."""

        async def ask() -> dict[int, int]:
            from aiokafka.admin import AIOKafkaAdminClient

            admin = AIOKafkaAdminClient(**kafka_options(self.settings))
            await admin.start()
            try:
                found = await admin.list_consumer_group_offsets(self.app_id)
            finally:
                await admin.close()
            return {
                tp.partition: meta.offset
                for tp, meta in found.items()
                if tp.topic == self.settings.results_topic and meta.offset >= 0
            }

        return asyncio.run(ask())

    def settled(self, timeout: float = 120.0) -> Snapshot:
        """Wait until the standings count all that is on the topic now, and return them."""
        wanted = self.topic_end()

        def reached() -> Snapshot | None:
            snapshot = read()
            if snapshot is None:
                return None
            counted = {partition: pair[0] for partition, pair in snapshot.offsets.items()}
            complete = all(counted.get(number, 0) >= end for number, end in wanted.items())
            return snapshot if complete else None

        def state() -> str:
            snapshot = self.snapshot()
            return (
                f"the standings reach {wanted}, they are at {snapshot and snapshot.offsets}\n"
                + self.logs()
            )

        with SnapshotReader(self.settings) as read:
            return wait_until(reached, timeout=timeout, what=state)

    def logs(self, lines: int = 40) -> str:
        """Return the end of every process's log."""
        return "\n".join(f"--- {it.name} (pid {it.pid})\n{it.log(lines)}" for it in self.members)

    def stop(self) -> None:
        """Stop everything; what was frozen too."""
        for group in (self.gateways, self.workers):
            stop_all((member.process for member in group), grace=20.0)

    def command(self, *arguments: str) -> tuple[str, ...]:
        """Return the command line of `medallero` with these arguments."""
        import sys

        return (sys.executable, "-m", "medallero", *arguments)

    def shell_environment(self) -> dict[str, str]:
        """Return what `medallero`'s commands need in their environment to find this stack."""
        return {
            **self._environment({}),
            variable("endpoint"): self.gateway.url if self.gateways else "",
        }

    @property
    def app_id(self) -> str:
        """The workers' group."""
        return f"{self.settings.topic_prefix}app"

    def _environment(self, more: Mapping[str, str]) -> dict[str, str]:
        return {
            **as_environment(self.settings, secrets=True),
            variable("app_id"): self.app_id,
            **{variable(name): value for name, value in self.environment.items()},
            **{variable(name): value for name, value in more.items()},
        }

    def _add(self, members: list[Member], service: Service, port: int) -> Member:
        command: Command = service.prepare()
        environment = {**command.environment, **self.beside(command.log.stem)}
        command = replace(command, environment=environment)
        member = Member(replace(service, prepare=lambda: command), port, Process(command))
        members.append(member)
        return member


def _run_by(program: tuple[str, ...] | None, name: str, service: Service) -> Service:
    if program is None:
        return service
    command = replace(service.prepare(), argv=(*program, name))
    return replace(service, prepare=lambda: command)


#: Starts a stack and waits until it is ready: see the fixture `stack`.
StackFactory = Callable[..., Stack]
