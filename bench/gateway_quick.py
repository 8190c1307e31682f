"""How many results a running gateway accepts a second: ``python -m bench.gateway_quick``.

Singles over keep-alive connections, and batches. The client is a bare asyncio protocol, so that it
takes less of the machine than the gateway does; on a small machine it still takes a good part.
"""

import argparse
import asyncio
import json
import sys
import time
from functools import partial
from typing import Any, Final, cast
from urllib.parse import urlsplit

import uvloop

_FACULTIES: Final = ("engineering", "agronomy")


def main() -> None:
    """Measure and print one JSON object a measurement."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:8080", help="the gateway")
    parser.add_argument("--seconds", type=float, default=5.0, help="duration of a measurement")
    parser.add_argument("--connections", type=int, default=64, help="connections for singles")
    parser.add_argument("--batch", type=int, default=500, help="results a batch")
    parser.add_argument("--batch-connections", type=int, default=8, help="connections for batches")
    options = parser.parse_args()
    for batch, connections in (
        (1, options.connections),
        (options.batch, options.batch_connections),
    ):
        measured = uvloop.run(measure(options.url, options.seconds, connections, batch))
        sys.stdout.write(json.dumps(measured) + "\n")


async def measure(url: str, seconds: float, connections: int, batch: int) -> dict[str, Any]:
    """Send for *seconds* over *connections*, *batch* results a request; return what came of it."""
    parts = urlsplit(url)
    loop = asyncio.get_running_loop()
    clients: list[_Client] = []
    for number in range(connections):
        client = _Client(_requests(number, batch))
        await loop.create_connection(
            partial(_same, client), parts.hostname or "127.0.0.1", parts.port or 80
        )
        clients.append(client)
    started = time.perf_counter()
    for client in clients:
        client.go()
    await asyncio.sleep(seconds)
    for client in clients:
        client.stop()
    elapsed = time.perf_counter() - started
    answers = sorted(taken for client in clients for taken in client.answers)
    if any(client.failure for client in clients) or not answers:
        raise SystemExit(next((c.failure for c in clients if c.failure), "no answer at all"))
    return {
        "results_per_request": batch,
        "connections": connections,
        "seconds": round(elapsed, 2),
        "results_per_second": round(len(answers) * batch / elapsed),
        "p50_ms": round(answers[len(answers) // 2] * 1000, 2),
        "p99_ms": round(answers[len(answers) * 99 // 100] * 1000, 2),
    }


def _same(client: "_Client") -> "_Client":
    return client


class _Client(asyncio.Protocol):
    """Sends one request after another and times the answers."""

    def __init__(self, requests: list[bytes]) -> None:
        self.answers: list[float] = []
        self.failure = ""
        self._requests = requests
        self._transport: asyncio.Transport | None = None
        self._running = False
        self._sent_at = 0.0
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def go(self) -> None:
        self._running = True
        self._send()

    def stop(self) -> None:
        self._running = False
        assert self._transport is not None
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        if not end:
            return
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        if len(body) < length:
            return
        self._received = b""
        if not head.startswith(b"HTTP/1.1 202") or b'"rejected_count":0' not in body:
            self.failure = (head + end + body).decode(errors="replace")
            self._running = False
            return
        self.answers.append(time.perf_counter() - self._sent_at)
        if self._running:
            self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._running:
            self.failure = f"connection lost: {exc}"

    def _send(self) -> None:
        assert self._transport is not None
        self._sent_at = time.perf_counter()
        self._transport.write(self._requests[len(self.answers) % len(self._requests)])


def _requests(connection: int, batch: int) -> list[bytes]:
    """Return some different requests, eight competitors a unit."""
    requests = []
    for number in range(max(8, 400 // batch)):
        results = []
        for place in range(batch):
            serial = (connection * 1000 + number) * batch + place
            results.append(
                {
                    "sport": "swimming",
                    "unit": f"bench heat {serial // 8}",
                    "competitor": {"id": f"{serial}", "name": "Ana García", "age": 20},
                    "faculty": _FACULTIES[serial % 2],
                    "mark": f"{50 + serial % 20}.{serial % 1000:03}",
                }
            )
        body = json.dumps(results if batch > 1 else results[0]).encode()
        requests.append(
            b"POST /v1/results HTTP/1.1\r\nHost: gateway\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n" % len(body) + body
        )
    return requests


if __name__ == "__main__":
    main()
