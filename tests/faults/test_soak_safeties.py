"""The soak's verifier sees it when a safety is missing: `make soak-safeties`, up to two hours."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.soak.faults import NotRight
from tests.soak.schedule import LATE, Plan
from tests.soak.system import run
from tests.soak.unsafe import SAFETIES
from tests.soak.verifier import Violation
from tests.soak.worker import Progress, WrongNumbers

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1_200), pytest.mark.xdist_group("system soak")]

MINUTES = 10
RATE = 1_000


@pytest.mark.parametrize("safety", SAFETIES)
def test_a_run_without_a_safety_fails_within_ten_minutes(safety: str, tmp_path: Path) -> None:
    left_out = SAFETIES[safety]
    plan = Plan(
        *(1, 1_000, left_out.kinds, RATE),
        seconds=60.0 * MINUTES,
        without=safety,
        hostile=left_out.hostile,
    )

    # Not any failure: the numbers are wrong, or a view of the mirror is, or what the safety is for.
    wrong = (NotRight,) if left_out.hostile else (Violation, WrongNumbers)
    with pytest.raises(wrong, match=left_out.seen or None):
        run(plan, tmp_path, Progress())


def test_requests_that_come_after_their_successors_leave_no_trace(tmp_path: Path) -> None:
    # The same faults with every safety; those of the other safeties are in every soak.
    report = run(Plan(1, 2, (LATE,), RATE), tmp_path, Progress())

    assert [strike.kind for strike in report.strikes] == [LATE] * 2
    assert report.lost == 0
