"""aiohttp with ``send()`` a record, awaited: what one writes who has read aiokafka's first page."""

from __future__ import annotations

import asyncio
import os

import msgspec
import uvloop
from aiohttp import web
from aiokafka import AIOKafkaProducer

from bench.gateway.programs.rules import Result, decode, encode, key_of


async def serve() -> None:
    """Serve until the process is ended."""
    topic = os.environ["BENCH_TOPIC"]
    producer = AIOKafkaProducer(
        bootstrap_servers=os.environ["BENCH_KAFKA"], acks="all", enable_idempotence=True
    )
    await producer.start()

    async def post(request: web.Request) -> web.Response:
        try:
            found = decode(await request.read())
        except msgspec.DecodeError as error:
            return web.json_response({"error": str(error)}, status=422)
        results = [found] if isinstance(found, Result) else found
        acknowledged = [
            await producer.send(topic, encode(result), key=key_of(result)) for result in results
        ]
        await asyncio.gather(*acknowledged)
        return web.json_response({"accepted": len(results)}, status=202)

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
