"""The stores of the counts: any server that speaks Redis's protocol and runs its scripts."""

import time
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any, Final, NamedTuple, TypeVar

import msgspec
import structlog
from redis.asyncio import Redis
from redis.exceptions import ReadOnlyError, ResponseError

from contracts.redis import REDIS_AWAY
from contracts.redis_keys import WeatherKeys
from streams.weather import metrics
from weather.counts import cells_of
from weather.report import Report, decode
from weather.survivors import survives

log: structlog.stdlib.BoundLogger = structlog.get_logger("streams.weather.store")

_encode = msgspec.json.Encoder().encode

#: Seconds that a disk may take before the store is said to be away.
_DISK: Final = 10.0

Answer = TypeVar("Answer")


class StoreUnavailable(Exception):
    """The store did not do what it was asked; whether it did a part of it is not known."""


def connect(url: str) -> "Redis":
    """Return a client of a store; nothing is asked of it yet."""
    return Redis.from_url(
        url, decode_responses=True, socket_timeout=15, socket_connect_timeout=2, protocol=2
    )


class PartitionWrite(NamedTuple):
    """What one partition comes to at ``offset``: all cells (``full``), or those that changed."""

    offset: int
    rejected: int
    cells: Mapping[str, int]
    full: bool
    token: str
    #: token of the write that ``cells`` build upon
    expects: str


class PartitionStore:
    """Counts of partitions, absolute, behind a fence: the end of the way by Kafka."""

    def __init__(self, redis: "Redis", prefix: str, *, epoch: int, revision: int) -> None:
        self._redis = redis
        self._prefix = prefix
        self._epoch = epoch
        self._revision = revision
        self._script = redis.register_script(_script("partitions.lua"))

    async def write(self, partitions: Mapping[int, PartitionWrite]) -> dict[int, str]:
        """Write what *partitions* come to, in one step; return the outcome of each.

        ``written``; ``full``: give all cells; else the reason why the store refused.

        :raises StoreUnavailable: it may or may not be written.
        """
        payload = {
            "epoch": self._epoch,
            "revision": self._revision,
            "now": f"{time.time():.3f}",
            "partitions": {str(it): write._asdict() for it, write in partitions.items()},
        }
        answer = await _ask(self._redis, self._script(keys=[self._prefix], args=[_encode(payload)]))
        problem, *outcomes = answer
        if problem:
            return dict.fromkeys(partitions, problem)
        found = dict(zip(outcomes[::2], outcomes[1::2], strict=True))
        return {partition: found[str(partition)] for partition in partitions}


class Counted(NamedTuple):
    """What became of a batch: ids that were new, ids whose record gave way to an earlier one."""

    new: int
    replaced: int


class ReportStore:
    """Counts of reports, each id once: the end of the way by RabbitMQ."""

    def __init__(self, redis: "Redis", prefix: str) -> None:
        self._redis = redis
        self._prefix = prefix
        self._meta = WeatherKeys(prefix).meta
        self._script = redis.register_script(_script("reports.lua"))
        self._says_when_durable: bool | None = None

    async def count(self, reports: Sequence[tuple[Report, bytes]]) -> Counted:
        """Count *reports*, given with their encoded forms, of which any may be known already.

        :raises StoreUnavailable: they may or may not be counted; counting them again is right.
        """
        least: dict[str, tuple[Report, bytes]] = {}
        for report, value in reports:
            known = least.get(report.id)
            if known is None or survives(report, value, *known):
                least[report.id] = (report, value)
        new = replaced = 0
        #: id → the value in the store that the report is to replace
        replacing: dict[str, bytes] = {}
        while least:
            payload = _Payload()
            for report, value in least.values():
                payload.add(report, value, replacing.get(report.id))
            answer = await _ask(
                self._redis, self._script(keys=[self._prefix], args=[payload.encode()])
            )
            new += answer[0]
            replaced += answer[1]
            others = dict(zip(answer[2][::2], answer[2][1::2], strict=True))
            replacing = {it: text.encode() for it, text in others.items()}
            least = {
                it: least[it]
                for it, stored in replacing.items()
                if survives(*least[it], decode(stored), stored)
            }
        return Counted(new, replaced)

    async def durable(self) -> bool:
        """Wait until all that was counted is on the disk of the store; false if it cannot tell.

        :raises StoreUnavailable: it is not known to be there.
        """
        if self._says_when_durable is False:
            return False
        try:
            # WAITAOF is about the writes of its own connection, so there is one before it, on the
            # same connection, and after all that was counted.
            asking = self._redis.pipeline(transaction=False)
            asking.hset(self._meta, "durable_at", f"{time.time():.3f}")
            asking.waitaof(1, 0, int(_DISK * 1000))
            _, answer = await _ask(self._redis, asking.execute())
        except _Refused as error:
            # Redis before 7.2 has no such command; or there is no file to write to.
            log.warning("store_cannot_say_when_durable", reason=str(error))
            self._says_when_durable = False
            return False
        if answer[0] < 1:
            raise StoreUnavailable(f"nothing reached its disk in {_DISK:g} s")
        self._says_when_durable = True
        return True


class _Refused(Exception):
    """The store does not know the command."""


class _Payload:
    """Reports for the script: a cell's name appears once, however many reports add to it."""

    def __init__(self) -> None:
        self._places: dict[str, int] = {}
        self._reports: list[Any] = []

    def add(self, report: Report, value: bytes, replacing: bytes | None) -> None:
        removes = None if replacing is None else self._cells(decode(replacing))
        expects = None if replacing is None else replacing.decode()
        self._reports.append((report.id, value.decode(), self._cells(report), expects, removes))

    def encode(self) -> bytes:
        return _encode(
            {"now": f"{time.time():.3f}", "cells": list(self._places), "reports": self._reports}
        )

    def _cells(self, report: Report) -> list[int]:
        places = self._places
        flat: list[int] = []
        for cell, number in cells_of(report):
            flat.append(places.setdefault(cell, len(places)))
            flat.append(number)
        return flat


def _script(name: str) -> str:
    package = files("streams.weather")
    return package.joinpath("counts.lua").read_text() + package.joinpath(name).read_text()


async def _ask(redis: "Redis", question: Any) -> Any:
    began = time.monotonic()
    try:
        answer = await question
    except ReadOnlyError as error:
        # The primary became a replica; its address may lead elsewhere by now.
        await redis.connection_pool.disconnect()
        metrics.FAILED.inc()
        raise StoreUnavailable(f"it is read-only: {error}") from None
    except ResponseError as error:
        if "WAITAOF" in str(error) or "unknown command" in str(error).lower():
            raise _Refused(str(error)) from None
        metrics.FAILED.inc()
        raise StoreUnavailable(str(error)) from None
    except REDIS_AWAY as error:
        metrics.FAILED.inc()
        raise StoreUnavailable(str(error) or type(error).__name__) from None
    metrics.WRITE_SECONDS.observe(time.monotonic() - began)
    return answer
