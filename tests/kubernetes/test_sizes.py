"""What the documentation says of nodes and sizes is what the manifests ask for."""

from __future__ import annotations

import pytest

from tests.kubernetes.policy.pods import size
from tests.kubernetes.rendered import ROOT, rendered
from tests.kubernetes.sizes import MACHINES, asked, fits, table

pytestmark = pytest.mark.system

LAPTOP = MACHINES[0]


def test_the_documentation_has_the_table_of_sizes() -> None:
    page = (ROOT / "docs" / "clusters.md").read_text("utf-8")

    assert table() in page, "python -m tests.kubernetes.sizes shows it"


def test_all_of_it_fits_on_a_laptop() -> None:
    laptop = rendered("laptop")

    assert LAPTOP.memory == size("4Gi")
    assert fits(laptop, LAPTOP, most=True)
    for kind, name in (
        ("Deployment", "grafana"),
        ("StatefulSet", "prometheus"),
        ("KafkaNodePool", "broker"),
    ):
        assert laptop.get(kind, name), name


def test_what_is_too_large_does_not_fit() -> None:
    course = rendered("course")

    # Three brokers want three nodes, however large one is.
    assert not fits(course, LAPTOP._replace(cpu=64, memory=size("256Gi")), most=False)
    assert not fits(course, MACHINES[1]._replace(memory=size("4Gi")), most=False)
    assert sum(it.memory for it in asked(course, most=True)) > size("8Gi")
