"""Fields that clients call by different names: in English or Spanish, in any case."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeVar

from olympics.result import ResultError
from olympics.text import folded

#: A field as the client calls it, and its value.
Given = tuple[str, Any]

_LONGEST_NAME: Final = 40
_REMEMBERED: Final = 1024

_Value = TypeVar("_Value")


def meanings(synonyms: Mapping[str, Iterable[str]]) -> Callable[[str], str | None]:
    """Return a function that says which field a client's name means; None if it means none.

    *synonyms* are the names of each field. Case and accents do not matter.
    """
    by_name = {folded(name): field for field, names in synonyms.items() for name in names}

    @functools.lru_cache(maxsize=_REMEMBERED)
    def meaning(name: str) -> str | None:
        return by_name.get(folded(name)) if len(name) <= _LONGEST_NAME else None

    return meaning


def is_given(value: object) -> bool:
    """Whether a value is one: null and blank text are the same as no field."""
    return value is not None and not (isinstance(value, str) and not value.strip())


def agreed(given: Sequence[tuple[str, _Value]]) -> _Value:
    """Return the one value that all of a field's names give; there is at least one.

    Raises ResultError: two of them differ.
    """
    (first, value), *others = given
    for other, its_value in others:
        if its_value != value:
            raise ResultError(other, f"expected the same as {first}, of which it is a synonym")
    return value
