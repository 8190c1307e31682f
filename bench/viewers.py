"""What viewers of the live stream cost a running gateway: ``python -m bench.viewers``.

Many real HTTP connections read the stream, compressed as browsers ask for it, while results are
posted one after the other; nobody else may post meanwhile. The delay is from the beginning of the
request to the arrival of the event that counts it. Memory and processor time are the gateway's own
figures (``/metrics``). Prints one JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import sys
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp

_COUNTED: Final = re.compile(rb'"results":(\d+)')
_PATIENCE: Final = 60.0


@dataclass
class Viewer:
    """Counts what it hears; ``heard`` is when it first knew of so many results."""

    heard: dict[int, float] = field(default_factory=dict)
    events: int = 0
    received: int = 0
    newest: int = -1

    async def watch(self, session: aiohttp.ClientSession, url: str) -> None:
        """Read the stream until cancelled."""
        async with session.get(f"{url}/v1/stream", headers={"Accept-Encoding": "gzip"}) as answer:
            if answer.status != 200:
                raise SystemExit(f"the stream is refused: {await answer.text()}")
            inflate = zlib.decompressobj(31)
            rest = b""
            async for piece in answer.content.iter_any():
                self.received += len(piece)
                *events, rest = (rest + inflate.decompress(piece)).split(b"\n\n")
                for event in events:
                    self.events += 1
                    if event.startswith(b"event: standings"):
                        self._hear(event)

    def _hear(self, event: bytes) -> None:
        found = _COUNTED.search(event)
        if found is not None:
            self.newest = int(found[1])
            self.heard[self.newest] = time.perf_counter()


async def measure(url: str, viewers: int, results: int, pause: float) -> dict[str, Any]:
    """Let *viewers* look on while *results* are posted, *pause* seconds between two."""
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=_PATIENCE)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(
        timeout=timeout, connector=connector, auto_decompress=False
    ) as session:
        alone = await _figures(session, url)
        watching = [Viewer() for _ in range(viewers)]
        tasks = [asyncio.create_task(it.watch(session, url)) for it in watching]
        try:
            await _until(lambda: all(it.newest >= 0 for it in watching), tasks)
            first = watching[0].newest
            entry = await _an_entry(session, url)
            before = await _figures(session, url)
            began = time.perf_counter()
            posted = {}
            for number in range(1, results + 1):
                posted[first + number] = time.perf_counter()
                await _post(session, url, entry | {"id": f"viewers-{time.time_ns()}"})
                await asyncio.sleep(pause)
            last = first + results
            await _until(lambda: all(it.newest >= last for it in watching), tasks)
            seconds = time.perf_counter() - began
            after = await _figures(session, url)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
    delays = sorted(
        min(at for count, at in viewer.heard.items() if count >= number) - when
        for number, when in posted.items()
        for viewer in watching
    )
    return {
        "viewers": viewers,
        "results": results,
        "seconds": round(seconds, 2),
        "events_heard": sum(it.events for it in watching),
        "kilobytes_sent": sum(it.received for it in watching) // 1024,
        "delay_p50_ms": _percentile(delays, 0.50),
        "delay_p99_ms": _percentile(delays, 0.99),
        "delay_max_ms": _percentile(delays, 1.0),
        "gateway_memory_alone_mib": round(alone["memory"] / 2**20, 1),
        "gateway_memory_mib": round(after["memory"] / 2**20, 1),
        "gateway_cpu_percent": round(100 * (after["cpu"] - before["cpu"]) / seconds, 1),
    }


def main() -> None:
    """Measure, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:8080", help="the gateway")
    parser.add_argument("--viewers", type=int, default=200)
    parser.add_argument("--results", type=int, default=60, help="results posted")
    parser.add_argument("--pause", type=float, default=0.25, help="seconds between two of them")
    options = parser.parse_args()
    work = measure(options.url, options.viewers, options.results, options.pause)
    try:
        measured = asyncio.run(work)
    except aiohttp.ClientConnectorError:
        sys.exit(f"nothing answers at {options.url}: start it with make up, or name it with --url")
    sys.stdout.write(json.dumps(measured, indent=1) + "\n")


async def _post(session: aiohttp.ClientSession, url: str, entry: dict[str, Any]) -> None:
    async with session.post(f"{url}/v1/entries", json=entry) as answer:
        if answer.status != 202:
            raise SystemExit(f"an entry is refused: {await answer.text()}")


async def _an_entry(session: aiohttp.ClientSession, url: str) -> dict[str, Any]:
    async with session.get(f"{url}/v1/catalogue") as answer:
        catalogue = await answer.json()
    return {
        "student": "Ana",
        "age": 20,
        "faculty": catalogue["faculties"][0]["name"],
        "discipline": catalogue["sports"][0]["name"],
    }


async def _figures(session: aiohttp.ClientSession, url: str) -> dict[str, float]:
    async with session.get(f"{url}/metrics") as answer:
        lines = (await answer.text()).splitlines()
    names = {"process_resident_memory_bytes": "memory", "process_cpu_seconds_total": "cpu"}
    return {
        names[name]: float(value)
        for name, _, value in (line.partition(" ") for line in lines)
        if name in names
    }


async def _until(reached: Callable[[], bool], tasks: list[asyncio.Task[None]]) -> None:
    deadline = time.perf_counter() + _PATIENCE
    while not reached():
        for task in tasks:
            if task.done():
                task.result()
                raise SystemExit("a stream ended")
        if time.perf_counter() > deadline:
            raise SystemExit("the viewers did not hear of all results")
        await asyncio.sleep(0.01)


def _percentile(ordered: list[float], share: float) -> float:
    return round(1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))], 1)


if __name__ == "__main__":
    main()
