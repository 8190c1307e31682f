"""The rules as far as the workloads need them, for the full peers in Python.

Official results with marks where lower is better, in finals and rounds: rank by mark, ties share.
Written for speed, as somebody would who knows their framework and wants it to look good.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

# What the Redis client takes for names and values of a hash: its own, invariant type.
Field = bytes | bytearray | memoryview | str | int | float

COUNTED = ("entries", "winners", "losers", "gold", "silver", "bronze")


class Competitor(msgspec.Struct, gc=False):
    """Who competed."""

    id: str
    name: str | None = None
    age: int | None = None


class Result(msgspec.Struct, gc=False):
    """A result as it stands on the topic."""

    sport: str
    unit: str
    phase: str
    competitor: Competitor
    faculty: str
    status: str
    version: int
    mark: str


class Place(msgspec.Struct, array_like=True, gc=False):
    """What is kept of a competitor's surviving result; the mark in thousandths."""

    version: int
    status: str
    phase: str
    faculty: str
    mark: int
    name: str | None


#: competitor → surviving result: the value of a unit in the peers' tables
Unit = dict[str, Place]

decode_result = msgspec.json.Decoder(Result).decode
encode_unit = msgspec.msgpack.Encoder().encode
decode_unit: Callable[[bytes], Unit] = msgspec.msgpack.Decoder(Unit).decode


class Counts:
    """The counts by sport and faculty."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], list[int]] = {}

    def change(self, sport: str, unit: Unit, results: Iterable[Result]) -> bool:
        """Put *results* into *unit* and bring the counts up to date; return whether it changed."""
        survivors: Unit = {}
        for result in results:
            competitor = result.competitor.id
            known = survivors.get(competitor) or unit.get(competitor)
            if known is None or result.version > known.version:
                survivors[competitor] = Place(
                    result.version,
                    result.status,
                    result.phase,
                    result.faculty,
                    int(result.mark.replace(".", "")),
                    result.competitor.name,
                )
        if not survivors:
            return False
        self.add(sport, unit, -1)
        unit.update(survivors)
        self.add(sport, unit, +1)
        return True

    def add(self, sport: str, unit: Unit, sign: int) -> None:
        """Count everybody in *unit*, or take all of it back."""
        marks = sorted([place.mark for place in unit.values()])
        rows = self.rows
        for place in unit.values():
            row = rows.get((sport, place.faculty))
            if row is None:
                row = rows[sport, place.faculty] = [0] * len(COUNTED)
            rank = bisect_left(marks, place.mark)
            row[0] += sign
            row[2 if rank else 1] += sign
            if rank < 3 and place.phase == "final":
                row[3 + rank] += sign

    def commands(self, prefix: str) -> list[tuple[str, dict[Field, Field]]]:
        """Return the hashes of the mirror: (key, fields)."""
        hashes: list[tuple[str, dict[Field, Field]]] = []
        for (sport, faculty), row in list(self.rows.items()):
            fields = dict[Field, Field](zip(COUNTED, row, strict=True))
            hashes.append((f"{prefix}sport:{sport}:faculty:{faculty}", fields))
        return hashes
