"""Autoscalers and disruption budgets: one for each, within the partitions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from contracts.settings import CommonSettings
from streams.settings import WorkerSettings
from tests.kubernetes.policy.rules import rule
from tests.kubernetes.policy.settings import settings_of
from tests.kubernetes.rendered import Cluster, Object, Pods, namespace_of, selects, shown


class _Scaler(NamedTuple):
    source: Object
    kind: str
    name: str
    least: int
    most: int


@rule
def nothing_has_two_autoscalers(cluster: Cluster) -> Iterator[str]:
    count = Counter((it.kind, it.name) for it in _scalers(cluster))
    for (kind, name), number in count.items():
        if number > 1:
            yield f"{kind}/{name} has {number} autoscalers, which pull at it by turns"


@rule
def what_is_autoscaled_says_no_replicas(cluster: Cluster) -> Iterator[str]:
    for it in _scalers(cluster):
        target = cluster.get(it.kind, it.name, namespace_of(it.source))
        if target is None:
            yield f"{shown(it.source)}: there is no {it.kind}/{it.name}"
        elif "replicas" in target["spec"]:
            yield f"{it.kind}/{it.name}: its replicas would be taken back with every apply"
        if not 1 <= it.least <= it.most:
            yield f"{shown(it.source)}: from {it.least} to {it.most}"


@rule
def no_more_workers_than_partitions(cluster: Cluster) -> Iterator[str]:
    for pods in cluster.ours():
        settings = settings_of(cluster, pods)
        if not isinstance(settings, WorkerSettings):
            continue
        most = [it.most for it in _scalers(cluster) if (it.kind, it.name) == (pods.kind, pods.name)]
        number = max([*most, pods.owner["spec"].get("replicas", 1)])
        if number > settings.partitions:
            yield f"{pods}: up to {number}, of which {settings.partitions} would have work"


@rule
def the_lag_is_that_of_our_group(cluster: Cluster) -> Iterator[str]:
    for it in cluster.of("ScaledObject"):
        settings = next(
            found
            for pods in cluster.ours()
            if isinstance(found := settings_of(cluster, pods), WorkerSettings)
        )
        for trigger in it["spec"]["triggers"]:
            given = trigger["metadata"]
            if given.get("topic") != settings.results_topic:
                yield f"{shown(it)}: the topic is {given.get('topic')}"
            if given.get("consumerGroup") != settings.app_id:
                yield f"{shown(it)}: the group is {given.get('consumerGroup')}"
            if not _reaches(settings, given.get("bootstrapServers", ""), namespace_of(it)):
                yield f"{shown(it)}: Kafka is not at {given.get('bootstrapServers')}"
            reference = trigger.get("authenticationRef", {}).get("name", "")
            if cluster.get("TriggerAuthentication", reference, namespace_of(it)) is None:
                yield f"{shown(it)}: there is no TriggerAuthentication {reference}"
            if given.get("sasl") != "scram_sha512" or given.get("tls") != "enable":
                yield f"{shown(it)}: Kafka wants TLS and a user"


@rule
def a_drain_can_go_on(cluster: Cluster) -> Iterator[str]:
    budgets = list(cluster.of("PodDisruptionBudget"))
    least = {(it.kind, it.name): it.least for it in _scalers(cluster)}
    for pods in cluster.pods():
        number = least.get((pods.kind, pods.name), pods.owner["spec"].get("replicas", 1))
        found = [
            it
            for it in budgets
            if namespace_of(it) == pods.namespace and selects(it["spec"]["selector"], pods.labels)
        ]
        if len(found) > 1:
            yield f"{pods}: {len(found)} budgets; no pod of it could be evicted"
        for it in found:
            spec = it["spec"]
            if spec.get("maxUnavailable", 1) in (0, "0%") or spec.get("minAvailable", 0) in (
                "100%",
                number,
            ):
                yield f"{shown(it)}: allows no disruption, so a node could never be drained"
            if spec.get("unhealthyPodEvictionPolicy") != "AlwaysAllow":
                yield f"{shown(it)}: a pod that is broken anyway would hold up a drain"
    for pods in cluster.ours():
        if not any(selects(it["spec"]["selector"], pods.labels) for it in budgets):
            yield f"{pods}: no budget; a drain may take all at once"


def numbers(cluster: Cluster, pods: Pods) -> tuple[int, int]:
    """Return how many of such pods there are at least and at most."""
    for it in _scalers(cluster):
        if (it.kind, it.name) == (pods.kind, pods.name):
            return it.least, it.most
    number = pods.owner["spec"].get("replicas", 1)
    return number, number


def _scalers(cluster: Cluster) -> Iterator[_Scaler]:
    for it in cluster.of("HorizontalPodAutoscaler"):
        target = it["spec"]["scaleTargetRef"]
        least, most = it["spec"].get("minReplicas", 1), it["spec"]["maxReplicas"]
        yield _Scaler(it, target["kind"], target["name"], least, most)
    for it in cluster.of("ScaledObject"):
        spec = it["spec"]
        target = spec["scaleTargetRef"]
        # KEDA's own defaults: none is a number of replicas to it, and a hundred.
        least, most = spec.get("minReplicaCount", 0), spec.get("maxReplicaCount", 100)
        yield _Scaler(it, target.get("kind", "Deployment"), target["name"], least, most)


def _reaches(settings: CommonSettings, servers: str, namespace: str) -> bool:
    """KEDA asks from a namespace of its own, so it may or must say ours."""
    host, _, port = settings.kafka.rpartition(":")
    names = {f"{host}:{port}", f"{host}.{namespace}:{port}", f"{host}.{namespace}.svc:{port}"}
    return servers in names
