"""Each of the seeded mistakes is caught, by what is said to catch it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.kubernetes.conformance import conformance
from tests.kubernetes.mistakes import Mistake, mistakes, table
from tests.kubernetes.policy.rules import all_rules, broken
from tests.kubernetes.rendered import ROOT

pytestmark = pytest.mark.system

ALL = mistakes()


def title(mistake: Mistake) -> str:
    return mistake.title


@pytest.mark.parametrize("mistake", [it for it in ALL if it.caught_by in all_rules()], ids=title)
def test_a_rule_catches_it(mistake: Mistake) -> None:
    cluster, _wrong = mistake.made()

    assert mistake.caught_by in broken(cluster)


def test_the_schemas_catch_theirs_and_not_the_others(tmp_path: Path) -> None:
    for number, mistake in enumerate(ALL):
        _cluster, wrong = mistake.made()
        (tmp_path / f"{number:02}.yaml").write_text(yaml.safe_dump(wrong), encoding="utf-8")

    verdict = conformance(*sorted(tmp_path.iterdir()))

    caught = {ALL[int(Path(it.partition(":")[0]).stem)].title for it in verdict.problems}
    assert verdict.looked_at == len(ALL)
    assert caught == {it.title for it in ALL if it.caught_by == "schema"}


def test_every_mistake_names_a_tier_that_there_is() -> None:
    assert {it.caught_by for it in ALL} <= {"schema", "cluster", *all_rules()}
    assert len({it.title for it in ALL}) == len(ALL) >= 20


def test_the_documentation_has_the_table_of_mistakes() -> None:
    page = (ROOT / "docs" / "kubernetes-proof.md").read_text("utf-8")

    assert table() in page, "python -m tests.kubernetes.mistakes shows it"
