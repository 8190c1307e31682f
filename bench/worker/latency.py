"""How long after the gateway's 202 a result shows in Redis, at a steady load."""

from __future__ import annotations

import asyncio
import math
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import aiohttp
import msgspec
from redis.asyncio import Redis

from bench import figures
from bench.command import Say
from bench.stack import Stack
from bench.worker.compare import PARTITIONS
from bench.worker.peers import Run, peers, worker_environment
from bench.worker.watching import PeerFailed
from bench.worker.workers import fresh_run, start_worker
from bench.worker.workloads import A
from contracts.partitioning import partition_of
from medallero.embedded.ports import free_port
from medallero.embedded.processes import Command, Process, stop_all
from medallero.up.services import unreadiness

_PERIOD: Final = 0.01
_POLL: Final = 0.004
_WARM_UP: Final = 3.0
_READY_SECONDS: Final = 90.0
_ALL: Final = "all"

#: Asks Redis how many results are visible: by partition, or all together.
Visible = Callable[[], Awaitable[Mapping[str, int]]]


class Load(NamedTuple):
    """So many results a second to ``url``, over one connection for each of ``places``."""

    url: str
    rate: int
    seconds: float
    places: tuple[str, ...]

    @property
    def period(self) -> float:
        """Seconds between two requests of one connection."""
        return _PERIOD * len(self.places)

    @property
    def each(self) -> int:
        """Results in a request."""
        return max(1, round(self.rate * _PERIOD))

    @property
    def ticks(self) -> int:
        """Requests of one connection, warm-up included."""
        return math.ceil((_WARM_UP + self.seconds) / self.period)


class Sent(NamedTuple):
    """Results of one request: acknowledged ``at``; ``upto`` of ``where`` shows the last of them."""

    at: float
    where: str
    upto: int
    results: int


def measure_latency(stack: Stack, quick: bool, say: Say) -> dict[str, Any]:
    """Return the figures of this section, by name."""
    seconds = 8.0 if quick else 30.0
    return {
        "ours_at_10000_a_second": _of_worker(stack, 10_000, seconds, say),
        "textbook_faust_at_500_a_second": _of_textbook(stack, 500, seconds, say),
    }


def _of_worker(stack: Stack, rate: int, seconds: float, say: Say) -> dict[str, float | None]:
    say(f"Latency: the worker at {rate:,} results a second")
    run = fresh_run(stack, "latency-ours")
    return asyncio.run(_measure(run, start_worker(run), rate, seconds, by_partition=True))


def _of_textbook(stack: Stack, rate: int, seconds: float, say: Say) -> dict[str, float | None]:
    say(f"Latency: textbook Faust at {rate:,} results a second")
    run = fresh_run(stack, "latency-textbook")
    peer = next(peer for peer in peers(Path()) if peer.name == "textbook")
    process = Process(Command(peer.argv(), log=run.log, environment=run.environment()))
    return asyncio.run(_measure(run, process, rate, seconds, by_partition=False))


async def _measure(
    run: Run, consumer: Process, rate: int, seconds: float, *, by_partition: bool
) -> dict[str, float | None]:
    places = tuple(map(str, range(PARTITIONS))) if by_partition else (_ALL,)
    http, grpc = free_port(), free_port()
    environment = {
        **worker_environment(run, 0),
        "MEDALLERO_HTTP_PORT": str(http),
        "MEDALLERO_GRPC_PORT": str(grpc),
    }
    argv = (sys.executable, "-m", "medallero", "gateway")
    gateway = Process(Command(argv, log=run.directory / "gateway.log", environment=environment))
    redis = Redis.from_url(run.stack.redis_url, decode_responses=True)
    visible = _offsets(redis, run) if by_partition else _counters(redis, run)
    stop = asyncio.Event()
    seen: list[tuple[float, Mapping[str, int]]] = []
    try:
        await _ready(gateway, http)
        poller = asyncio.create_task(_poll(visible, seen, stop))
        load = Load(f"http://127.0.0.1:{http}/v1/results", rate, seconds, places)
        sent, lasted = await _send(load, consumer, visible)
        await _shown(sent, visible)
        stop.set()
        await poller
    finally:
        await asyncio.to_thread(stop_all, [gateway, consumer], 20.0)
        await redis.aclose()
    return _figures(sent, seen, lasted)


async def _send(load: Load, consumer: Process, visible: Visible) -> tuple[list[Sent], float]:
    """Post at a steady rate; return what was sent after the warm-up, and for how long.

    What is sent before the consumer works is left out too.
    """
    bodies = _bodies(load)
    async with aiohttp.ClientSession() as session:
        lanes = [Lane(session, load, where, bodies[where]) for where in load.places]
        greeted = {lane.where: (await lane.post()).upto for lane in lanes}
        deadline = time.monotonic() + _READY_SECONDS
        while not _covers(await visible(), greeted):
            if consumer.exit_code is not None or time.monotonic() > deadline:
                raise PeerFailed(f"does not count what is sent:\n{consumer.log_tail()}")
            await asyncio.sleep(0.05)
        began = time.monotonic()
        sent = await asyncio.gather(
            *(lane.run(began + number * _PERIOD) for number, lane in enumerate(lanes))
        )
        return [one for its in sent for one in its], time.monotonic() - began - _WARM_UP


