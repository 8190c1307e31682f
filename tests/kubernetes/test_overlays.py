"""Every overlay renders, fits the schemas, and breaks none of our rules."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kubernetes import tools
from tests.kubernetes.conformance import conformance
from tests.kubernetes.policy.rules import all_rules
from tests.kubernetes.policy.wiring import made_by_hand
from tests.kubernetes.reading import load_all
from tests.kubernetes.rendered import ROOT, overlays, rendered, rendered_text

pytestmark = pytest.mark.system


def test_there_are_the_overlays_that_the_documentation_tells_of() -> None:
    assert {"dev", "course", "production"} <= set(overlays())


@pytest.mark.parametrize("kubernetes", [tools.OLDEST_KUBERNETES, tools.KUBERNETES])
def test_every_object_is_one_that_its_schema_allows(kubernetes: str, tmp_path: Path) -> None:
    for overlay in overlays():
        (tmp_path / f"{overlay}.yaml").write_text(rendered_text(overlay), encoding="utf-8")

    verdict = conformance(*tmp_path.iterdir(), kubernetes=kubernetes)

    assert verdict.problems == []
    objects = sum(len(rendered(it).objects) for it in overlays())
    assert (verdict.looked_at, verdict.skipped) == (objects, 0)
    assert objects > 100


@pytest.mark.parametrize("overlay", overlays())
@pytest.mark.parametrize("version", tools.OTHER_KUBECTLS)
def test_each_kubectl_that_is_allowed_renders_the_same(overlay: str, version: str) -> None:
    other = rendered_text(overlay, tools.other_kubectl(version))

    assert load_all(other) == load_all(rendered_text(overlay))


def test_the_documentation_says_which_versions_will_do() -> None:
    page = (ROOT / "docs" / "kubernetes.md").read_text("utf-8")

    oldest, newest = tools.OTHER_KUBECTLS
    assert f"| kubectl {oldest} to {newest} |" in page
    assert f"| Kubernetes {tools.OLDEST_KUBERNETES.rpartition('.')[0]} or later |" in page


def test_what_deletes_an_object_is_a_file_of_its_own() -> None:
    """Kustomize before 5.7 ends with a panic where more documents follow."""
    for file in sorted((ROOT / "k8s").rglob("*.yaml")):
        documents = load_all(file.read_text("utf-8"))
        if any(isinstance(it, dict) and it.get("$patch") == "delete" for it in documents):
            assert len(documents) == 1, file


@pytest.mark.parametrize("overlay", overlays())
@pytest.mark.parametrize("name", all_rules())
def test_no_rule_is_broken(overlay: str, name: str) -> None:
    assert list(all_rules()[name](rendered(overlay))) == []


def test_the_documentation_says_how_to_make_each_secret() -> None:
    page = (ROOT / "docs" / "kubernetes.md").read_text("utf-8")

    assert {name for name in made_by_hand() if f"`{name}`" not in page} == set()


@pytest.mark.parametrize("overlay", [it for it in overlays() if it != "laptop"])
def test_prometheus_takes_no_kubelet_unproven(overlay: str) -> None:
    assert "insecure_skip_verify" not in rendered_text(overlay)


def test_grafana_is_reached_as_each_document_asks() -> None:
    services = {it: rendered(it).get("Service", "grafana") for it in ("course", "course-weather")}

    kinds = {name: it["spec"]["type"] for name, it in services.items() if it}
    assert kinds == {"course": "LoadBalancer", "course-weather": "NodePort"}
