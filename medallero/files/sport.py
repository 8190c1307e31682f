"""The sport of a file that has no column for it: in its title lines, or in its name."""

from __future__ import annotations

import re
from collections.abc import Iterable

from olympics.catalogue import Catalogue
from olympics.text import folded

_SHORTEST = 4  # letters: codes such as "SAL" are words
#: Names of sports that are names of events too.
_AMBIGUOUS = frozenset(("saltos", "diving", "speed", "sprint"))


def sport_in(texts: Iterable[str], catalogue: Catalogue) -> str:
    """Return the one sport that is named in the texts, as they name it; "" if none or several is.

    Of names that overlap the longer one counts: "voleibol de playa" is not volleyball.
    """
    named: dict[str, str] = {}
    for text in texts:
        words = f" {_words(text)} "
        for phrase, sport in _phrases(catalogue):
            if f" {phrase} " in words:
                named.setdefault(sport, phrase)
                words = words.replace(f" {phrase} ", " / ")
    return next(iter(named.values())) if len(named) == 1 else ""


def _phrases(catalogue: Catalogue) -> list[tuple[str, str]]:
    phrases = {
        _words(text): sport.name
        for sport in catalogue.sports.values()
        for text in (sport.name, sport.title, *sport.aliases, *dict(sport.titles).values())
    }
    usable = [it for it in phrases.items() if len(it[0]) >= _SHORTEST and it[0] not in _AMBIGUOUS]
    return sorted(usable, key=lambda it: -len(it[0]))


def _words(text: str) -> str:
    # Names of files have words in camelCase and with underscores.
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)
    return " ".join(re.findall(r"[^\W\d_]+|\d+", folded(apart)))
