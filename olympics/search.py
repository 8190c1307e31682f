"""A search that forgives case, accents, word order, and how numbers and units are written."""

from __future__ import annotations

import re
from collections.abc import Iterable

from olympics.text import folded

# Letters and digits apart: "50m", "50 m" and "50MFR" all have the word "50".
_WORD = re.compile(r"[^\W\d_]+|\d+")
_APOSTROPHES = str.maketrans("", "", "'’ʼ")


def words_of(text: str) -> list[str]:
    """Return the words of *text* as they are compared."""
    text = text.translate(_APOSTROPHES)
    return _WORD.findall(text.lower() if text.isascii() else folded(text))


def searchable(texts: Iterable[str]) -> str:
    """Return what :class:`Search` looks through: each word of *texts* once, after a blank."""
    words = dict.fromkeys(words_of(" ".join(texts)))
    return " " + " ".join(words)


class Search:
    """Matches where every word of *text* begins some word, in any order."""

    def __init__(self, text: str) -> None:
        self._words = tuple(f" {word}" for word in dict.fromkeys(words_of(text)))

    def matches(self, searched: str) -> bool:
        """Whether *searched*, made by :func:`searchable`, has all the words."""
        return all(word in searched for word in self._words)
