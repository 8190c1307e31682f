"""Kafka frozen, killed, late, or not as it must be; and the end of the gateway itself.

Whatever happens: a 202 is kept, everything else is told within a bounded time, and no restart is
needed.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from contracts.topic_admin import check_topics, ensure_topics
from contracts.topics import KEPT, never_in_sync
from gateway.settings import GatewaySettings
from olympics.catalogue import load_catalogue
from olympics.result import decode
from tests.integration.gateway.gateway_support import (
    Answer,
    RunningGateway,
    a_result,
    running,
    settings_for,
)
from tests.support.ports import free_port
from tests.support.servers import Server, running_kafka, running_kafka_behind_proxy
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration

CATALOGUE = load_catalogue()

# Whoever waits is told after `kafka_timeout`, some seconds in these tests; without it Kafka's
# clients would keep them for 30 or 40. Between the two there is room for a machine that is busy.
_SOON = 15.0


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A Kafka of this module alone, so that it may be hurt."""
    with running_kafka(tmp_path_factory.mktemp("kafka")) as server:
        yield server


class Senders:
    """Threads that send results of their own, one after another, and remember each answer."""

    def __init__(self, gateway: RunningGateway, number: int = 4, name: str = "sender") -> None:
        self.accepted: set[tuple[str, int]] = set()
        self.refused: list[Answer] = []
        self.slowest = 0.0
        self.cut = 0
        self._gateway = gateway
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=self._send, args=(f"{name} {index}",))
            for index in range(number)
        ]

    def __enter__(self) -> Senders:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def wait_accepted(self, number: int) -> int:
        """Wait until so many results are accepted in all; return how many are."""
        wait_until(lambda: len(self.accepted) >= number, what=lambda: self.refused[-3:])
        return len(self.accepted)

    def _send(self, unit: str) -> None:
        version = 0
        while not self._over.is_set():
            version += 1
            started = time.monotonic()
            try:
                answer = self._gateway.post("/v1/results", a_result(unit=unit, version=version))
            except OSError:  # the gateway has ended
                self.cut += 1
                time.sleep(0.05)
                continue
            self.slowest = max(self.slowest, time.monotonic() - started)
            if answer.status == 202:
                self.accepted.add((unit, version))
            else:
                self.refused.append(answer)
                time.sleep(0.02)


def on_topic(gateway: RunningGateway) -> list[tuple[str, int]]:
    """Return (unit, version) of each record of the topic, in order within each unit."""
    found = [decode(record.value or b"", CATALOGUE) for record in gateway.topic()]
    return [(result.unit, result.version) for result in found]


def check_promises(gateway: RunningGateway, senders: Senders) -> None:
    """Every accepted result is on the topic, and each unit's results are in the order sent."""
    found = on_topic(gateway)
    assert senders.accepted
    assert senders.accepted <= set(found)
    # One sender sends its next result after the answer, so late ones that were refused may stand
    # between, but accepted ones never change places.
    accepted = [it for it in found if it in senders.accepted]
    for unit in {unit for unit, _version in accepted}:
        versions = [version for of, version in accepted if of == unit]
        assert versions == sorted(versions)


def test_a_frozen_kafka_is_told_in_time_and_its_return_needs_no_restart(
    broker: Server, redis_url: str
) -> None:
    settings = settings_for(broker.address, redis_url, kafka_timeout=2.0, kafka_stall=1.0)
    with running(settings) as gateway:
        with Senders(gateway) as senders:
            before = senders.wait_accepted(50)
            broker.process.send(signal.SIGSTOP)
            try:
                unready_after = gateway.wait_ready(False)
                time.sleep(2.5)
                refusal = gateway.post("/v1/results", a_result(unit="refused at once"))
            finally:
                broker.process.send(signal.SIGCONT)
            gateway.wait_ready()
            senders.wait_accepted(before + 50)

        assert unready_after < _SOON
        assert refusal.status == 503
        assert refusal.json["retryable"] is True
        assert refusal.headers["Retry-After"] == "1"
        assert senders.refused
        assert {answer.status for answer in senders.refused} == {503}
        assert senders.slowest < _SOON
        check_promises(gateway, senders)
        assert gateway.post("/v1/results", a_result()).status == 202


