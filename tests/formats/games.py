"""A small games day in which every field and every word of a result occurs."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import get_args

from olympics.catalogue import Catalogue
from olympics.result import UNIT_LENGTH, Phase, Result, encode, key_of, parse_result
from tests.support.oracle import garbage

Sent = tuple[bytes | None, bytes | None]


def games(catalogue: Catalogue, size: int, seed: int) -> Iterator[Result]:
    """Yield results, of which many correct, repeat or contradict an earlier one."""
    chance = random.Random(seed)
    evidence: list[dict[str, object]] = [
        {"mark": "50.10"},
        {"mark": "2:06:26"},
        {"mark": "276.7867"},
        {"mark": "49.99", "rank": 1},
        {"outcome": "won"},
        {"outcome": "lost", "irm": "DNS"},
        {"outcome": "tied", "mark": "3"},
        {"rank": 2},
        {"irm": "DSQ", "mark": "51"},
        {"irm": "W/O"},
        {"medal": "gold"},
        {"medal": "none", "rank": 1},
    ]
    people: list[dict[str, object]] = [
        {"name": "Ñandú Pérez", "age": 20},
        {"name": "Alvaro García"},
        {"age": 31},
        {},
    ]
    units = [f"unidad {number} / ñ" for number in range(max(1, size // 30))]
    units[-1] = units[-1].ljust(UNIT_LENGTH, "ñ")
    for _ in range(size):
        competitor = chance.randrange(6)
        yield parse_result(
            {
                "sport": chance.choice(list(catalogue.sports)),
                "unit": chance.choice(units),
                "phase": chance.choice(get_args(Phase)),
                "competitor": {"id": f"c{competitor}", **people[competitor % len(people)]},
                "faculty": chance.choice(list(catalogue.faculties)),
                "version": chance.choice([1, 1, 1, 2, 70_000]),
                "status": chance.choice(["official"] * 6 + ["unofficial", "withdrawn"]),
                **chance.choice(evidence),
            },
            catalogue,
        )


def sent(catalogue: Catalogue, size: int, seed: int) -> list[Sent]:
    """Return the games as (key, value) of the results topic."""
    return [(key_of(it.sport, it.unit), encode(it)) for it in games(catalogue, size, seed)]


def unreadable() -> list[Sent]:
    """Return records that are no results, none of them large."""
    return [it for it in garbage() if len(it[1] or b"") < 1_000]
