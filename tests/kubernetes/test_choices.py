"""Components that stand in no overlay, in the place where their comment says."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.kubernetes.conformance import conformance
from tests.kubernetes.policy.rules import broken
from tests.kubernetes.rendered import Cluster, rendered_with

pytestmark = pytest.mark.system


def problems(cluster: Cluster, file: Path) -> list[str]:
    """Return what schemas and rules find wrong."""
    file.write_text(yaml.safe_dump_all(cluster.objects), encoding="utf-8")
    verdict = conformance(file)
    assert verdict.looked_at == len(cluster.objects)
    assert verdict.skipped == 0
    return [*verdict.problems, *(it for found in broken(cluster).values() for it in found)]


def test_the_gateway_api_leads_to_the_gateway(tmp_path: Path) -> None:
    cluster = rendered_with("production", "components/ingress", "components/gateway-api", tmp_path)

    assert problems(cluster, tmp_path / "all.yaml") == []
    assert list(cluster.of("Ingress")) == []
    (door,) = cluster.of("Gateway")
    ports = {it["name"]: it["port"] for it in door["spec"]["listeners"]}
    service = cluster.get("Service", "gateway")
    assert service is not None
    served = {it["name"]: it["port"] for it in service["spec"]["ports"]}
    # A listener accepts routes of one of the two kinds only for a host.
    listeners = {}
    for kind, name in (("HTTPRoute", "http"), ("GRPCRoute", "grpc")):
        (route,) = cluster.of(kind)
        (parent,) = route["spec"]["parentRefs"]
        assert parent["name"] == door["metadata"]["name"]
        listeners[kind] = ports[parent["sectionName"]]
        (rule,) = route["spec"]["rules"]
        assert rule["backendRefs"] == [{"name": "gateway", "port": served[name]}]
    assert listeners == {"HTTPRoute": 443, "GRPCRoute": 50051}


def test_without_node_exporter_all_else_stays(tmp_path: Path) -> None:
    last = "  - ../../components/course\n"
    more = f"{last}  - ../../components/without-node-exporter\n"
    cluster = rendered_with("course", last, more, tmp_path)

    assert problems(cluster, tmp_path / "all.yaml") == []
    assert list(cluster.of("DaemonSet")) == []
    # What Autopilot refuses.
    for pods in cluster.pods():
        assert not pods.spec.get("hostNetwork")
        assert not any("hostPath" in it for it in pods.spec.get("volumes", []))
