"""Patterns for the names of units, as the events of a catalogue have them.

Two kinds. A *glob* is compared with the whole name, as a shell does with the name of a file: ``*``,
``?`` and ``[…]``, without regard to case. A *phrase* is one word or several, which must stand
in the unit's name as whole words and in this order: ``disco`` is in "Disco, final" and not in
"Discovery games". Inside a word of a phrase ``*``, ``?`` and ``[…]`` mean what they do in a glob; a
``*`` by itself stands for any number of words, also none.
"""

from __future__ import annotations

import fnmatch
import functools
import operator
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, TypeVar

from olympics.rsc import RSC_LENGTH, parse_rsc
from olympics.text import folded
from olympics.words import ENTRY_UNIT_PREFIX

_Said = TypeVar("_Said")


class Patterns(NamedTuple):
    """The patterns of one event: a unit belongs to it if any of them matches."""

    globs: tuple[str, ...] = ()
    phrases: tuple[str, ...] = ()


def words_of(unit: str) -> tuple[str, ...]:
    """Return the words of a unit's name, in which phrases are looked for.

    Case, accents and punctuation do not matter. Letters and digits are words apart, and so are the
    parts of a ``camelCase`` name: "4x100m" is ``4 x 100 m``. A separator of thousands
    is left out: "1.500 m" is ``1500 m``. Of a code of the Olympic Data Feed (RSC), the words are
    those of its event and its phase: the rest are numbers.
    """
    rsc = parse_rsc(unit) if len(unit) == RSC_LENGTH else None
    if rsc is not None:
        return tuple(_ASCII_WORDS(f"{rsc.event} {rsc.phase}".lower()))
    if unit.isascii():
        text = unit.lower()
        if text != unit:
            text = _CAMEL(" ", unit).lower()
        if "," in text or "." in text:
            text = _THOUSANDS("", text)
        return tuple(_ASCII_WORDS(text))
    bare = unicodedata.normalize("NFKD", unit.replace("×", "x"))
    bare = "".join(it for it in bare if not unicodedata.combining(it))
    return tuple(_WORDS(_THOUSANDS("", folded(_CAMEL(" ", bare)))))


def first_match(said: Sequence[tuple[Patterns, _Said]]) -> Callable[[str], _Said | None]:
    """Return a function from a unit to what is said beside the first patterns that match it.

    Nothing matches the unit of an entry: no rule of an event concerns it. What the function returns
    for a unit is kept, so asking again is quick. Raises ValueError as ``check_phrase``.
    """
    if not said:
        return lambda unit: None
    none = len(said)
    by_glob = _first_glob(
        [(it, n) for n, (patterns, _) in enumerate(said) for it in patterns.globs]
    )
    by_phrase = _first_phrase(
        [(it, n) for n, (patterns, _) in enumerate(said) for it in patterns.phrases]
    )

    @functools.lru_cache(maxsize=16_384)
    def of_name(unit: str) -> _Said | None:
        number = by_glob(unit, by_phrase(unit, none))
        return said[number][1] if number < none else None

    def find(unit: str) -> _Said | None:
        return None if unit.startswith(ENTRY_UNIT_PREFIX) else of_name(unit)

    return find


def check_phrase(phrase: str) -> None:
    """Raise ValueError (what was expected) for a phrase without words."""
    if all(it == "*" for it in _phrase_words(phrase)):
        raise ValueError("at least one word, of letters or digits")


#: From a unit and a number to the least number that a pattern has, or that number if it is less.
_Find = Callable[[str, int], int]
_Search = Callable[[str], object]


def _first_glob(numbered: Sequence[tuple[str, int]]) -> _Find:
    if not numbered:
        return lambda unit, none: none
    # Most units match none of them. So only those are tried that begin as the unit does.
    begins = {glob: _begins(glob) for glob, _ in numbered}
    size = min((len(it) for some in begins.values() for it in some if it), default=0)
    by_begin: defaultdict[str, list[tuple[int, _Search]]] = defaultdict(list)
    anywhere: list[tuple[int, _Search]] = []
    for glob, number in numbered:
        numbered_match = (number, re.compile(fnmatch.translate(glob.lower())).match)
        if "" in begins[glob]:
            anywhere.append(numbered_match)
        else:
            for begin in {it[:size] for it in begins[glob]}:
                by_begin[begin].append(numbered_match)
    tried = {begin: sorted(some + anywhere, key=_number_of) for begin, some in by_begin.items()}
    anywhere.sort(key=_number_of)

    def find(unit: str, none: int) -> int:
        text = unit.lower()
        for number, matches in tried.get(text[:size], anywhere):
            if number >= none:
                break
            if matches(text):
                return number
        return none

    return find


