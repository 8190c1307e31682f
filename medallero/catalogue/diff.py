"""What differs between two catalogues, and whether it changes how results count."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from olympics.catalogue import Catalogue, Faculty, Sport, counted_by

#: Fields of a sport that decide how its results count; of its events, see `counted_by`.
_COUNTED: Final = frozenset(("code", "order", "two_bronzes", "times", "irm"))


class Difference(NamedTuple):
    """One difference. ``counts``: workers count all results again for it."""

    place: str
    old: Any
    new: Any
    counts: bool


def differences(old: Catalogue, new: Catalogue) -> list[Difference]:
    """Return what differs, but for the revision, in the order of the places' names."""
    found = [
        *_of_names("sports", old.sports, new.sports),
        *_of_names("faculties", old.faculties, new.faculties),
        *_of_fields("games", old.games, new.games),
    ]
    return sorted(found, key=lambda it: it.place)


def _of_names(
    place: str, old: Mapping[str, Sport | Faculty], new: Mapping[str, Sport | Faculty]
) -> Iterator[Difference]:
    for name in old.keys() | new.keys():
        if name not in new:
            yield Difference(f"{place}.{name}", old[name].title, None, True)
        elif name not in old:
            yield Difference(f"{place}.{name}", None, new[name].title, True)
        else:
            yield from _of_fields(f"{place}.{name}", old[name], new[name])


def _of_fields(place: str, old: msgspec.Struct, new: msgspec.Struct) -> Iterator[Difference]:
    for name in old.__struct_fields__:
        before, after = getattr(old, name), getattr(new, name)
        if before == after:
            continue
        counts = name in _COUNTED
        if name == "events":
            assert isinstance(old, Sport)
            assert isinstance(new, Sport)
            counts = counted_by(old)[-1] != counted_by(new)[-1]
        yield Difference(
            f"{place}.{name}", msgspec.to_builtins(before), msgspec.to_builtins(after), counts
        )
