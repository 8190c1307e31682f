"""A gateway of the tests: a real HTTP server that answers as it is told to."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

Rule = Callable[[dict[str, Any]], tuple[str, str] | None]


@dataclass
class Busy:
    """An answer other than the usual one: a status, or ``None`` to cut the connection."""

    status: int | None
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""
    #: take the records although the answer does not say so
    takes: bool = False


class FakeGateway:
    """Accepts records for which *rule* gives no (field, error); says the *answers* first."""

    def __init__(self) -> None:
        self.answers: list[Busy] = []
        self.rule: Rule = lambda record: None
        self.requests: list[tuple[str, list[dict[str, Any]]]] = []
        self.accepted: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.delay = 0.0
        self.in_flight = 0
        self.most_in_flight = 0
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            return await self._answer(request)
        finally:
            self.in_flight -= 1

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        text = await request.text()
        if self.delay:
            await asyncio.sleep(self.delay)
        records = [json.loads(line) for line in text.splitlines() if line]
        self.requests.append((request.path, records))
        self.headers.append(dict(request.headers))
        if self.answers:
            busy = self.answers.pop(0)
            if busy.takes:
                self.accepted += records
            if busy.status is None:
                assert request.transport is not None
                request.transport.abort()
                return web.Response()
            return web.Response(status=busy.status, headers=busy.headers, text=busy.body)
        rejected = []
        for index, record in enumerate(records):
            problem = self.rule(record)
            if problem is None:
                self.accepted.append(record)
            else:
                rejected.append(
                    {
                        "index": index,
                        "id": record.get("id"),
                        "field": problem[0],
                        "error": problem[1],
                    }
                )
        accepted = len(records) - len(rejected)
        return web.json_response(
            {
                "accepted": accepted,
                "minted": [],
                "rejected_count": len(rejected),
                "rejected": rejected,
            },
            status=202 if accepted else 422,
        )


@contextmanager
def serving(gateway: FakeGateway, port: int = 0) -> Iterator[FakeGateway]:
    """Serve *gateway* from a thread with a loop of its own, on a free port unless one is given."""
    loop = asyncio.new_event_loop()
    ready = threading.Event()
    over = asyncio.Event()

    async def serve() -> None:
        application = web.Application(client_max_size=1 << 30)
        application.router.add_route("*", "/{path:.*}", gateway.handle)
        runner = web.AppRunner(application, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        gateway.port = runner.addresses[0][1]
        ready.set()
        await over.wait()
        await runner.cleanup()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    ready.wait()
    try:
        yield gateway
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()
        loop.close()
