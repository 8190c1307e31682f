"""What gateways ask workers about one event and about one competitor, and what they answer."""

from typing import Any, Final

import msgspec

from contracts.events import (
    Answer,
    Medals,
    Placed,
    Question,
    ShownEvent,
    name_fields,
    order_after,
    placed_fields,
    shown_event,
)
from olympics.catalogue import Sport
from olympics.events import Event, EventOrder, State
from olympics.latest import STATUS_NAMES, Latest
from olympics.ranking import UnitPlace
from olympics.result import Status
from olympics.search import words_of
from olympics.words import Order, Phase

#: Paths of a worker's private server, which take a question as JSON.
EVENT_PATH: Final = "/event"
COMPETITOR_PATH: Final = "/competitor"
COMPETITORS_PATH: Final = "/competitors"

#: Places of a unit that the answer about its event has at most; /v1/units has the others.
ROWS: Final = 100
#: Events of a partition in which people are looked for by name at most.
EVENTS_WITH_NAMES: Final = 500
#: Changes of a unit that an answer has at most.
CHANGES: Final = 100


class EventQuestion(Question, frozen=True, omit_defaults=True, kw_only=True):
    """Units of an event; ``event`` is a unit, or the code that all units of an event share."""

    sport: str
    event: str
    after: tuple[Phase, str, str] | None = None

    def follows(self) -> EventOrder | None:
        """Return the place after which to begin."""
        return order_after(self.after)


class CompetitorQuestion(Question, frozen=True, omit_defaults=True, kw_only=True):
    """The results that have this competitor id."""

    competitor: str
    after: tuple[Phase, str, str] | None = None

    def follows(self) -> EventOrder | None:
        """Return the place after which to begin."""
        return order_after(self.after)


class CompetitorsQuestion(Question, frozen=True, omit_defaults=True, kw_only=True):
    """The competitors whose names have words that begin with those of ``name``."""

    name: str


class Row(Placed, frozen=True):
    """A place in a unit's ranking as everybody may read it."""

    split: str | None
    status: Status
    version: int


class LastChange(msgspec.Struct, frozen=True):
    """The last change of a competitor's result: it replaced an earlier one, or withdrew it.

    ``offset``: where it lies in its partition; the greater, the later.
    """

    competitor: str
    name: str | None
    faculty: str
    status: Status
    version: int
    offset: int


class ShownUnit(ShownEvent, frozen=True, kw_only=True):
    """A unit with its results: the first ROWS of them, and what of them has changed last."""

    order: Order
    recognised: bool
    rows: list[Row]
    changes: list[LastChange]


class CompetitorResult(Row, frozen=True, kw_only=True):
    """A result of a competitor, and the unit that it is of."""

    sport: str
    unit: str
    event: str | None
    title: str | None
    titles: dict[str, str]
    stage: str | None
    stages: dict[str, str]
    phase: Phase
    state: State
    results: int

    def place(self) -> tuple[Phase, str, str]:
        """Return the value of ``after`` with which the next page begins behind this result."""
        return self.phase, self.sport, self.unit


class Named(msgspec.Struct, frozen=True):
    """So many results say that the competitor has this name and is of this faculty."""

    name: str | None
    faculty: str
    results: int


class FoundCompetitor(msgspec.Struct, frozen=True):
    """Somebody who is called so; ids such as 7 may be several people's."""

    competitor: str
    name: str | None
    faculty: str

    def order(self) -> tuple[tuple[str, ...], str, str]:
        """Return where it stands in a list: by name, however that is written."""
        return words_of(self.name or self.competitor), self.competitor, self.faculty


class EventAnswer(Answer, frozen=True):
    """The first units that were asked for, in order. ``total``: how many the event has."""

    total: int
    units: list[ShownUnit]


class CompetitorAnswer(Answer, frozen=True):
    """The first results that were asked for, in order.

    ``named``: what all of them say. ``medals``: those of all of them, by sport and faculty.
    """

    named: list[Named]
    medals: list[Medals]
    results: list[CompetitorResult]


class CompetitorsAnswer(Answer, frozen=True):
    """The first competitors that were asked for, by name; ``more``: there may be others."""

    competitors: list[FoundCompetitor]
    more: bool


def shown_unit(event: Event, sport: Sport, rows: list[Row], changes: list[LastChange]) -> ShownUnit:
    """Return a unit as it is answered."""
    return ShownUnit(
        **msgspec.structs.asdict(shown_event(event, sport)),
        order=sport.order_of(event.unit),
        recognised=sport.recognises(event.unit),
        rows=rows,
        changes=changes,
    )


def shown_row(place: UnitPlace, sport: Sport, unit: str) -> Row:
    """Return a place of a unit's ranking as it is answered."""
    return Row(**row_fields(place, times=sport.times_of(unit)))


def shown_result(event: Event, place: UnitPlace, sport: Sport) -> CompetitorResult:
    """Return the result that *place* is in *event* as it is answered."""
    return CompetitorResult(
        **name_fields(sport, event.unit, event.phase),
        **row_fields(place, times=sport.times_of(event.unit)),
        state=event.state,
        results=event.results,
    )


def last_change(latest: Latest) -> LastChange:
    """Return a result that replaced another, or was withdrawn, as it is answered."""
    status = STATUS_NAMES[latest.status]
    return LastChange(
        latest.competitor, latest.name, latest.faculty, status, latest.version, latest.offset
    )


def row_fields(place: UnitPlace, *, times: bool) -> dict[str, Any]:
    """Return the fields of :class:`Row`; *times*: whether the unit's marks are times."""
    latest = place.latest
    return {
        **placed_fields(place, times=times),
        "split": place.split,
        "status": STATUS_NAMES[latest.status],
        "version": latest.version,
    }
