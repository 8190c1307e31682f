"""One event, one competitor, one faculty: asked of all workers, and put together."""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from contracts.details import (
    COMPETITOR_PATH,
    COMPETITORS_PATH,
    EVENT_PATH,
    CompetitorAnswer,
    CompetitorQuestion,
    CompetitorResult,
    CompetitorsAnswer,
    CompetitorsQuestion,
    EventAnswer,
    EventQuestion,
    FoundCompetitor,
    Named,
    ShownUnit,
)
from contracts.events import (
    MEDALLISTS_PATH,
    Medallist,
    MedallistsAnswer,
    MedallistsQuestion,
    Medals,
    Told,
    medal_order,
)
from contracts.partitioning import partition_of
from gateway.errors import Reason, Refused
from gateway.reading.events import DEFAULT, LONGEST_TEXT, MOST, Events, Page, summed
from gateway.reading.parameters import Parameters
from gateway.reading.snapshot_cache import SnapshotCache
from gateway.settings import GatewaySettings
from olympics.catalogue import Catalogue, Faculty, Sport, UnknownName
from olympics.events import MEDALS, State, order_of
from olympics.result import COMPETITOR_LENGTH, UNIT_LENGTH, key_of
from olympics.rsc import is_event_code
from olympics.search import words_of
from olympics.text import canonical_text, shown
from olympics.words import Medal, Phase

#: Units of one answer: each has up to a hundred results.
MOST_UNITS: Final = 100

PARAMETERS: Final = ("limit", "cursor")
COMPETITORS_PARAMETERS: Final = ("name", "limit")

Given = Iterable[tuple[str, str]]


class EventPage(Page, frozen=True, kw_only=True):
    """The answer about an event; its fields up to ``phase`` are those of its first unit.

    ``state`` is that of all units of this answer: ``running``, if it is not the same.
    """

    sport: str
    event: str | None
    title: str | None
    titles: dict[str, str]
    phase: Phase
    state: State
    units: list[ShownUnit]
    total: int


class CompetitorPage(Page, frozen=True, kw_only=True):
    """The answer about a competitor. ``named``: all names and faculties that results give it; the
    first of them are most often given."""

    competitor: str
    name: str | None
    faculty: str
    named: list[Named]
    medals: dict[Medal, int]
    results: list[CompetitorResult]
    total: int


class CompetitorsPage(msgspec.Struct, frozen=True, kw_only=True):
    """The answer about all who are called so; ``more``: there may be others."""

    competitors: list[FoundCompetitor]
    more: bool
    complete: bool
    missing: list[int]
    offsets: list[Told]


class FacultySport(msgspec.Struct, frozen=True, kw_only=True):
    """What the standings count of a faculty in a sport."""

    sport: str
    entries: int
    winners: int
    losers: int
    ties: int
    did_not_start: int
    gold: int
    silver: int
    bronze: int


class FacultyPage(Page, frozen=True, kw_only=True):
    """The answer about a faculty."""

    faculty: str
    title: str
    titles: dict[str, str]
    rank: int | None
    sports: list[FacultySport]
    medallists: list[Medallist]
    medals: list[Medals]
    entries: list[Medals]


