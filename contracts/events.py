"""What the gateway asks workers about events and medallists, and what they answer."""

import base64
from typing import Annotated, Any, Final

import msgspec

from olympics.catalogue import Sport
from olympics.events import MEDALS, Event, EventOrder, Natural, State, natural, order_of
from olympics.mark import format_mark, shown_mark
from olympics.ranking import UnitPlace
from olympics.spelling import title_of
from olympics.words import Medal, Outcome, Phase

#: Paths of a worker's private server, which take a question as JSON.
EVENTS_PATH: Final = "/events"
MEDALLISTS_PATH: Final = "/medallists"

#: The most leaders of an event that an answer lists.
LEADERS: Final = 12

#: Characters of a cursor at most. No place in a list needs half as many.
_LONGEST_CURSOR: Final = 4096

#: (medal, sport, unit, competitor), each as it is ordered
MedalOrder = tuple[int, str, Natural, str]


class Question(msgspec.Struct, frozen=True, omit_defaults=True):
    """How many items of which partitions."""

    partitions: tuple[int, ...]
    limit: Annotated[int, msgspec.Meta(ge=1)]


class EventsQuestion(Question, frozen=True, omit_defaults=True):
    """Which events of which partitions; ``after``: those behind this place in the order."""

    sport: str | None = None
    phase: Phase | None = None
    state: State | None = None
    text: str = ""
    conflicts: bool = False
    after: tuple[Phase, str, str] | None = None

    def follows(self) -> EventOrder | None:
        """Return the place after which to begin."""
        return order_after(self.after)


class MedallistsQuestion(Question, frozen=True, omit_defaults=True):
    """Whose medals of which partitions; ``after``: those behind this place in the order."""

    sport: str | None = None
    faculty: str | None = None
    after: tuple[Medal, str, str, str] | None = None

    def follows(self) -> MedalOrder | None:
        """Return the place after which to begin."""
        return None if self.after is None else medal_order(*self.after)


class Placed(msgspec.Struct, frozen=True):
    """Who leads an event, or has a medal of it."""

    rank: int | None
    competitor: str
    name: str | None
    faculty: str
    mark: str | None
    mark_text: str | None
    outcome: Outcome | None
    irm: str | None
    medal: Medal | None


class NamedEvent(msgspec.Struct, frozen=True):
    """Which event an answer is about, in codes and in words."""

    sport: str
    unit: str
    event: str | None
    title: str | None
    titles: dict[str, str]
    stage: str | None
    stages: dict[str, str]
    phase: Phase


class ShownEvent(NamedEvent, frozen=True):
    """An event as everybody may read it."""

    state: State
    results: int
    leaders: list[Placed]
    conflicts: int = 0

    def place(self) -> tuple[Phase, str, str]:
        """Return the value of ``after`` with which the next page begins behind this event."""
        return self.phase, self.sport, self.unit


class Medallist(Placed, frozen=True, kw_only=True):
    """A medal as everybody may read it: of which event, and whose it is."""

    sport: str
    unit: str
    event: str | None
    title: str | None
    titles: dict[str, str]
    stage: str | None
    stages: dict[str, str]
    phase: Phase

    def place(self) -> tuple[Medal, str, str, str]:
        """Return the value of ``after`` with which the next page begins behind this medal."""
        assert self.medal is not None
        return self.medal, self.sport, self.unit, self.competitor


class Medals(msgspec.Struct, frozen=True):
    """So many medals of a sport and a faculty."""

    sport: str
    faculty: str
    gold: int
    silver: int
    bronze: int


class Told(msgspec.Struct, frozen=True):
    """A partition that an answer tells about: all results before the offset."""

    partition: int
    offset: int
    revision: int


class Answer(msgspec.Struct, frozen=True):
    """What a worker answers. ``offsets``: of the partitions that could be told about."""

    offsets: list[Told]


class EventsAnswer(Answer, frozen=True):
    """The first events that were asked for, in order.

    ``total``: how many events there are,
    wherever the question began; ``entries``: how many entries of the course beside them, of the
    sport in question.
    """

    total: int
    entries: int
    events: list[ShownEvent]


class MedallistsAnswer(Answer, frozen=True):
    """The first medallists that were asked for, in order.

    ``medals``: those of all that were asked for, by sport and faculty, wherever the question
    began. ``entries``: those that entries of the course won, which are not listed. Together they
    are the medal table.
    """

    medals: list[Medals]
    entries: list[Medals]
    medallists: list[Medallist]


def order_after(place: tuple[Phase, str, str] | None) -> EventOrder | None:
    """Return the place in the order of events behind which a question begins, if it says one."""
    if place is None:
        return None
    phase, sport, unit = place
    return order_of(sport, unit, phase)


def medal_order(medal: Medal, sport: str, unit: str, competitor: str) -> MedalOrder:
    """Return where a medal stands in a list."""
    return MEDALS.index(medal), sport, natural(unit), competitor


def shown_event(event: Event, sport: Sport) -> ShownEvent:
    """Return *event* as it is answered."""
    leaders = [placed(it, sport, event.unit) for it in event.leaders[:LEADERS]]
    return ShownEvent(
        **name_fields(sport, event.unit, event.phase),
        state=event.state,
        results=event.results,
        leaders=leaders,
        conflicts=event.conflicts,
    )


def shown_medallist(event: Event, place: UnitPlace, sport: Sport) -> Medallist:
    """Return the medal that *place* has in *event* as it is answered."""
    return Medallist(
        **name_fields(sport, event.unit, event.phase),
        **placed_fields(place, times=sport.times_of(event.unit)),
    )


def name_fields(sport: Sport, unit: str, phase: Phase) -> dict[str, Any]:
    """Return the fields of :class:`NamedEvent`."""
    title = title_of(sport, unit)
    return {
        "sport": sport.name,
        "unit": unit,
        "event": title.event,
        "title": title.title,
        "titles": dict(title.titles),
        "stage": title.stage,
        "stages": dict(title.stages),
        "phase": phase,
    }


def placed(place: UnitPlace, sport: Sport, unit: str) -> Placed:
    """Return a place in a unit as it is answered."""
    return Placed(**placed_fields(place, times=sport.times_of(unit)))


def placed_fields(place: UnitPlace, *, times: bool) -> dict[str, Any]:
    """Return the fields of :class:`Placed`; *times*: whether the unit's marks are times."""
    latest = place.latest
    mark = latest.exact_mark()
    return {
        "rank": place.rank,
        "competitor": place.competitor,
        "name": latest.name,
        "faculty": latest.faculty,
        "mark": None if mark is None else format_mark(mark),
        "mark_text": None if mark is None else shown_mark(mark, time=times),
        "outcome": latest.outcome,
        "irm": latest.irm,
        "medal": place.medal,
    }


def cursor_of(place: tuple[str, ...]) -> str:
    """Return a place in a list as text that an address can carry."""
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).decode().rstrip("=")


def place_of(cursor: str) -> object:
    """Return what :func:`cursor_of` was given, to be checked; raises ValueError if it is none."""
    try:
        if len(cursor) > _LONGEST_CURSOR:
            raise ValueError(f"it has {len(cursor)} characters")
        data = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        return msgspec.json.decode(data)
    # The errors of base64 and of msgspec are ValueErrors.
    except (ValueError, RecursionError) as error:
        raise ValueError("the cursor of an earlier answer") from error
