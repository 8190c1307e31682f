"""How long after the gateway's 202 a result shows in Redis, at a steady load."""

from __future__ import annotations

import asyncio
import itertools
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import aiohttp
import msgspec
from redis.asyncio import Redis

from bench.worker import rates
from bench.worker.compare import PARTITIONS, Say
from bench.worker.peers import Run, peers, worker_environment
from bench.worker.stack import Stack
from bench.worker.watching import PeerFailed
from bench.worker.workers import fresh_run, start_worker
from bench.worker.workloads import A, Record
from contracts.partitioning import partition_of
from medallero.embedded.ports import free_port
from medallero.embedded.processes import Command, Process, stop_all
from medallero.services import unreadiness

_PERIOD: Final = 0.01
_POLL: Final = 0.004
_WARM_UP: Final = 3.0
_READY_SECONDS: Final = 90.0
_ALL: Final = "all"

#: Asks Redis how many results are visible: by partition, or all together.
Visible = Callable[[], Awaitable[Mapping[str, int]]]


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
        url = f"http://127.0.0.1:{http}/v1/results"
        sent, lasted = await _send(url, rate, seconds, consumer, visible, by_partition)
        await _shown(sent, visible)
        stop.set()
        await poller
    finally:
        await asyncio.to_thread(stop_all, [gateway, consumer], 20.0)
        await redis.aclose()
    return _figures(sent, seen, lasted)


async def _send(
    url: str,
    rate: int,
    seconds: float,
    consumer: Process,
    visible: Visible,
    by_partition: bool,
) -> tuple[list[Sent], float]:
    """Post at a steady rate over one connection, one request after the other.

    So the results of a partition lie there in the order of sending, and how many of them are
    visible says which. What is sent before the consumer works, and in the first seconds, is left
    out.
    """
    numbers: Counter[str] = Counter()
    sent: list[Sent] = []
    records = A.endless()
    a_request = max(1, round(rate * _PERIOD))
    async with aiohttp.ClientSession() as session:
        await _post(session, url, records, PARTITIONS * 16, numbers, by_partition)
        deadline = time.monotonic() + _READY_SECONDS
        while not _covers(await visible(), numbers):
            if consumer.exit_code is not None or time.monotonic() > deadline:
                raise PeerFailed(f"does not count what is sent:\n{consumer.log_tail()}")
            await asyncio.sleep(0.05)
        began = time.monotonic()
        for tick in itertools.count():
            due = began + tick * _PERIOD
            if due > began + _WARM_UP + seconds:
                break
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            batch = await _post(session, url, records, a_request, numbers, by_partition)
            if due >= began + _WARM_UP:
                sent += batch
        # The warm-up was sent as evenly as the rest.
        return sent, time.monotonic() - began - _WARM_UP


async def _post(
    session: aiohttp.ClientSession,
    url: str,
    records: Iterator[Record],
    count: int,
    numbers: Counter[str],
    by_partition: bool,
) -> list[Sent]:
    chosen = list(itertools.islice(records, count))
    places = Counter(
        str(partition_of(key, PARTITIONS)) if by_partition else _ALL for key, _ in chosen
    )
    body = b"[" + b",".join(value for _, value in chosen) + b"]"
    async with session.post(url, data=body, headers={"Content-Type": "application/json"}) as answer:
        text = await answer.read()
        if answer.status != 202:
            raise PeerFailed(f"the gateway answered {answer.status}: {text[:300]!r}")
    now = time.monotonic()
    numbers.update(places)
    return [Sent(now, where, numbers[where], results) for where, results in places.items()]


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
        "p50_ms": rates.percentile(waits, 0.50),
        "p99_ms": rates.percentile(waits, 0.99),
        "max_ms": rates.percentile(waits, 1.0),
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
