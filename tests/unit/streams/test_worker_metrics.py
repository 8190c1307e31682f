"""The worker's metrics: how long a commit stands still, and what the exposition has."""

from __future__ import annotations

from prometheus_client import generate_latest

from streams import metrics
from streams.probe import Standstill


def test_a_committed_offset_ages_only_while_it_stands_still_with_records_behind_it() -> None:
    standstill = Standstill()

    ages = [
        standstill.age(0, committed, end, now)
        for committed, end, now in (
            (5, 5, 100.0),  # nothing waits
            (5, 5, 200.0),
            (5, 8, 201.0),  # something waits since then
            (5, 9, 211.0),
            (7, 9, 212.0),  # it moved
            (7, 9, 215.0),
            (9, 9, 216.0),
        )
    ]

    assert ages == [0, 0, 1, 11, 0, 3, 0]


def test_partitions_age_apart() -> None:
    standstill = Standstill()
    standstill.age(0, 1, 2, 10.0)
    standstill.age(1, 1, 2, 15.0)

    assert standstill.age(0, 1, 2, 20.0) == 10
    assert standstill.age(1, 1, 2, 20.0) == 5


def test_states_and_totals_are_read_when_they_are_asked_for() -> None:
    readings = metrics.Readings(lags={1: 7, 0: 3}, results=12, scoreboard=True, rebalances=2)

    lines = generate_latest(metrics.registry(readings)).decode().splitlines()

    assert 'medallero_worker_lag_records{partition="0"} 3.0' in lines
    assert 'medallero_worker_lag_records{partition="1"} 7.0' in lines
    assert "medallero_worker_partitions 2.0" in lines
    assert "medallero_worker_results 12.0" in lines
    assert "medallero_worker_scoreboard 1.0" in lines
    assert "medallero_worker_rebalances_total 2.0" in lines
    assert any(it.startswith("process_resident_memory_bytes ") for it in lines)


def test_each_outcome_of_the_mirror_is_there_before_it_happens() -> None:
    lines = generate_latest(metrics.registry(metrics.Readings())).decode().splitlines()

    shown = {it.rpartition(" ")[0] for it in lines if "mirror_writes_total{" in it}

    assert shown == {
        f'medallero_worker_mirror_writes_total{{outcome="{it}"}}'
        for it in ("written", "refused", "failed")
    }
