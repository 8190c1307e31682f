"""What `medallero demo` plays, as it is made of the facts of Paris 2024.

``python -m tests.demo_day`` writes the files; a test says when that is to be done.
"""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from medallero.demo.day import CATALOGUE, DAY, Fact
from tests import paris2024

#: The stages of each sport that belong to the day.
_STAGES: Final[dict[paris2024.SportName, frozenset[str]]] = {
    "swimming": frozenset(("Semifinal 1", "Semifinal 2", "Final")),
    "boxing": frozenset(("Semifinal", "Final")),
    "judo": frozenset(
        (
            "Contest for Bronze Medal A",
            "Contest for Bronze Medal B",
            "Bronze Medal of Table A",
            "Bronze Medal of Table B",
            "Final",
        )
    ),
    "shooting": frozenset(("Final", "Gold Medal Match", "Bronze Medal Match")),
}
_HEAD: Final = """\
# The rules of `medallero demo`, by tests/demo_day.py: four sports of Paris 2024, and the Olympic
# committees whose results are in day.csv as faculties.
revision = 1

[games]
title = "Demonstration: a day of Paris 2024"
titles = { es = "Demostración: un día de París 2024" }
place = "Paris"
"""


def facts() -> Iterator[Fact]:
    """Yield the results of the day, in the source's order."""
    for sport, stages in _STAGES.items():
        its = [it for it in paris2024.facts(sport) if it.stage in stages]
        names = _names(its)
        for it in its:
            rank = it.rank if sport == "shooting" else ""  # a shoot-off decides between equal marks
            mark = "" if it.outcome else it.mark
            yield Fact(
                sport,
                it.unit,
                it.competitor,
                names[it.event, it.competitor],
                it.committee,
                rank,
                mark,
                it.outcome,
                it.irm,
            )


def day() -> str:
    """Return the content of ``day.csv``."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(Fact._fields)
    writer.writerows(facts())
    return text.getvalue()


def catalogue() -> str:
    """Return the content of ``catalogue.toml``: the parts of the games' own that the day needs."""
    wanted = {f"sports.{sport}" for sport in _STAGES}
    wanted |= {f"faculties.{it.committee}" for it in facts()}
    parts = [_HEAD]
    for part in ("\n" + paris2024.GAMES.read_text(encoding="utf-8")).split("\n\n[")[1:]:
        name = part.strip("[").partition("]")[0].removesuffix(".events")
        if name in wanted:
            parts.append(f"[{part.strip()}\n")
    return "\n".join(parts)


def _names(facts: list[paris2024.Fact]) -> dict[tuple[str, str], str]:
    """Return what to call each competitor of an event: the committee and, of several, a number."""
    groups: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for it in facts:
        groups[it.event, it.committee].add(it.competitor)
    return {
        (event, competitor): committee if len(its) == 1 else f"{committee} {number}"
        for (event, committee), its in groups.items()
        for number, competitor in enumerate(sorted(its), start=1)
    }


if __name__ == "__main__":
    DAY.write_text(day(), encoding="utf-8")
    CATALOGUE.write_text(catalogue(), encoding="utf-8")
