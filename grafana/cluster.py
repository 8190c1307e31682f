"""*Cluster*: pods, nodes and autoscaling on Kubernetes, from Prometheus.

The names are those of kube-state-metrics 2, node-exporter 1 and the kubelet's cAdvisor.
"""

from __future__ import annotations

from typing import Any, Final

from grafana.kinds import lines, stat, table
from grafana.model import (
    BLUE,
    GREEN,
    MOST_LINES,
    ORANGE,
    PROMETHEUS,
    RED,
    Dashboard,
    Panel,
    Row,
    Target,
    fixed,
    promql,
    query_variable,
    steps,
    top,
)
from grafana.pipeline import quantiles

_RATE: Final = "[$__rate_interval]"
_HERE: Final = 'namespace=~"$namespace"'
#: A pod's own containers, without its sandbox and without the sums that cAdvisor adds.
_CONTAINERS: Final = '{namespace=~"$namespace", container!="", container!="POD"}'

_BY_POD: Final = "sum by (namespace, pod)"
_POD: Final = "{{namespace}}/{{pod}}"

_NAMESPACE: Final = query_variable(
    "namespace",
    "Namespace",
    "Where Medallero runs; several for several games",
    PROMETHEUS,
    {
        "query": "label_values(kube_pod_info, namespace)",
        "refId": "PrometheusVariableQueryEditor-VariableQuery",
    },
    several=True,
)


def dashboard() -> Dashboard:
    """Return the dashboard."""
    return Dashboard(
        uid="medallero-cluster",
        title="Medallero: cluster",
        description="CPU, memory, disk, restarts and autoscaling of the pods, and HTTP requests",
        refresh="15s",
        since="now-1h",
        empty="Nothing measured",
        variables=(_NAMESPACE,),
        content=(
            *_summary(),
            Row("HTTP"),
            *_http(),
            Row("Pods"),
            *_pods(),
            Row("Autoscaling"),
            *_autoscaling(),
            Row("Nodes and services"),
            *_nodes(),
        ),
    )


def _summary() -> tuple[Panel, ...]:
    return (
        stat(
            "Pods that run",
            "Pods of the namespace in phase Running.",
            promql(f'sum(kube_pod_status_phase{{{_HERE}, phase="Running"}})'),
            decimals=0,
            thresholds=steps(RED, (1, GREEN)),
        ),
        stat(
            "Pods that do not",
            "Pods in phase Pending, Failed or Unknown.",
            promql(f'sum(kube_pod_status_phase{{{_HERE}, phase=~"Pending|Failed|Unknown"}})'),
            decimals=0,
            thresholds=steps(GREEN, (1, ORANGE)),
        ),
        stat(
            "Restarts in an hour",
            "Containers that were started again.",
            promql(f"sum(increase(kube_pod_container_status_restarts_total{{{_HERE}}}[1h]))"),
            decimals=0,
            thresholds=steps(GREEN, (1, ORANGE), (5, RED)),
        ),
        stat(
            "CPU",
            "Cores that the namespace's containers keep busy.",
            promql(f"sum(rate(container_cpu_usage_seconds_total{_CONTAINERS}{_RATE}))"),
            decimals=2,
            graph=True,
        ),
        stat(
            "Memory",
            "Memory that the namespace's containers work with: what counts against the limit.",
            promql(f"sum(container_memory_working_set_bytes{_CONTAINERS})"),
            unit="bytes",
            graph=True,
        ),
        stat(
            "Fullest volume",
            "Used part of the volume that is fullest.",
            promql(
                f"max(1 - kubelet_volume_stats_available_bytes{{{_HERE}}} "
                f"/ kubelet_volume_stats_capacity_bytes{{{_HERE}}})"
            ),
            unit="percentunit",
            decimals=0,
            thresholds=steps(GREEN, (0.7, ORANGE), (0.85, RED)),
        ),
    )


