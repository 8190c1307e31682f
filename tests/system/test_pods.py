"""The pods of the production overlay as processes: what the manifests say is what they need.

Their commands, variables, files, ports, probes and times are read from the rendered manifests; the
Kafka has the topics, users and rights that the manifests describe, and no others; the Redis runs on
the manifests' configuration, with the users of ``k8s/make-secrets``.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.client import HTTPConnection
from pathlib import Path
from secrets import token_urlsafe
from typing import Any, Final

import grpc
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAuthorizationFailedError, for_code
from aiokafka.protocol.admin import CreateAclsRequest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from contracts.kafka import kafka_options
from contracts.settings import CommonSettings
from contracts.weather_store import WeatherStoreSettings
from medallero.embedded.redis import server_binary
from tests.kubernetes.rendered import Cluster, name_of, rendered
from tests.support.oracle import topic_records
from tests.support.pods import Place, Pod, Sender, a_result, made_secrets, workload
from tests.support.rabbitmq import rabbitmq
from tests.support.rights import ALLOW, LITERAL, OPERATIONS, TOPIC
from tests.support.secure_kafka import SecureKafka, running_secure_kafka
from tests.support.waiting import wait_until
from tests.support.weather import some_reports, stored
from tests.support.weather_system import send_to_kafka, send_to_rabbitmq
from weather.report import encode as encode_report

__all__ = ["rabbitmq"]  # a fixture

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]

_OVERLAY: Final = "production"
_WEATHER: Final = "course-weather"
_PROBES: Final = ("startup", "liveness", "readiness")
# As Kafka numbers them.
_RESOURCES: Final = {"topic": TOPIC, "group": 3}


@dataclass
class Games:
    """A cluster's pods, and what they stand on."""

    place: Place
    kafka: SecureKafka
    token: str
    passwords: dict[str, str]
    redis: Pod

    def pod(self, component: str, number: int = 0) -> Pod:
        """Return a new pod of a component; it is not started."""
        return Pod(self.place, workload(self.place.cluster, component), f"{component}-{number}")

    @property
    def partitions(self) -> int:
        return int(_topics(self.place.cluster)["results"]["partitions"])

    def settings(self, user: str | None = None) -> CommonSettings:
        """Return the settings of a user; without one, of the broker's own door."""
        if user is None:
            return CommonSettings(kafka=self.kafka.own, partitions=self.partitions)
        password = self.passwords[user]
        return CommonSettings(
            partitions=self.partitions,
            **self.kafka.settings(kafka_user=user, kafka_password=password),
        )

    def units(self) -> list[str]:
        """Return the units of all results on the topic."""
        return [json.loads(it.value or b"")["unit"] for it in topic_records(self.settings())]


@pytest.fixture(scope="module")
def games(
    tmp_path_factory: pytest.TempPathFactory, kafka_jars: tuple[Path, ...]
) -> Iterator[Games]:
    directory = tmp_path_factory.mktemp("pods")
    cluster = rendered(_OVERLAY)
    # The weather reports come into the same Kafka, with what they need besides.
    weather = rendered(_WEATHER)
    of_weather = Cluster(tuple(it for it in weather.objects if "weather" in name_of(it)))
    users = {
        name_of(it): token_urlsafe()
        for it in (*cluster.of("KafkaUser"), *of_weather.of("KafkaUser"))
    }
    with running_secure_kafka(directory, kafka_jars, users, authorize="strictly") as kafka:
        asyncio.run(_operate(kafka, cluster))
        asyncio.run(_operate(kafka, of_weather))
        token, tokens = _token(directory)
        # What Strimzi writes: a Secret for each user, and one of the cluster's authority.
        secrets = {name: {"password": password} for name, password in users.items()}
        secrets["medallero-cluster-ca-cert"] = {"ca.crt": kafka.certificate.ca.read_text("utf-8")}
        secrets |= made_secrets("medallero", tokens)
        server = server_binary()
        place = Place(
            cluster,
            directory,
            secrets,
            services={_bootstrap(cluster): kafka.address},
            programs={"redis-server": server, "redis-cli": _redis_cli()},
        )
        redis = Pod(place, workload(cluster, "redis"), "redis-0")
        place.services[_address(cluster, "redis")] = f"127.0.0.1:{redis.ports['redis']}"
        # Its port is nowhere said: it is Redis' own.
        redis.start("--port", str(redis.ports["redis"]), "--bind", "127.0.0.1")
        try:
            redis.wait_for("readiness")
            yield Games(place, kafka, token, users, redis)
        finally:
            redis.stop()


