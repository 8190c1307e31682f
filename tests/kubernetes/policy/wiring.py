"""What is referred to exists: keys, volumes, ports, selectors."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final

from tests.kubernetes import tools
from tests.kubernetes.policy.rules import rule
from tests.kubernetes.reading import load_all
from tests.kubernetes.rendered import (
    ROOT,
    Cluster,
    Pods,
    name_of,
    namespace_of,
    selects,
    shown,
)

#: Secrets that come from elsewhere than `k8s/make-secrets`; docs/kubernetes.md says from where.
_FROM_ELSEWHERE: Final = {
    "gateway-tls": {"tls.crt", "tls.key"},
    "registry": {".dockerconfigjson"},
}
#: What Strimzi writes into the Secret of a KafkaUser with a password.
_OF_A_USER: Final = {"password", "sasl.jaas.config"}
#: … and into that of a Kafka's authority for certificates.
_OF_AN_AUTHORITY: Final = {"ca.crt", "ca.p12", "ca.password"}


@cache
def made_by_hand() -> dict[str, set[str]]:
    """Return the Secrets that people make, and their keys: what the script prints, and the rest."""
    # Any file does for the tokens.
    script = ROOT / "k8s" / "make-secrets"
    made = load_all(tools.run([script, "--weather", "anywhere", ROOT / "LICENSE"]))
    return {
        name_of(it): {*it.get("stringData", {}), *it.get("data", {})} for it in made
    } | _FROM_ELSEWHERE


@rule
def every_key_that_is_referred_to_exists(cluster: Cluster) -> Iterator[str]:
    for pods in cluster.pods():
        for kind, name, keys in _references(pods):
            known = _keys(cluster, kind, name, pods.namespace)
            if known is None:
                yield f"{pods}: nobody makes the {kind} {name}"
            for key in sorted(keys - (known or keys)):
                yield f"{pods}: the {kind} {name} has no key {key}"
    for it in cluster.of("TriggerAuthentication"):
        spec = it["spec"]
        for kind, references in (
            ("Secret", spec.get("secretTargetRef", [])),
            ("ConfigMap", spec.get("configMapTargetRef", [])),
        ):
            for reference in references:
                known = _keys(cluster, kind, reference["name"], namespace_of(it))
                if known is None or reference["key"] not in known:
                    yield f"{shown(it)}: no {kind} {reference['name']} with {reference['key']}"
    for it in cluster.of("Ingress"):
        for tls in it["spec"].get("tls", []):
            if tls["secretName"] not in made_by_hand():
                yield f"{shown(it)}: nobody makes the Secret {tls['secretName']}"


@rule
def every_volume_that_is_mounted_is_there(cluster: Cluster) -> Iterator[str]:
    for pods in cluster.pods():
        volumes = {it["name"] for it in pods.spec.get("volumes", [])}
        claims = pods.owner["spec"].get("volumeClaimTemplates", [])
        volumes |= {name_of(it) for it in claims}
        mounted = {mount["name"] for it in pods.containers for mount in it.get("volumeMounts", [])}
        for name in sorted(mounted - volumes):
            yield f"{pods}: there is no volume {name}"
        for name in sorted(volumes - mounted):
            yield f"{pods}: the volume {name} is not mounted"
        for it in pods.spec.get("volumes", []):
            claim = it.get("persistentVolumeClaim", {}).get("claimName")
            if claim and not cluster.get("PersistentVolumeClaim", claim, pods.namespace):
                yield f"{pods}: there is no PersistentVolumeClaim {claim}"


@rule
def every_variable_in_a_value_is_set_before(cluster: Cluster) -> Iterator[str]:
    for pods in cluster.pods():
        for container in pods.containers:
            known: set[str] = set(
                cluster.configuration(pods, {"envFrom": container.get("envFrom", [])})
            )
            for it in container.get("env", []):
                for used in re.findall(r"\$\((\w+)\)", str(it.get("value", ""))):
                    if used not in known:
                        yield f"{pods}: {it['name']} uses $({used}), which is not set before it"
                known.add(it["name"])


@rule
def every_selector_finds_its_pods(cluster: Cluster) -> Iterator[str]:
    everything = [*cluster.pods(), *cluster.made_by_operators()]
    for pods in cluster.pods():
        if pods.kind not in ("Job", "CronJob") and not selects(
            pods.owner["spec"]["selector"], pods.labels
        ):
            yield f"{pods}: its selector does not find its own pods"
    for it in cluster.of("Service"):
        selector = it["spec"].get("selector")
        if selector and not _found({"matchLabels": selector}, namespace_of(it), everything):
            yield f"{shown(it)}: finds no pods"
    for it in cluster.of("PodDisruptionBudget"):
        if not _found(it["spec"]["selector"], namespace_of(it), everything):
            yield f"{shown(it)}: finds no pods"
    for it in cluster.of("NetworkPolicy"):
        if not _found(it["spec"]["podSelector"], namespace_of(it), everything):
            yield f"{shown(it)}: finds no pods"


@rule
def every_port_that_is_named_exists(cluster: Cluster) -> Iterator[str]:
    everything = [*cluster.pods(), *cluster.made_by_operators()]
    for pods in cluster.pods():
        for it in pods.containers:
            ports = {port.get("name") for port in it.get("ports", [])}
            ports |= {port["containerPort"] for port in it.get("ports", [])}
            for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                port = it.get(probe, {}).get("httpGet", {}).get("port")
                if port is not None and port not in ports:
                    yield f"{pods}: {probe} asks port {port}, which {it['name']} has not"
    for it in cluster.of("Service"):
        found = _found(
            {"matchLabels": it["spec"].get("selector", {})}, namespace_of(it), everything
        )
        for port in it["spec"].get("ports", []):
            target = port.get("targetPort", port["port"])
            for pods in found:
                if target not in ports_of(pods) and target not in ports_of(pods).values():
                    yield f"{shown(it)}: {pods} has no port {target}"
    for it in cluster.of("Ingress"):
        for rule_ in it["spec"].get("rules", []):
            for path in rule_["http"]["paths"]:
                asked = path["backend"]["service"]
                service = cluster.get("Service", asked["name"], namespace_of(it))
                served = service["spec"]["ports"] if service else []
                wanted = asked["port"].get("name", asked["port"].get("number"))
                if not any(wanted in (one.get("name"), one["port"]) for one in served):
                    yield f"{shown(it)}: no Service {asked['name']} with port {wanted}"


@rule
def a_stateful_set_has_its_headless_service(cluster: Cluster) -> Iterator[str]:
    for it in cluster.of("StatefulSet"):
        service = cluster.get("Service", it["spec"].get("serviceName", ""), namespace_of(it))
        if service is None:
            yield f"{shown(it)}: there is no Service {it['spec'].get('serviceName')}"
    worker = cluster.get("Service", "worker")
    if worker is not None and worker["spec"].get("clusterIP") != "None":
        yield "Service/worker: is not headless, so no worker has a name of its own"


@rule
def outside_reaches_the_gateway_under_its_usual_ports(cluster: Cluster) -> Iterator[str]:
    service = cluster.get("Service", "gateway")
    ports = {
        it.get("name"): it["port"] for it in (service or {"spec": {"ports": []}})["spec"]["ports"]
    }
    for name, port in (("http", 80), ("grpc", 50051)):
        if ports.get(name) != port:
            yield f"Service/gateway: {name} is {ports.get(name)}, not {port}"


def _references(pods: Pods) -> Iterator[tuple[str, str, set[str]]]:
    """Yield the maps and secrets that pods refer to, and the keys that they want of each."""
    for it in [*pods.containers, *pods.spec.get("initContainers", [])]:
        for source in it.get("envFrom", []):
            for field, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
                if field in source:
                    yield kind, source[field]["name"], set()
        for variable in it.get("env", []):
            source = variable.get("valueFrom", {})
            for field, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
                if field in source and not source[field].get("optional"):
                    yield kind, source[field]["name"], {source[field]["key"]}
        for mount in it.get("volumeMounts", []):
            if "subPath" in mount:
                for volume in pods.spec.get("volumes", []):
                    if volume["name"] == mount["name"] and "configMap" in volume:
                        yield "ConfigMap", volume["configMap"]["name"], {mount["subPath"]}
    for volume in pods.spec.get("volumes", []):
        for source in [volume, *volume.get("projected", {}).get("sources", [])]:
            for field, kind in (("configMap", "ConfigMap"), ("secret", "Secret")):
                if field in source:
                    name = source[field].get("name") or source[field]["secretName"]
                    yield kind, name, {item["key"] for item in source[field].get("items", [])}
    for it in pods.spec.get("imagePullSecrets", []):
        yield "Secret", it["name"], {".dockerconfigjson"}


def _keys(cluster: Cluster, kind: str, name: str, namespace: str) -> set[str] | None:
    """Return the keys that a map or secret has, or will have; None if nobody makes it."""
    found = cluster.get(kind, name, namespace)
    if found is not None:
        return set(found.get("data", {})) | set(found.get("binaryData", {}))
    if kind == "Secret":
        if cluster.get("KafkaUser", name, namespace) is not None:
            return _OF_A_USER
        if cluster.get("Kafka", name.removesuffix("-cluster-ca-cert"), namespace) is not None:
            return _OF_AN_AUTHORITY
        return made_by_hand().get(name)
    return None


def _found(selector: Mapping[str, Any], namespace: str, among: list[Pods]) -> list[Pods]:
    return [it for it in among if it.namespace == namespace and selects(selector, it.labels)]


def ports_of(pods: Pods) -> dict[str | None, int]:
    return {
        it.get("name"): it["containerPort"]
        for container in pods.containers
        for it in container.get("ports", [])
    }
