"""The changes that people tell each other: what tallies carry, what Redis has, what is answered."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Final

import msgspec

from contracts.events import NamedEvent, Placed, name_fields, placed
from olympics.catalogue import Catalogue, Faculty, Sport
from olympics.changes import Change, What
from olympics.events import State
from olympics.ranking import UnitPlace
from olympics.recount import LastChange
from olympics.words import Medal, Phase

#: So many changes are shown, the newest ones of all partitions.
LATEST: Final = 100
#: So many medals are shown, those of the events that changed last.
MEDALLISTS: Final = 200
#: A change lists at most this many leaders: three medallists, and one more for a tie.
CHANGE_LEADERS: Final = 4


class PlacedLine(Placed, frozen=True, array_like=True):
    """Who leads, in few bytes."""


class ChangeLine(msgspec.Struct, frozen=True, array_like=True):
    """The last change of a unit, as a tally carries it; ``at`` in milliseconds.

    ``state`` is None if all results of the unit are withdrawn.
    """

    sport: str
    unit: str
    offset: int
    at: int
    what: What
    changed: PlacedLine
    phase: Phase
    state: State | None
    results: int
    leaders: list[PlacedLine]


class ShownChange(NamedEvent, frozen=True):
    """The last change of an event as everybody may read it.

    ``at``: when Kafka took the result that brought it, in Unix seconds; 0 if nobody knows.
    ``changed``: whose result it was, as it is now.
    """

    state: State | None
    results: int
    leaders: list[Placed]
    change: What
    changed: Placed
    at: float
    partition: int
    offset: int

    def recounted(self) -> LastChange:
        """Return what a recount says of it."""
        return LastChange(
            self.sport,
            self.unit,
            self.partition,
            self.offset,
            round(self.at * 1000),
            self.change,
            self.changed.competitor,
            self.state,
            self.results,
            [(it.rank, it.competitor, it.medal) for it in self.leaders],
        )


class LastMedal(msgspec.Struct, frozen=True, array_like=True):
    """A medal of an event that changed with the record at ``offset``, at ``at`` milliseconds."""

    sport: str
    unit: str
    partition: int
    offset: int
    at: int
    competitor: str
    medal: Medal


def last_medals(changes: Iterable[LastChange]) -> list[LastMedal]:
    """Return the medals of *changes*, which come the newest first; MEDALLISTS at most."""
    medals = (
        LastMedal(it.sport, it.unit, it.partition, it.offset, it.at, competitor, medal)
        for it in changes
        for _, competitor, medal in it.leaders[:CHANGE_LEADERS]
        if medal is not None
    )
    return list(islice(medals, MEDALLISTS))


def line_of(change: Change, sport: Sport, unit: str, offset: int, at: int) -> ChangeLine:
    """Return *change* of a unit as a tally carries it."""
    leading = change.leading

    def line(place: UnitPlace) -> PlacedLine:
        return PlacedLine(*msgspec.structs.astuple(placed(place, sport, unit)))

    return ChangeLine(
        sport.name,
        unit,
        offset,
        at,
        change.what,
        line(change.changed),
        change.ranking.phase,
        None if leading is None else leading.state,
        len(change.ranking),
        [] if leading is None else [line(it) for it in leading.leaders[:CHANGE_LEADERS]],
    )


def newest_first(lines: Iterable[tuple[int, ChangeLine]]) -> list[tuple[int, ChangeLine]]:
    """Return the changes of all partitions in their order; *lines*: with the partition."""
    return sorted(lines, key=lambda it: (-it[1].at, it[0], -it[1].offset))


def shown_change(partition: int, line: ChangeLine, catalogue: Catalogue) -> ShownChange:
    """Return a change as it is answered."""
    return ShownChange(
        **name_fields(catalogue.sports[line.sport], line.unit, line.phase),
        state=line.state,
        results=line.results,
        leaders=[Placed(*msgspec.structs.astuple(it)) for it in line.leaders],
        change=line.what,
        changed=Placed(*msgspec.structs.astuple(line.changed)),
        at=line.at / 1000,
        partition=partition,
        offset=line.offset,
    )


def told(change: ShownChange, faculties: Mapping[str, Faculty]) -> str:
    """Return what has changed in a sentence, for a table or a terminal."""
    reason = _REASONS[change.change].format(_who(change.changed, faculties))
    if change.state is None:
        return f"No result is left{reason}"
    medals: defaultdict[Medal, list[str]] = defaultdict(list)
    for it in change.leaders:
        if it.medal is not None:
            medals[it.medal].append(_who(it, faculties))
    if medals:
        said = ", ".join(f"{medal} {' and '.join(who)}" for medal, who in medals.items())
        said = said[0].upper() + said[1:]
    elif change.leaders:
        said = " and ".join(_who(it, faculties) for it in change.leaders)
        alone = len(change.leaders) == 1
        if change.state == "official":
            said += " is first" if alone else " are first"
        else:
            said += " leads" if alone else " lead"
    else:
        said = "Results are in"
    provisional = "" if change.state == "official" else f" ({change.state})"
    return f"{said}{provisional}{reason}"


_REASONS: Final[dict[What, str]] = {
    "result": "",
    "correction": ", after a correction of the result of {}",
    "disqualification": ", after the disqualification of {}",
    "withdrawal": ", after the result of {} was withdrawn",
}


def _who(it: Placed, faculties: Mapping[str, Faculty]) -> str:
    known = faculties.get(it.faculty)
    name = it.name or it.competitor
    faculty = it.faculty if known is None else known.title
    return name if name == faculty else f"{name} ({faculty})"
