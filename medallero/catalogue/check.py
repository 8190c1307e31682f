"""All that is wrong with a catalogue's text, each with its line; not only the first."""

from __future__ import annotations

import difflib
import itertools
import re
import tomllib
from collections.abc import Iterator
from typing import Any, Final, NamedTuple, get_args

from olympics.catalogue import Catalogue, CatalogueError, catalogue_of
from olympics.text import folded, shown
from olympics.words import Order, Phase

_MOST: Final = 200


class Problem(NamedTuple):
    """What is wrong: in which line (None: that cannot be told), at which key, what was expected."""

    line: int | None
    place: str
    expected: str


class Todo(NamedTuple):
    """A comment about what a person must decide, as `medallero catalogue from` writes them."""

    line: int
    words: str


def check_text(text: str) -> tuple[Catalogue | None, list[Problem]]:
    """Return the catalogue and what is wrong with it; no catalogue if anything is.

    What was found wrong is taken out, or replaced, and the rest checked again, until it is right.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        where = re.search(r" \(at line (\d+), column \d+\)", str(error))
        words = str(error).replace(where[0], "") if where else str(error)
        line = int(where[1]) if where else text.count("\n") + 1
        return None, [Problem(line, "", f"expected TOML: {words[:1].lower()}{words[1:]}")]
    problems: list[Problem] = []
    numbers = itertools.count()
    while len(problems) < _MOST:
        try:
            catalogue = catalogue_of(document)
        except CatalogueError as error:
            problems.append(_problem(text, error))
            if not _repair(document, error, numbers):
                break
        else:
            if not problems:
                return catalogue, []
            break
    return None, sorted(dict.fromkeys(problems), key=lambda it: it.line or 0)


def _problem(text: str, error: CatalogueError) -> Problem:
    """Return what an error says, with what helps beside it."""
    place, expected = error.place, error.expected
    unknown = re.fullmatch(r"object contains unknown field `([^`]*)`", expected)
    missing = re.fullmatch(r"object missing required field `([^`]*)`", expected)
    wrong = re.fullmatch(r"invalid enum value (.*)", expected)
    if unknown:
        near = difflib.get_close_matches(unknown[1], _KEYS, n=1)
        place = f"{place}.{unknown[1]}" if place else unknown[1]
        expected = "this key means nothing here" + (f"; perhaps {near[0]} is meant" if near else "")
    elif missing:
        expected = f"expected the key {missing[1]}"
    elif wrong:
        known = get_args(Phase if place.endswith("phase") else Order)
        expected = f"expected one of {', '.join(known)}, got {wrong[1]}"
    elif place.endswith(".code"):
        expected = "expected three capitals or digits, the first a capital, such as SWM"
    line = line_of(text, place)
    also = re.search(r"but '(.*)' also names ", expected)
    if also and line is not None:
        # The table is long, and the name stands somewhere in it.
        rest = enumerate(text.splitlines()[line:], line + 1)
        table = itertools.takewhile(lambda it: not it[1].startswith("["), rest)
        line = next((number for number, its in table if also[1] in its), line)
    return Problem(line, place, expected)


_KEYS: Final = (
    *("revision", "sports", "faculties", "games", "irm", "title", "titles", "aliases", "code"),
    *("number", "order", "times", "two_bronzes", "events", "units", "words", "phase", "short"),
    *("colour", "begins", "ends", "place", "did_not_start", "disqualified", "out_of_competition"),
)


def todos_of(text: str) -> list[Todo]:
    """Return the comments in a catalogue's text that begin with TODO."""
    todos: list[Todo] = []
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        match = re.match(r"\s*# TODO:? *(.*)", line)
        if match is None:
            continue
        words = [match[1]]
        for more in lines[number:]:
            if not re.match(r"\s*# (?!TODO)", more):
                break
            words.append(more.strip(" #"))
        todos.append(Todo(number, " ".join(words)))
    return todos


def line_of(text: str, place: str) -> int | None:
    """Return the line of a key such as ``sports.rowing.events[2].order``; None if not found."""
    lines = text.splitlines()
    keys = re.findall(r"[^.\[\]]+|\[\d+\]", place)
    first, last, found = 0, len(lines), None
    # The longest path that is a table's header.
    for length in range(len(keys), 0, -1):
        header = _header_line(lines, keys[:length])
        if header is not None:
            first, found, keys = header + 1, header + 1, keys[length:]
            last = next((i for i in range(first, last) if re.match(r"\s*\[", lines[i])), last)
            break
    if found is None and len(keys) > 1:
        # A table that only has tables inside: [[sports.chess.events]].
        inside = re.compile(rf"\s*\[+\s*{_dotted(keys[:2])}\s*\.")
        found = next((i + 1 for i, line in enumerate(lines) if inside.match(line)), None)
        if found is not None:
            return found
    for key in keys:
        if key.startswith("["):
            line = _element_line(lines[first - 1 : last], int(key[1:-1]))
            if line is not None:
                first = found = first + line
            continue
        pattern = re.compile(rf"""(?:^|[{{,.\s])["']?{re.escape(key)}["']?\s*=""")
        start = max(first - 1, 0)
        line = next((i for i in range(start, last) if pattern.search(_bare(lines[i]))), None)
        if line is None:
            break
        first = found = line + 1
    return found


