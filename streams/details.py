"""One event with all its results, and all results of one competitor, of a worker's partitions."""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from functools import partial
from operator import itemgetter
from typing import Final

from contracts.details import (
    CHANGES,
    EVENTS_WITH_NAMES,
    ROWS,
    CompetitorAnswer,
    CompetitorQuestion,
    CompetitorResult,
    CompetitorsAnswer,
    CompetitorsQuestion,
    EventAnswer,
    EventQuestion,
    FoundCompetitor,
    LastChange,
    Named,
    ShownUnit,
    last_change,
    shown_result,
    shown_row,
    shown_unit,
)
from contracts.events import Medals, Told
from olympics.catalogue import Catalogue, Sport
from olympics.events import MEDALS, Event, EventOrder, event_of, order_of
from olympics.latest import WITHDRAWN, Latest, encode_text
from olympics.ranking import Ranking, Steps
from olympics.result import key_of
from olympics.rsc import is_event_code
from olympics.search import Search
from olympics.spelling import title_of
from olympics.tally import Tally
from olympics.words import Medal
from streams.events import EventIndex, Events, First, Pair, catch_up, in_slices
from streams.units import in_turns

#: For so long a question waits until an index has what has come since, seconds.
_PATIENCE: Final = 1.0


class Details:
    """Answers questions about the partitions that a worker owns."""

    def __init__(self, catalogue: Catalogue, events: Events) -> None:
        self._catalogue = catalogue
        self._events = events

    async def event(self, question: EventQuestion) -> EventAnswer:
        """Return what *question* asks for, of those of its partitions that can be told about."""
        sport = self._catalogue.sports[question.sport]
        offsets: list[Told] = []
        steps: list[Steps[list[ShownUnit]]] = []
        total = 0
        if is_event_code(question.event):
            is_of = partial(_is_of, sport, question.event)
            async for partition, state, index in self._events.ready(
                question.partitions, exact=True
            ):
                found = await _matching(index, is_of, exact=False)
                if found is None or not state.live:
                    continue
                # Nothing is awaited from here on until all results are taken: they are of now.
                offsets.append(Told(partition, state.offset, state.revision))
                total += len(found)
                steps += [
                    _unit_of(state.tally, sport, it.unit)
                    for it in _first(found, question.limit, question.follows())
                ]
        else:
            for partition, state in self._events.owned(question.partitions):
                offsets.append(Told(partition, state.offset, state.revision))
                if state.tally.version(key_of(sport.name, question.event)) is not None:
                    steps.append(_unit_of(state.tally, sport, question.event))
        units = [unit for it in steps for unit in await in_turns(it)]
        if not is_event_code(question.event):
            total = len(units)
        return EventAnswer(offsets, total, units)

    async def competitor(self, question: CompetitorQuestion) -> CompetitorAnswer:
        """Return what *question* asks for, of those of its partitions that can be told about."""
        competitor = question.competitor
        encoded = encode_text(competitor)
        offsets: list[Told] = []
        named: Counter[tuple[str | None, str]] = Counter()
        medals: defaultdict[Pair, Counter[Medal]] = defaultdict(Counter)
        steps: list[Steps[list[CompetitorResult]]] = []
        async for partition, state, index in self._events.ready(question.partitions, exact=True):
            tally = state.tally

            def result_in(event: Event, tally: Tally = tally) -> Latest | None:
                key = key_of(event.sport, event.unit)
                found = tally.survivor(key, competitor, encoded)
                return None if found is None or found.status == WITHDRAWN else found

            found = await _matching(index, lambda it: result_in(it) is not None, exact=True)
            if found is None or not state.live:
                continue
            # Nothing is awaited from here on until all results are taken: they are of now.
            offsets.append(Told(partition, state.offset, state.revision))
            for event in found:
                one = result_in(event)
                assert one is not None
                named[one.name, one.faculty] += 1
                for it in event.leaders:
                    if it.competitor == competitor and it.medal is not None:
                        medals[event.sport, it.latest.faculty][it.medal] += 1
            for event in _first(found, question.limit, question.follows()):
                ranking = tally.ranking(key_of(event.sport, event.unit))
                steps.append(self._result_of(event, competitor, ranking))
        return CompetitorAnswer(
            offsets,
            [Named(*it, results) for it, results in named.items()],
            [Medals(*pair, *(counts[it] for it in MEDALS)) for pair, counts in medals.items()],
            [result for it in steps for result in await in_turns(it)],
        )

    async def competitors(self, question: CompetitorsQuestion) -> CompetitorsAnswer:
        """Return who is called so in those of the partitions that can be told about."""
        search = Search(question.name)
        offsets: list[Told] = []
        steps: list[Steps[_InOrder]] = []
        more = False
        async for partition, state, index in self._events.ready(question.partitions):
            found = await _matching(
                index, lambda it: search.matches_names(it.searched), exact=False
            )
            if found is None or not state.live:
                continue
            # Nothing is awaited from here on until all results are taken: they are of now.
            offsets.append(Told(partition, state.offset, state.revision))
            more = more or len(found) > EVENTS_WITH_NAMES
            for it in _first(found, EVENTS_WITH_NAMES, None):
                survivors = state.tally.survivors(key_of(it.sport, it.unit))
                steps.append(_called(search, survivors, question.limit + 1))
        called: _InOrder = {}
        for some in steps:
            called = _first_of(called | await in_turns(some), question.limit + 1)
        listed = list(called)
        return CompetitorsAnswer(
            offsets, listed[: question.limit], more or len(listed) > question.limit
        )

    def _result_of(
        self, event: Event, competitor: str, ranking: Steps[Ranking]
    ) -> Steps[list[CompetitorResult]]:
        place = (yield from ranking).find(competitor)
        assert place is not None  # the event is one of those that have it
        return [shown_result(event, place, self._catalogue.sports[event.sport])]


