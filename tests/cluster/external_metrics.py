"""What KEDA tells the horizontal autoscaler: a server of `external.metrics.k8s.io`.

KEDA's operator is not here, so this stands in for it: it answers with a lag that the test chooses,
and `autoscaler` makes the object that KEDA would make of a ScaledObject.
"""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from tests.kubernetes.rendered import Object, name_of, namespace_of
from tests.support.certificates import Certificate

_GROUP: Final = "external.metrics.k8s.io"
_ROOT: Final = f"/apis/{_GROUP}/v1beta1"


class Lag:
    """The lag that is told, in records."""

    value = 0


@contextmanager
def served_lag(certificate: Certificate) -> Iterator[tuple[Lag, list[Object]]]:
    """Serve a lag; yield it with the objects that lead the API server here."""
    lag = Lag()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path == _ROOT:
                self._answer(_resources())
            elif path.startswith(f"{_ROOT}/namespaces/"):
                self._answer(_values(path.rpartition("/")[2], lag.value))
            else:
                self.send_error(404)

        def _answer(self, content: Any) -> None:
            body = json.dumps(content).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.certificate, certificate.key)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield lag, _way(server.server_port)
        finally:
            server.shutdown()
            thread.join()


def autoscaler(scaled: Object) -> Object:
    """Return the HorizontalPodAutoscaler that KEDA makes of a ScaledObject.

    Its windows of minutes become seconds here; numbers and steps stay.
    """
    spec = scaled["spec"]
    behavior = spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    for direction in behavior.values():
        direction["stabilizationWindowSeconds"] = 0
        for policy in direction["policies"]:
            policy["periodSeconds"] = 1
    metadata = spec["triggers"][0]["metadata"]
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {
            "name": spec["advanced"]["horizontalPodAutoscalerConfig"]["name"],
            "namespace": namespace_of(scaled),
        },
        "spec": {
            "scaleTargetRef": spec["scaleTargetRef"],
            "minReplicas": spec["minReplicaCount"],
            "maxReplicas": spec["maxReplicaCount"],
            "behavior": behavior,
            "metrics": [
                {
                    "type": "External",
                    "external": {
                        "metric": {
                            "name": f"s0-kafka-{metadata['topic']}",
                            "selector": {
                                "matchLabels": {"scaledobject.keda.sh/name": name_of(scaled)}
                            },
                        },
                        "target": {
                            "type": "AverageValue",
                            "averageValue": metadata["lagThreshold"],
                        },
                    },
                }
            ],
        },
    }


def _way(port: int) -> list[Object]:
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "keda"}},
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "metrics", "namespace": "keda"},
            "spec": {
                "type": "ExternalName",
                "externalName": "localhost",
                "ports": [{"port": port}],
            },
        },
        {
            "apiVersion": "apiregistration.k8s.io/v1",
            "kind": "APIService",
            "metadata": {"name": f"v1beta1.{_GROUP}"},
            "spec": {
                "group": _GROUP,
                "version": "v1beta1",
                "groupPriorityMinimum": 100,
                "versionPriority": 100,
                "insecureSkipTLSVerify": True,
                "service": {"name": "metrics", "namespace": "keda", "port": port},
            },
        },
    ]


def _resources() -> Any:
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": f"{_GROUP}/v1beta1",
        "resources": [
            {
                "name": "externalmetrics",
                "singularName": "",
                "namespaced": True,
                "kind": "ExternalMetricValueList",
                "verbs": ["get"],
            }
        ],
    }


def _values(metric: str, value: int) -> Any:
    return {
        "kind": "ExternalMetricValueList",
        "apiVersion": f"{_GROUP}/v1beta1",
        "metadata": {},
        "items": [
            {
                "metricName": metric,
                "metricLabels": {},
                "timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
                "value": str(value),
            }
        ],
    }
