"""What the gateway reads: the snapshot in Redis, and units from the workers that own them."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Generic, TypeVar
from urllib.parse import quote

import aiohttp
import msgspec
import structlog
from redis.asyncio import Redis
from yarl import URL

from contracts.pages import Page
from contracts.partitioning import partition_of
from contracts.redis import REDIS_AWAY
from contracts.snapshot import (
    STALE_AFTER,
    Rate,
    Snapshot,
    Stamp,
    read_latest,
    read_rates,
    read_snapshot,
    read_stamp,
)
from gateway.errors import Reason, Refused
from gateway.settings import GatewaySettings
from olympics.catalogue import Catalogue, UnknownName
from olympics.result import key_of
from olympics.text import canonical_text, shown

_log = structlog.get_logger("gateway.standings")

_Answer = TypeVar("_Answer")


class SnapshotCache:
    """Reads the mirror and asks workers; several readers at a time share one answer of Redis."""

    def __init__(self, settings: GatewaySettings, catalogue: Catalogue) -> None:
        self._settings = settings
        self._catalogue = catalogue
        self._redis = Redis.from_url(
            settings.redis,
            decode_responses=True,
            socket_timeout=settings.worker_timeout,
            socket_connect_timeout=settings.worker_timeout,
        )
        self._http = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=settings.worker_timeout)
        )
        self._snapshot = _Kept(self._read_snapshot, settings.standings_max_age)
        self._latest = _Kept(self._read_latest, settings.standings_max_age)
        self._asking: dict[tuple[str, str, Page], asyncio.Task[bytes]] = {}

    async def as_json(self) -> bytes:
        """Return the snapshot as JSON; its shape is in the OpenAPI document.

        :raises Refused: unavailable, when Redis is away.
        """
        return (await self._snapshot.get())[1]

    async def snapshot(self) -> Snapshot | None:
        """Return what ``as_json`` tells, or None before the first snapshot; raises Refused too."""
        return (await self._snapshot.get())[0]

    async def newest(self) -> tuple[Snapshot | None, bytes]:
        """Return the snapshot that is in Redis now, and as JSON.

        :raises Refused: unavailable, when Redis is away or holds something else.
        """
        return await self._snapshot.newest()

    async def latest(self) -> bytes:
        """Return the latest changes as JSON; as :meth:`as_json`."""
        return await self._latest.get()

    async def newest_latest(self) -> bytes:
        """Return the latest changes that are in Redis now; as :meth:`newest`."""
        return await self._latest.newest()

    async def stamp(self) -> Stamp | None:
        """Return what tells the snapshot in Redis from others; raises Refused as above."""
        return await _answer(read_stamp(self._redis, self._settings))

    async def log(self) -> str | None:
        """Return Kafka's id of the topic that this epoch's standings are of.

        None if there are none that say so, or Redis is away.
        """
        try:
            stamp = await self.stamp()
        except Refused:
            return None
        return stamp.log if stamp is not None and stamp.epoch == self._settings.epoch else None

    async def rates(self, after: str, count: int) -> list[Rate]:
        """Return the newest rates of the history, oldest first; raises Refused as above."""
        return await _answer(read_rates(self._redis, self._settings, after, count))

    async def unit(self, sport_text: str, unit_text: str, page: Page) -> bytes:
        """Return a page of a unit's ranking as JSON, as the worker that owns it tells it.

        :raises Refused: not found; unavailable, while Redis or the worker is away.
        """
        try:
            sport = self._catalogue.sport(sport_text).name
        except UnknownName as error:
            raise Refused(Reason.NOT_FOUND, str(error)) from None
        try:
            unit = canonical_text(unit_text)
        except ValueError as error:
            raise Refused(Reason.NOT_FOUND, f"unit: expected {error}") from None
        partition = partition_of(key_of(sport, unit), self._settings.partitions)
        owner = (await self.owners()).get(partition)
        if owner is None:
            raise Refused(Reason.UNAVAILABLE, f"no worker owns partition {partition} yet")
        # All who look at a unit ask again at the same moment: they share one question.
        asking = self._asking.get((sport, unit, page))
        if asking is None:
            asking = asyncio.create_task(self._ask(owner, sport, unit, page))
            self._asking[sport, unit, page] = asking
            asking.add_done_callback(lambda _: self._asking.pop((sport, unit, page), None))
        return await asyncio.shield(asking)

    async def owners(self) -> dict[int, str]:
        """Return the private address of the worker that owns each partition, as far as is known.

        :raises Refused: unavailable, when Redis is away.
        """
        snapshot, _ = await self._snapshot.get()
        return {} if snapshot is None else dict(snapshot.owners)

    async def close(self) -> None:
        if self._asking:
            await asyncio.wait(self._asking.values())
        await self._snapshot.close()
        await self._latest.close()
        await self._http.close()
        await self._redis.aclose()

    async def _read_snapshot(self) -> tuple[Snapshot | None, bytes]:
        snapshot = await _answer(read_snapshot(self._redis, self._settings))
        return snapshot, msgspec.json.encode(_shape(snapshot))

    async def _read_latest(self) -> bytes:
        view = await _answer(read_latest(self._redis, self._settings))
        offsets = {} if view is None else view.offsets
        missing = [it for it in range(self._settings.partitions) if it not in offsets]
        return msgspec.json.encode(
            {
                "latest": [] if view is None else view.changes,
                "complete": not missing,
                "missing": missing,
                "offsets": _shape_of_offsets(offsets),
            }
        )

    async def _ask(self, owner: str, sport: str, unit: str, page: Page) -> bytes:
        url = URL(
            f"{owner.rstrip('/')}/units/{quote(sport, safe='')}/{quote(unit, safe='')}"
            f"?from={page.begin}&limit={page.limit}",
            encoded=True,
        )
        try:
            async with self._http.get(url) as response:
                status = response.status
                body = await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            _log.warning("worker_away", worker=owner, error=repr(error))
            raise Refused(
                Reason.UNAVAILABLE, "the worker that owns this unit does not answer"
            ) from None
        if status == 404:
            raise Refused(
                Reason.NOT_FOUND, f"there are no results of unit {shown(unit)} in {sport}"
            )
        if status != 200:
            raise Refused(
                Reason.UNAVAILABLE, f"the worker that owns this unit is not ready ({status})"
            )
        return body


def age_of(updated_at: float, age: float) -> float:
    """Return how old the newest news of a snapshot are now, in seconds.

    ``age`` is how old they were when it was written.
    """
    return round(max(0.0, time.time() - updated_at) + age, 3)


async def _answer(question: Awaitable[_Answer]) -> _Answer:
    try:
        return await question
    except REDIS_AWAY as error:
        raise Refused(Reason.UNAVAILABLE, f"Redis does not answer: {error}") from None
    except (KeyError, ValueError, TypeError) as error:
        _log.error("snapshot_unreadable", error=repr(error))
        raise Refused(
            Reason.UNAVAILABLE, "what Redis holds is not a snapshot of the standings"
        ) from None


class _Kept(Generic[_Answer]):
    """What is read from Redis, for all who ask at about the same time."""

    def __init__(self, read: Callable[[], Awaitable[_Answer]], max_age: float) -> None:
        self._read = read
        self._max_age = max_age
        self._known: tuple[float, _Answer] | None = None
        self._reading: asyncio.Task[_Answer] | None = None

    async def get(self) -> _Answer:
        """Return what was read a moment ago, or is read now."""
        now = asyncio.get_running_loop().time()
        if self._known is not None and now - self._known[0] < self._max_age:
            return self._known[1]
        if self._reading is None:
            self._reading = asyncio.create_task(self._read_anew())
        return await asyncio.shield(self._reading)

    async def newest(self) -> _Answer:
        """Return what is there now."""
        if self._reading is not None:
            # It may have read before; whoever reads next has begun behind this call.
            await asyncio.wait([self._reading])
        self._known = None
        return await self.get()

    async def close(self) -> None:
        """Wait for the reading that is under way."""
        if self._reading is not None:
            await asyncio.wait([self._reading])

    async def _read_anew(self) -> _Answer:
        try:
            answer = await self._read()
            self._known = asyncio.get_running_loop().time(), answer
            return answer
        finally:
            self._reading = None


def _shape_of_offsets(offsets: Mapping[int, tuple[int, int]]) -> list[dict[str, int]]:
    return [
        {"partition": partition, "offset": offset, "revision": revision}
        for partition, (offset, revision) in sorted(offsets.items())
    ]


def _shape(snapshot: Snapshot | None) -> dict[str, Any]:
    if snapshot is None:
        return {
            "state": "empty",
            "age": None,
            "meta": None,
            "medal_table": [],
            "sports": [],
            "pairs": [],
        }
    age = age_of(snapshot.meta["updated_at"], snapshot.meta["age"])
    return {
        "state": "stale" if age > STALE_AFTER else "live",
        "age": age,
        "meta": snapshot.meta | {"offsets": _shape_of_offsets(snapshot.offsets)},
        "medal_table": snapshot.faculties,
        "sports": [{"sport": name, **counts} for name, counts in sorted(snapshot.sports.items())],
        "pairs": [
            {"sport": sport, "faculty": faculty, **counts}
            for (sport, faculty), counts in sorted(snapshot.pairs.items())
        ],
    }
