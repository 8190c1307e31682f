"""Topics, users and the address of Kafka are what the programs need."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from contracts.settings import CommonSettings
from contracts.topics import topic_specs
from contracts.weather_store import WeatherStoreSettings, counting_topics
from gateway.settings import GatewaySettings
from streams.settings import WorkerSettings
from streams.weather.settings import WeatherConsumerSettings, WeatherWorkerSettings
from tests.kubernetes.policy.rules import rule
from tests.kubernetes.policy.settings import settings_of
from tests.kubernetes.rendered import Cluster, Object, name_of, selects, shown


@rule
def topics_are_what_the_program_needs(cluster: Cluster) -> Iterator[str]:
    topics = {
        it["spec"].get("topicName", name_of(it)): it["spec"] for it in cluster.of("KafkaTopic")
    }
    weather = _weather(cluster)
    for spec in (*topic_specs(_settings(cluster)), *(counting_topics(weather) if weather else ())):
        topic = topics.get(spec.name)
        if topic is None:
            yield f"there is no topic {spec.name}"
            continue
        if topic["partitions"] != spec.partitions:
            yield f"{spec.name} has {topic['partitions']} partitions, not {spec.partitions}"
        for key, value in spec.created_with.items():
            if str(topic.get("config", {}).get(key)) != value:
                yield f"{spec.name}: {key} is {topic.get('config', {}).get(key)}, not {value}"


@rule
def what_is_acknowledged_survives_a_broker(cluster: Cluster) -> Iterator[str]:
    brokers = sum(
        it["spec"]["replicas"]
        for it in cluster.of("KafkaNodePool")
        if "broker" in it["spec"]["roles"]
    )
    for it in cluster.of("KafkaTopic"):
        replicas = it["spec"]["replicas"]
        kept = int(it["spec"].get("config", {}).get("min.insync.replicas", 1))
        if replicas > brokers:
            yield f"{shown(it)}: {replicas} replicas on {brokers} brokers"
        if kept != max(1, replicas - 1):
            yield f"{shown(it)}: {kept} of {replicas} replicas in sync; one may be away, no more"
        if replicas != min(3, brokers):
            yield f"{shown(it)}: {replicas} replicas although there are {brokers} brokers"


@rule
def no_node_has_two_of_a_pool(cluster: Cluster) -> Iterator[str]:
    for pool in cluster.of("KafkaNodePool"):
        affinity = pool["spec"].get("template", {}).get("pod", {}).get("affinity", {})
        apart = affinity.get("podAntiAffinity", {}).get(
            "requiredDuringSchedulingIgnoredDuringExecution", []
        )
        labels = {
            "strimzi.io/cluster": pool["metadata"]["labels"]["strimzi.io/cluster"],
            "strimzi.io/pool-name": name_of(pool),
        }
        if pool["spec"]["replicas"] > 1 and not any(
            it["topologyKey"] == "kubernetes.io/hostname" and selects(it["labelSelector"], labels)
            for it in apart
        ):
            yield f"{shown(pool)}: two may come to one node, and be lost together"


@rule
def everything_of_kafka_belongs_to_the_cluster(cluster: Cluster) -> Iterator[str]:
    clusters = {name_of(it) for it in cluster.of("Kafka")}
    for it in cluster.of("KafkaNodePool", "KafkaTopic", "KafkaUser"):
        named = it["metadata"].get("labels", {}).get("strimzi.io/cluster")
        if named not in clusters:
            yield f"{shown(it)}: its cluster {named} is not there"
    for it in cluster.of("Kafka", "KafkaNodePool", "KafkaTopic", "KafkaUser"):
        if it["apiVersion"] != "kafka.strimzi.io/v1":
            yield f"{shown(it)}: {it['apiVersion']} is no version of Strimzi 1"


@rule
def programs_talk_to_kafka_as_it_listens(cluster: Cluster) -> Iterator[str]:
    (kafka,) = cluster.of("Kafka")
    listeners = {it["port"]: it for it in kafka["spec"]["kafka"]["listeners"]}
    for pods in (*cluster.ours(), *cluster.commands()):
        values = cluster.configuration(pods, pods.containers[0])
        host, _, port = values.get("MEDALLERO_KAFKA", "").rpartition(":")
        if host != f"{name_of(kafka)}-kafka-bootstrap":
            yield f"{pods}: Strimzi makes no Service {host}"
        listener = listeners.get(int(port or 0))
        if listener is None:
            yield f"{pods}: Kafka does not listen to port {port}"
            continue
        user = listener.get("authentication", {}).get("type") == "scram-sha-512"
        wanted = ("SASL_" if user else "") + ("SSL" if listener["tls"] else "PLAINTEXT")
        wanted = wanted.removeprefix("SASL_") if wanted == "PLAINTEXT" else wanted
        if values.get("MEDALLERO_KAFKA_SECURITY", "PLAINTEXT") != wanted:
            yield f"{pods}: talks {values.get('MEDALLERO_KAFKA_SECURITY')}, Kafka {wanted}"
        if not user or not listener["tls"]:
            yield f"{pods}: its way to Kafka has no TLS, or anyone may come"


@rule
def every_user_is_there_and_has_the_rights_it_needs_and_no_more(cluster: Cluster) -> Iterator[str]:
    users = {name_of(it): it for it in cluster.of("KafkaUser")}
    wanted = _rights(cluster)
    for pods in (*cluster.ours(), *cluster.commands()):
        named = cluster.configuration(pods, pods.containers[0]).get("MEDALLERO_KAFKA_USER")
        if named not in users:
            yield f"{pods}: there is no KafkaUser {named}"
        if named != pods.labels.get("app.kubernetes.io/component"):
            yield f"{pods}: comes as {named}"
    for name, rights in wanted.items():
        if name not in users:
            continue  # said above, or not in this overlay
        given = _given(users[name])
        for (kind, resource), operations in rights.items():
            for it in sorted(operations - given.get((kind, resource), set())):
                yield f"KafkaUser/{name}: may not {it} the {kind} {resource}"
        for (kind, resource), operations in given.items():
            for it in sorted(operations - rights.get((kind, resource), set())):
                yield f"KafkaUser/{name}: may {it} the {kind} {resource} without need"


@rule
def everybody_means_the_same_weather(cluster: Cluster) -> Iterator[str]:
    weather = _weather(cluster)
    if weather is None:
        return
    for pods in cluster.pods():
        if pods.name not in ("weather-worker", "weather-consumer"):
            continue
        settings = settings_of(cluster, pods)
        if isinstance(settings, WeatherWorkerSettings):
            if settings.weather_reports_topic != weather.weather_reports_topic:
                yield f"{pods} reads {settings.weather_reports_topic}"
        elif isinstance(settings, WeatherConsumerSettings):
            if settings.weather_queue != weather.weather_queue:
                yield f"{pods} reads the queue {settings.weather_queue}"
        else:
            yield f"{pods} is no program of the weather"


def _settings(cluster: Cluster) -> WorkerSettings:
    for pods in cluster.ours():
        settings = settings_of(cluster, pods)
        if isinstance(settings, WorkerSettings):
            return settings
    raise AssertionError("there is no worker")


def _weather(cluster: Cluster) -> WeatherStoreSettings | None:
    """Return the settings of the weather reports, if the gateway writes them to Kafka."""
    for pods in cluster.ours():
        settings = settings_of(cluster, pods)
        if isinstance(settings, GatewaySettings) and "kafka" in settings.weather_writers:
            return WeatherStoreSettings(
                weather_partitions=settings.weather_partitions,
                weather_topic=settings.weather_topic,
                weather_queue=settings.weather_queue,
            )
    return None


def _rights(cluster: Cluster) -> dict[str, dict[tuple[str, str], set[str]]]:
    """Return the table of docs/guide/security.md."""
    settings = _settings(cluster)
    look = {"Describe", "DescribeConfigs"}
    common: CommonSettings = settings
    group = ("group", settings.app_id)
    rights = {
        "gateway": {
            ("topic", common.results_topic): look | {"Read", "Write"},
            ("topic", common.heartbeats_topic): {"Describe", "Write"},
        },
        "worker": {
            ("topic", common.results_topic): look | {"Read"},
            ("topic", common.changelog_topic): look | {"Read", "Write"},
            ("topic", common.tallies_topic): look | {"Read", "Write"},
            ("topic", common.rejected_topic): look | {"Write"},
            group: {"Describe", "Read"},
        },
        # What its scaler asks: the ends of the topic, and what the group has committed.
        "keda": {("topic", common.results_topic): {"Describe"}, group: {"Describe"}},
        "backup": {("topic", common.results_topic): {"Describe", "Read"}},
        "restore": {("topic", common.results_topic): look | {"Read", "Write"}},
    }
    if weather := _weather(cluster):
        reports = ("topic", weather.weather_reports_topic)
        rights["gateway"] |= {reports: look | {"Write"}}
        rights["weather-worker"] = {
            reports: look | {"Read"},
            ("topic", weather.weather_changelog_topic): look | {"Read", "Write"},
            ("topic", weather.weather_rejected_topic): look | {"Write"},
            ("group", WeatherWorkerSettings().app_id): {"Describe", "Read"},
        }
    return rights


def _given(user: Object) -> dict[tuple[str, str], set[str]]:
    given: dict[tuple[str, str], set[str]] = {}
    acls: list[dict[str, Any]] = user["spec"].get("authorization", {}).get("acls", [])
    for it in acls:
        resource = it["resource"]
        name = resource.get("name", "")
        if resource.get("patternType", "literal") != "literal":
            name += "*"
        given.setdefault((resource["type"], name), set()).update(it.get("operations", []))
    return given