def _redis_cli() -> Path:
    found = shutil.which("redis-cli")
    assert found, "redis-cli is missing: make deps-system"
    return Path(found)


@dataclass
class Weather:
    """What the pods of the weather reports stand on."""

    place: Place
    settings: WeatherStoreSettings

    def pod(self, component: str, directory: Path) -> Pod:
        """Return a new pod of a component; it is not started."""
        place = replace(self.place, directory=directory)
        return Pod(place, workload(place.cluster, component), f"{component}-0")


@pytest.fixture(scope="module")
def weather(games: Games, rabbitmq: str) -> Iterator[Weather]:
    passwords = games.place.secrets["weather-passwords"]
    cluster = rendered(_WEATHER)
    place = replace(
        games.place,
        cluster=cluster,
        # The test's RabbitMQ has a user of its own.
        services={
            **games.place.services,
            f"amqp://medallero:{passwords['rabbitmq']}@{_address(cluster, 'rabbitmq')}/": rabbitmq,
        },
        programs={
            "valkey-server": server_binary("valkey"),
            # Both speak alike, and only one brings a client.
            "valkey-cli": games.place.programs["redis-cli"],
        },
    )
    valkey = Pod(place, workload(cluster, "valkey"), "valkey-0")
    address = f"127.0.0.1:{valkey.ports['valkey']}"
    place.services[_address(cluster, "valkey")] = address
    valkey.start("--port", str(valkey.ports["valkey"]), "--bind", "127.0.0.1")
    try:
        valkey.wait_for("readiness")
        admin = games.place.secrets["redis-passwords"]["admin"]
        every = [it["data"] for it in cluster.of("ConfigMap")]
        (names,) = [it for it in every if "MEDALLERO_WEATHER_TOPIC" in it]
        settings = WeatherStoreSettings(
            kafka=games.kafka.own,
            redis=f"redis://admin:{admin}@127.0.0.1:{games.redis.ports['redis']}/0",
            rabbitmq=rabbitmq,
            valkey=f"redis://medallero-weather-consumer:{passwords['valkey']}@{address}/0",
            weather_topic=names["MEDALLERO_WEATHER_TOPIC"],
            weather_queue=names["MEDALLERO_WEATHER_QUEUE"],
            weather_partitions=_topics(cluster)[names["MEDALLERO_WEATHER_TOPIC"]]["partitions"],
        )
        yield Weather(place, settings)
    finally:
        valkey.kill()


@pytest.fixture(scope="module")
def gateway(games: Games) -> Iterator[Pod]:
    with _running(games.pod("gateway")) as pod:
        yield pod


@pytest.fixture(scope="module")
def worker(games: Games) -> Iterator[Pod]:
    with _running(games.pod("worker")) as pod:
        yield pod


def test_every_probe_of_the_manifests_succeeds_and_results_become_standings(
    games: Games, gateway: Pod, worker: Pod
) -> None:
    for pod in (games.redis, gateway, worker):
        assert {kind: pod.probe(kind) for kind in _PROBES} == dict.fromkeys(_PROBES)

    with Sender(gateway, games.token, "probes") as sender:
        sender.wait_for_more(5)

    unit = sender.acknowledged[-1]
    wait_until(lambda: _standings_of(gateway, unit)[0] == 200, what=worker.log)
    # The gateway has asked the worker, under the address that the worker's pod says is its own.
    assert _standings_of(gateway, unit)[1]["rows"][0]["competitor"] == "8"
    assert gateway.request("POST", "/v1/results", a_result("without a token"))[0] == 401


