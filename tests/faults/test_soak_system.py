"""The soak of the whole system in small: what `make soak` does for long."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

import pytest

from tests.soak.schedule import Plan
from tests.soak.system import Report, run
from tests.soak.worker import Progress

pytestmark = [
    pytest.mark.faults,
    pytest.mark.xdist_group("system soak"),
    pytest.mark.timeout(600),
]

# One of each part, those that are the hardest to come back from.
KINDS: Final = ("redis-empty", "gateway-kill", "broker-controller")


class Ran(NamedTuple):
    directory: Path
    report: Report


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    directory = tmp_path_factory.mktemp("soak")
    plan = Plan(seed=1, faults=len(KINDS), kinds=KINDS, rate=500, pause=1.0)
    return Ran(directory, run(plan, directory, Progress()))


def test_whatever_is_hurt_no_accepted_result_is_lost_and_every_number_is_right(ran: Ran) -> None:
    report = ran.report

    assert sorted(strike.kind for strike in report.strikes) == sorted(KINDS)
    assert report.lost == 0
    assert report.records >= report.accepted > 500
    assert report.snapshots > len(KINDS)


def test_a_run_goes_on_with_what_another_has_left_and_answers_for_both(ran: Ran) -> None:
    plan = Plan(seed=2, faults=1, kinds=("worker-kill",), rate=500, pause=1.0)

    report = run(plan, ran.directory, Progress())

    # then what the first run's clients were promised is looked for too, and counted
    assert report.lost == 0
    assert report.accepted > ran.report.accepted + 500
    assert report.records > ran.report.records + 500
    assert report.identities >= ran.report.identities
    assert [strike.in_flight for strike in report.strikes] == [True]
