"""What the gateway ought to say to a body, worked out in another way: Python's own JSON reader,
one item at a time, and the rules.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from olympics.catalogue import Catalogue
from olympics.entry import ENTRY_ID_LENGTH, parse_entry
from olympics.result import ResultError, encode, key_of, parse_result

_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]")
_BOM: Final = b"\xef\xbb\xbf"


class Violation(AssertionError):
    """The gateway did what it must not do; the text says what."""


class NotJson(ValueError):
    """What is to be refused as ``not_json``, or on a line as a bad item."""


class Unforeseen(Exception):
    """The two readers of JSON may rightly differ here: only general rules are checked."""


class _Bad:
    """A line that is no JSON."""


BAD: Final = _Bad()


@dataclass(frozen=True)
class Kind:
    """What items are: results, or entries with the path's faculty and the request's key.

    ``nameless``: entries may lack the student.
    """

    entries: bool = False
    faculty: str | None = None
    key: str | None = None
    nameless: bool = False


@dataclass(frozen=True)
class Foreseen:
    """The items of a body in order, and the code of the refusal after them, if any."""

    items: list[tuple[int, object]]
    several: bool
    refusal: str | None = None


Record = tuple[bytes, bytes]


def foresee(body: bytes, *, lines: bool, max_body: int, max_line: int) -> Foreseen:
    """Return what is in *body*.

    :raises Unforeseen: nothing can be said.
    """
    if lines:
        return _foresee_lines(body, max_line)
    if len(body) > max_body:
        return Foreseen([], False, "too_large")
    body = body.removeprefix(_BOM)
    several = body.lstrip(b" \t\r\n")[:1] == b"["
    try:
        value = read_json(body)
    except NotJson:
        return Foreseen([], several, "not_json")
    if several:
        assert isinstance(value, list)
        return Foreseen(list(enumerate(value)), True)
    return Foreseen([(0, value)], False)


def read_json(data: bytes) -> object:
    """Return the value of a JSON text; raises NotJson, Unforeseen."""
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise NotJson(str(error)) from None
    if text.count("[") + text.count("{") > 100 and _depth(text) > 100:
        raise Unforeseen
    try:
        value = json.loads(
            text, parse_constant=_refuse_constant, parse_float=_float, parse_int=_int
        )
    except ValueError as error:
        raise NotJson(str(error)) from None
    if _SURROGATE.search(text):
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            raise NotJson(str(error)) from None
        # A value that a duplicate key replaced is not seen here, but by the gateway.
        raise Unforeseen
    return value


def check_outcome(
    foreseen: Foreseen, kind: Kind, outcome: dict[str, Any], catalogue: Catalogue, seed: str
) -> list[Record]:
    """Compare an answer's outcome with what was foreseen; return the records that it promises.

    In a request that was refused in its middle, the items that are accounted for come first.

    :raises Violation: they differ.
    """
    minted = {it["index"]: it["id"] for it in outcome["minted"]}
    accounted = outcome["accepted"] + outcome["rejected_count"]
    records: list[Record] = []
    rejected: list[tuple[int, str]] = []
    for index, raw in foreseen.items[:accounted]:
        try:
            records.append(_record(index, raw, kind, foreseen.several, minted, catalogue, seed))
        except ResultError as error:
            rejected.append((index, error.field))
    if foreseen.refusal is None and accounted != len(foreseen.items):
        raise Violation(f"{len(foreseen.items)} items, {accounted} accounted for")
    told = [(it["index"], it["field"]) for it in outcome["rejected"]]
    if told != rejected[:1000] or outcome["rejected_count"] != len(rejected):
        raise Violation(f"rejected: {_difference(told, rejected)}")
    if outcome["accepted"] != len(records):
        raise Violation(f"accepted: {outcome['accepted']}, expected {len(records)}")
    return records


def _record(
    index: int,
    raw: object,
    kind: Kind,
    several: bool,
    minted: dict[int, str],
    catalogue: Catalogue,
    seed: str,
) -> Record:
    if raw is BAD:
        raise ResultError("", "not JSON")
    if not kind.entries:
        result = parse_result(raw, catalogue)
    else:
        own = raw.get("id") if isinstance(raw, dict) else None
        if type(own) is int and abs(own) < 10**18:
            own = str(own)
        if own is None or own == "":
            own = _id_by_key(kind.key, index, several) or minted.get(index, "0" * 32)
        elif not isinstance(own, str):
            raise ResultError("id", "neither text nor a whole number")
        result = parse_entry(
            raw,
            catalogue,
            entry_id=own,
            seed=seed,
            faculty=kind.faculty,
            nameless=kind.nameless,
        )
    return key_of(result.sport, result.unit), encode(result)


def _id_by_key(key: str | None, index: int, several: bool) -> str | None:
    if key is None:
        return None
    if len(key) > ENTRY_ID_LENGTH - 10:
        raise Unforeseen
    return f"{key}#{index}" if several else key


def _foresee_lines(body: bytes, max_line: int) -> Foreseen:
    items: list[tuple[int, object]] = []
    lines = body.split(b"\n")
    if not lines[-1]:
        lines.pop()
    for index, line in enumerate(lines):
        if len(line) > max_line:
            return Foreseen(items, True, "too_large")
        try:
            items.append((index, read_json(line.removeprefix(_BOM) if index == 0 else line)))
        except NotJson:
            if (line.removeprefix(_BOM) if index == 0 else line).strip():
                items.append((index, BAD))
    return Foreseen(items, True)


def _depth(text: str) -> int:
    depth = deepest = 0
    for character in text:
        if character in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "]}":
            depth -= 1
    return deepest


def _refuse_constant(name: str) -> NoReturn:
    raise NotJson(f"{name} is no JSON")


def _float(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise NotJson("a number beyond all bounds")
    return value


def _int(text: str) -> object:
    if len(text) > 300:
        raise Unforeseen
    return int(text)


def _difference(told: Iterable[object], expected: Iterable[object]) -> str:
    told, expected = list(told), list(expected)
    for place, (one, other) in enumerate(zip(told, expected, strict=False)):
        if one != other:
            return f"at {place}: {one}, expected {other}"
    return f"{len(told)}, expected {len(expected)}: {(told + expected)[-1:]}"
