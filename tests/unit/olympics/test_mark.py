"""Marks: exact, in every common spelling, and back to one."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest

from olympics.mark import (
    MARK_LIMIT,
    format_mark,
    mark_of,
    parse_mark,
    plain_mark,
    shown_mark,
    why_no_mark,
)


@pytest.mark.parametrize(
    ("value", "mark"),
    [
        ("55.78", 557_800),
        ("55.780", 557_800),
        ("55.7800000", 557_800),
        ("55,78", 557_800),
        ("  55.78\n", 557_800),
        ("9.8", 98_000),
        ("9", 90_000),
        ("007", 70_000),
        ("0.001", 10),
        ("3:10.61", 1_906_100),
        ("3:10,61", 1_906_100),
        ("03:10.61", 1_906_100),
        ("2:06:26", 75_860_000),
        ("2:06:26.5", 75_865_000),
        ("90:30", 54_300_000),
        ("0:59.999", 599_990),
        ("-1.5", -15_000),
        ("+1.5", 15_000),
        ("-0", 0),
        (8, 80_000),
        (-3, -30_000),
        (55.78, 557_800),
        (8.95, 89_500),
        (0.001, 10),
        (-0.0, 0),
        (1e3, 10_000_000),
        (Decimal("55.780000"), 557_800),
        (Decimal("1E+3"), 10_000_000),
        (Decimal("0E+999999"), 0),
        ("276.7867", 2_767_867),
        (276.7867, 2_767_867),
        ("276,786700", 2_767_867),
        ("1:02.3456", 623_456),
        (Decimal("0.0001"), 1),
        ("999999999.9999", MARK_LIMIT - 1),
        (999_999_999.9999, MARK_LIMIT - 1),
    ],
)
def test_a_mark_is_read_exactly(value: object, mark: int) -> None:
    assert parse_mark(value) == mark


@pytest.mark.parametrize(
    "value",
    [
        *("", " ", ".", ".5", "5.", "-", "1-2", "abc", "W/O", "E", "NaN", "inf", "1e5", "0x10"),
        *("1.234,5", "1,234.5", "1.2.3", "1 2", "1_000", "½", "5²", "١٫"),
        *(":10", "3:", "3:5", "3:60", "3:75.2", "3:010", "1:60:00", "1:2:3", "1:02:03:04", "-1:30"),
        *("55.78001", "0.00001", 0.00001, 1 / 3, 0.1 + 0.2, Decimal("0.00001")),
        *(float("nan"), float("inf"), -float("inf"), 1e308, 5e-324),
        *(Decimal("NaN"), Decimal("Infinity"), Decimal("1E+999999"), Decimal("1E-999999")),
        *("1000000000", 10**9, -(10**9), 1e9, Decimal(10**9), 10**400, "9" * 10**6),
        *("0." + "0" * 10**6, "1" + ":00" * 10**6),
        *(True, False, None, b"1", [1], {}),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_what_is_no_exact_mark_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"expected a mark: a time \(\[h:\]mm:ss.ffff\)"):
        parse_mark(value)


@pytest.mark.parametrize(
    ("mark", "text"),
    [
        (1_906_100, "190.610"),
        (2_767_867, "276.7867"),
        (557_800, "55.780"),
        (10, "0.001"),
        (1, "0.0001"),
        (0, "0.000"),
        (-15_000, "-1.500"),
        (-15_001, "-1.5001"),
    ],
)
def test_the_canonical_text_has_three_decimals_or_four(mark: int, text: str) -> None:
    assert format_mark(mark) == text
    assert mark_of(text) == mark


@pytest.mark.parametrize(
    ("mark", "time", "number"),
    [
        (557_800, "55.78", "55.78"),
        (599_990, "59.999", "59.999"),
        (600_000, "1:00.00", "60.00"),
        (624_100, "1:02.41", "62.41"),
        (1_906_150, "3:10.615", "190.615"),
        (2_767_867, "4:36.7867", "276.7867"),
        (2_767_007, "4:36.7007", "276.7007"),
        (35_999_900, "59:59.99", "3599.99"),
        (75_860_000, "2:06:26", "7586.00"),
        (75_865_000, "2:06:26.50", "7586.50"),
        (0, "0.00", "0.00"),
        (-610_050, "-1:01.005", "-61.005"),
    ],
)
def test_people_read_times_as_times(mark: int, time: str, number: str) -> None:
    assert shown_mark(mark, time=True) == time
    assert shown_mark(mark, time=False) == number
    assert parse_mark(number) == mark


@pytest.mark.parametrize(
    "text",
    [
        *("", "55.78", "055.780", "+1.000", "-0.000", "1,000", "1000000000.000", "1.000\n"),
        *("٣.000", "1.0000", "276.78670", "-0.0000", "1.00001"),
    ],
)
def test_no_other_spelling_is_canonical(text: str) -> None:
    assert mark_of(text) is None


EITHER = (True, None, False)


@pytest.mark.parametrize(
    ("text", "times", "plain"),
    [
        # digits and signs of other keyboards and of typography
        ("５８.４０", EITHER, "58.40"),
        ("٥٨٫٤", EITHER, "58.4"),
        ("１：０２．３４", EITHER, "1:02.34"),
        ("−1.5", EITHER, "-1.5"),
        ("58.40\u200e", EITHER, "58.40"),
        ("58\u00ad.40", EITHER, "58.40"),
        ("\u00a0５8.40\u2009", EITHER, "58.40"),
        ("\ufeff8", EITHER, "8"),
        # the wind, which does not change the order of a unit
        ("10.52w", EITHER, "10.52"),
        ("10.52 W", EITHER, "10.52"),
        ("8,12 (+1.2)", EITHER, "8.12"),
        ("10.52w (+2.4 m/s)", EITHER, "10.52"),
        ("8.12 (-0,3)", EITHER, "8.12"),
        ("7.01 nwi", EITHER, "7.01"),
        # clocks
        ("1'02\"34", (True, None), "1:02.34"),
        ("1′02″34", (True, None), "1:02.34"),
        ("1’02”34", (True, None), "1:02.34"),
        ("1'02''34", (True, None), "1:02.34"),
        ("1'02.34", (True, None), "1:02.34"),
        ('59"12', (True, None), "59.12"),
        ("2h06:26", (True, None), "2:06:26"),
        ("2h06'26\"", (True, None), "2:06:26"),
        ("2 h 06 min 26 s", (True, None), "2:06:26"),
        ("1m02.3", (True, None), "1:02.3"),
        ("1 min 02,3 s", (True, None), "1:02.3"),
        ("54.30 s", (True, None), "54.3"),
        ("54.30 seg.", (True, None), "54.3"),
        ("3:10.61 s", (True, None), "3:10.61"),
        # measures
        ("6.12m", (None, False), "6.12"),
        ("6,12 m", (None, False), "6.12"),
        ("85 kg", (None, False), "85"),
        ("276.7867 pts.", (None, False), "276.7867"),
        ("8 847", (None, False), "8847"),
        ("8\u202f847 puntos", (None, False), "8847"),
        ("-1 234 567,5", (None, False), "-1234567.5"),
    ],
)
def test_other_spellings_of_a_mark_are_read(
    text: str, times: tuple[bool | None, ...], plain: str
) -> None:
    for time in EITHER:
        if time in times:
            assert parse_mark(text, time=time) == plain_mark(plain)
        else:
            with pytest.raises(ValueError, match="expected a mark"):
                parse_mark(text, time=time)
            assert why_no_mark(text, time=time)
    with pytest.raises(ValueError, match="expected a mark"):
        plain_mark(text)


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        *((it, "hand time") for it in ("59.9h", "59,9 H", "10.2ht", "1:02.3h")),
        *((it, "leave mark out and give") for it in ("NT", "NM", "dns", "W/O", "x", "-", "–")),
        *((it, "separates the thousands: 1234.5") for it in ("1,234.5", "1.234,5", "1.234.567")),
        *((it, "with a colon: 1:02.34") for it in ("1.02.34", "1.02,34", "1,02,34")),
        *((it, "feet and inches") for it in ("5-10.25", "18' 3\"", "18 ft 3 in", "3-1", "58–40")),
        *((it, "more than four|at most four decimals") for it in ("1.23456", "1:02,34567")),
        *((it, "EXH") for it in ("X58.40", "x 1:02.34")),
        *((it, "two digits, below 60") for it in ("3:75", "1:2:3", "3:5.1")),
        *((it, "leave out '") for it in ("58.40Y", "58.40*", "58.40 PB", "12.5 cm", "3 km")),
        *((it, "write a time as") for it in ("1m85", "2h06", "10.52 (.519)", "1'2\"5")),
    ],
)
def test_of_what_is_refused_it_is_said_what_to_do(text: str, advice: str) -> None:
    for time in EITHER:
        with pytest.raises(ValueError, match="expected a mark"):
            parse_mark(text, time=time)
        assert re.search(advice, str(why_no_mark(text, time=time)))


def test_metres_where_marks_are_times_may_be_minutes() -> None:
    assert why_no_mark("6.12m", time=True) == (
        "marks are times here: leave out 'm', or write minutes as 6:12.00"
    )


def test_of_what_looks_like_nothing_known_nothing_is_said() -> None:
    values: list[object] = ["?", "9" * 100, "\x1b58.40", True, [], None]
    for value in values:
        assert why_no_mark(value) is None
