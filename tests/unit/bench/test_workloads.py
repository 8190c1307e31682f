"""The workloads of the benchmarks, and the rules of the peers that process them."""

from __future__ import annotations

from collections import Counter
from itertools import islice

import pytest

from bench.worker.programs.rules import Counts, Unit, decode_result, decode_unit, encode_unit
from bench.worker.workloads import LARGE_UNITS, WORKLOADS, Table, Workload, difference, expected
from olympics.catalogue import Catalogue, load_catalogue
from olympics.result import decode, key_of

_COUNT = 2_400


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue()


@pytest.mark.parametrize("workload", [*WORKLOADS.values(), LARGE_UNITS], ids=lambda w: w.name)
def test_the_records_are_canonical_results_under_their_units_key(
    workload: Workload, catalogue: Catalogue
) -> None:
    records = list(workload.records(_COUNT))
    assert len(records) == workload.size(_COUNT)
    for key, value in records:
        result = decode(value, catalogue)
        assert key == key_of(result.sport, result.unit)


@pytest.mark.parametrize("workload", WORKLOADS.values(), ids=lambda w: w.name)
def test_the_peers_rules_come_to_the_numbers_of_the_oracle(
    workload: Workload, catalogue: Catalogue
) -> None:
    # Given peers that keep encoded units and see one result after the other
    stored: dict[bytes, bytes] = {}
    counts = Counts()
    for key, value in workload.records(_COUNT):
        result = decode_result(value)
        unit: Unit = decode_unit(stored[key]) if key in stored else {}
        # When a result comes twice, the second time changes nothing
        assert counts.change(result.sport, unit, [result])
        assert not counts.change(result.sport, unit, [result])
        stored[key] = encode_unit(unit)
    # Then
    found: Table = {
        pair: (row[0], row[1], row[2], row[3], row[4], row[5]) for pair, row in counts.rows.items()
    }
    assert difference(found, expected(workload.records(_COUNT), catalogue)) is None


def test_corrections_come_in_rising_versions_after_all_first_results() -> None:
    versions = [decode_result(value).version for _, value in WORKLOADS["C"].records(300)]
    assert versions == [1] * 100 + [2] * 100 + [3] * 100


def test_units_have_as_many_competitors_as_the_workload_says() -> None:
    sizes = Counter(key for key, _ in WORKLOADS["A"].records(800))
    assert set(sizes.values()) == {8}


def test_endless_results_are_the_same_each_time() -> None:
    workload = WORKLOADS["B"]
    assert list(islice(workload.endless(), 50)) == list(islice(workload.endless(), 50))


def test_a_difference_names_the_count_and_where_it_is() -> None:
    wanted: Table = {("swimming", "agronomy"): (2, 1, 1, 1, 1, 0)}
    found: Table = {("swimming", "agronomy"): (2, 1, 1, 0, 1, 0)}
    assert difference(found, wanted) == "gold of swimming/agronomy is 0, must be 1"


def test_counts_that_nobody_expected_are_a_difference() -> None:
    found: Table = {("boxing", "agronomy"): (1, 1, 0, 0, 0, 0)}
    assert difference(found, {}) == "entries of boxing/agronomy is 1, must be 0"
