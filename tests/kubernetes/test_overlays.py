"""Every overlay renders, fits the schemas, and breaks none of our rules."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kubernetes.conformance import conformance
from tests.kubernetes.policy.rules import all_rules
from tests.kubernetes.policy.wiring import made_by_hand
from tests.kubernetes.rendered import ROOT, overlays, rendered, rendered_text

pytestmark = pytest.mark.system


def test_there_are_the_overlays_that_the_documentation_tells_of() -> None:
    assert {"dev", "course", "production"} <= set(overlays())


def test_every_object_is_one_that_its_schema_allows(tmp_path: Path) -> None:
    for overlay in overlays():
        (tmp_path / f"{overlay}.yaml").write_text(rendered_text(overlay), encoding="utf-8")

    verdict = conformance(*tmp_path.iterdir())

    assert verdict.problems == []
    objects = sum(len(rendered(it).objects) for it in overlays())
    assert (verdict.looked_at, verdict.skipped) == (objects, 0)
    assert objects > 100


@pytest.mark.parametrize("overlay", overlays())
@pytest.mark.parametrize("name", all_rules())
def test_no_rule_is_broken(overlay: str, name: str) -> None:
    assert list(all_rules()[name](rendered(overlay))) == []


def test_the_documentation_says_how_to_make_each_secret() -> None:
    page = (ROOT / "docs" / "kubernetes.md").read_text("utf-8")

    assert {name for name in made_by_hand() if f"`{name}`" not in page} == set()
