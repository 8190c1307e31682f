"""Parameters of an address: each is checked, and what is wrong is refused by its name."""

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, TypeVar

import msgspec

from contracts.events import place_of
from contracts.numbers import whole_number
from gateway.errors import Reason, Refused
from olympics.catalogue import UnknownName
from olympics.text import canonical_text, shown

_Word = TypeVar("_Word", bound=str)
_Place = TypeVar("_Place")


class _Named(Protocol):
    @property
    def name(self) -> str: ...


class Parameters:
    """The parameters of one request; all of its methods raise Refused: bad request.

    An empty parameter is the same as none.
    """

    def __init__(self, given: Iterable[tuple[str, str]], known: Sequence[str]) -> None:
        self._given: dict[str, str] = {}
        for name, value in given:
            if name not in known:
                raise _wrong(name, f"there is no such parameter; expected {_listed(known)}")
            if name in self._given:
                raise _wrong(name, "expected once")
            self._given[name] = value

    def text(self, name: str, longest: int) -> str | None:
        """Return a text of people, tidied."""
        value = self._given.get(name)
        if not value:
            return None
        if len(value) > longest:
            raise _wrong(name, f"expected at most {longest} characters, got {len(value)}")
        try:
            return canonical_text(value) or None
        except ValueError as error:
            raise _wrong(name, f"expected {error}") from None

    def word(self, name: str, words: Sequence[_Word]) -> _Word | None:
        """Return one of *words*."""
        value = self._given.get(name)
        if not value:
            return None
        for word in words:
            if word == value:
                return word
        raise _wrong(name, f"expected {_listed(words)}, got {shown(value)}")

    def number(self, name: str, default: int, lowest: int, highest: int) -> int:
        """Return a whole number."""
        value = self._given.get(name)
        if not value:
            return default
        number = whole_number(value, lowest, highest)
        if number is None:
            raise _wrong(
                name, f"expected a whole number from {lowest} to {highest}, got {shown(value)}"
            )
        return number

    def named(self, name: str, find: Callable[[str], _Named]) -> str | None:
        """Return the name of what *find* finds in the catalogue."""
        value = self._given.get(name)
        if not value:
            return None
        try:
            return find(value).name
        except UnknownName as error:
            raise _wrong(name, str(error)) from None

    def place(self, name: str, kind: type[_Place]) -> _Place | None:
        """Return the place in a list that a cursor of ours stands for."""
        value = self._given.get(name)
        if not value:
            return None
        try:
            return msgspec.convert(place_of(value), kind)
        except ValueError:  # msgspec's errors are ValueErrors
            raise _wrong(name, "expected what an earlier answer gave as next") from None


def _wrong(name: str, problem: str) -> Refused:
    return Refused(Reason.BAD_REQUEST, f"{name}: {problem}", field=name)


def _listed(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}" if len(words) > 1 else words[0]
