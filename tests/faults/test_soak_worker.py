"""The soak in small: what `make soak-worker` does for long."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.soak.worker import Plan, Progress, soak

pytestmark = [pytest.mark.integration, pytest.mark.faults, pytest.mark.timeout(600)]


def test_kills_while_results_flow_leave_no_trace(
    kafka: str, redis_url: str, tmp_path: Path
) -> None:
    # given a kill after each quarter of the results
    plan = Plan(results=60_000, rate=6_000, every=2.5, seed=1)

    report = soak(plan, kafka, redis_url, tmp_path, Progress())

    # then all of them struck work in flight, each worker in its turn, and the watcher looked
    assert [strike.in_flight for strike in report.strikes] == [True] * 3
    assert [strike.worker for strike in report.strikes] == ["worker 1", "worker 2", "worker 1"]
    assert report.records == 60_000
    assert report.identities == 20_000
    assert report.snapshots > 3
