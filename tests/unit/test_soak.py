"""The judge of a soak sees what is wrong, and the soak's games are as they say."""

from __future__ import annotations

import json
from array import array
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from contracts.partitioning import partition_of
from contracts.records import read_record
from olympics.catalogue import load_catalogue
from olympics.result import ResultError
from tests.soak.games import Games
from tests.soak.schedule import KINDS as ALL_FAULTS
from tests.soak.schedule import REMADE, schedule
from tests.soak.system import Strike as SystemStrike
from tests.soak.topic import missing_of
from tests.soak.verifier import COUNTS, View, Violation, check, save
from tests.soak.whole import command
from tests.soak.worker import Plan

CATALOGUE = load_catalogue()


def counts(**numbers: int) -> dict[str, int]:
    return {name: numbers.get(name, 0) for name in COUNTS}


def change(**fields: Any) -> dict[str, Any]:
    """Return a change as it is listed; Ana of the faculty of law has won it."""
    ana = {"competitor": "7", "faculty": "law", "medal": "gold"}
    place = {"sport": "boxing", "unit": "final", "partition": 0, "offset": 3, "at": 2.0}
    return {**place, "leaders": [ana], **fields}


def view(**changes: Any) -> View:
    """Two sports and two faculties; three results are counted."""
    winner = counts(entries=1, winners=1, gold=1)
    losers = counts(entries=2, losers=2, silver=1)
    good = View(
        at=1.0,
        updated_at=1.0,
        epoch=1,
        snapshot=7,
        totals={"results": 3, "provisional": 0, "rejected": 1, "conflicts": 0},
        offsets={0: (4, 9), 1: (3, 9)},
        sports={"boxing": winner, "rowing": losers},
        faculties={"law": winner, "arts": losers},
        pairs={("boxing", "law"): winner, ("rowing", "arts"): losers},
        places=(("law", 1, 1, 1, 0, 0), ("arts", 2, 1, 0, 1, 0)),
        owners={0: "http://a", 1: "http://a"},
        latest_offsets={0: (4, 9), 1: (3, 9)},
        latest=(change(), change(unit="heat", partition=1, offset=2, at=1.5, leaders=[])),
        medallists=(["boxing", "final", 0, 3, 2000, "7", "gold"],),
    )
    return good._replace(**changes)


def test_a_right_view_passes_and_may_follow_itself() -> None:
    check(view(), None)
    check(view(), view())


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"sports": {"boxing": counts(entries=1), "rowing": counts()}}, "not the sum of the outc"),
        ({"pairs": {("boxing", "law"): counts(entries=1, winners=1, gold=1)}}, "sum of its pairs"),
        ({"snapshot": 8}, "not the sum of the offsets"),
        ({"offsets": {0: (4, 9), 1: (3, 8)}}, "rules are mixed"),
        ({"places": (("law", 1, 1, 1, 0, 0),)}, "other medals than the faculties"),
        (
            {"places": (("arts", 2, 1, 0, 1, 0), ("law", 1, 1, 1, 0, 0))},
            "not in its order",
        ),
        ({"places": (("law", 1, 1, 1, 0, 0), ("arts", 1, 1, 0, 1, 0))}, "a rank in the medal"),
        ({"places": (("law", 1, 2, 1, 0, 0), ("arts", 2, 1, 0, 1, 0))}, "a total in the medal"),
        ({"latest_offsets": {0: (5, 9), 1: (3, 9)}}, "further than partition 0 is counted"),
        ({"latest_offsets": {0: (4, 10), 1: (3, 9)}}, "rules that nobody counts by"),
        ({"latest_offsets": {0: (4, 9)}}, "lack a partition"),
        ({"latest_offsets": {0: (3, 9), 1: (3, 9)}}, "that the list has not seen"),
        ({"latest": view().latest[::-1]}, "not in their order"),
        ({"latest": (change(), change(offset=2))}, "listed twice"),
        ({"medallists": ()}, "other medallists are listed"),
        ({"latest": (), "medallists": view().medallists * 201}, "too many medallists"),
        (
            {
                "latest": (change(leaders=change()["leaders"] * 2),),
                "medallists": view().medallists * 2,
            },
            "more medals are listed than the table has",
        ),
    ],
)
def test_a_view_that_is_wrong_in_itself_is_seen(changes: dict[str, Any], what: str) -> None:
    with pytest.raises(Violation, match=what):
        check(view(**changes), None)


