"""Prometheus finds our pods, and what it and Grafana are given is what the repository has."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from k8s.generate import self_signed
from tests.kubernetes.policy.rules import rule
from tests.kubernetes.reading import load_all
from tests.kubernetes.rendered import ROOT, Cluster, Pods, name_of, namespace_of, selects, shown

_CONFIGURATION: Final = ROOT / "prometheus" / "kubernetes.yml"
_RULES: Final = ROOT / "prometheus" / "rules"

#: ConfigMap without the hash at its end → the files that it is made of, by key.
_FILES: Final = {
    "prometheus": {"prometheus.yml": _CONFIGURATION},
    "prometheus-rules": {it.name: it for it in _RULES.glob("*.yml")},
    "grafana-datasources": {
        "medallero.yml": ROOT / "grafana/provisioning/datasources/medallero.yml"
    },
    "grafana-providers": {"medallero.yml": ROOT / "grafana/provisioning/dashboards/medallero.yml"},
    **{
        f"grafana-dashboard-{it.stem}": {it.name: it}
        for it in (ROOT / "grafana/dashboards").glob("*.json")
    },
}


@rule
def prometheus_finds_gateways_and_workers(cluster: Cluster) -> Iterator[str]:
    for pods in cluster.ours():
        if not _kept(pods):
            yield f"{pods}: prometheus/kubernetes.yml does not take its labels and ports"
    for it in cluster.of("PodMonitor"):
        for pods in cluster.ours():
            if not _monitored(it, pods):
                yield f"{shown(it)}: does not find {pods}"
    for it in cluster.of("ServiceMonitor"):
        wanted = it["spec"].get("namespaceSelector", {}).get("matchNames", [namespace_of(it)])
        found = [
            service
            for service in cluster.of("Service")
            if namespace_of(service) in wanted
            and selects(it["spec"]["selector"], service["metadata"].get("labels", {}))
        ]
        if not found and wanted != ["kube-system"]:
            yield f"{shown(it)}: finds no Service"
        for endpoint in it["spec"]["endpoints"]:
            for service in found:
                if endpoint["port"] not in {port.get("name") for port in service["spec"]["ports"]}:
                    yield f"{shown(it)}: {shown(service)} has no port {endpoint['port']}"


@rule
def what_prometheus_and_grafana_are_given_is_current(cluster: Cluster) -> Iterator[str]:
    for it in cluster.of("ConfigMap"):
        files = _FILES.get(re.sub(r"-[a-z0-9]{10}$", "", name_of(it)))
        if files is None:
            continue
        for key, file in files.items():
            given = it.get("data", {}).get(key)
            if given != file.read_text("utf-8") and (file, given) != (
                _CONFIGURATION,
                self_signed(),
            ):
                yield f"{shown(it)}: {key} is not {file.relative_to(ROOT)}"
    wanted = [group for file in sorted(_RULES.glob("*.yml")) for group in _groups(file.read_text())]
    for it in cluster.of("PrometheusRule"):
        given = {group["name"]: group for group in it["spec"]["groups"]}
        for group in wanted:
            if given.get(group["name"]) != group:
                yield f"{shown(it)}: the group {group['name']} is not that of prometheus/rules"


@rule
def every_dashboard_is_shown(cluster: Cluster) -> Iterator[str]:
    if cluster.get("Deployment", "grafana") is None:
        return
    there = {re.sub(r"-[a-z0-9]{10}$", "", name_of(it)) for it in cluster.of("ConfigMap")}
    for name in sorted(it for it in _FILES if it.startswith("grafana-")):
        if name not in there:
            yield f"Deployment/grafana: {name} is not there"


def _kept(pods: Pods) -> bool:
    """Tell whether the job of our pods keeps them: its own steps, on the labels they would have."""
    (configuration,) = load_all(_CONFIGURATION.read_text("utf-8"))
    (job,) = [it for it in configuration["scrape_configs"] if it["job_name"] == "medallero"]
    for container in pods.containers:
        for port in container.get("ports", []):
            known = {
                f"__meta_kubernetes_pod_label_{re.sub('[^a-zA-Z0-9_]', '_', key)}": value
                for key, value in pods.labels.items()
            }
            known["__meta_kubernetes_pod_container_port_name"] = port.get("name", "")
            if all(
                re.fullmatch(it["regex"], known.get(it["source_labels"][0], ""))
                for it in job["relabel_configs"]
                if it.get("action") == "keep"
            ):
                return True
    return False


def _monitored(monitor: dict[str, Any], pods: Pods) -> bool:
    spec = monitor["spec"]
    selector = spec.get("namespaceSelector", {})
    there = selector.get("any") or pods.namespace in selector.get(
        "matchNames", [namespace_of(monitor)]
    )
    ports = {port.get("name") for it in pods.containers for port in it.get("ports", [])}
    return bool(
        there
        and selects(spec["selector"], pods.labels)
        and all(it["port"] in ports for it in spec["podMetricsEndpoints"])
    )


def _groups(text: str) -> list[dict[str, Any]]:
    (content,) = load_all(text)
    return list(content["groups"])
