"""Leaving the names and ages of given competitors out of a log, without changing a number.

The digest of a record's bytes has the last word: which of two contents of one version survives, and
which phase holds where a unit's results name several. Without a name the digest is another one. So
where it matters, a number is added beside the fields, `forgotten`, by which the new digest has the
old one's place among the others. Readers pass over fields that they do not know. And what no rule
could read must not become a result.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left
from collections.abc import Iterable
from typing import Final, NamedTuple

import msgspec

from olympics.result import Result, digest_of
from olympics.text import canonical_text, is_canonical
from olympics.words import Phase, Status

_FORGOTTEN: Final = "forgotten"
_PERSONAL: Final = ("name", "age")
#: A name that no rule takes.
_NO_NAME: Final = msgspec.Raw(b'""')
_LAST_DIGEST: Final = (1 << 64) - 1

_Fields = dict[str, msgspec.Raw]


class _Person(msgspec.Struct, frozen=True):
    id: str | int


class _Value(msgspec.Struct, frozen=True):
    competitor: _Person


class _Content(NamedTuple):
    """What decides together with the digest."""

    phase: Phase
    competitor: str
    status: Status


#: Sport, unit and version: only among the contents of one do digests decide.
_Place = tuple[str, str, int]


_VALUES: Final = msgspec.json.Decoder(_Value)
_RESULTS: Final = msgspec.json.Decoder(Result)
_FIELDS: Final = msgspec.json.Decoder(_Fields)


class Forgetter:
    """Takes names and ages out of values.

    First `look` must have seen all values of the log, then `look_beside` all of them.
    """

    def __init__(self, competitors: Iterable[str]) -> None:
        """*competitors*: their ids, in canonical form."""
        self.competitors = frozenset(competitors)
        #: those that have a record
        self.found: set[str] = set()
        #: records that cannot be read, in which an id stands: they may hold more
        self.unreadable = 0
        self._ids = [it.encode() for it in self.competitors]
        #: by their digests, the contents of each place where something is left out
        self._contents: dict[_Place, dict[int, _Content]] = {}
        self._done: dict[bytes, bytes] = {}

    def look(self, value: bytes | None) -> None:
        """Take note of who has a record, and where."""
        if value is None or (competitor := self._competitor(value)) is None:
            return
        self.found.add(competitor)
        if (result := _readable(value)) is not None:
            self._contents.setdefault(_place(result), {})

    def look_beside(self, value: bytes | None) -> None:
        """Take note of what lies beside the records of the competitors."""
        if value is None or (result := _readable(value)) is None:
            return
        contents = self._contents.get(_place(result))
        if contents is not None:
            contents[digest_of(value)] = _content(result)

    def without(self, value: bytes | None) -> bytes | None:
        """Return the value without name and age, if it is of one of the competitors."""
        if value is None or self._competitor(value, count=False) is None:
            return value
        if value not in self._done:
            self._done[value] = self._new(value)
        return self._done[value]

    def _new(self, value: bytes) -> bytes:
        new = _stripped(value)
        result = _readable(value)
        if new == value or result is None:
            return new
        contents = self._contents[_place(result)]
        if len({it.phase for it in contents.values()}) == 1:
            # Then digests decide between the contents of one identity only.
            this = _content(result)
            contents = {digest: it for digest, it in contents.items() if it == this}
        ordered = sorted(contents)
        old = digest_of(value)
        at = bisect_left(ordered, old)
        least = (ordered[at - 1] + old) // 2 + 1 if at else 0
        most = (ordered[at + 1] + old) // 2 if at + 1 < len(ordered) else _LAST_DIGEST
        for number in itertools.count():
            if least <= digest_of(new) <= most:
                break
            new = _stripped(value, number)
        return new

    def _competitor(self, value: bytes, *, count: bool = True) -> str | None:
        """Return which of the competitors the value is about."""
        try:
            given = str(_VALUES.decode(value).competitor.id)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self.unreadable += count and any(it in value for it in self._ids)
            return None
        try:
            given = canonical_text(given)
        except ValueError:
            return None
        return given if given in self.competitors else None


def _place(result: Result) -> _Place:
    return result.sport, result.unit, result.version


def _content(result: Result) -> _Content:
    return _Content(result.phase, result.competitor.id, result.status)


def _readable(value: bytes) -> Result | None:
    """Return the result, if the value has the form of one."""
    try:
        result = _RESULTS.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    name = result.competitor.name
    return result if name is None or is_canonical(name, joiners=True) else None


def _stripped(value: bytes, number: int | None = None) -> bytes:
    """Return the value without name and age, and with a number if one is given."""
    fields = _FIELDS.decode(value)
    competitor = _FIELDS.decode(fields["competitor"])
    if number is None and competitor.keys().isdisjoint(_PERSONAL):
        return value
    for name in _PERSONAL:
        competitor.pop(name, None)
    fields["competitor"] = msgspec.Raw(msgspec.json.encode(competitor))
    if number is not None:
        fields[_FORGOTTEN] = msgspec.Raw(str(number).encode())
    stripped = msgspec.json.encode(fields)
    if _readable(value) is None and _readable(stripped) is not None:
        competitor["name"] = _NO_NAME
        fields["competitor"] = msgspec.Raw(msgspec.json.encode(competitor))
        stripped = msgspec.json.encode(fields)
    return stripped
