"""What operators do to a running system: scale, drain, update, go back, apply again."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator

import pytest

from tests.cluster.availability import watched
from tests.cluster.conftest import applied, wait_for_rollouts
from tests.cluster.control_plane import PATIENCE, ControlPlane, Refused
from tests.cluster.external_metrics import Lag, autoscaler, served_lag
from tests.kubernetes.rendered import Cluster, Object, name_of, rendered_text
from tests.support.certificates import make_certificate
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

NAMESPACE = "medallero"
HERE = f"--namespace={NAMESPACE}"


class Production:
    """The overlay as it runs."""

    def __init__(self, plane: ControlPlane, cluster: Cluster, lag: Lag) -> None:
        self.plane = plane
        self.cluster = cluster
        self.lag = lag
        (self.scaled,) = cluster.of("ScaledObject")
        gateway = cluster.get("HorizontalPodAutoscaler", "gateway")
        assert gateway is not None
        self.gateways: int = gateway["spec"]["minReplicas"]
        self.workers: int = self.scaled["spec"]["minReplicaCount"]

    def ready(self, resource: str) -> int:
        return int(self.plane.get(resource, HERE)["status"].get("readyReplicas", 0))

    def replicas(self) -> int:
        return int(self.plane.get("statefulset/worker", HERE)["spec"]["replicas"])

    def wait_for_workers(self, number: int) -> None:
        wait_until(
            lambda: self.ready("statefulset/worker") == number == self.replicas(),
            timeout=PATIENCE,
            pause=0.2,
            what=lambda: self.plane.kubectl("describe", "hpa", "worker", HERE),
        )

    def image(self, resource: str) -> str:
        spec = self.plane.get(resource, HERE)["spec"]["template"]["spec"]
        return str(spec["containers"][0]["image"])


@pytest.fixture(scope="module")
def production(
    plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Production]:
    certificate = make_certificate(tmp_path_factory.mktemp("metrics"))
    with applied(plane, "production") as (cluster, _), served_lag(certificate) as (lag, way):
        system = Production(plane, cluster, lag)
        plane.apply(way)
        plane.kubectl(
            "wait",
            "--for=condition=Available",
            f"--timeout={PATIENCE:.0f}s",
            "apiservice/v1beta1.external.metrics.k8s.io",
        )
        # Its own copy: windows are shortened in it.
        plane.apply([autoscaler(copy.deepcopy(system.scaled))])
        wait_for_rollouts(plane, cluster)
        system.wait_for_workers(system.workers)
        wait_until(lambda: system.ready("deployment/gateway") == system.gateways, timeout=PATIENCE)
        try:
            yield system
        finally:
            # A group that nobody serves holds up the end of every namespace.
            plane.kubectl("delete", "apiservice", "v1beta1.external.metrics.k8s.io")


def test_workers_follow_the_lag_up_to_the_partitions_and_down_again(
    production: Production,
) -> None:
    (topic,) = [it for it in production.cluster.of("KafkaTopic") if name_of(it) == "results"]
    partitions = topic["spec"]["partitions"]
    threshold = int(production.scaled["spec"]["triggers"][0]["metadata"]["lagThreshold"])

    production.lag.value = threshold * (production.workers + 2)
    production.wait_for_workers(production.workers + 2)
    production.lag.value = threshold * partitions * 100
    production.wait_for_workers(partitions)

    with watched(production.plane, NAMESPACE, "worker", partitions) as seen:
        production.lag.value = 0
        production.wait_for_workers(production.workers)
    assert seen.least == production.workers
    assert max(seen.numbers) <= partitions
    # The last ones go first, so that those which stay keep their partitions.
    pods = plane_pods(production, "worker")
    assert {name_of(it) for it in pods} == {f"worker-{it}" for it in range(production.workers)}


def test_a_drain_takes_one_at_a_time(production: Production) -> None:
    plane = production.plane
    crowded, *others = [name_of(it) for it in plane.get("nodes")["items"]]
    plane.kubectl("cordon", *others)
    both = "--selector=app.kubernetes.io/component in (gateway,worker)"
    plane.kubectl("delete", "pod", HERE, both)
    wait_until(
        lambda: (
            production.ready("deployment/gateway") == production.gateways
            and production.ready("statefulset/worker") == production.workers
        ),
        timeout=PATIENCE,
        pause=0.2,
    )
    assert {it["spec"]["nodeName"] for it in plane_pods(production, "gateway")} == {crowded}
    plane.kubectl("uncordon", *others)

    with (
        watched(plane, NAMESPACE, "gateway", production.gateways) as gateways,
        watched(plane, NAMESPACE, "worker", production.workers) as workers,
    ):
        plane.kubectl(
            "drain",
            crowded,
            "--ignore-daemonsets",
            "--delete-emptydir-data",
            f"--timeout={PATIENCE - 10:.0f}s",
        )
        wait_for_rollouts(plane, production.cluster)

    assert (gateways.least, workers.least) == (production.gateways - 1, production.workers - 1)
    left = [it for it in plane_pods(production, "gateway") if it["spec"]["nodeName"] == crowded]
    assert left == []
    plane.kubectl("uncordon", crowded)


def test_no_second_one_is_evicted_while_one_is_missing(production: Production) -> None:
    first, second = (name_of(it) for it in plane_pods(production, "worker")[:2])
    not_ready = (
        '{"status":{"conditions":[{"type":"Ready","status":"False"},'
        '{"type":"ContainersReady","status":"False"}]}}'
    )
    patch = ("patch", "pod", first, HERE, "--subresource=status", f"--patch={not_ready}")
    production.plane.kubectl(*patch)
    wait_until(
        lambda: production.plane.get("pdb/worker", HERE)["status"]["disruptionsAllowed"] == 0,
        timeout=PATIENCE,
        what="the budget is used up",
    )

    with pytest.raises(Refused, match="disruption budget"):
        evict(production, second)
    # The one that is broken anyway may go, and with it comes a new one.
    evict(production, first)
    production.wait_for_workers(production.workers)
    wait_until(
        lambda: production.plane.get("pdb/worker", HERE)["status"]["disruptionsAllowed"] == 1,
        timeout=PATIENCE,
    )


def test_an_update_and_the_way_back_keep_the_system_available(production: Production) -> None:
    plane = production.plane
    resources = ("deployment/gateway", "statefulset/worker")
    before = [production.image(it) for it in resources]
    after = [f"{it}-next" for it in before]

    with (
        watched(plane, NAMESPACE, "gateway", production.gateways) as gateways,
        watched(plane, NAMESPACE, "worker", production.workers) as workers,
    ):
        plane.apply([next_version(it.owner) for it in production.cluster.ours()])
        wait_for_rollouts(plane, production.cluster)
        assert [production.image(it) for it in resources] == after

        for it in resources:
            plane.kubectl("rollout", "undo", it, HERE)
        wait_for_rollouts(plane, production.cluster)
        assert [production.image(it) for it in resources] == before

    # Each gateway was replaced twice; each worker came back twice under its name.
    assert len(gateways.names) >= 3 * production.gateways
    assert workers.names == {f"worker-{it}" for it in range(production.workers)}
    assert gateways.least >= production.gateways
    assert workers.least >= production.workers - 1


def test_applying_it_again_changes_nothing(production: Production) -> None:
    text = rendered_text("production")
    before = generations(production, text)

    assert production.plane.differs(text) == ""
    assert production.plane.apply(text) == ""

    assert generations(production, text) == before
    assert production.ready("statefulset/worker") == production.workers
    assert production.ready("deployment/gateway") == production.gateways


def plane_pods(production: Production, component: str) -> list[Object]:
    selector = f"--selector=app.kubernetes.io/component={component}"
    return list(production.plane.get("pods", HERE, selector)["items"])


def evict(production: Production, pod: str) -> None:
    eviction = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": pod, "namespace": NAMESPACE},
    }
    path = f"/api/v1/namespaces/{NAMESPACE}/pods/{pod}/eviction"
    production.plane.kubectl("create", f"--raw={path}", "--filename=-", stdin=json.dumps(eviction))


def next_version(owner: Object) -> Object:
    updated = copy.deepcopy(owner)
    updated["spec"]["template"]["spec"]["containers"][0]["image"] += "-next"
    return updated


def generations(production: Production, text: str) -> dict[tuple[str, str, str], int]:
    """Return how often the specification of each object has changed."""
    items = production.plane.kubectl("get", "--filename=-", "--output=json", stdin=text)
    return {
        (it["kind"], it["metadata"].get("namespace", ""), name_of(it)): it["metadata"].get(
            "generation", 0
        )
        for it in json.loads(items)["items"]
    }