def test_a_kafka_that_is_killed_and_comes_back_is_found_again(
    broker: Server, redis_url: str
) -> None:
    settings = settings_for(broker.address, redis_url, kafka_timeout=5.0, kafka_stall=1.0)
    with running(settings) as gateway:
        with Senders(gateway) as senders:
            senders.wait_accepted(50)
            broker.kill()
            gateway.wait_ready(False)
            before = len(senders.accepted)
            broker.start()
            gateway.wait_ready()
            senders.wait_accepted(before + 50)

        assert {answer.status for answer in senders.refused} <= {503}
        assert senders.slowest < _SOON
        check_promises(gateway, senders)


def test_a_kafka_that_comes_after_the_gateway_is_found(broker: Server, redis_url: str) -> None:
    broker.kill()
    settings = settings_for(broker.address, redis_url)
    with running(settings, topics=False) as gateway:
        unready = gateway.send("GET", "/readyz")
        refused = gateway.post("/v1/results", a_result())
        assert (unready.status, refused.status) == (503, 503)
        assert gateway.send("GET", "/healthz").status == 200

        broker.start()
        wait_until(lambda: "does not exist" in gateway.send("GET", "/readyz").json["error"])
        asyncio.run(ensure_topics(settings))
        gateway.wait_ready()

        assert gateway.post("/v1/results", a_result()).status == 202


def test_a_topic_with_another_number_of_partitions_is_refused_with_the_reason(
    kafka: str, redis_url: str
) -> None:
    settings = settings_for(kafka, redis_url, partitions=3)
    asyncio.run(ensure_topics(settings))
    with running(settings.model_copy(update={"partitions": 4}), topics=False) as gateway:
        refused = _refusal(gateway, "partitions")

    assert "has 3 partitions, the settings say 4" in refused.json["error"]


@pytest.mark.parametrize(
    ("key", "value"), [("cleanup.policy", "compact"), ("retention.ms", "3600000")]
)
def test_a_topic_that_would_lose_results_is_refused(
    key: str, value: str, kafka: str, redis_url: str
) -> None:
    settings = settings_for(kafka, redis_url)
    asyncio.run(_create(settings, {key: value}))
    with running(settings, topics=False) as gateway:
        refused = _refusal(gateway, f"{key} is {value}; set it to {KEPT[key]}")

    assert refused.status == 503


def test_a_topic_without_enough_replicas_in_sync_is_not_ready(kafka: str, redis_url: str) -> None:
    settings = settings_for(kafka, redis_url)
    asyncio.run(_create(settings, {"min.insync.replicas": "2"}))
    with running(settings, topics=False) as gateway:
        refused = _refusal(gateway, "in sync")

    assert refused.status == 503
    assert "min.insync.replicas is 2, and the replication factor is 1" in refused.json["error"]


def test_batches_are_no_larger_than_the_topic_takes(kafka: str, redis_url: str) -> None:
    settings = settings_for(kafka, redis_url)
    asyncio.run(_create(settings, {"max.message.bytes": "5000"}))
    with running(settings, topics=False) as gateway:
        gateway.wait_ready()
        results = [a_result(unit=f"u{number}") for number in range(500)]

        assert gateway.post("/v1/results", results).json["accepted"] == 500
        assert len(gateway.topic()) == 500


def test_a_topic_that_takes_less_from_now_on_costs_nobody_a_request(
    kafka: str, redis_url: str
) -> None:
    settings = settings_for(kafka, redis_url)
    with running(settings) as gateway:
        gateway.wait_ready()
        asyncio.run(_configure(settings, {"max.message.bytes": "5000"}))
        with Senders(gateway) as senders:
            results = [a_result(unit=f"u{number}") for number in range(500)]
            answers = [gateway.post("/v1/results", results) for _ in range(5)]
            senders.wait_accepted(20)

        assert [(answer.status, answer.json["accepted"]) for answer in answers] == [(202, 500)] * 5
        assert not senders.refused
        check_promises(gateway, senders)


