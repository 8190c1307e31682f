"""Metrics of a small cluster, under the names of those who tell of one.

kube-state-metrics 2 (`docs/metrics` in its sources), node-exporter 1, and the kubelet with its
cAdvisor; only what the dashboard asks for, made up, and growing with the time where it counts.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Final

#: Pods of two games; more than a graph draws.
_PODS: Final = tuple(
    (namespace, f"{name}-{number}")
    for namespace in ("games", "others")
    for name in ("gateway", "worker")
    for number in range(4)
)
PODS: Final = len(_PODS)
_BEGAN: Final = time.monotonic()


@contextmanager
def served() -> Iterator[str]:
    """Serve them; yield the address, host:port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = exposition(time.monotonic() - _BEGAN).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def exposition(seconds: float) -> str:
    """Return all of them after so many seconds."""
    lines: list[str] = []
    for namespace, pod in _PODS:
        own = f'namespace="{namespace}",pod="{pod}"'
        cadvisor = f'{own},container="{pod[:-2]}",image="medallero",id="/kubepods/{pod}"'
        total = f'{own},container="",image="",id="/kubepods/{pod}"'
        for labels, part in ((cadvisor, 1.0), (total, 1.0)):
            lines += [
                f"container_cpu_usage_seconds_total{{{labels}}} {0.5 * seconds * part}",
                f"container_cpu_cfs_periods_total{{{labels}}} {10 * seconds}",
                f"container_cpu_cfs_throttled_periods_total{{{labels}}} {seconds}",
                f"container_memory_working_set_bytes{{{labels}}} {2e8 * part}",
                f'container_fs_writes_bytes_total{{{labels},device="/dev/vda"}} {1000 * seconds}',
            ]
        for way in ("receive", "transmit"):
            name = f"container_network_{way}_bytes_total"
            lines.append(f'{name}{{{own},interface="eth0"}} {5000 * seconds}')
        state = f'{own},uid="{pod}"'
        container = f'{state},container="{pod[:-2]}"'
        lines += [
            f'kube_pod_info{{{state},node="node-1",pod_ip="10.0.0.1",created_by_kind="x"}} 1',
            f"kube_pod_start_time{{{state}}} {time.time() - seconds - 100}",
            f"kube_pod_container_status_restarts_total{{{container}}} 1",
            f'kube_pod_container_resource_requests{{{container},node="node-1",resource="cpu",'
            'unit="core"} 1',
            f'kube_pod_container_resource_limits{{{container},node="node-1",resource="memory",'
            'unit="byte"} 400000000',
        ]
        for phase in ("Pending", "Running", "Succeeded", "Failed", "Unknown"):
            value = int(phase == "Running")
            lines.append(f'kube_pod_status_phase{{{state},phase="{phase}"}} {value}')
    volume = 'namespace="games",persistentvolumeclaim="data-kafka-0"'
    autoscaler = 'namespace="games",horizontalpodautoscaler="gateway"'
    lines += [
        f"kubelet_volume_stats_available_bytes{{{volume}}} 75",
        f"kubelet_volume_stats_capacity_bytes{{{volume}}} 100",
        f"kube_horizontalpodautoscaler_status_current_replicas{{{autoscaler}}} 2",
        f"kube_horizontalpodautoscaler_status_desired_replicas{{{autoscaler}}} 3",
        f"kube_horizontalpodautoscaler_spec_max_replicas{{{autoscaler}}} 5",
        f'node_cpu_seconds_total{{cpu="0",mode="idle"}} {0.6 * seconds}',
        f'node_cpu_seconds_total{{cpu="0",mode="user"}} {0.4 * seconds}',
        'kube_node_status_condition{node="node-1",condition="Ready",status="true"} 1',
        'kube_node_status_condition{node="node-1",condition="Ready",status="false"} 0',
        'kube_node_info{node="node-1",kubelet_version="v1.36.0",os_image="Debian",'
        'internal_ip="10.0.0.9",kernel_version="6.1"} 1',
        *(
            line
            for number, name in enumerate(("games", "others"), start=1)
            for line in (
                f'kube_service_info{{namespace="{name}",service="gateway",'
                f'cluster_ip="10.1.0.{number}"}} 1',
                f'kube_service_spec_type{{namespace="{name}",service="gateway",'
                'type="ClusterIP"} 1',
            )
        ),
        "node_memory_MemAvailable_bytes 3e9",
        "node_memory_MemTotal_bytes 4e9",
        'node_filesystem_avail_bytes{device="/dev/vda1",fstype="ext4",mountpoint="/"} 30',
        'node_filesystem_size_bytes{device="/dev/vda1",fstype="ext4",mountpoint="/"} 100',
    ]
    return "\n".join(lines) + "\n"