def test_the_port_named_grpc_serves_grpc(gateway: Pod) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{gateway.ports['grpc']}") as channel:
        health = health_pb2_grpc.HealthStub(channel)

        def serves() -> bool:
            answer = health.Check(health_pb2.HealthCheckRequest(), timeout=30)
            return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)

        # As a probe does: on a loaded machine Kafka may be late once, and health says so.
        wait_until(serves, what=gateway.log)


def test_a_gateway_ends_within_its_grace_and_loses_nothing(games: Games) -> None:
    with _running(games.pod("gateway", 1)) as gateway:
        # Proxies go on sending until they have heard that the pod goes; it must not have ended.
        assert gateway.sleep > 0
        with (
            Sender(gateway, games.token, "end") as sender,
            _HalfARequest(gateway, games.token),
        ):
            sender.wait_for_more()

            # Held up by a request that never comes to its end, it takes all its time to drain.
            code = gateway.stop()

    assert code == 0, gateway.log()
    assert '"event": "drain_timeout"' in gateway.log()
    on_topic = set(games.units())
    assert [it for it in sender.acknowledged if it not in on_topic] == []
    # What comes after the signal is told to try again, or finds nobody.
    assert sender.others
    assert [it for it in sender.others if it.isdigit() and it != "503"] == []


def test_a_worker_ends_within_its_grace_and_comes_back_as_itself(
    games: Games, gateway: Pod, worker: Pod
) -> None:
    with Sender(gateway, games.token, "worker") as sender:
        sender.wait_for_more()
        code = worker.stop()
        sender.wait_for_more()
        worker.start()
        worker.wait_for("readiness")
        sender.wait_for_more()
        worker.kill()
        sender.wait_for_more()
        worker.start()
        worker.wait_for("readiness")

    assert code == 0, worker.log()
    on_topic = set(games.units())
    assert [it for it in sender.acknowledged if it not in on_topic] == []
    # Each result counts, and none of them twice.
    wait_until(lambda: _results(gateway) == len(on_topic), what=lambda: _results(gateway))


def test_the_results_are_backed_up_and_restored_with_the_rights_of_the_manifests(
    games: Games, gateway: Pod
) -> None:
    with Sender(gateway, games.token, "backup") as sender:
        sender.wait_for_more(20)
    number = len(games.units())

    backed_up, of_backup = games.pod("backup").run()
    epoch, refusal = games.pod("restore", 1).run()
    restored, of_restore = games.pod("restore", 2).run(MEDALLERO_EPOCH="2")

    assert backed_up == 0, of_backup
    assert f"{number:,} records of 'results' (12 partitions" in of_backup
    # The seed is known there.
    assert "seed is not in it" not in of_backup
    assert epoch == 2
    assert "Set MEDALLERO_EPOCH to 2 or higher" in refusal
    # The topic is the one that was backed up, so that nothing is missing.
    assert restored == 0, of_restore
    assert f"0 records written to 'results', {number:,} were there already" in of_restore


@pytest.mark.parametrize(
    ("component", "file", "content", "words"),
    [
        ("gateway", "/etc/medallero/kafka/password", "", "the file is empty"),
        ("worker", "/etc/medallero/kafka/password", "", "the file is empty"),
        ("worker", "/etc/medallero/kafka/ca.crt", "no PEM", "expected a file with certificates"),
        ("gateway", "/etc/medallero/tokens/tokens.toml", "# none", "there is no token in it"),
    ],
)
def test_a_secret_that_cannot_be_used_ends_the_pod_with_its_reason(
    games: Games, tmp_path: Path, component: str, file: str, content: str, words: str
) -> None:
    pod = _elsewhere(games, tmp_path).pod(component)
    mount = max((it for it in pod.mounts if file.startswith(it)), key=len)
    (pod.mounts[mount] / file.removeprefix(f"{mount}/")).write_text(content)

    code, said = pod.run()

    assert code not in (0, None)
    assert words in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("MEDALLERO_PARTITIONS", "11", "12 partitions, the settings say 11"),
        ("MEDALLERO_KAFKA_USER", "", "needs MEDALLERO_KAFKA_USER"),
        ("MEDALLERO_SESSION_TIMEOUT", "1", "MEDALLERO_SESSION_TIMEOUT"),
    ],
)
def test_a_setting_that_cannot_be_right_ends_the_worker_with_its_reason(
    games: Games, tmp_path: Path, variable: str, value: str, words: str
) -> None:
    code, said = _elsewhere(games, tmp_path).pod("worker").run(**{variable: value})

    assert code not in (0, None)
    assert words in said


