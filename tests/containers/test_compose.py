"""compose.yaml is what Docker would accept, and its services find each other."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from pydantic_settings import BaseSettings

from contracts.settings import CommonSettings
from contracts.weather_store import WeatherStoreSettings
from gateway.settings import GatewaySettings
from medallero.embedded.processes import Command, Process, stop_all
from medallero.embedded.redis import EmbeddedRedis
from streams.settings import WorkerSettings
from streams.weather.settings import WeatherConsumerSettings, WeatherWorkerSettings
from tests.kubernetes import tools
from tests.kubernetes.reading import load_all
from tests.kubernetes.rendered import ROOT, rendered
from tests.support.ports import free_port
from tests.support.waiting import wait_until

pytestmark = pytest.mark.system

PROGRAMS = {
    "topics": CommonSettings,
    "gateway": GatewaySettings,
    "worker": WorkerSettings,
}


WEATHER: dict[str, type[BaseSettings]] = {
    "weather-worker": WeatherWorkerSettings,
    "weather-consumer": WeatherConsumerSettings,
}


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    """The whole project: merged, with variables and paths in their places."""
    return merged("compose.yaml")


@pytest.fixture(scope="module")
def with_weather() -> dict[str, Any]:
    """The same with the second stream."""
    return merged("compose.yaml", "compose.weather.yaml")


def merged(*files: str) -> dict[str, Any]:
    done = subprocess.run(
        [tools.compose(), "-format=json", *files],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    content: dict[str, Any] = json.loads(done.stdout)
    for service in content["services"].values():
        environment = service.get("environment", {})
        if isinstance(environment, list):  # what was merged of two files
            service["environment"] = dict(it.split("=", 1) for it in environment)
        for file in service.get("env_file", []):
            lines = Path(file["path"]).read_text("utf-8").splitlines()
            pairs = (it.split("=", 1) for it in lines if it and not it.startswith("#"))
            service["environment"] = dict(pairs) | service.get("environment", {})
    return content


def test_the_services_are_those_that_are_documented(project: dict[str, Any]) -> None:
    page = (ROOT / "docs" / "containers.md").read_text("utf-8")

    assert set(project["services"]) == {
        *("kafka", "topics", "redis", "gateway", "worker", "prometheus", "grafana")
    }
    assert {it for it in project["services"] if f"`{it}`" not in page} == set()


def test_ports_are_open_to_this_machine_alone_and_no_stores_are(
    with_weather: dict[str, Any],
) -> None:
    published = {
        name: {int(it["published"]): it.get("host_ip") for it in service.get("ports", [])}
        for name, service in with_weather["services"].items()
    }

    assert {host for ports in published.values() for host in ports.values()} == {"127.0.0.1"}
    assert {name: set(ports) for name, ports in published.items() if ports} == {
        "gateway": {8080, 50051},
        "prometheus": {9090},
        "grafana": {3000},
    }


def test_every_service_is_looked_after(project: dict[str, Any]) -> None:
    for name, service in project["services"].items():
        assert re.search(r":v?\d+\.\d+", service["image"]) or service["image"] == "medallero"
        assert name == "topics" or service["healthcheck"]["test"]
        assert name == "kafka" or service["cap_drop"] == ["ALL"]
        for other, condition in service.get("depends_on", {}).items():
            healthy = condition["condition"] == "service_healthy"
            assert not healthy or not project["services"][other]["healthcheck"].get("disable")


def test_the_programs_accept_their_settings(project: dict[str, Any]) -> None:
    for name, model in PROGRAMS.items():
        service = project["services"][name]
        assert service["command"] == [name]
        given = {
            key.removeprefix("MEDALLERO_").lower(): value
            for key, value in service["environment"].items()
        }
        assert set(given) <= set(model.model_fields)
        settings = model.model_validate(given)
        host, _, port = settings.kafka.partition(":")
        assert (
            f"BROKER://{host}:{port}"
            == (project["services"][host]["environment"]["KAFKA_ADVERTISED_LISTENERS"])
        )
        assert settings.partitions == 4
        if isinstance(settings, GatewaySettings):
            assert settings.anyone_may_send
            targets = {it["target"] for it in service["ports"]}
            assert targets == {settings.http_port, settings.grpc_port}
            assert seconds(service["stop_grace_period"]) > settings.drain_timeout


def test_prometheus_looks_for_services_that_there_are(with_weather: dict[str, Any]) -> None:
    (configuration,) = load_all((ROOT / "prometheus/compose.yml").read_text("utf-8"))
    found = {
        (name, it["port"])
        for job in configuration["scrape_configs"]
        for it in job["dns_sd_configs"]
        for name in it["names"]
    }

    assert found == {
        ("gateway", GatewaySettings().http_port),
        ("worker", WorkerSettings().worker_port),
        *(
            (name, int(with_weather["services"][name]["environment"]["MEDALLERO_WORKER_PORT"]))
            for name in WEATHER
        ),
    }
    service = with_weather["services"]["prometheus"]
    assert "--config.file=/etc/prometheus/compose.yml" in service["command"]


def test_what_is_mounted_is_there(project: dict[str, Any]) -> None:
    for service in project["services"].values():
        for volume in service.get("volumes", []):
            if volume["type"] == "bind":
                assert Path(volume["source"]).exists(), volume["source"]
                assert volume["read_only"]
            else:
                assert volume["source"] in project["volumes"]


def test_grafana_shows_the_standings_to_whoever_opens_it(project: dict[str, Any]) -> None:
    service = project["services"]["grafana"]
    environment = service["environment"]
    mounted = {it["target"]: Path(it["source"]) for it in service["volumes"]}
    home = Path(environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])

    assert environment["GF_AUTH_ANONYMOUS_ENABLED"] == "true"
    assert environment["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"
    assert (mounted[str(home.parent)] / home.name).is_file()
    assert environment["REDIS_URL"] == "redis://redis:6379"
    assert environment["PROMETHEUS_URL"] == "http://prometheus:9090"


def test_the_images_are_those_of_the_cluster(project: dict[str, Any]) -> None:
    cluster = {
        it["image"].rpartition("/")[2] for pods in rendered("dev").pods() for it in pods.containers
    } | {
        it["image"].rpartition("/")[2]
        for pods in rendered("course").pods()
        for it in pods.containers
    }

    for name in ("redis", "prometheus", "grafana"):
        assert project["services"][name]["image"].rpartition("/")[2] in cluster
    (kafka,) = rendered("dev").of("Kafka")
    assert project["services"]["kafka"]["image"].endswith(f":{kafka['spec']['kafka']['version']}")


@pytest.fixture
def users(project: dict[str, Any], tmp_path: Path) -> Iterator[str]:
    """A Redis, started as compose.yaml starts it; yield ``host:port``."""
    service = project["services"]["redis"]
    directory = tmp_path / "users"
    directory.mkdir()
    content = project["configs"]["redis-users"]["content"]
    (directory / "medallero.acl").write_text(content, encoding="utf-8")
    (grafana,) = [it["source"] for it in service["volumes"] if it["target"].endswith(".acl")]
    (directory / "grafana.acl").write_text(Path(grafana).read_text("utf-8"), encoding="utf-8")
    port = free_port()
    own = EmbeddedRedis(tmp_path, "127.0.0.1", port, tmp_path / "log").prepare()
    shell, flag, script = service["command"]
    for theirs, ours in (
        ("/etc/redis/users", str(directory)),
        ("/tmp/users.acl", str(tmp_path / "users.acl")),
        ("/data", str(tmp_path)),
        ("exec redis-server", f"exec {own.argv[0]} --bind 127.0.0.1 --port {port}"),
    ):
        assert theirs in script
        script = script.replace(theirs, ours)
    process = Process(Command((shell, flag, script), tmp_path / "redis.log"))
    try:
        with redis.Redis(port=port) as client:
            wait_until(lambda: answers(client), what=process.log_tail)
        yield f"127.0.0.1:{port}"
    finally:
        stop_all([process], grace=20)


def test_redis_knows_the_users_and_nobody_else(project: dict[str, Any], users: str) -> None:
    for name in ("gateway", "worker"):
        url = project["services"][name]["environment"]["MEDALLERO_REDIS"]
        with redis.Redis.from_url(url.replace("redis:6379", users)) as client:
            assert client.ping()
            assert client.eval("return redis.call('hget', 'olympics:meta', 'epoch')", 0) is None
    host, _, port = users.partition(":")
    password = project["services"]["grafana"]["environment"]["REDIS_GRAFANA_PASSWORD"]
    with redis.Redis(host, int(port), username="grafana", password=password) as client:
        assert client.xrange("olympics:medal_table") == []
    with (
        redis.Redis(host, int(port)) as client,
        pytest.raises(redis.exceptions.NoPermissionError),
    ):
        client.get("olympics:meta")


def test_the_weather_comes_beside_the_rest_and_its_programs_accept_their_settings(
    project: dict[str, Any], with_weather: dict[str, Any]
) -> None:
    page = (ROOT / "docs" / "containers.md").read_text("utf-8")
    more = set(with_weather["services"]) - set(project["services"])

    assert more == {"rabbitmq", "valkey", *WEATHER}
    assert {it for it in more if f"`{it}`" not in page} == set()
    programs: dict[str, type[BaseSettings]] = {
        **WEATHER,
        "gateway": GatewaySettings,
        "topics": WeatherStoreSettings,
    }
    for name, model in programs.items():
        service = with_weather["services"][name]
        environment = service["environment"]
        given = {
            key.removeprefix("MEDALLERO_").lower(): value for key, value in environment.items()
        }
        assert service["command"] == [name]
        assert set(given) <= set(model.model_fields)
        settings = model.model_validate(given)
        # What the image's health check asks is where the program listens.
        if isinstance(settings, WeatherWorkerSettings | WeatherConsumerSettings):
            assert environment["MEDALLERO_WORKER_PORT"] == str(
                model.model_fields["worker_port"].default
            )
    writers = {
        name: with_weather["services"][name]["environment"].get("MEDALLERO_WEATHER_WRITERS")
        for name in ("topics", "gateway", "weather-worker")
    }
    assert set(writers.values()) == {"kafka,rabbitmq"}


def test_the_weathers_stores_and_their_users_are_those_of_the_cluster(
    with_weather: dict[str, Any],
) -> None:
    cluster = {
        it["image"].rpartition("/")[2]
        for pods in rendered("course-weather").pods()
        for it in pods.containers
    }
    guide = (ROOT / "docs" / "guide" / "weather.md").read_text("utf-8")

    for name in ("rabbitmq", "valkey"):
        assert with_weather["services"][name]["image"].rpartition("/")[2] in cluster
    for config, user, url in (
        ("redis-weather-users", "medallero-weather-worker", "REDIS"),
        ("valkey-users", "medallero-weather-consumer", "VALKEY"),
    ):
        (rights,) = re.findall(rf"ACL SETUSER {user} on >\S+ (.+)", guide)
        (line,) = [
            it for it in with_weather["configs"][config]["content"].splitlines() if user in it
        ]
        password, _, given = line.removeprefix(f"user {user} on >").partition(" ")
        assert given == rights
        service = with_weather["services"][user.removeprefix("medallero-")]
        assert f"//{user}:{password}@" in service["environment"][f"MEDALLERO_{url}"]


def answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.exceptions.ConnectionError:
        return False


def seconds(text: str) -> float:
    """Return the seconds of a duration as compose writes it."""
    return sum(
        float(number) * {"h": 3600, "m": 60, "s": 1}[unit]
        for number, unit in re.findall(r"([\d.]+)([hms])", text)
    )