def test_a_record_that_the_topic_does_not_take_is_the_senders_error(
    kafka: str, redis_url: str
) -> None:
    settings = settings_for(kafka, redis_url)
    asyncio.run(_create(settings, {"max.message.bytes": "400"}))
    with running(settings, topics=False) as gateway:
        gateway.wait_ready()
        large = a_result(unit="large", competitor={"id": "1", "name": "n" * 100})
        large["unit"] = "ü" * 60
        answer = gateway.post("/v1/results", [a_result(unit="small"), large])

        assert (answer.status, answer.json["accepted"], answer.json["rejected_count"]) == (
            202,
            1,
            1,
        )
        assert "max.message.bytes" in answer.json["rejected"][0]["error"]
        alone = gateway.post("/v1/results", large)
        assert (alone.status, alone.json["rejected_count"]) == (422, 1)
        assert gateway.send("GET", "/readyz").status == 200
        assert len(gateway.topic()) == 1


def test_what_becomes_of_a_topic_later_is_noticed_and_judged_alike_by_all(
    kafka: str, redis_url: str
) -> None:
    settings = settings_for(kafka, redis_url)
    with running(settings) as gateway:
        gateway.wait_ready()
        for key, value, words in (
            ("cleanup.policy", "compact", "cleanup.policy is compact"),
            ("retention.bytes", "1000", "retention.bytes is 1000"),
            ("min.insync.replicas", "2", never_in_sync(1, 2)),
        ):
            asyncio.run(_configure(settings, {key: value}))
            assert words is not None
            assert _refusal(gateway, words).status == 503
            problems = asyncio.run(check_topics(settings))
            assert [it.topic for it in problems] == [settings.results_topic]
            assert key in problems[0].problem
            if key == "min.insync.replicas":
                assert problems[0].problem == words
        asyncio.run(_configure(settings, {}))
        gateway.wait_ready()


def test_readiness_is_false_as_long_as_kafka_refuses_records(
    tmp_path: Path, redis_url: str
) -> None:
    with running_kafka_behind_proxy(tmp_path) as (server, proxy):
        settings = settings_for(server.address, redis_url)
        with running(settings) as gateway:
            gateway.wait_ready()
            # Every record is older than that when it arrives, as with a clock that is slow.
            proxy.delay = 0.05
            asyncio.run(_configure(settings, {"message.timestamp.before.max.ms": "1"}))
            refused = _refusal(gateway, "clocks")
            assert (refused.status, refused.headers["Retry-After"]) == (503, "1")
            for _ in range(10):
                ready = gateway.send("GET", "/readyz")
                assert (ready.status, b"clocks" in ready.body) == (503, True)
                time.sleep(0.3)

            asyncio.run(_configure(settings, {"message.timestamp.before.max.ms": "3600000"}))
            wait_until(lambda: gateway.send("GET", "/readyz").status == 200)
            assert gateway.post("/v1/results", a_result(unit="after")).status == 202


def test_an_idle_gateway_is_not_ready_while_kafka_refuses_its_heartbeats(
    tmp_path: Path, redis_url: str
) -> None:
    with running_kafka_behind_proxy(tmp_path) as (server, proxy):
        settings = settings_for(server.address, redis_url, kafka_heartbeat=0.2)
        with running(settings) as gateway:
            gateway.wait_ready()
            # Every record is older than that when it arrives, as with a clock that is slow.
            proxy.delay = 0.05
            refusing = {"message.timestamp.before.max.ms": "1"}
            asyncio.run(_configure(settings, refusing, settings.heartbeats_topic))

            # Nobody sends a result.
            wait_until(lambda: b"clocks" in gateway.send("GET", "/readyz").body)

            proxy.delay = 0.0
            taking = {"message.timestamp.before.max.ms": "3600000"}
            asyncio.run(_configure(settings, taking, settings.heartbeats_topic))
            gateway.wait_ready()
            assert gateway.post("/v1/results", a_result()).status == 202


def test_a_gateway_without_the_topic_of_heartbeats_takes_results(
    kafka: str, redis_url: str
) -> None:
    settings = settings_for(kafka, redis_url)
    asyncio.run(_create(settings, {}))
    with running(settings, topics=False) as gateway:
        gateway.wait_ready()

        assert gateway.post("/v1/results", a_result()).status == 202


