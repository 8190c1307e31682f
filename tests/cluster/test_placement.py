"""The real scheduler puts no two Kafka nodes of a pool on one machine, however few there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.cluster.control_plane import PATIENCE, ControlPlane
from tests.kubernetes.rendered import Object, name_of, rendered
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

NAMESPACE = "placement"


def as_strimzi_makes_them(pool: Object) -> list[Object]:
    """Return a pool's pods, with what the scheduler and admission read of its template."""
    template = pool["spec"]["template"]
    labels = {"strimzi.io/cluster": "medallero", "strimzi.io/pool-name": name_of(pool)}
    container = {
        "name": "kafka",
        "image": "kafka",
        "resources": pool["spec"]["resources"],
        "securityContext": template["kafkaContainer"]["securityContext"],
    }
    # Strimzi's own, where the template has none.
    context = template["pod"].get("securityContext", {"fsGroup": 0})
    return [
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": f"medallero-{name_of(pool)}-{number}",
                "namespace": NAMESPACE,
                "labels": labels,
            },
            "spec": {
                "containers": [container],
                "securityContext": context,
                "affinity": template["pod"].get("affinity", {}),
                "topologySpreadConstraints": template["pod"]["topologySpreadConstraints"],
            },
        }
        for number in range(pool["spec"]["replicas"])
    ]


@contextmanager
def only(plane: ControlPlane, number: int) -> Iterator[None]:
    """Let pods come to so many nodes only."""
    shut = [name_of(it) for it in plane.get("nodes")["items"]][number:]
    plane.kubectl("cordon", *shut)
    try:
        yield
    finally:
        plane.kubectl("uncordon", *shut)


@pytest.fixture(scope="module")
def place(plane: ControlPlane) -> Iterator[str]:
    """A namespace that admits `restricted` pods only, as the overlays' do."""
    level = {"pod-security.kubernetes.io/enforce": "restricted"}
    plane.apply(
        [
            {
                "apiVersion": "v1",
                "kind": "Namespace",
                "metadata": {"name": NAMESPACE, "labels": level},
            }
        ]
    )
    # The controllers make it, and no pod is admitted without.
    account = ("get", "serviceaccount", "default", f"--namespace={NAMESPACE}", "--ignore-not-found")
    wait_until(lambda: plane.kubectl(*account) != "", timeout=PATIENCE, pause=0.5)
    yield NAMESPACE
    plane.kubectl("delete", "namespace", NAMESPACE, "--wait=false")


@pytest.mark.parametrize("number", [1, 2, 3])
def test_no_node_has_two_of_a_pool(plane: ControlPlane, place: str, number: int) -> None:
    pools = list(rendered("course").of("KafkaNodePool"))
    pods = [it for pool in pools for it in as_strimzi_makes_them(pool)]
    assert len(pods) == 6

    with only(plane, number):
        plane.apply(pods)
        # Each has a node, or the scheduler has said that there is none for it.
        wait_until(lambda: all(map(is_decided, now(plane))), timeout=PATIENCE, pause=0.5)
        placed = [it for it in now(plane) if "nodeName" in it["spec"]]
        plane.kubectl(
            "delete", "pod", "--all", f"--namespace={place}", "--grace-period=0", "--force"
        )
        wait_until(lambda: now(plane) == [], timeout=PATIENCE, pause=0.5)

    where = Counter(
        (it["metadata"]["labels"]["strimzi.io/pool-name"], it["spec"]["nodeName"]) for it in placed
    )
    assert set(where.values()) == {1}
    assert Counter(pool for pool, _node in where) == {"broker": number, "controller": number}


def now(plane: ControlPlane) -> list[Object]:
    return list(plane.get("pods", f"--namespace={NAMESPACE}")["items"])


def is_decided(pod: Object) -> bool:
    return "nodeName" in pod["spec"] or any(
        (it["type"], it.get("reason")) == ("PodScheduled", "Unschedulable")
        for it in pod["status"].get("conditions", [])
    )
