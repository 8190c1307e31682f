"""Marks: exact, in every common spelling, and back to one."""

from __future__ import annotations

from decimal import Decimal

import pytest

from olympics.mark import (
    MARK_LIMIT,
    format_mark,
    parse_mark,
    shown_mark,
    thousandths_of,
)


@pytest.mark.parametrize(
    ("value", "thousandths"),
    [
        ("55.78", 55_780),
        ("55.780", 55_780),
        ("55.7800000", 55_780),
        ("55,78", 55_780),
        ("  55.78\n", 55_780),
        ("9.8", 9_800),
        ("9", 9_000),
        ("007", 7_000),
        ("0.001", 1),
        ("3:10.61", 190_610),
        ("3:10,61", 190_610),
        ("03:10.61", 190_610),
        ("2:06:26", 7_586_000),
        ("2:06:26.5", 7_586_500),
        ("90:30", 5_430_000),
        ("0:59.999", 59_999),
        ("-1.5", -1_500),
        ("+1.5", 1_500),
        ("-0", 0),
        (8, 8_000),
        (-3, -3_000),
        (55.78, 55_780),
        (8.95, 8_950),
        (0.001, 1),
        (-0.0, 0),
        (1e3, 1_000_000),
        (Decimal("55.780000"), 55_780),
        (Decimal("1E+3"), 1_000_000),
        (Decimal("0E+999999"), 0),
        ("999999999.999", MARK_LIMIT - 1),
        (999_999_999.999, MARK_LIMIT - 1),
    ],
)
def test_a_mark_is_read_exactly(value: object, thousandths: int) -> None:
    assert parse_mark(value) == thousandths


@pytest.mark.parametrize(
    "value",
    [
        *("", " ", ".", ".5", "5.", "-", "1-2", "abc", "W/O", "E", "NaN", "inf", "1e5", "0x10"),
        *("1.234,5", "1,234.5", "1.2.3", "1 2", "1_000", "٣", "５5.78", "５.78", "5５.7８"),
        *(":10", "3:", "3:5", "3:60", "3:75.2", "3:010", "1:60:00", "1:2:3", "1:02:03:04", "-1:30"),
        *("55.7801", "0.0001", 0.0001, 1 / 3, 0.1 + 0.2, Decimal("0.0001")),
        *(float("nan"), float("inf"), -float("inf"), 1e308, 5e-324),
        *(Decimal("NaN"), Decimal("Infinity"), Decimal("1E+999999"), Decimal("1E-999999")),
        *("1000000000", 10**9, -(10**9), 1e9, Decimal(10**9), 10**400, "9" * 10**6),
        *("0." + "0" * 10**6, "1" + ":00" * 10**6),
        *(True, False, None, b"1", [1], {}),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_what_is_no_exact_mark_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"expected a mark: a time \(\[h:\]mm:ss.fff\)"):
        parse_mark(value)


@pytest.mark.parametrize(
    ("thousandths", "text"),
    [(190_610, "190.610"), (55_780, "55.780"), (1, "0.001"), (0, "0.000"), (-1_500, "-1.500")],
)
def test_the_canonical_text_has_three_decimals(thousandths: int, text: str) -> None:
    assert format_mark(thousandths) == text
    assert thousandths_of(text) == thousandths


@pytest.mark.parametrize(
    ("thousandths", "time", "number"),
    [
        (55_780, "55.78", "55.78"),
        (59_999, "59.999", "59.999"),
        (60_000, "1:00.00", "60.00"),
        (62_410, "1:02.41", "62.41"),
        (190_615, "3:10.615", "190.615"),
        (3_599_990, "59:59.99", "3599.99"),
        (7_586_000, "2:06:26", "7586.00"),
        (7_586_500, "2:06:26.50", "7586.50"),
        (0, "0.00", "0.00"),
        (-61_005, "-1:01.005", "-61.005"),
    ],
)
def test_people_read_times_as_times(thousandths: int, time: str, number: str) -> None:
    assert shown_mark(thousandths, time=True) == time
    assert shown_mark(thousandths, time=False) == number
    assert parse_mark(number) == thousandths


@pytest.mark.parametrize(
    "text",
    ["", "55.78", "055.780", "+1.000", "-0.000", "1,000", "1000000000.000", "1.000\n", "٣.000"],
)
def test_no_other_spelling_is_canonical(text: str) -> None:
    assert thousandths_of(text) is None
