"""A real API server takes each overlay, and real controllers bring about what it says."""

from __future__ import annotations

import pytest

from tests.cluster.conftest import applied, wait_for_rollouts
from tests.cluster.control_plane import PATIENCE, ControlPlane, Refused, as_text
from tests.kubernetes.mistakes import Mistake, mistakes
from tests.kubernetes.rendered import Cluster, name_of, namespace_of, overlays
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

SERVERS = [it for it in mistakes() if it.caught_by == "cluster"]


@pytest.mark.parametrize("overlay", overlays())
def test_the_overlay_is_accepted_and_its_rollouts_complete(
    plane: ControlPlane, overlay: str
) -> None:
    with applied(plane, overlay) as (cluster, warnings):
        wait_for_rollouts(plane, cluster)
        wait_until(
            lambda: not below_their_least(plane, cluster),
            timeout=PATIENCE,
            pause=0.5,
            what=lambda: below_their_least(plane, cluster),
        )

        assert warnings == ""
        for namespace in {namespace_of(it) for it in cluster.objects} - {""}:
            assert failures(plane, namespace) == []
            claims = plane.get("persistentvolumeclaims", f"--namespace={namespace}")["items"]
            assert {it["status"]["phase"] for it in claims} <= {"Bound"}
        # The mistakes that only a server finds: first that it takes the same object without them.
        for mistake in [it for it in SERVERS if it.overlay == overlay]:
            refused_only_with(plane, cluster, mistake)


def test_both_of_the_course_stand_side_by_side(plane: ControlPlane) -> None:
    with (
        applied(plane, "course") as (games, _),
        applied(plane, "course-weather") as (weather, warnings),
    ):
        assert warnings == ""
        for cluster in (games, weather):
            wait_for_rollouts(plane, cluster)


def below_their_least(plane: ControlPlane, cluster: Cluster) -> list[str]:
    """Return the autoscalers whose target has fewer replicas than they want at least."""
    found = []
    for it in cluster.of("HorizontalPodAutoscaler"):
        target = it["spec"]["scaleTargetRef"]
        there = plane.get(target["kind"], target["name"], f"--namespace={namespace_of(it)}")
        if there["status"].get("readyReplicas", 0) < it["spec"].get("minReplicas", 1):
            found.append(f"{target['kind']}/{target['name']}: {there['status']}")
    return found


def failures(plane: ControlPlane, namespace: str) -> list[str]:
    """Return what controllers complain of: pods that were refused, volumes that cannot be had."""
    reasons = ("FailedCreate", "ProvisioningFailed", "FailedGetScale")
    return [
        f"{it['involvedObject']['kind']}/{it['involvedObject']['name']}: {it['message']}"
        for it in plane.get("events", f"--namespace={namespace}")["items"]
        if it["reason"] in reasons
    ]


def refused_only_with(plane: ControlPlane, cluster: Cluster, mistake: Mistake) -> None:
    _cluster, wrong = mistake.made()
    (right,) = [
        it for it in cluster.objects if (it["kind"], name_of(it)) == (wrong["kind"], name_of(wrong))
    ]
    arguments = ("apply", "--server-side", "--dry-run=server", "--filename=-")
    plane.kubectl(*arguments, stdin=as_text([right]))

    with pytest.raises(Refused, match=r"(?i)invalid"):
        plane.kubectl(*arguments, stdin=as_text([wrong]))
