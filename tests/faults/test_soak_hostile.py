"""The soak beside people who mean harm in small: what `make soak-hostile` does for long.

A topic that is made again alone takes minutes, since all processes are started anew: so this runs
with `make soak-safeties`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.soak.readiness import LONGEST
from tests.soak.schedule import REMADE, Plan
from tests.soak.system import run
from tests.soak.worker import Progress

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1_200), pytest.mark.xdist_group("system soak")]

KINDS = ("refused-times", "clock-gateway-ahead", REMADE)


def test_greedy_clients_browsers_and_another_log_cost_honest_clients_nothing(
    tmp_path: Path,
) -> None:
    plan = Plan(*(1, len(KINDS), KINDS), rate=300, pause=1.0, gateways=2, workers=1, hostile=True)

    report = run(plan, tmp_path, Progress())

    assert sorted(strike.kind for strike in report.strikes) == sorted(KINDS)
    assert report.lost == 0
    assert report.crowd is not None
    # All of them were there, and readiness was "no" at times.
    assert 0 < report.crowd["ready"] < report.crowd["looks"]
    assert report.crowd["probes"] > 0
    assert report.crowd["untrue"] < LONGEST
    assert report.crowd["tried"] > 0
    assert "large list: 422" in report.crowd["greedy"]
    assert "viewer: 429" in report.crowd["greedy"]
