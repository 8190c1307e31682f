"""The policies narrowed to one platform let through what that one needs, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kubernetes.policy import network
from tests.kubernetes.rendered import ROOT, Cluster, rendered_with

pytestmark = pytest.mark.system

NARROWED = [it for it in network.platforms() if it != "any"]


@pytest.fixture(scope="module", params=NARROWED)
def platform(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def narrowed(platform: str, tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    """An overlay with the component of a platform after its others, as the page says."""
    last = "  - ../../components/course\n"
    more = f"{last}  - ../../components/network-policies/{platform}\n"
    return rendered_with("course", last, more, tmp_path_factory.mktemp("copy"))


def test_what_the_platform_needs_is_allowed(platform: str, narrowed: Cluster) -> None:
    assert list(network.missing_flows(narrowed, platform)) == []


def test_nothing_else_is_allowed(platform: str, narrowed: Cluster) -> None:
    assert list(network.needless_flows(narrowed, platform)) == []


def test_each_directory_is_a_platform() -> None:
    directory = ROOT / "k8s" / "components" / "network-policies"

    assert {it.name for it in directory.iterdir() if it.is_dir()} == set(NARROWED)


def test_the_documentation_has_the_flows() -> None:
    page = Path(ROOT / "docs" / "kubernetes-proof.md").read_text("utf-8")

    assert network.table() in page, "python -m tests.kubernetes.policy.network shows it"
