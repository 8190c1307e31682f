"""Rates of the benchmarks: what counts as time, and which samples are enough."""

from __future__ import annotations

import pytest

from bench.figures import middle, percentile, ratios
from bench.worker.rates import (
    Sample,
    cpu_per_record,
    is_enough,
    moment_of,
    rate,
    rate_between,
)


def test_start_up_and_the_wait_after_the_end_do_not_count_as_time() -> None:
    # Given a peer that starts for 10 s, works for 2 s, and is watched for 5 s more
    samples = [
        Sample(0.0, 0),
        Sample(10.0, 100),
        Sample(11.0, 1_100),
        Sample(12.0, 2_100),
        Sample(17.0, 2_100),
    ]
    # Then only the working time counts, and the records of the first report do not
    assert rate(samples) == pytest.approx(1_000.0)


def test_a_single_report_gives_no_rate() -> None:
    assert rate([Sample(0.0, 0), Sample(1.0, 500)]) is None


def test_work_that_is_done_within_a_few_reports_is_too_little_to_time() -> None:
    assert not is_enough([Sample(t, 250 * (t + 1)) for t in range(4)])
    assert is_enough([Sample(t, 200 * (t + 1)) for t in range(5)])


def test_a_first_report_that_comes_late_is_not_enough_either() -> None:
    late = [Sample(0.0, 800), *(Sample(t, 800 + 50 * t) for t in range(1, 5))]
    assert not is_enough(late)


def test_the_rate_of_a_stretch_is_interpolated_between_reports() -> None:
    samples = [Sample(0.0, 100), Sample(1.0, 300), Sample(2.0, 400)]
    assert moment_of(samples, 200) == pytest.approx(0.5)
    assert rate_between(samples, 200, 400) == pytest.approx(200 / 1.5)


def test_a_stretch_before_the_first_report_has_no_rate() -> None:
    assert rate_between([Sample(0.0, 500), Sample(1.0, 900)], 100, 900) is None


def test_processor_time_is_that_of_the_same_stretch_as_the_rate() -> None:
    samples = [Sample(5.0, 100, cpu=3.0), Sample(6.0, 200, cpu=3.5), Sample(7.0, 300, cpu=4.0)]
    assert cpu_per_record(samples) == pytest.approx(1.0 / 200)


def test_ratios_leave_out_peers_without_a_rate() -> None:
    assert ratios({"ours": 100.0, "slow": 10.0, "wrong": None}, "ours") == {"ours/slow": 10.0}


def test_without_our_own_rate_there_are_no_ratios() -> None:
    assert ratios({"ours": None, "slow": 10.0}, "ours") == {}


def test_the_median_is_of_what_was_measured() -> None:
    assert middle([3.0, None, 1.0, 2.0]) == 2.0
    assert middle([None]) is None


def test_percentiles_weigh_each_value_by_how_often_it_was_seen() -> None:
    waits = [(10.0, 98), (20.0, 1), (500.0, 1)]
    assert percentile(waits, 0.50) == 10.0
    assert percentile(waits, 0.99) == 20.0
    assert percentile(waits, 1.0) == 500.0