def test_the_weathers_pods_count_what_comes_by_both_ways(
    games: Games, weather: Weather, tmp_path: Path
) -> None:
    values = [encode_report(it) for it in some_reports(200)]
    with (
        _running(weather.pod("weather-worker", tmp_path)) as worker,
        _running(weather.pod("weather-consumer", tmp_path)) as consumer,
    ):
        asyncio.run(send_to_kafka(weather.settings, values))
        asyncio.run(send_to_rabbitmq(weather.settings, values))

        wait_until(lambda: _reports(weather.settings.redis) == 200, what=worker.log)
        wait_until(lambda: _reports(weather.settings.valkey) == 200, what=consumer.log)
        for pod in (worker, consumer):
            assert {kind: pod.probe(kind) for kind in _PROBES} == dict.fromkeys(_PROBES)
            assert pod.stop() == 0, pod.log()
            assert "store_cannot_say_when_durable" not in pod.log()


def test_users_may_do_what_they_need_and_nothing_else(games: Games) -> None:
    forbidden = asyncio.run(_try_what_is_forbidden(games))

    assert forbidden == {
        "keda reads results": "denied",
        "worker writes results": "denied",
        "gateway writes tallies": "denied",
        "worker creates a topic": "denied",
        "gateway creates a topic": "denied",
    }


