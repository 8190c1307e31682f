"""What every pod has: resources, probes, and no more rights than it needs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from tests.kubernetes.policy.rules import rule
from tests.kubernetes.rendered import Cluster, name_of, shown

#: What reads the machine itself, and so shares its network and sees its disks; nothing else may.
_WATCHES_THE_NODE: Final = {"DaemonSet/node-exporter"}

#: What a file says where a password has to be chosen.
_PLACEHOLDER: Final = "change-me"
_PASSWORD_IN_URL: Final = re.compile(r"://[^/@]*:(?!\$\()[^/@]+@")

_UNITS: Final = {"": 1, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "M": 10**6, "G": 10**9}


@rule
def every_container_asks_for_what_it_needs(cluster: Cluster) -> Iterator[str]:
    for pods in cluster.pods():
        for it in pods.containers:
            resources = it.get("resources", {})
            for wanted in ("cpu", "memory"):
                if wanted not in resources.get("requests", {}):
                    yield f"{pods}: {it['name']} requests no {wanted}"
            limit = resources.get("limits", {}).get("memory")
            if limit is None:
                yield f"{pods}: {it['name']} has no memory limit"
            elif size(limit) < size(resources.get("requests", {}).get("memory", "0")):
                yield f"{pods}: {it['name']} may not have the memory that it asks for"
            if "cpu" in resources.get("limits", {}):
                yield f"{pods}: {it['name']} has a limit on CPU: throttled while cores idle"


@rule
def every_container_is_probed(cluster: Cluster) -> Iterator[str]:
    for pods in cluster.pods():
        if pods.kind in ("Job", "CronJob"):
            continue
        for it in pods.containers:
            for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                if probe not in it:
                    yield f"{pods}: {it['name']} has no {probe}"


@rule
def probes_ask_what_the_program_answers(cluster: Cluster) -> Iterator[str]:
    for pods in cluster.ours():
        for it in pods.containers:
            for probe, path in (
                ("startupProbe", "/healthz"),
                # Readiness asks for Kafka: a restart would not bring it back.
                ("livenessProbe", "/healthz"),
                ("readinessProbe", "/readyz"),
            ):
                asked = it.get(probe, {}).get("httpGet", {}).get("path")
                if asked is not None and asked != path:
                    yield f"{pods}: {probe} asks {asked}, not {path}"


@rule
def every_pod_has_the_restricted_security_context(cluster: Cluster) -> Iterator[str]:
    for pods in cluster.pods():
        context = pods.spec.get("securityContext", {})
        if context.get("runAsNonRoot") is not True:
            yield f"{pods}: runAsNonRoot is not set"
        if context.get("runAsUser", 1) == 0:
            yield f"{pods}: runs as root"
        if context.get("seccompProfile", {}).get("type") != "RuntimeDefault":
            yield f"{pods}: no seccomp profile"
        if str(pods) not in _WATCHES_THE_NODE:
            for it in ("hostNetwork", "hostPID", "hostIPC"):
                if pods.spec.get(it):
                    yield f"{pods}: {it}"
            if any("hostPath" in it for it in pods.spec.get("volumes", [])):
                yield f"{pods}: a directory of the node"
        for it in [*pods.containers, *pods.spec.get("initContainers", [])]:
            own = it.get("securityContext", {})
            if own.get("allowPrivilegeEscalation") is not False:
                yield f"{pods}: {it['name']} may escalate its privileges"
            if own.get("readOnlyRootFilesystem") is not True:
                yield f"{pods}: {it['name']} can write to its root"
            if own.get("capabilities", {}).get("drop") != ["ALL"] or own["capabilities"].get("add"):
                yield f"{pods}: {it['name']} keeps capabilities"
            if own.get("privileged") or own.get("runAsUser") == 0:
                yield f"{pods}: {it['name']} is privileged"


@rule
def only_what_asks_the_api_has_a_token_for_it(cluster: Cluster) -> Iterator[str]:
    bound = {
        (subject["name"], subject.get("namespace"))
        for binding in cluster.of("ClusterRoleBinding", "RoleBinding")
        for subject in binding.get("subjects", [])
    }
    for pods in cluster.pods():
        account = (pods.spec.get("serviceAccountName", "default"), pods.namespace)
        has_token = pods.spec.get("automountServiceAccountToken") is not False
        if has_token and account not in bound:
            yield f"{pods}: has a token for the API, and no rights that it would need it for"


@rule
def every_image_is_of_one_version(cluster: Cluster) -> Iterator[str]:
    for pods in cluster.pods():
        for it in pods.containers:
            if not re.search(r"(:v?\d[\w.-]*|@sha256:[0-9a-f]{64})$", it["image"]):
                yield f"{pods}: the image {it['image']} may be another one tomorrow"
    ours = [*cluster.ours(), *cluster.commands()]
    images = {it["image"] for pods in ours for it in pods.containers}
    if len(images) > 1:
        yield f"gateways, workers and commands are of different versions: {sorted(images)}"


@rule
def no_secret_is_written_down(cluster: Cluster) -> Iterator[str]:
    for it in cluster.of("Secret"):
        yield f"{shown(it)} is in the manifests"
    for pods in cluster.pods():
        for container in pods.containers:
            for name, value in cluster.configuration(pods, container).items():
                if value != _PLACEHOLDER and (_is_secret(name) or _PASSWORD_IN_URL.search(value)):
                    yield f"{pods}: {name} says a secret in the manifest"
    for it in cluster.of("ConfigMap"):
        for key, value in it.get("data", {}).items():
            if _is_secret(key) and value != _PLACEHOLDER:
                yield f"{shown(it)}: {key} says a secret in the manifest"


@rule
def everything_is_in_a_namespace_that_is_there(cluster: Cluster) -> Iterator[str]:
    there = {name_of(it) for it in cluster.of("Namespace")}
    for it in cluster.objects:
        if it["kind"] in ("Namespace", "ClusterRole", "ClusterRoleBinding", "StorageClass"):
            continue
        namespace = it["metadata"].get("namespace")
        if namespace not in there:
            yield f"{shown(it)}: its namespace {namespace} is not in the overlay"


@rule
def our_namespace_takes_restricted_pods_only(cluster: Cluster) -> Iterator[str]:
    for pods in (*cluster.ours(), *cluster.commands()):
        namespace = cluster.get("Namespace", pods.namespace)
        labels = namespace["metadata"].get("labels", {}) if namespace else {}
        if labels.get("pod-security.kubernetes.io/enforce") != "restricted":
            yield f"{pods}: the namespace {pods.namespace} does not enforce `restricted`"


@rule
def a_rollout_can_go_on_and_keeps_what_serves(cluster: Cluster) -> Iterator[str]:
    for it in cluster.of("Deployment"):
        rolling = it["spec"].get("strategy", {}).get("rollingUpdate", {})
        gone, more = rolling.get("maxUnavailable", "25%"), rolling.get("maxSurge", "25%")
        if gone == 0 and more == 0:
            yield f"{shown(it)}: neither may one be missing nor one be there more"
    gateway = cluster.get("Deployment", "gateway")
    if gateway is not None:
        rolling = gateway["spec"].get("strategy", {}).get("rollingUpdate", {})
        if rolling.get("maxUnavailable") != 0:
            yield "Deployment/gateway: a rollout takes one away before the next is ready"


def size(quantity: str | int) -> float:
    """Return the bytes of a quantity of memory."""
    match = re.fullmatch(r"([\d.]+)(Ki|Mi|Gi|M|G|)", str(quantity))
    assert match is not None, quantity
    return float(match[1]) * _UNITS[match[2]]


def _is_secret(name: str) -> bool:
    return bool(re.search(r"(PASSWORD|SECRET|_KEY)$|^MEDALLERO_TOKENS$", name.upper()))
