"""aiohttp that reads a body and answers 202 to nothing: the limit of every gateway on aiohttp."""

from __future__ import annotations

import asyncio
import os

import uvloop
from aiohttp import web


async def serve() -> None:
    """Serve until the process is ended."""

    async def post(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(body=b'{"accepted":0}', status=202, content_type="application/json")

    async def ready(_request: web.Request) -> web.Response:
        return web.Response()

    app = web.Application(client_max_size=2**24)
    app.add_routes([web.post("/v1/results", post), web.get("/readyz", ready)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", int(os.environ["BENCH_PORT"])).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve())
