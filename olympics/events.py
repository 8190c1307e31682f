"""What people ask of a unit without opening it: its state, who leads, who won which medal."""

from __future__ import annotations

import re
from typing import Final, Literal, NamedTuple

import msgspec

from olympics.catalogue import Sport
from olympics.latest import UNOFFICIAL
from olympics.ranking import Ranking, Steps, UnitPlace
from olympics.search import searchable
from olympics.spelling import title_of
from olympics.words import Medal, Phase

#: ``official``: all results are. ``provisional``: none is. ``running``: some are.
State = Literal["running", "provisional", "official"]

#: In the order in which people ask for them.
PHASES: Final[tuple[Phase, ...]] = ("final", "bronze", "semifinal", "round", "other")
MEDALS: Final[tuple[Medal, ...]] = ("gold", "silver", "bronze")

#: Of a unit with more competitors only the first ones can be found by name.
_NAMES: Final = 100
#: So many places are looked at in a step.
_AT_ONCE: Final = 100

#: A text as people order it.
Natural = tuple[tuple[str | int, ...], str]
#: (phase, sport, unit), each as it is ordered
EventOrder = tuple[int, str, Natural]


class Event(msgspec.Struct, frozen=True, gc=False):
    """A line in a list of units; withdrawn results are no part of it.

    ``results``: how many there are; ``counted``: how many of them count; ``conflicts``: of how many
    two contents have the surviving version. ``leaders``: who has a medal, gold first; else who won;
    else who is first. ``searched``: what a search looks through.
    """

    sport: str
    unit: str
    phase: Phase
    state: State
    results: int
    counted: int
    conflicts: int
    leaders: tuple[UnitPlace, ...]
    searched: str


class Leading(NamedTuple):
    """Who leads a unit, as :class:`Event` has it; ``names`` of those who come first."""

    state: State
    results: int
    counted: int
    conflicts: int
    leaders: list[UnitPlace]
    names: list[str]


def leading(ranking: Ranking) -> Steps[Leading | None]:
    """Return who leads a unit with this ranking; None if nothing is left of it."""
    provisional = counted = conflicts = 0
    names: list[str] = []
    medallists: list[UnitPlace] = []
    winners: list[UnitPlace] = []  # among what counts
    said: list[UnitPlace] = []  # who is written to have won
    first: list[UnitPlace] = []
    for begin in range(0, len(ranking), _AT_ONCE):
        for place in ranking.places(begin, begin + _AT_ONCE):
            latest = place.latest
            provisional += latest.status == UNOFFICIAL
            counted += place.split is not None
            conflicts += latest.conflict
            if len(names) < _NAMES:
                names.append(latest.name or place.competitor)
            if place.medal:
                medallists.append(place)
            if place.split == "winner":
                winners.append(place)
            if latest.outcome == "won" and latest.irm is None:
                said.append(place)
            if place.rank is not None and (not first or place.rank == first[0].rank):
                first.append(place)
        yield
    results = len(ranking)
    if not results:
        return None
    state: State = "official"
    if provisional:
        state = "provisional" if provisional == results else "running"
    # A bout has no ranks, so its loser may come first.
    medallists.sort(key=lambda it: MEDALS.index(it.medal) if it.medal else len(MEDALS))
    # What is not official has no outcome but the one that is written.
    leaders = medallists or (said if provisional else winners) or first
    return Leading(state, results, counted, conflicts, leaders, names)


def event_of(ranking: Ranking, sport: Sport, unit: str) -> Steps[Event | None]:
    """Return the line of a unit with this ranking; None if nothing is left of it."""
    told = yield from leading(ranking)
    if told is None:
        return None
    return Event(
        sport.name,
        unit,
        ranking.phase,
        told.state,
        told.results,
        told.counted,
        told.conflicts,
        tuple(told.leaders),
        _searched(unit, sport, ranking.phase, told.names),
    )


def order_of(sport: str, unit: str, phase: Phase) -> EventOrder:
    """Return where a unit stands in a list: finals first, then by sport; heat 2 before heat 10."""
    return PHASES.index(phase), sport, natural(unit)


def natural(text: str) -> Natural:
    """Return a key that orders texts as people do: numbers in them by their value."""
    parts = enumerate(_NUMBERS.split(text))
    # Texts that differ in nothing but zeros before a number still have one order.
    return tuple([int(it) if place % 2 else it for place, it in parts]), text


def _searched(unit: str, sport: Sport, phase: Phase, names: list[str]) -> str:
    title = title_of(sport, unit)
    texts = [unit, sport.title, sport.code, *(it for _, it in sport.titles), *title.words]
    texts += [it for it in (title.title, title.stage) if it]
    texts += [*title.titles.values(), *title.stages.values(), _PHASE_WORDS[phase]]
    return searchable(texts, names)


# In ASCII: \d would also split at digits that int() reads as others' do.
_NUMBERS: Final = re.compile(r"([0-9]+)", re.ASCII)
_PHASE_WORDS: Final[dict[Phase, str]] = {
    "final": "final",
    "bronze": "bronze bronce",
    "semifinal": "semi final semifinal",
    "round": "",
    "other": "",
}
