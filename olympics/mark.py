"""Marks: times, distances and points as exact whole ten-thousandths.

Accepted are decimals (``55.78``, ``55,78``, ``-1.5``) and times (``3:10.61``, ``2:06:26``), as text
or as number, and other spellings of the same (``olympics.mark_spelling``). Nothing is rounded: what
does not fit four decimals is refused. The canonical text, which goes onto the topic, has three
decimals, and a fourth where that is not zero: ``190.610``, ``276.7867``.
"""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache

from olympics.mark_spelling import plain_spelling, remedy_for

# Below 10**13 ten-thousandths (nine digits before the point) every mark with four decimals has its
# own nearest float, so that marks sent as JSON numbers are exact too.
MARK_LIMIT = 10**13
#: how many make one second, metre or point
UNIT_OF_MARKS = 10_000

EXPECTED_MARK = (
    "a mark: a time ([h:]mm:ss.ffff), or a decimal number of at most nine digits and four decimals"
)


def parse_mark(value: object, *, time: bool | None = None) -> int:
    """Return the exact ten-thousandths of a mark: text, int, float or Decimal.

    *time*: whether marks are times where this one was reached; None if that is not known. It
    decides only how units are read: in ``1'02"34`` and ``6.12m``.

    Raises ValueError, which says what was expected, also for any other type.
    """
    if isinstance(value, str) and _of_text(value) is None:
        spelling = plain_spelling(value, time=time)
        value = value if spelling is None else spelling
    return plain_mark(value)


def plain_mark(value: object) -> int:
    """Return what :func:`parse_mark` does, of text only if it is a plain decimal or time."""
    if isinstance(value, str):
        mark = _of_text(value)
    elif isinstance(value, bool):
        mark = None
    elif isinstance(value, int):
        mark = value * UNIT_OF_MARKS
    elif isinstance(value, float):
        mark = _of_float(value)
    elif isinstance(value, Decimal):
        mark = _of_decimal(value)
    else:
        mark = None
    if mark is None or not -MARK_LIMIT < mark < MARK_LIMIT:
        raise ValueError(f"expected {EXPECTED_MARK}")
    return mark


def why_no_mark(value: object, *, time: bool | None = None) -> str | None:
    """Return what a sender can do about a value that is no mark; None if there is no advice."""
    if isinstance(value, str):
        return remedy_for(value, time=time)
    if isinstance(value, float | Decimal):
        # Of a float the shortest decimal is meant, and sums of floats have many.
        return remedy_for(str(value), time=time)
    return None


def format_mark(mark: int) -> str:
    """Return the canonical text of a mark: ``1906100`` is ``"190.610"``."""
    whole, decimals = divmod(abs(mark), UNIT_OF_MARKS)
    thousandths, last = divmod(decimals, 10)
    return f"{'-' if mark < 0 else ''}{whole}.{thousandths:03d}{last or ''}"


def shown_mark(mark: int, *, time: bool) -> str:
    """Return a mark as lists of results print it: ``624100`` as a *time* is ``"1:02.41"``.

    Two decimals, more if they are not zero; none in a time of whole seconds from an hour on.
    """
    whole, decimals = divmod(abs(mark), UNIT_OF_MARKS)
    fraction = f".{decimals:04d}".removesuffix("0").removesuffix("0")
    text = str(whole)
    if time and whole >= 60:
        minutes, seconds = divmod(whole, 60)
        text = f"{minutes}:{seconds:02d}"
        if minutes >= 60:
            hours, minutes = divmod(minutes, 60)
            text = f"{hours}:{minutes:02d}:{seconds:02d}"
            if not decimals:
                fraction = ""
    return f"{'-' if mark < 0 else ''}{text}{fraction}"


@lru_cache(maxsize=65_536)
def mark_of(text: str) -> int | None:
    """Return the mark that a canonical text says; None if ``format_mark`` cannot have made it.

    The way back from the topic. Marks of a sport lie close together, so most were seen before.
    """
    if _CANONICAL(text) is None or text == "-0.000":
        return None
    # Exact: below the limit a mark's nearest float is nearer to it than to any other mark.
    return round(float(text) * UNIT_OF_MARKS)


_CANONICAL = re.compile(r"-?(?:0|[1-9][0-9]{0,8})\.[0-9]{3}[1-9]?", re.ASCII).fullmatch

# The lengths are bounded, so that nobody makes int() chew on a megabyte of digits. In a time only
# the first part may be of any size: 90:30 is ninety minutes, 3:75 is a slip of somebody's finger.
_TEXT = re.compile(
    r"(?:(?P<sign>[+-]?)(?P<number>[0-9]{1,20})"
    r"|(?:(?P<hours>[0-9]{1,6}):(?P<of_hour>[0-5][0-9])|(?P<minutes>[0-9]{1,8}))"
    r":(?P<seconds>[0-5][0-9]))"
    r"(?:[.,](?P<decimals>[0-9]{1,20}))?",
    re.ASCII,
).fullmatch


def _of_text(text: str) -> int | None:
    left, _, right = text.partition(".")
    # Hundredths without a colon, as most marks are, need no regular expression.
    if len(right) == 2 and 1 <= len(left) <= 9 and (left + right).isdecimal() and text.isascii():
        return int(left) * UNIT_OF_MARKS + int(right) * 100
    match = _TEXT(text.strip())
    if match is None:
        return None
    sign, number, hours, of_hour, minutes, seconds, decimals = match.groups()
    decimals = (decimals or "").rstrip("0")
    if len(decimals) > 4:
        return None
    if number is not None:
        whole = int(number)
    elif hours is not None:
        whole = (int(hours) * 60 + int(of_hour)) * 60 + int(seconds)
    else:
        whole = int(minutes) * 60 + int(seconds)
    mark: int = whole * UNIT_OF_MARKS + int(decimals.ljust(4, "0"))
    return -mark if sign == "-" else mark


def _of_float(value: float) -> int | None:
    if not -MARK_LIMIT < value < MARK_LIMIT:  # also false for NaN
        return None
    mark = round(value * UNIT_OF_MARKS)
    # Division is correctly rounded: this holds if, and only if, the float is the nearest one to a
    # number of four decimals, which is the number that its writer meant.
    return mark if mark / UNIT_OF_MARKS == value else None


def _of_decimal(value: Decimal) -> int | None:
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int):  # infinite, or not a number
        return None
    # Bounds come first: 1E+999999999 has a billion digits when it is written out.
    if value.adjusted() > 9 or exponent < -20:
        return 0 if value == 0 else None
    return _of_text(format(value, "f"))
