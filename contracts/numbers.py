"""Whole numbers as clients write them into a URL."""

import re
from typing import Final

# No sign, no blank, no digit of another script; and int() of very long ones costs much.
_DIGITS: Final = re.compile(r"[0-9]{1,19}", re.ASCII)


def whole_number(text: str, lowest: int, highest: int) -> int | None:
    """Return the number that *text* is; None if it is none from *lowest* to *highest*."""
    if not _DIGITS.fullmatch(text):
        return None
    number = int(text)
    return number if lowest <= number <= highest else None