def test_more_than_fits_in_flight_is_refused_before_it_is_read(kafka: str, redis_url: str) -> None:
    with running(settings_for(kafka, redis_url, max_in_flight=2**20)) as gateway:
        answer = gateway.post("/v1/results", b" " * (2**20 + 1))

        assert (answer.status, answer.json["code"]) == (429, "too_busy")
        assert answer.headers["Retry-After"] == "1"
        assert gateway.post("/v1/results", a_result()).status == 202


# The process itself.


@pytest.fixture
def process(kafka: str, redis_url: str) -> Iterator[tuple[subprocess.Popen[bytes], RunningGateway]]:
    settings = settings_for(kafka, redis_url, http_port=free_port(), grpc_port=free_port())
    asyncio.run(ensure_topics(settings))
    started = _start(settings)
    gateway = RunningGateway(settings)
    gateway.http_port = settings.http_port
    wait_until(lambda: _listens(settings.http_port))
    gateway.wait_ready()
    yield started, gateway
    started.kill()
    started.wait()


@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_process_without_losing_what_it_accepted(
    process: tuple[subprocess.Popen[bytes], RunningGateway], signal_number: signal.Signals
) -> None:
    popen, gateway = process
    with Senders(gateway) as senders:
        senders.wait_accepted(50)
        popen.send_signal(signal_number)
        assert popen.wait(timeout=20) == 0

    assert {answer.status for answer in senders.refused} <= {503}
    check_promises(gateway, senders)


def test_a_request_in_flight_is_finished_when_the_process_is_told_to_end(
    process: tuple[subprocess.Popen[bytes], RunningGateway],
) -> None:
    popen, gateway = process
    body = json.dumps(a_result()).encode()
    with socket.create_connection(("127.0.0.1", gateway.http_port), timeout=20) as client:
        client.sendall(
            b"POST /v1/results HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"
            % len(body)
            + body[:20]
        )
        time.sleep(0.3)
        popen.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        client.sendall(body[20:])
        answer = client.recv(65536)

    assert answer.startswith(b"HTTP/1.1 202 ")
    assert b"\r\nConnection: close\r\n" in answer
    assert popen.wait(timeout=20) == 0
    assert len(gateway.topic()) == 1


def test_a_port_that_is_taken_is_named(kafka: str, redis_url: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for settings in (
            settings_for(kafka, redis_url, http_port=port),
            settings_for(kafka, redis_url, grpc_port=port),
        ):
            popen = _start(settings, stderr=subprocess.PIPE)
            _out, words = popen.communicate(timeout=30)

            assert popen.returncode == 1
            assert f"127.0.0.1:{port}" in words.decode()
            assert "Traceback" not in words.decode()


def _start(settings: GatewaySettings, stderr: int | None = None) -> subprocess.Popen[bytes]:
    environment = {
        f"MEDALLERO_{name.upper()}": str(value)
        for name, value in settings.model_dump(exclude_none=True).items()
    }
    return subprocess.Popen(
        [sys.executable, "-m", "gateway.main"],
        env=os.environ | environment,
        stderr=stderr,
    )


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _refusal(gateway: RunningGateway, words: str) -> Answer:
    """Return the answer to a result once its reason has *words*."""

    def refused() -> Answer | None:
        answer = gateway.post("/v1/results", a_result())
        return answer if words in answer.json.get("error", "") else None

    return wait_until(refused, what=lambda: gateway.send("GET", "/readyz").body)


async def _configure(
    settings: GatewaySettings, config: dict[str, str], topic: str | None = None
) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka)
    await admin.start()
    try:
        # What is not named gets its default.
        resource = ConfigResource(
            ConfigResourceType.TOPIC, topic or settings.results_topic, {**KEPT, **config}
        )
        await admin.alter_configs([resource])
    finally:
        await admin.close()


async def _create(settings: GatewaySettings, config: dict[str, str]) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka)
    await admin.start()
    try:
        await admin.create_topics(
            [
                NewTopic(
                    settings.results_topic,
                    num_partitions=settings.partitions,
                    replication_factor=1,
                    topic_configs={**KEPT, **config},
                )
            ]
        )
    finally:
        await admin.close()
