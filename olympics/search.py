"""A search that forgives case, accents, word order, and how numbers and units are written."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable

from olympics.text import folded

# Letters and digits apart: "50m", "50 m" and "50MFR" all have the word "50".
_WORD = re.compile(r"[^\W\d_]+|\d+")
#: What stands before the words of names.
_NAMES = "\n"
_APOSTROPHES = ("'", "’", "ʼ")


# Titles of sports and events come again with each unit.
@functools.lru_cache(maxsize=4096)
def words_of(text: str) -> tuple[str, ...]:
    """Return the words of *text* as they are compared."""
    for apostrophe in _APOSTROPHES:
        text = text.replace(apostrophe, "")
    return tuple(_WORD.findall(text.lower() if text.isascii() else folded(text)))


def searchable(texts: Iterable[str], names: Iterable[str] = ()) -> str:
    """Return what :class:`Search` looks through: each word of *texts* once, after a blank.

    *names* are those of people, who may be looked for alone.
    """
    return _words_once(texts) + _NAMES + _words_once(names)


def _words_once(texts: Iterable[str]) -> str:
    return " " + " ".join(dict.fromkeys(word for text in texts for word in words_of(text)))


class Search:
    """Matches where every word of *text* begins some word, in any order."""

    def __init__(self, text: str) -> None:
        self._words = tuple(f" {word}" for word in dict.fromkeys(words_of(text)))

    def matches(self, searched: str) -> bool:
        """Whether *searched*, made by :func:`searchable`, has all the words."""
        return all(word in searched for word in self._words)

    def matches_names(self, searched: str) -> bool:
        """Whether the names in *searched* have all the words, of which there is one at least."""
        _, _, names = searched.partition(_NAMES)
        return bool(self._words) and all(word in names for word in self._words)

    def matches_name(self, name: str) -> bool:
        """Whether somebody who is called so is looked for."""
        return self.matches(_words_once([name]))
