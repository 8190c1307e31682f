"""One control plane for all tests of the cluster, and overlays on it one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.cluster.control_plane import PATIENCE, ControlPlane, running_control_plane
from tests.kubernetes.rendered import Cluster, name_of, rendered, rendered_text
from tests.support.waiting import wait_until

_COST: list[str] = []


@pytest.fixture(scope="session")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """The control plane, with nodes and the operators' kinds."""
    with running_control_plane(tmp_path_factory.mktemp("control-plane"), _COST.append) as started:
        yield started


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what the control plane cost."""
    for line in _COST:
        terminalreporter.write_line(f"control plane: {line}")


@contextmanager
def applied(plane: ControlPlane, overlay: str) -> Iterator[tuple[Cluster, str]]:
    """Apply an overlay; yield it with the server's warnings; then remove it."""
    cluster = rendered(overlay)
    try:
        yield cluster, plane.apply(rendered_text(overlay))
    finally:
        spaces = [name_of(it) for it in cluster.of("Namespace")]
        plane.kubectl("delete", "namespace", *spaces, "--wait=false", "--ignore-not-found")
        wait_until(
            lambda: not {*spaces} & {name_of(it) for it in plane.get("namespaces")["items"]},
            timeout=PATIENCE,
            pause=0.5,
            what="the namespaces are gone",
        )


def wait_for_rollouts(plane: ControlPlane, cluster: Cluster) -> None:
    """Wait until each Deployment, StatefulSet and DaemonSet is what its manifest says."""
    for pods in cluster.pods():
        if pods.kind != "Job":
            plane.kubectl(
                "rollout",
                "status",
                str(pods),
                f"--namespace={pods.namespace}",
                f"--timeout={PATIENCE:.0f}s",
            )
