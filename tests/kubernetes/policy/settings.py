"""The environment of gateways and workers is one that the programs accept, and is meant."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from pydantic import ValidationError

from contracts.settings import CommonSettings
from gateway.settings import GatewaySettings
from medallero.settings_reference import page
from streams.settings import WorkerSettings
from streams.weather.settings import WeatherConsumerSettings, WeatherWorkerSettings
from tests.kubernetes.policy.rules import rule
from tests.kubernetes.policy.wiring import made_by_hand
from tests.kubernetes.rendered import Cluster, Pods

MODELS: Final[dict[str, type[CommonSettings]]] = {
    "gateway": GatewaySettings,
    "worker": WorkerSettings,
    "weather-worker": WeatherWorkerSettings,
    "weather-consumer": WeatherConsumerSettings,
    "backup": CommonSettings,
    "restore": CommonSettings,
}
_PREFIX: Final = "MEDALLERO_"
#: Settings that name a file, which is in the pod and not here.
_FILES: Final = frozenset(
    {"kafka_ca", "kafka_password_file", "tokens_file", "tls_certificate", "tls_key", "catalogue"}
)


@rule
def every_variable_is_a_setting(cluster: Cluster) -> Iterator[str]:
    known = page()
    for pods in cluster.pods():
        for container in pods.containers:
            own = {it["name"] for it in container.get("env", [])}
            model = MODELS.get(_component(pods))
            for name in {*cluster.configuration(pods, container), *own}:
                if not name.startswith(_PREFIX):
                    continue
                if f"`{name}`" not in known:
                    yield f"{pods}: there is no setting {name}"
                elif model and name in own and _field(name) not in model.model_fields:
                    yield f"{pods}: {name} is no setting of the {_component(pods)}"


@rule
def every_program_accepts_its_settings(cluster: Cluster) -> Iterator[str]:
    for pods in (*cluster.ours(), *cluster.commands()):
        try:
            settings_of(cluster, pods)
        except ValidationError as error:
            for it in error.errors():
                yield f"{pods}: {'.'.join(map(str, it['loc']))}: {it['msg']}"


@rule
def all_agree_on_what_all_must_agree_on(cluster: Cluster) -> Iterator[str]:
    seen: dict[str, set[str]] = {}
    for pods in (*cluster.ours(), *cluster.commands()):
        for name, value in cluster.configuration(pods, pods.containers[0]).items():
            if _field(name) in CommonSettings.model_fields and name not in (
                "MEDALLERO_KAFKA_USER",
                "MEDALLERO_REDIS",
            ):
                seen.setdefault(name, set()).add(value)
    for name, values in seen.items():
        if len(values) > 1:
            yield f"{name} is not the same everywhere: {sorted(values)}"


@rule
def programs_listen_where_their_ports_say(cluster: Cluster) -> Iterator[str]:
    for pods in cluster.ours():
        ports = {it.get("name"): it["containerPort"] for it in pods.containers[0]["ports"]}
        try:
            settings = settings_of(cluster, pods)
        except ValidationError:
            continue  # said by another rule
        if isinstance(settings, GatewaySettings):
            wanted = {"http": settings.http_port, "grpc": settings.grpc_port}
            hosts = {settings.http_host, settings.grpc_host}
        else:
            assert isinstance(settings, WorkerSettings)
            wanted = {"http": settings.worker_port}
            hosts = {settings.worker_host}
            service = pods.owner["spec"].get("serviceName")
            told = f"http://$(POD_NAME).{service}:{settings.worker_port}"
            if settings.worker_url not in (told, f"http://$(MEDALLERO_WORKER_ID).{service}:6066"):
                yield f"{pods}: gateways would look for it at {settings.worker_url}, not {told}"
        if hosts != {"0.0.0.0"}:
            yield f"{pods}: listens to {sorted(hosts)}, where no Service reaches it"
        if ports != wanted:
            yield f"{pods}: has ports {ports}, and listens to {wanted}"


@rule
def every_file_of_a_setting_is_mounted(cluster: Cluster) -> Iterator[str]:
    for pods in (*cluster.ours(), *cluster.commands()):
        container = pods.containers[0]
        files = set(_mounted(pods))
        for name, value in cluster.configuration(pods, container).items():
            if _field(name) in _FILES and value not in files:
                yield f"{pods}: {name} is {value}, where nothing is mounted"


@rule
def it_is_said_who_may_send(cluster: Cluster) -> Iterator[str]:
    for pods in cluster.ours():
        if _component(pods) == "gateway":
            values = cluster.configuration(pods, pods.containers[0])
            anyone = values.get("MEDALLERO_ANYONE_MAY_SEND") == "true"
            if anyone == ("MEDALLERO_TOKENS_FILE" in values):
                yield f"{pods}: either tokens, or anyone: it does not start otherwise"


@rule
def there_is_time_to_end_in_order(cluster: Cluster) -> Iterator[str]:
    for pods in cluster.ours():
        grace = pods.spec.get("terminationGracePeriodSeconds", 30)
        sleep = pods.containers[0].get("lifecycle", {}).get("preStop", {}).get("sleep", {})
        try:
            settings = settings_of(cluster, pods)
        except ValidationError:
            continue  # said by another rule
        # A worker gives a batch in hand 20 seconds.
        drain = settings.drain_timeout if isinstance(settings, GatewaySettings) else 20.0
        if grace <= drain + sleep.get("seconds", 0):
            yield f"{pods}: is killed after {grace} s, and needs {drain} after preStop"
        if isinstance(settings, GatewaySettings) and not sleep:
            yield f"{pods}: refuses connections while balancers still send them"


def settings_of(cluster: Cluster, pods: Pods) -> CommonSettings:
    """Return the settings that a gateway or worker would read, but for files.

    :raises pydantic.ValidationError: it would not start.
    """
    values: dict[str, Any] = {
        _field(name): value
        for name, value in cluster.configuration(pods, pods.containers[0]).items()
        if name.startswith(_PREFIX) and _field(name) not in _FILES
    }
    if "kafka_user" in values:
        values["kafka_password"] = "from a file"
    return MODELS[_component(pods)].model_validate(values)


def _component(pods: Pods) -> str:
    return pods.labels.get("app.kubernetes.io/component", "")


def _field(name: str) -> str:
    return name.removeprefix(_PREFIX).lower()


def _mounted(pods: Pods) -> Iterator[str]:
    """Yield the paths of files that are mounted, where the manifest says them one by one."""
    for mount in pods.containers[0].get("volumeMounts", []):
        for volume in pods.spec.get("volumes", []):
            if volume["name"] != mount["name"]:
                continue
            for source in [volume, *volume.get("projected", {}).get("sources", [])]:
                for kind in ("secret", "configMap"):
                    if kind in source:
                        items = source[kind].get("items")
                        keys = [it["path"] for it in items] if items else _all_keys(source[kind])
                        yield from (f"{mount['mountPath']}/{it}" for it in keys)


def _all_keys(source: dict[str, Any]) -> set[str]:
    return made_by_hand().get(source.get("secretName", ""), set())