class Details:
    """Asks the workers, as :class:`gateway.reading.events.Events` does."""

    def __init__(
        self,
        settings: GatewaySettings,
        catalogue: Catalogue,
        standings: SnapshotCache,
        events: Events,
    ) -> None:
        self._partitions = settings.partitions
        self._catalogue = catalogue
        self._standings = standings
        self._events = events

    async def event(self, client: str, path: str, given: Given) -> bytes:
        """Return an event as JSON; *path*: its sport, and a unit or what its units' codes share.

        :raises Refused: not found; bad request; too busy; unavailable.
        """
        name, slash, text = path.partition("/")
        if not slash:
            raise Refused(Reason.NOT_FOUND, "expected /v1/events/<sport>/<event>")
        sport = _named(self._catalogue.sport, name)
        event = _text(text, "event", UNIT_LENGTH)
        parameters = Parameters(given, PARAMETERS)
        question = EventQuestion(
            (),
            parameters.number("limit", MOST_UNITS, 1, MOST_UNITS),
            sport=sport,
            event=event,
            after=parameters.place("cursor", tuple[Phase, str, str]),
        )
        return await self._events.shared(client, question, self._event)

    async def competitor(self, client: str, path: str, given: Given) -> bytes:
        """Return all results of a competitor as JSON; as :meth:`event`."""
        competitor = _text(path, "competitor", COMPETITOR_LENGTH)
        parameters = Parameters(given, PARAMETERS)
        question = CompetitorQuestion(
            (),
            parameters.number("limit", DEFAULT, 1, MOST),
            competitor=competitor,
            after=parameters.place("cursor", tuple[Phase, str, str]),
        )
        return await self._events.shared(client, question, self._competitor)

    async def competitors(self, client: str, given: Given) -> bytes:
        """Return the competitors who are called so as JSON; as :meth:`event`."""
        parameters = Parameters(given, COMPETITORS_PARAMETERS)
        question = CompetitorsQuestion(
            (),
            parameters.number("limit", DEFAULT, 1, MOST),
            name=parameters.text("name", LONGEST_TEXT) or "",
        )
        if not words_of(question.name):
            raise Refused(Reason.BAD_REQUEST, "name: expected words", field="name")
        return await self._events.shared(client, question, self._competitors)

    async def faculty(self, client: str, path: str, given: Given) -> bytes:
        """Return the medals of a faculty as JSON; as :meth:`event`."""
        parameters = Parameters(given, PARAMETERS)
        question = _FacultyQuestion(
            (),
            parameters.number("limit", DEFAULT, 1, MOST),
            None,
            _named(self._catalogue.faculty, path),
            parameters.place("cursor", tuple[Medal, str, str, str]),
        )
        return await self._events.shared(client, question, self._faculty)

    async def _event(self, question: EventQuestion) -> bytes:
        asked = None
        if not is_event_code(question.event):
            # A unit: all of it is in one partition.
            asked = [partition_of(key_of(question.sport, question.event), self._partitions)]
        answers = await self._events.ask(EVENT_PATH, question, EventAnswer, asked)
        units = [unit for answer in answers for unit in answer.units]
        units.sort(key=lambda it: order_of(it.sport, it.unit, it.phase))
        page = self._events.page(answers, units, question.limit, asked)
        if not units:
            what = f"event {shown(question.event)} in {question.sport}"
            raise _nothing(what, complete=page["complete"], behind=question.after is not None)
        units = units[: question.limit]
        first = units[0]
        states = {it.state for it in units}
        return msgspec.json.encode(
            EventPage(
                **page,
                sport=first.sport,
                event=first.event,
                title=first.title,
                titles=first.titles,
                phase=first.phase,
                state=first.state if len(states) == 1 else "running",
                units=units,
                total=sum(answer.total for answer in answers),
            )
        )

    async def _competitor(self, question: CompetitorQuestion) -> bytes:
        answers = await self._events.ask(COMPETITOR_PATH, question, CompetitorAnswer)
        results = [it for answer in answers for it in answer.results]
        results.sort(key=lambda it: order_of(it.sport, it.unit, it.phase))
        page = self._events.page(answers, results, question.limit)
        names: Counter[tuple[str | None, str]] = Counter()
        for it in (it for answer in answers for it in answer.named):
            names[it.name, it.faculty] += it.results
        if not names:
            what = f"competitor {shown(question.competitor)}"
            raise _nothing(what, complete=page["complete"], behind=False)
        named = [Named(*it, count) for it, count in names.items()]
        named.sort(key=lambda it: (-it.results, it.name or "", it.faculty))
        medals = [it for answer in answers for it in answer.medals]
        return msgspec.json.encode(
            CompetitorPage(
                **page,
                competitor=question.competitor,
                name=named[0].name,
                faculty=named[0].faculty,
                named=named,
                medals={it: sum(getattr(row, it) for row in medals) for it in MEDALS},
                results=results[: question.limit],
                total=sum(names.values()),
            )
        )

    async def _competitors(self, question: CompetitorsQuestion) -> bytes:
        answers = await self._events.ask(COMPETITORS_PATH, question, CompetitorsAnswer)
        competitors = {it for answer in answers for it in answer.competitors}
        page = self._events.page(answers, (), question.limit)
        del page["next"]
        return msgspec.json.encode(
            CompetitorsPage(
                competitors=sorted(competitors, key=FoundCompetitor.order)[: question.limit],
                more=len(competitors) > question.limit or any(it.more for it in answers),
                **page,
            )
        )

    async def _faculty(self, question: "_FacultyQuestion") -> bytes:
        assert question.faculty is not None
        answers = await self._events.ask(MEDALLISTS_PATH, question, MedallistsAnswer)
        medallists = [it for answer in answers for it in answer.medallists]
        medallists.sort(key=lambda it: medal_order(*it.place()))
        snapshot = await self._standings.snapshot()
        faculty = self._catalogue.faculties[question.faculty]
        rows = [] if snapshot is None else snapshot.faculties
        pairs = {} if snapshot is None else snapshot.pairs
        return msgspec.json.encode(
            FacultyPage(
                **self._events.page(answers, medallists, question.limit),
                faculty=faculty.name,
                title=faculty.title,
                titles=dict(faculty.titles),
                rank=next((it["rank"] for it in rows if it["faculty"] == faculty.name), None),
                sports=[
                    FacultySport(sport=sport, **counts)
                    for (sport, name), counts in sorted(pairs.items())
                    if name == faculty.name
                ],
                medallists=medallists[: question.limit],
                medals=summed(it for answer in answers for it in answer.medals),
                entries=summed(it for answer in answers for it in answer.entries),
            )
        )


class _FacultyQuestion(MedallistsQuestion, frozen=True, omit_defaults=True):
    """A question of its own name: its answer is another one than that about medallists."""


def _named(find: Callable[[str], Sport | Faculty], text: str) -> str:
    try:
        return find(text).name
    except UnknownName as error:
        raise Refused(Reason.NOT_FOUND, str(error)) from None


def _text(text: str, what: str, longest: int) -> str:
    try:
        found = canonical_text(text)
    except ValueError as error:
        raise Refused(Reason.NOT_FOUND, f"{what}: expected {error}") from None
    if not 0 < len(found) <= longest:
        raise Refused(Reason.NOT_FOUND, f"{what}: expected 1 to {longest} characters")
    return found


def _nothing(what: str, *, complete: bool, behind: bool) -> Refused:
    if not complete:
        return Refused(Reason.UNAVAILABLE, f"nothing is known of {what}, but a worker is away")
    return Refused(Reason.NOT_FOUND, f"there are no {'further ' * behind}results of {what}")
