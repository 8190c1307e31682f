"""Events and medallists: asked of all workers, and put together."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import Any, Final, Protocol, TypeVar, get_args

import aiohttp
import msgspec
import structlog
from msgspec.structs import replace

from contracts.events import (
    EVENTS_PATH,
    MEDALLISTS_PATH,
    Answer,
    EventsAnswer,
    EventsQuestion,
    Medallist,
    MedallistsAnswer,
    MedallistsQuestion,
    Medals,
    Question,
    ShownEvent,
    Told,
    cursor_of,
    medal_order,
)
from gateway.errors import Reason, Refused
from gateway.limits.budget import Shares
from gateway.reading.parameters import Parameters
from gateway.reading.snapshot_cache import SnapshotCache
from gateway.settings import GatewaySettings
from olympics.catalogue import Catalogue
from olympics.events import PHASES, State, order_of
from olympics.words import Medal, Phase

_log = structlog.get_logger("gateway.events")

#: Events, or medallists, of one answer.
MOST: Final = 500
DEFAULT: Final = 100
#: Characters of a search.
LONGEST_TEXT: Final = 100
STATES: Final[tuple[State, ...]] = get_args(State)

EVENTS_PARAMETERS: Final = ("sport", "phase", "state", "text", "conflicts", "limit", "cursor")
MEDALLISTS_PARAMETERS: Final = ("sport", "faculty", "limit", "cursor")

#: Different questions at once of one process: each is work for all workers.
_AT_ONCE: Final = 32
#: Answers that are kept to be shared; one may have half a megabyte.
_KEPT: Final = 64

_Answer = TypeVar("_Answer", bound=Answer)
_Question = TypeVar("_Question", bound=Question)


class _Item(Protocol):
    def place(self) -> tuple[str, ...]: ...


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """What every answer tells beside its list.

    ``next``: the cursor of what follows, if there is more. ``complete``: whether all partitions
    are in it; ``missing`` are the others. ``offsets``: what it stands for.
    """

    next: str | None
    complete: bool
    missing: list[int]
    offsets: list[Told]


class EventsPage(Page, frozen=True, kw_only=True):
    """The answer about events."""

    events: list[ShownEvent]
    total: int
    entries: int


class MedallistsPage(Page, frozen=True, kw_only=True):
    """The answer about medallists."""

    medallists: list[Medallist]
    medals: list[Medals]
    entries: list[Medals]


class Events:
    """Asks the workers; those who ask the same at about the same time share one answer.

    A client is the network that asks: the answer is counted as of the first one that asks.
    """

    def __init__(
        self, settings: GatewaySettings, catalogue: Catalogue, standings: SnapshotCache
    ) -> None:
        self._catalogue = catalogue
        self._standings = standings
        self._partitions: Sequence[int] = range(settings.partitions)
        self._http = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=settings.worker_timeout)
        )
        self._max_age = settings.standings_max_age
        #: those under way, and the answers of a moment ago
        self._asking: dict[bytes, asyncio.Task[bytes]] = {}
        self._places = Shares(_AT_ONCE)

    async def events(self, client: str, given: Iterable[tuple[str, str]]) -> bytes:
        """Return events as JSON; *given*: the request's parameters.

        :raises Refused: bad request; too busy; unavailable, while no worker can tell.
        """
        parameters = Parameters(given, EVENTS_PARAMETERS)
        question = EventsQuestion(
            (),
            parameters.number("limit", DEFAULT, 1, MOST),
            parameters.named("sport", self._catalogue.sport),
            parameters.word("phase", PHASES),
            parameters.word("state", STATES),
            parameters.text("text", LONGEST_TEXT) or "",
            parameters.word("conflicts", ("true",)) is not None,
            parameters.place("cursor", tuple[Phase, str, str]),
        )
        return await self.shared(client, question, self._events)

    async def medallists(self, client: str, given: Iterable[tuple[str, str]]) -> bytes:
        """Return medallists as JSON; as :meth:`events`."""
        parameters = Parameters(given, MEDALLISTS_PARAMETERS)
        question = MedallistsQuestion(
            (),
            parameters.number("limit", DEFAULT, 1, MOST),
            parameters.named("sport", self._catalogue.sport),
            parameters.named("faculty", self._catalogue.faculty),
            parameters.place("cursor", tuple[Medal, str, str, str]),
        )
        return await self.shared(client, question, self._medallists)

    async def close(self) -> None:
        """Wait for the questions under way, and end."""
        if self._asking:
            await asyncio.wait(self._asking.values())
        await self._http.close()

    async def shared(
        self, client: str, question: _Question, answer: Callable[[_Question], Awaitable[bytes]]
    ) -> bytes:
        """Return the answer to *question*, which is made once for those who ask at that time.

        :raises Refused: too busy, and whatever making the answer raises.
        """
        key = type(question).__name__.encode() + msgspec.json.encode(question)
        asking = self._asking.get(key)
        if asking is None:
            if not self._places.fit(client):
                raise Refused(Reason.TOO_BUSY, "many ask for different events at this moment")
            asking = asyncio.ensure_future(answer(question))
            self._asking[key] = asking
            self._places.take(client)
            asking.add_done_callback(partial(self._answered, client, key))
        return await asyncio.shield(asking)

    def _answered(self, client: str, key: bytes, asked: asyncio.Task[bytes]) -> None:
        self._places.give_back(client)
        room = len(self._asking) - self._places.used <= _KEPT
        if self._max_age and room and not asked.cancelled() and asked.exception() is None:
            asyncio.get_running_loop().call_later(self._max_age, self._asking.pop, key, None)
        else:
            del self._asking[key]

    async def _events(self, question: EventsQuestion) -> bytes:
        answers = await self.ask(EVENTS_PATH, question, EventsAnswer)
        events = [event for answer in answers for event in answer.events]
        events.sort(key=lambda it: order_of(it.sport, it.unit, it.phase))
        page = self.page(answers, events, question.limit)
        return msgspec.json.encode(
            EventsPage(
                **page,
                events=events[: question.limit],
                total=sum(answer.total for answer in answers),
                entries=sum(answer.entries for answer in answers),
            )
        )

    async def _medallists(self, question: MedallistsQuestion) -> bytes:
        answers = await self.ask(MEDALLISTS_PATH, question, MedallistsAnswer)
        medallists = [it for answer in answers for it in answer.medallists]
        medallists.sort(key=lambda it: medal_order(*it.place()))
        page = self.page(answers, medallists, question.limit)
        return msgspec.json.encode(
            MedallistsPage(
                **page,
                medallists=medallists[: question.limit],
                medals=summed(it for answer in answers for it in answer.medals),
                entries=summed(it for answer in answers for it in answer.entries),
            )
        )

    def page(
        self,
        answers: Sequence[Answer],
        items: Sequence[_Item],
        limit: int,
        asked: Sequence[int] | None = None,
    ) -> dict[str, Any]:
        """Return the fields of :class:`Page`; if *items* are more than *limit*, more follow.

        *asked*: the partitions that were asked; all of them if it is None.
        """
        offsets = sorted(
            (it for answer in answers for it in answer.offsets), key=lambda it: it.partition
        )
        told = {it.partition for it in offsets}
        missing = [partition for partition in asked or self._partitions if partition not in told]
        return {
            "next": cursor_of(items[limit - 1].place()) if len(items) > limit else None,
            "complete": not missing,
            "missing": missing,
            "offsets": offsets,
        }

    async def ask(
        self,
        path: str,
        question: Question,
        kind: type[_Answer],
        asked: Sequence[int] | None = None,
    ) -> list[_Answer]:
        """Ask every worker for the partitions that it owns; return what can be told.

        *asked*: of these partitions alone.

        :raises Refused: unavailable, if nothing can be told.
        """
        partitions: defaultdict[str, list[int]] = defaultdict(list)
        for partition, owner in (await self._standings.owners()).items():
            if partition in (self._partitions if asked is None else asked):
                partitions[owner].append(partition)
        answers = await asyncio.gather(
            *(
                self._ask_one(
                    f"{owner.rstrip('/')}{path}",
                    # One more than asked for, to know whether there is more.
                    replace(question, partitions=tuple(owned), limit=question.limit + 1),
                    kind,
                )
                for owner, owned in sorted(partitions.items())
            )
        )
        found = [answer for answer in answers if answer is not None and answer.offsets]
        if not found:
            raise Refused(Reason.UNAVAILABLE, "no worker can tell about its events yet")
        return found

    async def _ask_one(self, url: str, question: Question, kind: type[_Answer]) -> _Answer | None:
        try:
            async with self._http.post(url, data=msgspec.json.encode(question)) as response:
                response.raise_for_status()
                return msgspec.json.decode(await response.read(), type=kind)
        except (aiohttp.ClientError, TimeoutError, OSError, msgspec.MsgspecError) as error:
            _log.warning("worker_away", worker=url, error=repr(error))
            return None


def summed(medals: Iterable[Medals]) -> list[Medals]:
    """Return the sums by sport and faculty."""
    sums: defaultdict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0])
    for it in medals:
        known = sums[it.sport, it.faculty]
        for place, count in enumerate((it.gold, it.silver, it.bronze)):
            known[place] += count
    return [Medals(*pair, *counts) for pair, counts in sorted(sums.items())]