@pytest.mark.parametrize(
    ("after", "what"),
    [
        # the sum is greater, and one partition behind
        (view(offsets={0: (9, 9), 1: (2, 9)}, snapshot=11), "partition 1 went back"),
        # further, and by older rules
        (view(offsets={0: (9, 8), 1: (9, 8)}, snapshot=18), "partition 0 went back"),
        (view(offsets={0: (7, 9)}), "partition 1 went back"),
        (view(epoch=2), "the epoch has changed"),
        (view(totals={**view().totals, "rejected": 0}), "rejected became fewer"),
        (view(totals={**view().totals, "conflicts": 1}), "two different counts"),
        (
            view(latest_offsets={0: (4, 9), 1: (2, 9)}, latest=view().latest[:1]),
            "the lists of partition 1 went back",
        ),
        (view(latest=view().latest[:1]), "the same offsets have two lists"),
    ],
)
def test_a_view_that_must_not_come_after_another_is_seen(after: View, what: str) -> None:
    with pytest.raises(Violation, match=what):
        check(after, view())


def test_a_later_view_may_have_other_numbers() -> None:
    later = view(
        offsets={0: (5, 9), 1: (3, 9)}, snapshot=8, totals={**view().totals, "conflicts": 1}
    )
    check(later, view())


def test_the_games_are_the_same_for_a_seed_and_have_all_that_they_promise() -> None:
    records = list(Games(4_800, 1, 4, CATALOGUE).records())

    assert records == list(Games(4_800, 1, 4, CATALOGUE).records())
    assert records != list(Games(4_800, 2, 4, CATALOGUE).records())
    results = []
    for key, value, partition in records:
        if partition is None:
            home = partition_of(key or b"", 4)
            results.append(read_record(key, value, home, 4, CATALOGUE))
        else:
            assert not _reads(key, value, partition)
    identities = {(it.sport, it.unit, it.competitor.id) for it in results}
    assert len(identities) == 1_600
    assert len({value for _, value, _ in records}) < len(records) * 0.97  # the same bytes again
    assert {it.version for it in results} == {1, 2, 3, 4, 5}
    assert {it.status for it in results} == {"official", "unofficial", "withdrawn"}
    assert {it.sport for it in results} == set(CATALOGUE.sports)
    of_unit = Counter((sport, unit) for sport, unit, _ in identities)
    assert set(of_unit.values()) == {1, 8}
    said = Counter((it.sport, it.unit, it.phase) for it in results)
    assert len(said) > len(of_unit)  # some disagree with their unit about the phase


def _reads(key: bytes | None, value: bytes | None, partition: int) -> bool:
    try:
        read_record(key, value, partition, 4, CATALOGUE)
    except ResultError:
        return False
    return True


@pytest.mark.parametrize(
    ("results", "faults"), [(359_999, 0), (360_000, 0), (360_001, 1), (3_000_000, 8)]
)
def test_after_the_last_fault_results_still_flow(results: int, faults: int) -> None:
    assert Plan(results=results, rate=12_000, every=30, seed=1).faults == faults


def test_a_seed_says_which_faults_come_and_all_kinds_before_any_comes_again() -> None:
    faults = schedule(7, 3 * len(ALL_FAULTS))

    assert faults == schedule(7, 3 * len(ALL_FAULTS))
    assert faults != schedule(8, 3 * len(ALL_FAULTS))
    for start in range(0, len(faults), len(ALL_FAULTS)):
        kinds = [fault.kind for fault in faults[start : start + len(ALL_FAULTS)]]
        assert sorted(kinds) == sorted(ALL_FAULTS)
        assert kinds.index("worker-leave") < kinds.index("worker-join")


@pytest.mark.parametrize(
    ("promised", "found", "missing"),
    [
        ([], [1], 0),
        ([1, 3], [1, 2, 3], 0),
        ([1, 3, 4], [1, 2, 4], 1),
        ([5], [], 1),
        ([1, 1], [1], 0),
    ],
)
def test_what_was_promised_and_is_not_there_is_counted(
    promised: list[int], found: list[int], missing: int
) -> None:
    assert missing_of(array("Q", promised), array("Q", found)) == missing


def test_only_a_fault_that_met_work_proves_anything() -> None:
    idle = SystemStrike(1, "broker-kill", "broker 1", 1.0, 0, None, 1.0)

    assert not idle.in_flight
    assert idle._replace(waiting=1).in_flight
    # Requests say nothing of what a worker had in its hands.
    assert not idle._replace(kind="worker-kill", waiting=1, undone=0).in_flight
    assert idle._replace(kind="worker-kill", undone=1).in_flight


def test_a_violation_is_written_down_with_both_views(tmp_path: Path) -> None:
    save(Violation("it went back", view(), None), tmp_path / "violation.json")

    written = json.loads((tmp_path / "violation.json").read_text())
    assert written["what"] == "it went back"
    assert written["view"]["pairs"]
    assert written["before"] is None


def test_a_run_without_a_gateways_safety_is_hostile(tmp_path: Path) -> None:
    arguments = ["--without", "id", "--kind", REMADE, "--resume", str(tmp_path)]
    ran = CliRunner().invoke(command, arguments)
    assert ran.exit_code == 2
    assert "A hostile run leaves another epoch" in ran.stderr
