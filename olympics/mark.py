"""Marks: times, distances and points as exact integer thousandths.

Accepted are decimals (``55.78``, ``55,78``, ``-1.5``) and times (``3:10.61``, ``2:06:26``), as text
or as number. Nothing is rounded: what does not fit three decimals is refused. The canonical text,
which goes onto the topic, always has three decimals: ``190.610``.
"""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache

# Below 10**12 thousandths (nine digits before the point) every mark with three decimals has its
# own nearest float, so that marks sent as JSON numbers are exact too.
MARK_LIMIT = 10**12

EXPECTED_MARK = (
    "a mark: a time ([h:]mm:ss.fff), or a decimal number of at most nine digits and three decimals"
)


def parse_mark(value: object) -> int:
    """Return the exact thousandths of a mark: text, int, float or Decimal.

    Raises ValueError, which says what was expected, also for any other type.
    """
    if isinstance(value, str):
        thousandths = _of_text(value)
    elif isinstance(value, bool):
        thousandths = None
    elif isinstance(value, int):
        thousandths = value * 1000
    elif isinstance(value, float):
        thousandths = _of_float(value)
    elif isinstance(value, Decimal):
        thousandths = _of_decimal(value)
    else:
        thousandths = None
    if thousandths is None or not -MARK_LIMIT < thousandths < MARK_LIMIT:
        raise ValueError(f"expected {EXPECTED_MARK}")
    return thousandths


def format_mark(thousandths: int) -> str:
    """Return the canonical text of a mark: ``190610`` is ``"190.610"``."""
    whole, decimals = divmod(abs(thousandths), 1000)
    return f"{'-' if thousandths < 0 else ''}{whole}.{decimals:03d}"


def shown_mark(thousandths: int, *, time: bool) -> str:
    """Return a mark as lists of results print it: ``62410`` as a *time* is ``"1:02.41"``.

    Two decimals, three if the third is not zero; none in a time of whole seconds from an hour on.
    """
    whole, decimals = divmod(abs(thousandths), 1000)
    fraction = f".{decimals:03d}" if decimals % 10 else f".{decimals // 10:02d}"
    text = str(whole)
    if time and whole >= 60:
        minutes, seconds = divmod(whole, 60)
        text = f"{minutes}:{seconds:02d}"
        if minutes >= 60:
            hours, minutes = divmod(minutes, 60)
            text = f"{hours}:{minutes:02d}:{seconds:02d}"
            if not decimals:
                fraction = ""
    return f"{'-' if thousandths < 0 else ''}{text}{fraction}"


@lru_cache(maxsize=65_536)
def thousandths_of(text: str) -> int | None:
    """Return the thousandths of a canonical mark; None if ``format_mark`` cannot have made it.

    The way back from the topic. Marks of a sport lie close together, so most were seen before.
    """
    if _CANONICAL(text) is None or text == "-0.000":
        return None
    # Exact: below the limit a mark's nearest float is nearer to it than to any other mark.
    return round(float(text) * 1000)


_CANONICAL = re.compile(r"-?(?:0|[1-9][0-9]{0,8})\.[0-9]{3}", re.ASCII).fullmatch

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
        return int(left) * 1000 + int(right) * 10
    match = _TEXT(text.strip())
    if match is None:
        return None
    sign, number, hours, of_hour, minutes, seconds, decimals = match.groups()
    decimals = (decimals or "").rstrip("0")
    if len(decimals) > 3:
        return None
    if number is not None:
        whole = int(number)
    elif hours is not None:
        whole = (int(hours) * 60 + int(of_hour)) * 60 + int(seconds)
    else:
        whole = int(minutes) * 60 + int(seconds)
    thousandths: int = whole * 1000 + int(decimals.ljust(3, "0"))
    return -thousandths if sign == "-" else thousandths


def _of_float(value: float) -> int | None:
    if not -MARK_LIMIT < value < MARK_LIMIT:  # also false for NaN
        return None
    thousandths = round(value * 1000)
    # Division is correctly rounded: this holds if, and only if, the float is the nearest one to a
    # number of three decimals, which is the number that its writer meant.
    return thousandths if thousandths / 1000 == value else None


def _of_decimal(value: Decimal) -> int | None:
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int):  # infinite, or not a number
        return None
    # Bounds come first: 1E+999999999 has a billion digits when it is written out.
    if value.adjusted() > 9 or exponent < -20:
        return 0 if value == 0 else None
    return _of_text(format(value, "f"))