class Lane:
    """One connection, one request after the other.

    With a lane for each partition, the results of a partition lie there in the order of sending,
    so how many of them are visible says which. Several lanes, because one would be too slow.
    """

    def __init__(
        self, session: aiohttp.ClientSession, load: Load, where: str, bodies: list[bytes]
    ) -> None:
        self.where = where
        self._session = session
        self._load = load
        self._bodies = iter(bodies)
        self._number = 0

    async def run(self, began: float) -> list[Sent]:
        """Post every so often, and return what was sent after the warm-up."""
        load = self._load
        sent: list[Sent] = []
        for tick in range(load.ticks):
            due = began + tick * load.period
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            one = await self.post()
            if due >= began + _WARM_UP:
                sent.append(one)
        return sent

    async def post(self) -> Sent:
        """Post the next results and wait for the 202."""
        headers = {"Content-Type": "application/json"}
        body = next(self._bodies)
        async with self._session.post(self._load.url, data=body, headers=headers) as answer:
            text = await answer.read()
            if answer.status != 202:
                raise PeerFailed(f"the gateway answered {answer.status}: {text[:300]!r}")
        self._number += self._load.each
        return Sent(time.monotonic(), self.where, self._number, self._load.each)


def _bodies(load: Load) -> dict[str, list[bytes]]:
    """Make all requests beforehand: to make them while measuring would take a core's time."""
    waiting: dict[str, list[bytes]] = {where: [] for where in load.places}
    bodies: dict[str, list[bytes]] = {where: [] for where in load.places}
    for key, value in A.endless():
        where = str(partition_of(key, PARTITIONS)) if len(load.places) > 1 else _ALL
        values = waiting[where]
        values.append(value)
        if len(values) == load.each:
            bodies[where].append(b"[" + b",".join(values) + b"]")
            values.clear()
            # One more than the ticks: the first is to see that the consumer works.
            if all(len(its) > load.ticks for its in bodies.values()):
                break
    return bodies


def _figures(
    sent: list[Sent], seen: list[tuple[float, Mapping[str, int]]], lasted: float
) -> dict[str, float | None]:
    """Match what was sent with when it was seen; both are in the order of time."""
    waits: list[tuple[float, int]] = []
    by_place: dict[str, list[Sent]] = {}
    for one in sent:
        by_place.setdefault(one.where, []).append(one)
    for where, its in by_place.items():
        looks = iter(seen)
        at, counts = next(looks)
        for one in its:
            while counts.get(where, 0) < one.upto:
                at, counts = next(looks)
            waits.append((max(0.0, at - one.at) * 1_000, one.results))
    results = sum(one.results for one in sent)
    return {
        "results": results,
        "results_a_second": results / lasted,
        "p50_ms": figures.percentile(waits, 0.50),
        "p99_ms": figures.percentile(waits, 0.99),
        "max_ms": figures.percentile(waits, 1.0),
    }


async def _poll(
    visible: Visible, seen: list[tuple[float, Mapping[str, int]]], stop: asyncio.Event
) -> None:
    while not stop.is_set():
        counts = await visible()
        seen.append((time.monotonic(), counts))
        await asyncio.sleep(_POLL)


async def _shown(sent: list[Sent], visible: Visible) -> None:
    """Wait until everything that was sent is visible."""
    wanted = Counter[str]()
    for one in sent:
        wanted[one.where] = one.upto
    deadline = time.monotonic() + _READY_SECONDS
    while not _covers(await visible(), wanted):
        if time.monotonic() > deadline:
            raise PeerFailed("what was sent did not become visible")
        await asyncio.sleep(0.05)
    # The poller is to see it too.
    await asyncio.sleep(5 * _POLL)


def _covers(counts: Mapping[str, int], wanted: Mapping[str, int]) -> bool:
    return all(counts.get(where, 0) >= number for where, number in wanted.items())


def _offsets(redis: Redis, run: Run) -> Visible:
    decode = msgspec.json.Decoder(dict[str, tuple[int, int]]).decode

    async def ask() -> Mapping[str, int]:
        text = await redis.hget(f"{run.prefix}meta", "offsets")
        return {} if text is None else {p: offset for p, (offset, _) in decode(text).items()}

    return ask


def _counters(redis: Redis, run: Run) -> Visible:
    async def ask() -> Mapping[str, int]:
        return {_ALL: sum(map(int, await redis.hvals(f"{run.prefix}entries")))}

    return ask


async def _ready(gateway: Process, port: int) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while problem := await asyncio.to_thread(unreadiness, "127.0.0.1", port):
        if gateway.exit_code is not None or time.monotonic() > deadline:
            raise PeerFailed(f"the gateway: {problem}; the end of its log:\n{gateway.log_tail()}")
        await asyncio.sleep(0.1)