def _begins(glob: str) -> list[str]:
    """Return beginnings of which each text that matches *glob* has one, in lower case."""
    begins = [""]
    for literal, among in _GLOB_PARTS(glob.lower()):
        if literal:
            begins = [begin + literal for begin in begins]
        elif among and len(begins) * len(among) <= _MOST_BEGINS:
            begins = [begin + one for begin in begins for one in _members(among)]
        else:
            break
    return begins


def _members(among: str) -> str:
    """Return the characters that a glob's ``[…]`` without a range of letters stands for."""
    return among.replace("0-9", "0123456789")


def _first_phrase(numbered: Sequence[tuple[str, int]]) -> _Find:
    if not numbered:
        return lambda unit, none: none
    # Most units are compared with hundreds of phrases once, so each word of the unit is looked up:
    # by itself, with the next one, and as the beginning of what is longer or has a glob.
    ones: dict[str, int] = {}
    pairs: defaultdict[str, dict[str, int]] = defaultdict(dict)
    longer: defaultdict[str, list[tuple[int, _Search]]] = defaultdict(list)
    anywhere: list[tuple[int, _Search]] = []
    for phrase, number in numbered:
        words = _phrase_words(phrase)
        if _is_glob(words[0]):
            anywhere.append((number, _phrase_expression(words)))
        elif len(words) == 1:
            ones.setdefault(words[0], number)
        elif len(words) == 2 and not _is_glob(words[1]):
            pairs[words[0]].setdefault(words[1], number)
        else:
            longer[words[0]].append((number, _phrase_expression(words)))

    begin = {*ones, *pairs, *longer}

    def find(unit: str, none: int) -> int:
        words = words_of(unit)
        if not anywhere and begin.isdisjoint(words):
            return none
        best = none
        searches = anywhere
        before: dict[str, int] | None = None
        for word in words:
            if word in ones and ones[word] < best:
                best = ones[word]
            if before is not None and before.get(word, best) < best:
                best = before[word]
            before = pairs.get(word)
            if word in longer:
                searches = searches + longer[word]
        if searches:
            text = f" {' '.join(words)} "
            for number, is_in in searches:
                if number < best and is_in(text):
                    best = number
        return best

    return find


def _phrase_words(phrase: str) -> list[str]:
    words: list[str] = []
    for piece in phrase.split():
        words.extend([folded(piece)] if _is_glob(piece) else words_of(piece.casefold()))
    return words


def _phrase_expression(words: Sequence[str]) -> _Search:
    """Return a search for the words in a text that has a space around each of its own."""
    expression = "".join(
        "(?: [^ ]+)*" if word == "*" else f" {_word_expression(word)}" for word in words
    )
    return re.compile(f"{expression} ").search


def _word_expression(glob: str) -> str:
    # What fnmatch writes, but none of it may stand for the space between two words.
    expression = ""
    for part in re.split(r"(\*|\?|\[!?\]?[^\]]*\])", glob):
        if part in ("*", "?"):
            expression += part.replace("*", "[^ ]*").replace("?", "[^ ]")
        elif part[:1] == "[" and len(part) > 1:
            expression += f"(?! ){fnmatch.translate(part)[4:-3]}"
        else:
            expression += re.escape(part)
    return expression


def _is_glob(text: str) -> bool:
    return any(it in text for it in "*?[")


_MOST_BEGINS: Final = 64
#: Text that stands for itself, and sets of characters without ranges other than of all digits.
_GLOB_PARTS: Final = re.compile(r"([^*?[]+)|\[((?:0-9|[a-z0-9])+-?)\]|[*?[]").findall
_number_of: Final = operator.itemgetter(0)
_ASCII_WORDS: Final = re.compile(r"[a-z]+|[0-9]+", re.ASCII).findall
_WORDS: Final = re.compile(r"[^\W\d_]+|\d+").findall
_CAMEL: Final = functools.partial(re.compile(r"(?<=[a-z])(?=[A-Z])", re.ASCII).sub)
_THOUSANDS: Final = re.compile(r"(?<=[0-9])[.,](?=[0-9]{3}(?![0-9]))", re.ASCII).sub
