"""Reading the snapshot in Redis, with what can go wrong told as a fact."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from redis.asyncio import Redis
from redis.exceptions import AuthenticationError, RedisError

from contracts.reasons import reason_of
from contracts.settings import CommonSettings
from contracts.snapshot import (
    LatestView,
    MedallistsView,
    Snapshot,
    read_latest,
    read_medallists,
    read_snapshot,
)
from contracts.urls import shown_url

_View = TypeVar("_View")


class SnapshotUnavailable(Exception):
    """The snapshot cannot be read: what is wrong, and what to do."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem}; {remedy}")
        self.problem = problem
        self.remedy = remedy


class SnapshotReader:
    """A connection to the snapshot; see `open_snapshot`."""

    def __init__(self, redis: Redis, settings: CommonSettings) -> None:
        self.redis = redis
        self.address = shown_url(settings.redis)
        self._settings = settings

    async def read(self) -> Snapshot | None:
        """Return the snapshot; ``None`` when none was ever written.

        :raises SnapshotUnavailable: Redis does not answer, or holds something else.
        """
        return await self._read(read_snapshot)

    async def read_latest(self) -> LatestView | None:
        """Return the latest changes; as :meth:`read`."""
        return await self._read(read_latest)

    async def read_medallists(self) -> MedallistsView | None:
        """Return the last medals; as :meth:`read`."""
        return await self._read(read_medallists)

    async def _read(self, read: Callable[[Redis, CommonSettings], Awaitable[_View]]) -> _View:
        try:
            return await read(self.redis, self._settings)
        except AuthenticationError as error:
            raise SnapshotUnavailable(
                f"Redis at {self.address} refuses us ({error})",
                "put user and password into MEDALLERO_REDIS",
            ) from None
        except (RedisError, OSError, TimeoutError) as error:
            raise SnapshotUnavailable(
                f"Redis does not answer at {self.address} ({reason_of(error)})",
                "start it with `medallero up`; if it runs elsewhere, `source DIR/env` (DIR: the "
                "data directory of `up`), or set MEDALLERO_REDIS",
            ) from None
        except (KeyError, ValueError, TypeError, IndexError) as error:
            prefix = self._settings.redis_prefix
            raise SnapshotUnavailable(
                f"what Redis at {self.address} holds under {prefix!r} is no snapshot of ours "
                f"({type(error).__name__}: {error})",
                "is another program writing there? set MEDALLERO_REDIS_PREFIX",
            ) from None


@asynccontextmanager
async def open_snapshot(settings: CommonSettings) -> AsyncIterator[SnapshotReader]:
    """Open the mirror; nothing is asked of it yet.

    :raises SnapshotUnavailable: the address is none.
    """
    try:
        redis = Redis.from_url(
            settings.redis, decode_responses=True, socket_timeout=5, socket_connect_timeout=2
        )
    except ValueError as error:
        raise SnapshotUnavailable(
            f"{shown_url(settings.redis)!r} is no address of Redis ({error})",
            "set MEDALLERO_REDIS, for example to redis://127.0.0.1:6379/0",
        ) from None
    try:
        yield SnapshotReader(redis, settings)
    finally:
        await redis.aclose()
