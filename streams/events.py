"""The events and medallists of a worker's partitions, found in what it counts.

Derived from the state, never stored, restored or merged. Nothing is made before somebody asks, and
then only what has changed is made anew. All of it is done in slices, between which the worker
counts on.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from itertools import islice
from typing import Any, Final, Generic, NamedTuple, TypeVar

from contracts.events import (
    EventsAnswer,
    EventsQuestion,
    Medallist,
    MedallistsAnswer,
    MedallistsQuestion,
    MedalOrder,
    Medals,
    ShownEvent,
    Told,
    medal_order,
    shown_event,
    shown_medallist,
)
from olympics.catalogue import Catalogue, Sport
from olympics.events import MEDALS, Event, event_of, order_of
from olympics.ranking import Steps, UnitPlace
from olympics.result import key_of
from olympics.search import Search
from olympics.tally import Tally
from olympics.unit import BRONZE, ENTRIES, GOLD, SILVER
from olympics.words import ENTRY_UNIT_PREFIX
from streams.standings import Standings
from streams.units import FRESH

#: A slice of work, seconds: so long the worker counts nothing.
_SLICE: Final = 0.002
#: A unit with more results is looked at once in a while only.
_LARGE: Final = 2000
#: How many events are done between two looks at the clock.
_AT_ONCE: Final = 32
#: For so long a question waits until the index has all units; the next one goes on. Seconds.
_PATIENCE: Final = 1.0
#: And so long until an index has what has come since, while the others were told about.
_SHORT_PATIENCE: Final = 0.1

_ENTRY: Final = ENTRY_UNIT_PREFIX.encode()

Pair = tuple[str, str]
_Item = TypeVar("_Item")


class EventIndex:
    """A line for each unit of one partition that has results; entries of the course have none."""

    def __init__(self, tally: Tally, catalogue: Catalogue) -> None:
        self._tally = tally
        self._catalogue = catalogue
        self._events: dict[bytes, Event] = {}
        #: key → the hash of the version of the unit that was looked at
        self._seen: dict[bytes, int] = {}
        #: keys of units to look at, some of them twice
        self._pending: list[bytes] = []
        #: the unit that is looked at
        self._making: _Making | None = None
        #: large units that have changed → when they are looked at again; the line is that of before
        self._late: dict[bytes, float] = {}
        #: large units → when they may be looked at again
        self._not_before: dict[bytes, float] = {}
        #: sport → how many results of the events count
        self._counted: defaultdict[str, int] = defaultdict(int)
        #: (sport, faculty) → the medals of the events, in the order of MEDALS
        self._medals: defaultdict[Pair, list[int]] = defaultdict(lambda: [0, 0, 0])
        #: how often an event took its place, anew or for the first time
        self.placed = 0

    def update(self, seconds: float) -> bool:
        """Look at units that have changed, for so long; return whether that was all of them."""
        now = time.perf_counter()
        over = now + seconds
        self._pending += self._tally.changed()
        for key in [key for key, at in self._late.items() if at <= now]:
            del self._late[key]
            self._pending.append(key)
        while self._making is not None or self._pending:
            if self._making is None:
                self._begin(self._pending.pop(), now)
            else:
                self._go_on(self._making)
            if time.perf_counter() >= over:
                break
        return self._making is None and not self._pending

    @property
    def exact(self) -> bool:
        """Whether no line is that of before."""
        return not self._late

    def events(self) -> list[Event]:
        """Return all events, in no order."""
        return list(self._events.values())

    def event(self, sport: str, unit: str) -> Event | None:
        """Return the event of a unit, if it has one."""
        return self._events.get(key_of(sport, unit))

    def placed_since(self, placed: int) -> list[Event]:
        """Return the events that have taken their places since ``placed`` was this, and maybe
        others too."""
        return list(islice(reversed(self._events.values()), self.placed - placed))

    def entries(self, sport: str | None) -> int:
        """Return how many entries of the course count beside the events, in all sports or one."""
        counts = self._tally.counts()
        all_of_it = sum(it[ENTRIES] for pair, it in counts if sport in (None, pair[0]))
        if sport is not None:
            return all_of_it - self._counted[sport]
        return all_of_it - sum(self._counted.values())

    def medals(self) -> Iterator[tuple[Pair, list[int], list[int]]]:
        """Yield (sport, faculty), its medals in events, and those of entries of the course."""
        for pair, counts in self._tally.counts():
            listed = self._medals.get(pair, [0, 0, 0])
            table = (counts[GOLD], counts[SILVER], counts[BRONZE])
            yield pair, listed, [all_ - some for all_, some in zip(table, listed, strict=True)]

    def _begin(self, key: bytes, now: float) -> None:
        if key.startswith(_ENTRY, key.find(b"/") + 1):
            return
        version = self._tally.version(key)
        if version is None or self._seen.get(key) == hash(version):
            return
        not_before = self._not_before.get(key, 0.0)
        if not_before > now:
            self._late[key] = not_before
            return
        sport, _, unit = key.decode().partition("/")
        steps = self._steps(key, self._catalogue.sports[sport], unit)
        self._making = _Making(key, hash(version), steps)

    def _steps(self, key: bytes, sport: Sport, unit: str) -> Steps[Event | None]:
        ranking = yield from self._tally.ranking(key)
        if len(ranking) > _LARGE:
            # It may change again while it is ranked, and would keep the worker busy for ever.
            self._not_before[key] = time.perf_counter() + FRESH
        return (yield from event_of(ranking, sport, unit))

    def _go_on(self, making: "_Making") -> None:
        try:
            next(making.steps)
        except StopIteration as done:
            self._making = None
            self._replace(making.key, done.value)
            self._seen[making.key] = making.version

    def _replace(self, key: bytes, new: Event | None) -> None:
        old = self._events.pop(key, None)
        if old is not None:
            self._count(old, -1)
        if new is not None:
            self._events[key] = new  # the last one: an old one has left its place
            self.placed += 1
            self._count(new, +1)

    def _count(self, event: Event, sign: int) -> None:
        self._counted[event.sport] += sign * event.counted
        for leader in event.leaders:
            if leader.medal is None:
                break  # either all of them have one, or none
            medals = self._medals[event.sport, leader.latest.faculty]
            medals[MEDALS.index(leader.medal)] += sign


class _Making(NamedTuple):
    key: bytes
    version: int
    steps: Steps[Event | None]


class Events:
    """Answers questions about the partitions that a worker owns."""

    def __init__(
        self,
        catalogue: Catalogue,
        owned: Callable[[], Iterable[tuple[int, Standings]]],
    ) -> None:
        self._catalogue = catalogue
        self._owned = owned
        #: partition → the state that it is of, and its index
        self._indexes: dict[int, tuple[Standings, EventIndex]] = {}

    async def events(self, question: EventsQuestion) -> EventsAnswer:
        """Return what *question* asks for, of those of its partitions that can be told about."""
        search = Search(question.text)
        offsets: list[Told] = []
        total = entries = 0
        first: First[Event] = First(
            question.limit, question.follows(), lambda it: order_of(it.sport, it.unit, it.phase)
        )
        async for partition, state, index in self.ready(question.partitions):
            offsets.append(Told(partition, state.offset, state.revision))
            entries += index.entries(question.sport)
            async for events in in_slices(index.events()):
                found = [
                    it
                    for it in events
                    if question.sport in (None, it.sport)
                    and question.phase in (None, it.phase)
                    and question.state in (None, it.state)
                    and (it.conflicts or not question.conflicts)
                    and search.matches(it.searched)
                ]
                total += len(found)
                first.offer(found)
        return EventsAnswer(offsets, total, entries, [self._shown(it) for it in first.items()])

    async def medallists(self, question: MedallistsQuestion) -> MedallistsAnswer:
        """Return what *question* asks for, of those of its partitions that can be told about."""
        offsets: list[Told] = []
        medals: defaultdict[Pair, list[list[int]]] = defaultdict(lambda: [[0, 0, 0], [0, 0, 0]])
        first = First(question.limit, question.follows(), _medal_order)

        def asked(sport: str, faculty: str) -> bool:
            return question.sport in (None, sport) and question.faculty in (None, faculty)

        async for partition, state, index in self.ready(question.partitions, exact=True):
            offsets.append(Told(partition, state.offset, state.revision))
            for pair, listed, of_entries in index.medals():
                if asked(*pair):
                    for known, more in zip(medals[pair], (listed, of_entries), strict=True):
                        for place, count in enumerate(more):
                            known[place] += count
            async for events in in_slices(index.events()):
                found = [
                    (event, place)
                    for event in events
                    for place in event.leaders
                    if place.medal is not None and asked(event.sport, place.latest.faculty)
                ]
                first.offer(found)
        sums = sorted(medals.items())
        return MedallistsAnswer(
            offsets,
            [Medals(*pair, *listed) for pair, (listed, _) in sums if any(listed)],
            [Medals(*pair, *of_entries) for pair, (_, of_entries) in sums if any(of_entries)],
            [self._shown_medal(*it) for it in first.items()],
        )

    def owned(self, partitions: Iterable[int]) -> list[tuple[int, Standings]]:
        """Return those of *partitions* that can be told about, with their state."""
        owned = dict(self._owned())
        for given_up in self._indexes.keys() - owned.keys():
            del self._indexes[given_up]
        return [
            (partition, state)
            for partition in partitions
            if (state := owned.get(partition)) is not None and state.live
        ]

    async def ready(
        self, partitions: Iterable[int], *, exact: bool = False
    ) -> AsyncIterator[tuple[int, Standings, EventIndex]]:
        """Yield what can be told about, each with its index, which is that of this very moment.

        *exact*: leave out what has a line of before.
        """
        asked = [
            (partition, state, self._index_of(partition, state))
            for partition, state in self.owned(partitions)
        ]
        # All of them first: else the time would go into what is told about those that are ready.
        until = time.monotonic() + _PATIENCE
        for _, _, index in asked:
            await catch_up(index, until, exact=exact)
        for partition, state, index in asked:
            until = time.monotonic() + _SHORT_PATIENCE
            # It may have been restored anew in between.
            if await catch_up(index, until, exact=exact) and state.live:
                yield partition, state, index

    def _index_of(self, partition: int, state: Standings) -> EventIndex:
        known = self._indexes.get(partition)
        if known is None or known[0] is not state:
            known = state, EventIndex(state.tally, self._catalogue)
            self._indexes[partition] = known
        return known[1]

    def _shown(self, event: Event) -> ShownEvent:
        return shown_event(event, self._catalogue.sports[event.sport])

    def _shown_medal(self, event: Event, place: UnitPlace) -> Medallist:
        return shown_medallist(event, place, self._catalogue.sports[event.sport])


class First(Generic[_Item]):
    """The first items in an order, behind a place in it, of all that are offered."""

    def __init__(self, limit: int, after: Any, order: Callable[[_Item], Any]) -> None:
        self._limit = limit
        self._after = after
        self._order = order
        #: the order that an item must come before to be one of the first
        self._before: Any = None
        self._kept: list[tuple[Any, _Item]] = []

    def offer(self, items: Iterable[_Item]) -> None:
        for item in items:
            order = self._order(item)
            if self._after is not None and order <= self._after:
                continue
            if self._before is None or order < self._before:
                self._kept.append((order, item))
        if len(self._kept) > 2 * self._limit:
            self._cut()

    def items(self) -> list[_Item]:
        """Return them, in order."""
        self._cut()
        return [item for _, item in self._kept]

    def _cut(self) -> None:
        self._kept.sort(key=lambda it: it[0])
        if len(self._kept) >= self._limit:
            del self._kept[self._limit :]
            self._before = self._kept[-1][0]


def _medal_order(medal: tuple[Event, UnitPlace]) -> MedalOrder:
    event, place = medal
    assert place.medal is not None
    return medal_order(place.medal, event.sport, event.unit, place.competitor)


async def catch_up(index: EventIndex, until: float, *, exact: bool) -> bool:
    """Return whether the index has all units by then, of this very moment."""
    while not index.update(_SLICE) or (exact and not index.exact):
        if time.monotonic() >= until:
            return False
        await asyncio.sleep(0)
    return True


async def in_slices(items: list[_Item]) -> AsyncIterator[list[_Item]]:
    """Yield *items* in lists, giving way to others whenever a slice of time is over."""
    over = time.perf_counter() + _SLICE
    for start in range(0, len(items), _AT_ONCE):
        yield items[start : start + _AT_ONCE]
        if time.perf_counter() >= over:
            await asyncio.sleep(0)
            over = time.perf_counter() + _SLICE