def test_redis_is_as_configured_and_does_nothing_for_those_without_a_name(games: Games) -> None:
    admin = games.place.secrets["redis-passwords"]["admin"]

    def said(*words: str, user: tuple[str, ...] = ()) -> list[str]:
        program = str(games.place.programs["redis-cli"])
        done = subprocess.run(
            [program, "-p", str(games.redis.ports["redis"]), *user, *words],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return (done.stdout + done.stderr).splitlines()

    def configured(name: str) -> str:
        return said("CONFIG", "GET", name, user=("--user", "admin", "--pass", admin))[1]

    assert said("PING") == ["PONG"]
    for words in (("HGETALL", "olympics:meta"), ("CONFIG", "GET", "appendonly"), ("FLUSHALL",)):
        assert said(*words)[0].startswith("NOPERM")
    assert configured("appendonly") == "yes"
    assert configured("maxmemory-policy") == "noeviction"
    assert configured("dir") == str(games.redis.mounts["/data"])


@contextmanager
def _running(pod: Pod) -> Iterator[Pod]:
    pod.start()
    try:
        for kind in _PROBES:
            pod.wait_for(kind)
        yield pod
    finally:
        pod.kill()


def _elsewhere(games: Games, directory: Path) -> Games:
    """The same games, for pods whose files a test spoils."""
    place = Place(
        games.place.cluster,
        directory,
        games.place.secrets,
        games.place.services,
        games.place.programs,
    )
    return Games(place, games.kafka, games.token, games.passwords, games.redis)


def _standings_of(gateway: Pod, unit: str) -> tuple[int, Any]:
    return gateway.request("GET", f"/v1/units/swimming/{unit.replace(' ', '%20')}")


def _reports(store: str) -> int:
    counts = stored(store, "weather:")
    return 0 if counts is None else counts.summary().reports


def _results(gateway: Pod) -> int:
    _status, standings = gateway.request("GET", "/v1/standings")
    return int(standings["meta"]["results"])


class _HalfARequest:
    """A request whose body never comes to its end."""

    def __init__(self, gateway: Pod, token: str) -> None:
        self._connection = HTTPConnection("127.0.0.1", gateway.ports["http"], timeout=30)
        self._token = token

    def __enter__(self) -> None:
        connection = self._connection
        connection.putrequest("POST", "/v1/results")
        connection.putheader("Authorization", f"Bearer {self._token}")
        connection.putheader("Content-Type", "application/json")
        connection.putheader("Content-Length", "1000")
        connection.endheaders(b'{"sport": ')

    def __exit__(self, *_exception: object) -> None:
        self._connection.close()


def _token(directory: Path) -> tuple[str, Path]:
    """Make a token as an operator would; return it, and the file of the gateway."""
    done = subprocess.run(
        [sys.executable, "-m", "medallero", "token", "--name", "timing"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    (token,) = [word for word in done.stderr.split() if word.startswith("mdl_")]
    file = directory / "tokens.toml"
    file.write_text(done.stdout, "utf-8")
    return token, file


def _topics(cluster: Cluster) -> dict[str, Any]:
    """Return the topics by the names that Kafka knows."""
    return {
        it["spec"].get("topicName", it["metadata"]["name"]): it["spec"]
        for it in cluster.of("KafkaTopic")
    }


def _bootstrap(cluster: Cluster) -> str:
    """Return the address that Strimzi gives the only listener of the cluster."""
    (kafka,) = cluster.of("Kafka")
    (listener,) = kafka["spec"]["kafka"]["listeners"]
    return f"{kafka['metadata']['name']}-kafka-bootstrap:{listener['port']}"


def _address(cluster: Cluster, service: str) -> str:
    found = cluster.get("Service", service)
    assert found is not None
    # The first port is the protocol's own; RabbitMQ has one for its management too.
    return f"{service}:{found['spec']['ports'][0]['port']}"


async def _operate(kafka: SecureKafka, cluster: Cluster) -> None:
    """Do what Strimzi's operators do: make the topics, and say what users may do.

    There is one broker here, so a topic has one replica.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.own)
    await admin.start()
    try:
        topics = [
            NewTopic(
                name,
                spec["partitions"],
                1,
                topic_configs={
                    key: str(value)
                    for key, value in spec["config"].items()
                    if key != "min.insync.replicas"
                },
            )
            for name, spec in _topics(cluster).items()
        ]
        response = await admin.create_topics(topics)
        assert {code for _name, code, *_rest in response.topic_errors} == {0}
        for user in cluster.of("KafkaUser"):
            for rule in user["spec"]["authorization"]["acls"]:
                for operation in rule["operations"]:
                    request = CreateAclsRequest(
                        _RESOURCES[rule["resource"]["type"]],
                        rule["resource"]["name"],
                        LITERAL,
                        f"User:{user['metadata']['name']}",
                        rule.get("host", "*"),
                        OPERATIONS[operation],
                        ALLOW,
                    )
                    done = await admin._send_request(request)
                    assert [code for code, _message in done.creation_responses] == [0]
    finally:
        await admin.close()


async def _try_what_is_forbidden(games: Games) -> dict[str, str]:
    return {
        "keda reads results": await _outcome(_read(games.settings("keda"), "results")),
        "worker writes results": await _outcome(_write(games.settings("worker"), "results")),
        "gateway writes tallies": await _outcome(_write(games.settings("gateway"), "tallies")),
        "gateway creates a topic": await _outcome(_create(games.settings("gateway"))),
        "worker creates a topic": await _outcome(_create(games.settings("worker"))),
    }


async def _outcome(trial: Awaitable[None]) -> str:
    try:
        async with asyncio.timeout(60):
            await trial
    except TopicAuthorizationFailedError:
        return "denied"
    return "allowed"


async def _read(settings: CommonSettings, topic: str) -> None:
    consumer = AIOKafkaConsumer(auto_offset_reset="earliest", **kafka_options(settings))
    await consumer.start()
    try:
        consumer.assign([TopicPartition(topic, 0)])
        await consumer.getmany(timeout_ms=10_000)
    finally:
        await consumer.stop()


async def _write(settings: CommonSettings, topic: str) -> None:
    async with AIOKafkaProducer(**kafka_options(settings)) as producer:
        await producer.send_and_wait(topic, b"no", partition=0)


async def _create(settings: CommonSettings) -> None:
    admin = AIOKafkaAdminClient(**kafka_options(settings))
    await admin.start()
    try:
        response = await admin.create_topics([NewTopic("another", 1, 1)])
    finally:
        await admin.close()
    for _name, code, *_rest in response.topic_errors:
        if code:
            raise for_code(code)
