"""What happens on the demonstration's day, and when.

``day.csv`` holds how everything ended. Four results are entered otherwise at first, so that the day
has what games days have: see `MOMENTS`.
"""

from __future__ import annotations

import csv
import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, NamedTuple

import msgspec

from olympics.catalogue import Catalogue, load_catalogue
from olympics.mark import mark_of
from olympics.recount import unit_standings
from olympics.result import Result, parse_result
from olympics.spelling import title_of
from olympics.words import Medal

DAY: Final = Path(__file__).with_name("day.csv")
CATALOGUE: Final = Path(__file__).with_name("catalogue.toml")

#: How long the day takes, seconds.
LENGTH: Final = 15 * 60.0
#: The semi-finals of swimming come one after the other until the finals begin.
_FINALS: Final = 30.0
#: The last event begins so long before the end, for its last step still belongs to the day.
_LAST: Final = 60.0
#: From the start of a race to the first one who touches, at most to the last, to the officials'
#: word, and to what they change.
_RACE: Final = 6.0
_SPREAD: Final = 6.0
_OFFICIAL: Final = 18.0
_CHANGE: Final = 38.0


class Fact(NamedTuple):
    """A line of ``day.csv``: how a competitor ended in a unit."""

    sport: str
    unit: str
    competitor: str
    name: str
    committee: str
    rank: str
    mark: str
    outcome: str
    irm: str


class Step(NamedTuple):
    """What is sent at once, so many seconds after the beginning, and what is said of it."""

    at: float
    results: tuple[Result, ...]
    line: str = ""


@dataclass(frozen=True, slots=True)
class Moment:
    """Something to look for: in which unit, when in the day (from 0 to 1), and what to say of it.

    ``entered``: the mark that is entered first for the ``competitor``, whose second version is what
    the facts say.
    """

    kind: Literal["tie", "correction", "moved medal", "disqualification"]
    unit: str
    place: float
    line: str
    competitor: str = ""
    entered: str = ""


MOMENTS: Final = (
    Moment(
        "tie",
        "SWMM100MBR------------FNL-000100--",
        0.08,
        "A TIE: two touched at 59.05, so there are two silvers and no bronze",
    ),
    Moment(
        "correction",
        "SWMM200MFR------------FNL-000100--",
        0.18,
        "A CORRECTION: 1:45.75 should have been 1:45.57; no medal moves",
        competitor="1946211",
        entered="1:45.75",
    ),
    Moment(
        "moved medal",
        "SWMM50MFR-------------FNL-000100--",
        0.3,
        "A MEDAL MOVES: 21.52 should have been 21.25, and that is the gold",
        competitor="1946161",
        entered="21.52",
    ),
    Moment(
        "disqualification",
        "SWMW200MIM------------FNL-000100--",
        0.6,
        "A DISQUALIFICATION: the third of the race loses the bronze, and the fourth has it",
        competitor="1935997",
        entered="2:07.06",
    ),
)


def demo_catalogue() -> Catalogue:
    """Return the rules of the day."""
    return load_catalogue(CATALOGUE)


def facts() -> list[Fact]:
    """Return how everything ended."""
    with DAY.open(encoding="utf-8", newline="") as lines:
        return [Fact(**row) for row in csv.DictReader(lines)]


def steps(catalogue: Catalogue, seed: int) -> list[Step]:
    """Return what happens, in its order. *seed* decides in which order the events are held."""
    units: defaultdict[str, list[Fact]] = defaultdict(list)
    for it in facts():
        units[it.unit].append(it)
    morning = [its for its in units.values() if _is_morning(its[0])]
    chance = random.Random(seed)
    rest = sorted(
        (its for its in units.values() if not _is_morning(its[0])),
        key=lambda its: _place(_result(its[0], catalogue), chance),
    )
    found = [Step(0.0, (), f"The morning: {len(morning)} semi-finals of swimming")]
    for number, its in enumerate(morning):
        semifinal = tuple(_result(it, catalogue) for it in its)
        found.append(Step(number * _FINALS / len(morning), semifinal))
    found.append(Step(_FINALS, (), f"The afternoon: {len(rest)} finals and bouts"))
    pace = (LENGTH - _FINALS - _LAST) / (len(rest) - 1)
    for number, its in enumerate(rest):
        found += _unit_steps(_FINALS + number * pace, its, catalogue)
    return sorted(found, key=lambda it: it.at)


def _result(fact: Fact, catalogue: Catalogue) -> Result:
    given = {
        "sport": fact.sport,
        "unit": fact.unit,
        "competitor": {"id": fact.competitor, "name": fact.name},
        "faculty": fact.committee,
        "rank": fact.rank,
        "mark": fact.mark,
        "outcome": {"W": "won", "L": "lost"}.get(fact.outcome, ""),
        "irm": fact.irm,
    }
    return parse_result({name: it for name, it in given.items() if it}, catalogue)


def _is_morning(fact: Fact) -> bool:
    return fact.sport == "swimming" and "SFNL" in fact.unit


def _place(result: Result, chance: random.Random) -> float:
    """Return when in the day a unit begins, from 0 to 1."""
    drawn = chance.random()  # for each, so that a moment changes nothing about the others
    for it in MOMENTS:
        if it.unit == result.unit:
            return it.place
    # In these sports two must have won before they meet.
    if result.sport in ("boxing", "judo"):
        return drawn / 2 + (0.5 if result.phase == "final" else 0)
    return drawn


def _unit_steps(begin: float, its: Sequence[Fact], catalogue: Catalogue) -> Iterator[Step]:
    moment = next((it for it in MOMENTS if it.unit == its[0].unit), None)
    entered = [_as_entered(it, moment, catalogue) for it in its]
    decided = begin
    if its[0].sport == "swimming":
        for after, result in _touches(entered):
            unofficial = msgspec.structs.replace(result, status="unofficial")
            yield Step(begin + _RACE + after, (unofficial,))
        decided = begin + _OFFICIAL
    line = _told(entered, catalogue)
    if moment and not moment.competitor:
        line = f"{line}\n       {moment.line}"
    yield Step(decided, tuple(entered), line)
    if moment and moment.competitor:
        ended = [_result(it, catalogue) for it in its]
        changed = next(it for it in ended if it.competitor.id == moment.competitor)
        yield Step(
            begin + _CHANGE,
            (msgspec.structs.replace(changed, version=2),),
            f"{_told(ended, catalogue)}\n       {moment.line}",
        )


def _as_entered(fact: Fact, moment: Moment | None, catalogue: Catalogue) -> Result:
    if moment and fact.competitor == moment.competitor:
        fact = fact._replace(mark=moment.entered, irm="")
    return _result(fact, catalogue)


def _touches(its: Iterable[Result]) -> list[tuple[float, Result]]:
    """Return who touched, and how long after the first one."""
    times = sorted((mark_of(it.mark) or 0, it.competitor.id, it) for it in its if it.mark)
    first = times[0][0]
    return [(min((mark - first) / 10_000, _SPREAD), result) for mark, _, result in times]


def _told(its: Sequence[Result], catalogue: Catalogue) -> str:
    """Return what a unit is called, and who has its medals."""
    sport = catalogue.sports[its[0].sport]
    title = title_of(sport, its[0].unit)
    medals: dict[Medal, list[str]] = {"gold": [], "silver": [], "bronze": []}
    for row in unit_standings(its, catalogue):
        if row.medal is not None:
            medals[row.medal].append(catalogue.faculties[row.result.faculty].title)
    said = ", ".join(f"{medal} {' and '.join(who)}" for medal, who in medals.items() if who)
    return f"{sport.title}, {title.title}: {said}"
