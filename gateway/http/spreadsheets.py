"""Answers as CSV, for spreadsheets: whole lists, since a file cannot say what is missing in it."""

import asyncio
import csv
import io
import re
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Sequence
from functools import partial
from typing import Any, Final, TypeVar

import msgspec

from contracts.details import Row
from contracts.pages import MOST_PLACES, Page
from gateway.errors import Reason, Refused
from gateway.limits.budget import Shares
from gateway.reading.details import CompetitorPage, Details, EventPage, Given
from gateway.reading.events import MOST, Events, MedallistsPage
from gateway.reading.events import Page as AnswerPage
from gateway.reading.snapshot_cache import SnapshotCache
from olympics.events import MEDALS

#: Pages that are read for one file: more than any games have.
_PAGES: Final = 200
#: Files that are written at once: each may be as large as a list.
FILES: Final = 8
#: Lines that are written before others have their turn: a few milliseconds.
_LINES: Final = 200

_EVENT: Final = ("sport", "unit", "title", "stage", "phase")
_PLACE: Final = (
    *("rank", "competitor", "name", "faculty", "mark", "outcome", "irm", "medal"),
    *("status", "version"),
)
_TABLE: Final = ("rank", "faculty", *MEDALS, "total", "entries", "winners", "losers", "ties")

# What a spreadsheet takes for a formula: https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA: Final = re.compile(r"[=+\-@\t\r\n＝＋－＠]")
_NUMBER: Final = re.compile(r"[+-]?\d+(\.\d+)?", re.ASCII)

_AnyPage = TypeVar("_AnyPage", bound=AnswerPage)
_Parameters = tuple[tuple[str, str], ...]
_Write = Callable[[str, str, _Parameters], Coroutine[Any, Any, bytes]]


class _Unit(msgspec.Struct):
    digest: str
    next: int | None
    rows: list[Row]


class Spreadsheets:
    """Writes what the gateway tells as CSV. All methods raise what those of JSON raise."""

    def __init__(self, standings: SnapshotCache, events: Events, details: Details) -> None:
        self._standings = standings
        self._events = events
        self._details = details
        #: those that are being written, by what was asked for
        self._writing: dict[tuple[object, ...], asyncio.Task[bytes]] = {}
        #: each is counted as of the client that asked for it first
        self._shares = Shares(FILES)

    async def medal_table(self) -> bytes:
        """Return the medal table."""
        snapshot = await self._standings.snapshot()
        rows = [] if snapshot is None else snapshot.faculties
        return await written(_TABLE, ([row[name] for name in _TABLE] for row in rows))

    async def medallists(self, client: str, given: Given) -> bytes:
        """Return all medallists that *given*, the request's parameters, ask for."""
        return await self._shared(self._medallists, client, "", tuple(given))

    async def event(self, client: str, path: str, given: Given) -> bytes:
        """Return all results of an event."""
        return await self._shared(self._event, client, path, tuple(given))

    async def competitor(self, client: str, path: str, given: Given) -> bytes:
        """Return all results of a competitor."""
        return await self._shared(self._competitor, client, path, tuple(given))

    async def _shared(self, write: _Write, client: str, path: str, given: _Parameters) -> bytes:
        """Return a file, which is written once for those who ask for it meanwhile."""
        key = (write.__name__, path, given)
        writing = self._writing.get(key)
        if writing is None:
            if not self._shares.fit(client):
                raise Refused(Reason.TOO_BUSY, "many ask for different files at this moment")
            writing = asyncio.create_task(write(client, path, given))
            self._writing[key] = writing
            self._shares.take(client)
            writing.add_done_callback(partial(self._written, client, key))
        return await asyncio.shield(writing)

    def _written(self, client: str, key: tuple[object, ...], _: asyncio.Task[bytes]) -> None:
        self._shares.give_back(client)
        del self._writing[key]

    async def _medallists(self, client: str, _path: str, given: _Parameters) -> bytes:
        pages = _all(MedallistsPage, partial(self._events.medallists, client), given, MOST)
        rows = [
            _cells(it, (*_EVENT, *_PLACE[:-2])) async for page in pages for it in page.medallists
        ]
        return await written((*_EVENT, *_PLACE[:-2]), rows)

    async def _event(self, client: str, path: str, given: _Parameters) -> bytes:
        ask = partial(self._details.event, client, path)
        rows: list[list[object]] = []
        async for page in _all(EventPage, ask, given, 20):
            for unit in page.units:
                named = _cells(unit, _EVENT)
                places = unit.rows
                if unit.results > len(places):
                    places = await self._places(unit.sport, unit.unit)
                rows += [[*named, *_cells(it, _PLACE)] for it in places]
        return await written((*_EVENT, *_PLACE), rows)

    async def _competitor(self, client: str, path: str, given: _Parameters) -> bytes:
        ask = partial(self._details.competitor, client, path)
        pages = _all(CompetitorPage, ask, given, MOST)
        rows = [_cells(it, (*_EVENT, *_PLACE)) async for page in pages for it in page.results]
        return await written((*_EVENT, *_PLACE), rows)

    async def _places(self, sport: str, unit: str) -> list[Row]:
        """Return all places of one ranking of a unit."""
        rows: list[Row] = []
        digest, begin = None, 0
        while True:
            body = await self._standings.unit(sport, unit, Page(begin, MOST_PLACES))
            page = msgspec.json.decode(body, type=_Unit)
            if digest not in (None, page.digest):
                raise Refused(Reason.UNAVAILABLE, f"{unit} changes at the moment")
            rows += page.rows
            if page.next is None:
                return rows
            digest, begin = page.digest, page.next


async def written(head: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """Return a file: UTF-8 with a mark, by which spreadsheets know it, and no formula in it."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(head)
    for number, row in enumerate(rows, 1):
        writer.writerow([_safe(cell) for cell in row])
        if number % _LINES == 0:
            await asyncio.sleep(0)
    return text.getvalue().encode("utf-8-sig")


async def _all(
    kind: type[_AnyPage],
    ask: Callable[[Given], Coroutine[Any, Any, bytes]],
    given: Given,
    limit: int,
) -> AsyncIterator[_AnyPage]:
    """Yield the pages of a list, all of them unless *given* has a limit or a cursor."""
    parameters = dict(given)
    one = bool(parameters.keys() & {"limit", "cursor"})
    parameters.setdefault("limit", str(limit))
    for _ in range(_PAGES):
        page = msgspec.json.decode(await ask(parameters.items()), type=kind)
        if not page.complete:
            raise Refused(Reason.UNAVAILABLE, "a worker is away, so the list is not whole")
        yield page
        if one or page.next is None:
            return
        parameters["cursor"] = page.next
    raise Refused(Reason.BAD_REQUEST, "the list is too long for one file; ask for parts of it")


def _cells(it: object, names: Sequence[str]) -> list[object]:
    return [getattr(it, name) for name in names]


def _safe(cell: object) -> object:
    if cell is None:
        return ""
    if isinstance(cell, str) and _FORMULA.match(cell) and not _NUMBER.fullmatch(cell):
        return f"'{cell}"
    return cell