def _http() -> tuple[Panel, ...]:
    return (
        lines(
            "HTTP requests",
            "Requests a second over HTTP that carry records, by answer.",
            promql(
                top(
                    "sum by (answer) (rate(medallero_gateway_requests_total"
                    f'{{{_HERE}, protocol="http"}}{_RATE}))'
                ),
                "{{answer}}",
            ),
            unit="reqps",
            width=12,
        ),
        lines(
            "Latency",
            "From a request's headers to its answer, by protocol: the median and the 99th "
            "percentile.",
            *quantiles("medallero_gateway_request_seconds", "protocol"),
            unit="s",
            width=12,
        ),
        lines(
            "Requests by path",
            "Requests that carry records, a second, by the path or gRPC method that took them.",
            promql(
                top(
                    "sum by (path) (rate(medallero_gateway_request_seconds_count"
                    f"{{{_HERE}}}{_RATE}))"
                ),
                "{{path}}",
            ),
            unit="reqps",
            width=12,
        ),
        lines(
            "Latency by path",
            "From a request's headers to its answer, by path: the median and the 99th percentile.",
            *quantiles("medallero_gateway_request_seconds", "path", MOST_LINES // 2),
            unit="s",
            width=12,
        ),
    )


def _pods() -> tuple[Panel, ...]:
    def by_pod(metric: str) -> str:
        return f"{_BY_POD} (rate({metric}{_CONTAINERS}{_RATE}))"

    return (
        lines(
            "CPU by pod",
            "Cores that each pod keeps busy.",
            _highest(by_pod("container_cpu_usage_seconds_total"), _POD),
        ),
        lines(
            "Throttled CPU by pod",
            "Part of its periods in which a pod had to wait because of its CPU limit.",
            _highest(
                f"{by_pod('container_cpu_cfs_throttled_periods_total')} "
                f"/ {by_pod('container_cpu_cfs_periods_total')}",
                _POD,
            ),
            unit="percentunit",
        ),
        lines(
            "CPU beside the request",
            "Cores kept busy as a part of those requested: what an autoscaler by CPU looks at.",
            _highest(
                f"{by_pod('container_cpu_usage_seconds_total')} / {_BY_POD} "
                f'(kube_pod_container_resource_requests{{{_HERE}, resource="cpu"}})',
                _POD,
            ),
            unit="percentunit",
        ),
        lines(
            "Memory by pod",
            "Memory that each pod works with.",
            _highest(
                f"{_BY_POD} (container_memory_working_set_bytes{_CONTAINERS})",
                _POD,
            ),
            unit="bytes",
        ),
        lines(
            "Memory beside the limit",
            "Memory as a part of the limit, at which the pod is killed.",
            _highest(
                f"{_BY_POD} (container_memory_working_set_bytes{_CONTAINERS}) / {_BY_POD} "
                f'(kube_pod_container_resource_limits{{{_HERE}, resource="memory"}})',
                _POD,
            ),
            unit="percentunit",
            thresholds=steps("transparent", (0.9, RED)),
        ),
        lines(
            "Restarts by pod",
            "Containers started again in the last quarter of an hour.",
            _highest(
                f"{_BY_POD} (increase(kube_pod_container_status_restarts_total{{{_HERE}}}[15m]))",
                _POD,
            ),
            decimals=0,
        ),
        lines(
            "Disk: used part of the volumes",
            "Used part of each persistent volume.",
            _highest(
                f"1 - kubelet_volume_stats_available_bytes{{{_HERE}}} "
                f"/ kubelet_volume_stats_capacity_bytes{{{_HERE}}}",
                "{{namespace}}/{{persistentvolumeclaim}}",
            ),
            unit="percentunit",
            thresholds=steps("transparent", (0.85, RED)),
        ),
        lines(
            "Disk: written by pod",
            "Bytes a second that each pod writes to disk.",
            _highest(by_pod("container_fs_writes_bytes_total"), _POD),
            unit="Bps",
        ),
        lines(
            "Network by pod",
            "Bytes a second that each pod receives and sends.",
            _highest(
                f"{_BY_POD} (rate(container_network_receive_bytes_total{{{_HERE}}}{_RATE}))",
                "{{namespace}}/{{pod}} in",
                MOST_LINES // 2,
            ),
            _highest(
                f"{_BY_POD} (rate(container_network_transmit_bytes_total{{{_HERE}}}{_RATE}))",
                "{{namespace}}/{{pod}} out",
                MOST_LINES // 2,
            ),
            unit="Bps",
        ),
        table(
            "Pods and their nodes",
            "Where each pod runs, and since when.",
            promql(
                f"(time() - kube_pod_start_time{{{_HERE}}}) * on (namespace, pod) "
                f"group_left (node) kube_pod_info{{{_HERE}}}",
                instant=True,
                table=True,
            ),
            transformations=(
                _columns(pod="Pod", namespace="Namespace", node="Node", Value="Up for"),
            ),
            unit="s",
            height=8,
            fields={"Up for": fixed(BLUE)},
        ),
    )


def _autoscaling() -> tuple[Panel, ...]:
    return (
        lines(
            "Replicas by autoscaler",
            "What each autoscaler has, and what it wants.",
            _highest(
                f"kube_horizontalpodautoscaler_status_current_replicas{{{_HERE}}}",
                "{{namespace}}/{{horizontalpodautoscaler}}",
                MOST_LINES // 2,
            ),
            _highest(
                f"kube_horizontalpodautoscaler_status_desired_replicas{{{_HERE}}}",
                "{{namespace}}/{{horizontalpodautoscaler}} wanted",
                MOST_LINES // 2,
            ),
            decimals=0,
            width=12,
        ),
        lines(
            "Room left",
            "Replicas that each autoscaler may still add.",
            _highest(
                f"kube_horizontalpodautoscaler_spec_max_replicas{{{_HERE}}} "
                f"- kube_horizontalpodautoscaler_status_current_replicas{{{_HERE}}}",
                "{{namespace}}/{{horizontalpodautoscaler}}",
            ),
            decimals=0,
            width=12,
        ),
    )


def _nodes() -> tuple[Panel, ...]:
    return (
        lines(
            "CPU by node",
            "Part of each node's CPU that is busy.",
            _highest(
                f'1 - avg by (instance) (rate(node_cpu_seconds_total{{mode="idle"}}{_RATE}))',
                "{{instance}}",
            ),
            unit="percentunit",
        ),
        lines(
            "Memory by node",
            "Part of each node's memory that is in use.",
            _highest(
                "1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes", "{{instance}}"
            ),
            unit="percentunit",
        ),
        lines(
            "Disk by node",
            "Used part of each node's root file system.",
            _highest(
                '1 - node_filesystem_avail_bytes{mountpoint="/"} '
                '/ node_filesystem_size_bytes{mountpoint="/"}',
                "{{instance}}",
            ),
            unit="percentunit",
            thresholds=steps("transparent", (0.85, RED)),
        ),
        table(
            "Nodes",
            "The nodes of the cluster, and whether each is ready.",
            promql(
                'kube_node_status_condition{condition="Ready", status="true"} '
                "* on (node) group_left (kubelet_version, os_image, internal_ip) kube_node_info",
                instant=True,
                table=True,
            ),
            transformations=(
                _columns(
                    node="Node",
                    Value="Ready",
                    kubelet_version="Kubelet",
                    os_image="System",
                    internal_ip="Address",
                ),
            ),
            width=12,
            height=8,
            fields={"Ready": {"mappings": [_YES_NO], "thresholds": steps(RED, (1, GREEN))}},
        ),
        table(
            "Services",
            "The services of the namespaces: where pods are reached under one name.",
            promql(
                f"kube_service_info{{{_HERE}}} * on (namespace, service) "
                f"group_left (type) kube_service_spec_type{{{_HERE}}}",
                instant=True,
                table=True,
            ),
            transformations=(
                _columns(
                    service="Service", namespace="Namespace", type="Type", cluster_ip="Address"
                ),
            ),
            width=12,
            height=8,
        ),
    )


def _highest(expr: str, legend: str, most: int = MOST_LINES) -> Target:
    return promql(top(expr, most), legend)


_YES_NO: Final = {
    "type": "value",
    "options": {"0": {"text": "no", "index": 0}, "1": {"text": "yes", "index": 1}},
}


def _columns(**names: str) -> dict[str, Any]:
    """Return the transformation that keeps these columns, in this order, under these names."""
    return {
        "id": "organize",
        "options": {
            "indexByName": {name: place for place, name in enumerate(names)},
            "excludeByName": {},
            "includeByName": dict.fromkeys(names, True),
            "renameByName": names,
        },
    }
