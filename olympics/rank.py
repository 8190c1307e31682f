"""Officials' ranks as feeds, spreadsheets and result lists print them."""

from __future__ import annotations

import re

# Ordinals of English, Spanish, Portuguese, French, Italian and German; a shared rank's "=" or "T".
_PRINTED = re.compile(
    r"(?:=|t|#)? ?(?P<number>[0-9]{1,9})(?:[.,]0*)?"
    r"(?: ?(?:=|t|[.]?[º°ª]|st|nd|rd|th|er|re|ère|e|ème|ro|ra|do|da|to|ta|mo|ma|vo|va|no|na"
    r"|o|a))?[.]?(?: (?:place|lugar|puesto|posici[oó]n))?",
    re.IGNORECASE,
).fullmatch


def printed_rank(text: str) -> int | None:
    """Return the whole number that a rank says; None if it is none.

    Read are ``1``, ``1.0``, ``1.``, ``=2``, ``2=``, ``T2``, ``#3``, ``1st``, ``1º``, ``1er lugar``.
    """
    if len(text) > 40:
        return None
    plain = "".join(
        str(int(c)) if c.isdecimal() else "=" if c == "＝" else c for c in text if c.isprintable()
    )
    match = _PRINTED(" ".join(plain.split()))
    return None if match is None else int(match["number"])