#: competitors, each with its place in a list
_InOrder = dict[FoundCompetitor, tuple[tuple[str, ...], str, str]]


def _called(search: Search, survivors: Iterable[list[Latest]], limit: int) -> Steps[_InOrder]:
    called: _InOrder = {}
    for some in survivors:
        for it in some:
            if it.status != WITHDRAWN and search.matches_name(it.name or it.competitor):
                found = FoundCompetitor(it.competitor, it.name, it.faculty)
                called[found] = found.order()
        # In each step, so that no step is long: a letter may match a hundred thousand.
        called = _first_of(called, limit)
        yield
    return called


def _first_of(called: _InOrder, limit: int) -> _InOrder:
    return dict(sorted(called.items(), key=itemgetter(1))[:limit])


async def _matching(
    index: EventIndex, matches: Callable[[Event], bool], *, exact: bool
) -> list[Event] | None:
    """Return the events that match at this very moment; None if the index cannot keep up."""
    placed = index.placed
    found: dict[Pair, Event] = {}
    async for events in in_slices(index.events()):
        found.update(((it.sport, it.unit), it) for it in events if matches(it))
    if not await catch_up(index, time.monotonic() + _PATIENCE, exact=exact):
        return None
    # What has changed since is little, so nobody gets a turn in between.
    news = index.placed_since(placed)
    found.update(((it.sport, it.unit), it) for it in news)
    return [it for it in found.values() if index.event(it.sport, it.unit) is it and matches(it)]


def _first(events: list[Event], limit: int, after: EventOrder | None) -> list[Event]:
    first: First[Event] = First(limit, after, lambda it: order_of(it.sport, it.unit, it.phase))
    first.offer(events)
    return first.items()


def _is_of(sport: Sport, code: str, event: Event) -> bool:
    if event.sport != sport.name or not event.unit.startswith(code):
        return False
    return event.unit == code or title_of(sport, event.unit).event == code


def _unit_of(tally: Tally, sport: Sport, unit: str) -> Steps[list[ShownUnit]]:
    """Return a unit, if anything is left of it, with its results of the moment of this call."""
    key = key_of(sport.name, unit)
    ranking, survivors = tally.ranking(key), tally.survivors(key)

    def steps() -> Steps[list[ShownUnit]]:
        ranked = yield from ranking
        event = yield from event_of(ranked, sport, unit)
        if event is None:
            return []
        changed: list[Latest] = []
        for some in survivors:
            changed += [it for it in some if it.version > 1 or it.status == WITHDRAWN]
            changed.sort(key=lambda it: -it.offset)
            del changed[CHANGES:]
            yield
        changes: list[LastChange] = [last_change(it) for it in changed]
        rows = [shown_row(it, sport, unit) for it in ranked.places(0, ROWS)]
        return [shown_unit(event, sport, rows, changes)]

    return steps()
