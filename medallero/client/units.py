"""Units over the gateway: their history, and changes that name the version which they replace."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import quote

import aiohttp
import msgspec

from contracts.unit_log import UnitLog, UnitName
from medallero.client.connect import GatewayAddress
from medallero.client.reading import answer_of, problem_of, read_list, session
from medallero.terminal import CannotDo
from olympics.result import Result, encode

#: Questions at once.
_AT_ONCE: Final = 16
#: What one request may hold.
_RESULTS: Final = 1000
_UNITS: Final = 32
#: A gateway that cannot write now is asked again for so long, seconds.
_PATIENCE: Final = 15.0
_PAUSE: Final = 1.0

#: Called with the number of units read, and of those there are.
Progress = Callable[[int, int], None]


class Replacement(NamedTuple):
    """A result, and the version that it replaces."""

    replaces: int
    result: Result


class Changed(CannotDo):
    """Somebody else has changed what was to be changed; ``sent``: so many changes are written."""

    def __init__(self, message: str, remedy: str, sent: int) -> None:
        super().__init__(message, remedy)
        self.sent = sent


async def read_units(
    gateway: GatewayAddress, units: Collection[UnitName], progress: Progress
) -> dict[UnitName, UnitLog]:
    """Return all that the topic holds of *units*; of one without results, nothing.

    :raises CannotDo: the gateway cannot be asked, or refuses.
    """
    places = asyncio.Semaphore(_AT_ONCE)
    read = 0

    async def read_one(name: UnitName) -> UnitLog:
        nonlocal read
        async with places:
            path = "/".join(quote(it, safe="") for it in name)
            status, answer = await answer_of(client, gateway, "GET", f"/v1/history/{path}")
        read += 1
        progress(read, len(units))
        if status == 200:
            return msgspec.convert(answer, UnitLog)
        if status == 404 and isinstance(answer, dict) and answer.get("code") == "not_found":
            return UnitLog(*name, 0, 0, {}, [])
        raise problem_of(gateway, status, answer)

    async with session(gateway) as client:
        logs = await asyncio.gather(*map(read_one, units))
    return dict(zip(units, logs, strict=True))


async def send_changes(gateway: GatewayAddress, changes: Sequence[Replacement]) -> None:
    """Write *changes*, each of which names the version that it replaces.

    :raises Changed: another version has come meanwhile.
    :raises CannotDo: the gateway cannot write them, or refuses.
    """
    sent = 0
    async with session(gateway) as client:
        for some in _requests(changes):
            body = [{**json.loads(encode(it.result)), "replaces": it.replaces} for it in some]
            status, answer = await _persist(client, gateway, body)
            if status == 409:
                first = some[answer["changed"][0]["index"]].result
                raise Changed(
                    f"{first.sport}: {first.unit!r} has got new results meanwhile; "
                    f"{_so_far(sent, len(changes))}.",
                    "Run the command again to see them.",
                    sent,
                )
            if status == 422:
                listed = [f"  {_place(some, it)}: {it['error']}" for it in answer["rejected"]]
                raise CannotDo(
                    f"The gateway rejects {answer['rejected_count']:,} changes; "
                    f"{_so_far(sent, len(changes))}.",
                    "\n".join(listed[:20]),
                )
            if status != 202:
                problem = problem_of(gateway, status, answer)
                again = "Run the command again: it will see whether the change arrived."
                raise CannotDo(
                    f"Not delivered; {_so_far(sent, len(changes))}. {problem.message}", again
                )
            sent += len(some)


async def units_of(gateway: GatewayAddress, sport: str) -> list[str]:
    """Return the names of a sport's units, of very many the first ones.

    :raises CannotDo: as above.
    """
    query = {"sport": sport}
    return [
        event["unit"]
        async for answer in read_list(gateway, "/v1/events", "events", query, 10_000)
        for event in answer["events"]
    ]


def _requests(changes: Sequence[Replacement]) -> Iterator[list[Replacement]]:
    """Yield the changes in parts that a request can hold, those of a unit in one if they fit."""
    units: dict[UnitName, list[Replacement]] = {}
    for it in changes:
        units.setdefault((it.result.sport, it.result.unit), []).append(it)
    some: list[Replacement] = []
    number = 0
    for its in units.values():
        for part in (its[at : at + _RESULTS] for at in range(0, len(its), _RESULTS)):
            if some and (len(some) + len(part) > _RESULTS or number == _UNITS):
                yield some
                some, number = [], 0
            some += part
            number += 1
    if some:
        yield some


async def _persist(
    client: aiohttp.ClientSession, gateway: GatewayAddress, body: Any
) -> tuple[int, Any]:
    """Return the gateway's answer, asking again while it cannot write."""
    end = asyncio.get_running_loop().time() + _PATIENCE
    while True:
        try:
            status, answer = await answer_of(client, gateway, "POST", "/v1/changes", body)
        except CannotDo:
            if asyncio.get_running_loop().time() > end:
                raise
        else:
            if status not in (408, 429, 503) or asyncio.get_running_loop().time() > end:
                return status, answer
        await asyncio.sleep(_PAUSE)


def _so_far(sent: int, total: int) -> str:
    return f"{sent:,} of {total:,} are written" if sent else "nothing was sent"


def _place(some: Sequence[Replacement], rejected: Any) -> str:
    result = some[rejected["index"]].result
    field = f", {rejected['field']}" if rejected["field"] else ""
    return f"{result.sport}: {result.unit!r}, {result.competitor.id!r}{field}"
