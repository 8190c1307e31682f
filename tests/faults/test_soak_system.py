"""The soak of the whole system in small: what `make soak` does for long."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.soak.schedule import Plan
from tests.soak.system import run
from tests.soak.worker import Progress

pytestmark = [pytest.mark.faults, pytest.mark.xdist_group("system soak")]

# One of each part, those that are the hardest to come back from.
KINDS = ("redis-empty", "gateway-kill", "broker-controller")


def test_whatever_is_hurt_no_accepted_result_is_lost_and_every_number_is_right(
    tmp_path: Path,
) -> None:
    plan = Plan(seed=1, faults=len(KINDS), kinds=KINDS, rate=500, pause=1.0)

    report = run(plan, tmp_path, Progress())

    assert sorted(strike.kind for strike in report.strikes) == sorted(KINDS)
    assert report.lost == 0
    assert report.records >= report.accepted > 500
    assert report.snapshots > len(KINDS)
