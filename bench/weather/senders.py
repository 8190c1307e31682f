"""Clients that send reports as fast as they are answered, or at a rate, and time each request."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import uuid4

import aiohttp
import grpc

from bench.figures import percentile
from protos.medallero.weather.v1.report_pb2 import Report, SubmitRequest
from protos.medallero.weather.v1.report_pb2_grpc import ReportIntakeStub

#: Sends some reports, and raises if they are not accepted.
Send = Callable[[int], Awaitable[None]]

_TIMEOUT: Final = 30.0
_WEATHERS: Final = ("Lluvioso", "Nublado", "Soleado")
_COUNTRIES: Final = ("GT", "MX", "SV", "HN", "CR")


@dataclass
class Sent:
    """What became of the requests of one measurement."""

    reports: int = 0
    failed: int = 0
    seconds: float = 0.0
    #: (when it began, how long it took), in seconds
    requests: list[tuple[float, float]] = field(default_factory=list)

    def figures(self) -> dict[str, float | None]:
        """Return accepted reports a second, and the requests' times in milliseconds."""
        times = [(1000 * took, 1) for _, took in self.requests]
        return {
            "rate": self.reports / self.seconds if self.seconds else None,
            "p50_ms": percentile(times, 0.5),
            "p99_ms": percentile(times, 0.99),
            "failed": self.failed,
        }


def raw_reports(count: int) -> list[dict[str, Any]]:
    """Return reports as the course sends them, with ids."""
    return [
        {
            "id": uuid4().hex,
            "description": "Está lloviendo",
            "country": _COUNTRIES[number % len(_COUNTRIES)],
            "weather": _WEATHERS[number % len(_WEATHERS)],
        }
        for number in range(count)
    ]


async def load(
    ports: Sequence[int],
    protocol: str,
    *,
    batch: int,
    connections: int,
    seconds: float,
    rate: float = 0,
) -> Sent:
    """Send for so many seconds over *connections*, shared out among the gateways at *ports*.

    *protocol* is ``http`` or ``grpc``; *rate* in reports a second, 0: as fast as they are answered.
    """
    sent = Sent()
    async with AsyncExitStack() as stack:
        sends = [
            await _sender(stack, protocol, ports[number % len(ports)])
            for number in range(connections)
        ]
        began = time.monotonic()
        end = began + seconds
        pace = connections * batch / rate if rate else 0.0
        await asyncio.gather(*(_drive(it, sent, batch, end, pace) for it in sends))
        sent.seconds = time.monotonic() - began
    return sent


async def _drive(send: Send, sent: Sent, batch: int, end: float, pace: float) -> None:
    due = time.monotonic()
    while (began := time.monotonic()) < end:
        try:
            await send(batch)
        except (aiohttp.ClientError, grpc.RpcError, RuntimeError, TimeoutError):
            sent.failed += 1
        else:
            sent.reports += batch
            sent.requests.append((began, time.monotonic() - began))
        if pace:
            due += pace
            await asyncio.sleep(max(0.0, due - time.monotonic()))


async def _sender(stack: AsyncExitStack, protocol: str, port: int) -> Send:
    if protocol == "grpc":
        channel = await stack.enter_async_context(
            # A connection each, as over HTTP.
            grpc.aio.insecure_channel(
                f"127.0.0.1:{port}", options=[("grpc.use_local_subchannel_pool", 1)]
            )
        )
        stub: Any = ReportIntakeStub(channel)  # type: ignore[no-untyped-call]

        async def by_grpc(count: int) -> None:
            reports = [Report(**it) for it in raw_reports(count)]
            answer = await stub.Submit(SubmitRequest(reports=reports), timeout=_TIMEOUT)
            if answer.accepted != count:
                raise RuntimeError(f"accepted {answer.accepted} of {count}")

        return by_grpc
    session = await stack.enter_async_context(
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(_TIMEOUT))
    )

    async def by_http(count: int) -> None:
        reports = raw_reports(count)
        body = json.dumps(reports[0] if count == 1 else reports).encode()
        async with session.post(
            f"http://127.0.0.1:{port}/v1/reports",
            data=body,
            headers={"Content-Type": "application/json"},
        ) as answer:
            if answer.status != 202:
                raise RuntimeError(f"{answer.status}: {await answer.text()}")
            await answer.read()

    return by_http