def _header_line(lines: list[str], keys: list[str]) -> int | None:
    numbers = [int(it[1:-1]) for it in keys if it.startswith("[")]
    path = [it for it in keys if not it.startswith("[")]
    if len(numbers) > 1 or (numbers and not keys[-1].startswith("[")):
        return None
    brackets = (r"\[\[", r"\]\]") if numbers else (r"\[", r"\]")
    header = re.compile(rf"\s*{brackets[0]}\s*{_dotted(path)}\s*{brackets[1]}")
    places = [i for i, line in enumerate(lines) if header.match(line)]
    number = numbers[0] if numbers else 0
    return places[number] if number < len(places) else None


def _dotted(keys: list[str]) -> str:
    return r"\s*\.\s*".join(rf"""["']?{re.escape(it)}["']?""" for it in keys)


def _element_line(lines: list[str], number: int) -> int | None:
    """Return the line of an array's element, from the line on that has the array's key."""
    depth, seen = 0, -1
    for at, line in enumerate(lines):
        text = _bare(line)
        for index, char in enumerate(text if at else text[text.find("=") + 1 :]):
            if char in "[{":
                depth += 1
                seen += depth == 2 and char == "{"
            elif char in "]}":
                depth -= 1
            if seen == number:
                return at
            if depth == 0 and index and seen >= 0:
                return None
    return None


def _bare(line: str) -> str:
    """Return a line without its comment, and with its texts emptied."""
    without = re.sub(r'"(?:[^"\\]|\\.)*"(?!\s*=)', '""', line)
    return without.split("#")[0]


# How a document is mended, so that what is wrong besides is found too.


def _repair(document: dict[str, Any], error: CatalogueError, numbers: Iterator[int]) -> bool:
    """Take out what is wrong; False if it cannot be found, so that nothing more can be."""
    keys = list(_path(document, error.place))
    if error.place in ("sports", "faculties") and not isinstance(document.get(error.place), dict):
        return _supply(document, document, error.place)
    missing = re.search(r"missing required field `(\w+)`", error.expected)
    unknown = re.search(r"unknown field `([^`]*)`", error.expected)
    also = re.search(r"but (.*) also names ", error.expected)
    target: Any = document
    for key in keys:
        target = target[key]
    if missing and isinstance(target, dict):
        return _supply(document, target, missing[1])
    if unknown and isinstance(target, dict) and unknown[1] in target:
        del target[unknown[1]]
        return True
    if also and isinstance(target, dict) and _unname(document, target, also[1]):
        return True
    if error.place in ("sports", "faculties") and not target:
        return _supply(document, document, error.place)
    if not keys:
        return False
    parent: Any = document
    for key in keys[:-1]:
        parent = parent[key]
    key = keys[-1]
    if isinstance(parent, list):
        # What follows keeps its number.
        filler = f"X{next(numbers)}"
        parent[key] = {"units": filler, "title": filler} if isinstance(target, dict) else filler
        return True
    if key in ("code", "order", "revision") and "events" not in keys:
        del parent[key]
        return _supply(document, parent, str(key))
    del parent[key]
    if "events" in keys[:-1]:
        parent.setdefault("title", "X")
        if not {"units", "words"} & parent.keys():
            parent["units"] = "X"
    return True


def _path(document: Any, place: str) -> Iterator[Any]:
    """Yield the keys that lead to a place, as far as there are such."""
    rest = place
    value = document
    while rest:
        if isinstance(value, dict):
            fitting = [it for it in value if re.match(rf"{re.escape(it)}(?=[.\[]|$)", rest)]
            if not fitting:
                return
            key: Any = max(fitting, key=len)
            rest = rest[len(str(key)) :]
        else:
            match = re.match(r"\[(\d+)\]", rest)
            if match is None or not isinstance(value, list) or int(match[1]) >= len(value):
                return
            key = int(match[1])
            rest = rest[match.end() :]
        yield key
        value = value[key]
        rest = rest.removeprefix(".")


def _supply(document: dict[str, Any], target: dict[str, Any], key: str) -> bool:
    code = _free_code(document)
    supplies: dict[str, Any] = {
        "revision": 0,
        "order": "lower",
        "code": code,
        "sports": {"missing": {"code": code, "order": "lower"}},
        "faculties": {"missing": {}},
    }
    if key not in supplies:
        return False
    target[key] = supplies[key]
    return True


def _free_code(document: dict[str, Any]) -> str:
    texts = {folded(it) for it in _texts(document.get("sports"))}
    codes = (f"Z{number:02d}" for number in range(100))
    return next((it for it in codes if folded(it) not in texts), "Z99")


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list)):
        for it in value.values() if isinstance(value, dict) else value:
            yield from _texts(it)


def _unname(document: dict[str, Any], target: dict[str, Any], told: str) -> bool:
    """Take the text that names another too out of a sport or a faculty."""
    for key in ("aliases", "title", "short", "number", "code", "titles"):
        value = target.get(key)
        if key == "aliases" and isinstance(value, list):
            kept = [it for it in value if shown(it) != told]
            if len(kept) < len(value):
                target[key] = kept
                return True
        elif key == "titles" and isinstance(value, dict):
            for language, title in value.items():
                if shown(title) == told:
                    del value[language]
                    return True
        elif value is not None and shown(str(value)) == told:
            del target[key]
            return key != "code" or _supply(document, target, "code")
    return False
