"""An overlay as kubectl renders it, with the questions that rules ask of it."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

from tests.kubernetes import tools
from tests.kubernetes.reading import load_all

ROOT: Final = Path(__file__).parents[2]
_OVERLAYS: Final = ROOT / "k8s" / "overlays"

#: One object, as its YAML says.
Object = dict[str, Any]


class Pods(NamedTuple):
    """What makes pods: its kind, name and namespace, and the pods' labels and specification."""

    kind: str
    name: str
    namespace: str
    labels: Mapping[str, str]
    spec: Mapping[str, Any]
    owner: Object

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"

    @property
    def containers(self) -> list[Object]:
        return list(self.spec.get("containers", []))


@dataclass(frozen=True)
class Cluster:
    """All objects of an overlay."""

    objects: tuple[Object, ...]

    def of(self, *kinds: str) -> Iterator[Object]:
        """Yield the objects of these kinds."""
        for it in self.objects:
            if it["kind"] in kinds:
                yield it

    def get(self, kind: str, name: str, namespace: str | None = None) -> Object | None:
        """Return the object of that name, or None."""
        for it in self.of(kind):
            if name_of(it) == name and namespace in (None, namespace_of(it)):
                return it
        return None

    def pods(self) -> Iterator[Pods]:
        """Yield everything that makes pods."""
        for it in self.of("Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob"):
            job = it["spec"]["jobTemplate"] if it["kind"] == "CronJob" else it
            template = job["spec"]["template"]
            yield Pods(
                it["kind"],
                name_of(it),
                namespace_of(it),
                template.get("metadata", {}).get("labels", {}),
                template["spec"],
                it,
            )

    def made_by_operators(self) -> Iterator[Pods]:
        """Yield the pods that operators will make: their labels and ports, and no more."""
        for it in self.of("Kafka"):
            listeners = {
                f"tcp-{one['name']}": one["port"] for one in it["spec"]["kafka"]["listeners"]
            }
            for pool in self.of("KafkaNodePool"):
                if _label(pool, "strimzi.io/cluster") == name_of(it):
                    roles = pool["spec"]["roles"]
                    labels = _strimzis_labels(it, "kafka") | {
                        "strimzi.io/pool-name": name_of(pool),
                        "strimzi.io/broker-role": str("broker" in roles).lower(),
                        "strimzi.io/controller-role": str("controller" in roles).lower(),
                    }
                    ports = {"tcp-kafkaagent": 8443}
                    if "controller" in roles:
                        ports["tcp-ctrlplane"] = 9090
                    if "broker" in roles:
                        ports |= {"tcp-replication": 9091, **listeners}
                    yield _pods_of(pool, labels, ports)
            if "entityOperator" in it["spec"]:
                ports = {"topic-operator": 8080, "user-operator": 8081}
                yield _pods_of(it, _strimzis_labels(it, "entity-operator"), ports)
        for it in self.of("Prometheus"):
            labels = {
                **it["spec"].get("podMetadata", {}).get("labels", {}),
                "app.kubernetes.io/name": "prometheus",
                "app.kubernetes.io/instance": name_of(it),
                "app.kubernetes.io/managed-by": "prometheus-operator",
                "operator.prometheus.io/name": name_of(it),
                "prometheus": name_of(it),
            }
            yield _pods_of(it, labels, {it["spec"].get("portName", "web"): 9090})

    def ours(self) -> Iterator[Pods]:
        """Yield gateways and workers: what runs our image."""
        for it in self.pods():
            if it.labels.get("app.kubernetes.io/component") in ("gateway", "worker"):
                yield it

    def commands(self) -> Iterator[Pods]:
        """Yield what runs our image for a while."""
        for it in self.pods():
            if it.labels.get("app.kubernetes.io/component") in ("backup", "restore"):
                yield it

    def configuration(self, pods: Pods, container: Mapping[str, Any]) -> dict[str, str]:
        """Return a container's variables that are plain text, those of its maps included."""
        values: dict[str, str] = {}
        for source in container.get("envFrom", []):
            if "configMapRef" in source:
                found = self.get("ConfigMap", source["configMapRef"]["name"], pods.namespace)
                if found is not None:
                    values |= found.get("data", {})
        for it in container.get("env", []):
            values.pop(it["name"], None)
            if "value" in it:
                values[it["name"]] = str(it["value"])
        return values


def overlays() -> list[str]:
    """Return the names of the overlays."""
    return sorted(it.parent.name for it in _OVERLAYS.glob("*/kustomization.yaml"))


@cache
def rendered_text(overlay: str, kubectl: Path | None = None) -> str:
    """Return what `kubectl kustomize` makes of an overlay."""
    return tools.run([kubectl or tools.kubectl(), "kustomize", _OVERLAYS / overlay])


def rendered(overlay: str) -> Cluster:
    """Return an overlay's objects; each call makes them anew, so that they may be changed."""
    return Cluster(copy.deepcopy(_objects(overlay)))


def rendered_with(overlay: str, old: str, new: str, directory: Path) -> Cluster:
    """Return a copy of an overlay whose kustomization has *new* in place of *old*."""
    for name in ("k8s", "grafana", "prometheus"):
        shutil.copytree(ROOT / name, directory / name)
    copy_ = directory / "k8s" / "overlays" / overlay
    file = copy_ / "kustomization.yaml"
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")
    return Cluster(tuple(load_all(tools.run([tools.kubectl(), "kustomize", copy_]))))


@cache
def _objects(overlay: str) -> tuple[Object, ...]:
    return tuple(load_all(rendered_text(overlay)))


def name_of(it: Object) -> str:
    return str(it["metadata"]["name"])


def namespace_of(it: Object) -> str:
    return str(it["metadata"].get("namespace", ""))


def shown(it: Object) -> str:
    """Return an object's kind and name, for messages."""
    return f"{it['kind']}/{name_of(it)}"


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Tell whether a label selector (``matchLabels``, ``matchExpressions``) takes these labels."""
    if any(labels.get(key) != value for key, value in selector.get("matchLabels", {}).items()):
        return False
    for it in selector.get("matchExpressions", []):
        value, values = labels.get(it["key"]), it.get("values", [])
        match it["operator"]:
            case "In":
                fits = value in values
            case "NotIn":
                fits = value not in values
            case "Exists":
                fits = value is not None
            case _:
                fits = value is None
        if not fits:
            return False
    return True


def _label(it: Object, key: str) -> str:
    return str(it["metadata"].get("labels", {}).get(key, ""))


def _strimzis_labels(kafka: Object, suffix: str) -> dict[str, str]:
    return {
        # Strimzi hands on this one label of ours: its own say the rest.
        "app.kubernetes.io/part-of": _label(kafka, "app.kubernetes.io/part-of"),
        "strimzi.io/cluster": name_of(kafka),
        "strimzi.io/kind": "Kafka",
        "strimzi.io/name": f"{name_of(kafka)}-{suffix}",
    }


def _pods_of(it: Object, labels: Mapping[str, str], ports: Mapping[str, int]) -> Pods:
    named = [{"name": name, "containerPort": port} for name, port in ports.items()]
    spec = {"containers": [{"name": name_of(it), "ports": named}]}
    return Pods(it["kind"], name_of(it), namespace_of(it), labels, spec, it)
