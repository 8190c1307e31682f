"""The private HTTP server of a process that counts: health and metrics."""

from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from streams.weather import metrics


class Web:
    """Serves the operator; it is not for the public.

    *state* tells of the process, with ``problems``: a list, empty while it is ready.
    """

    def __init__(self, host: str, port: int, state: Callable[[], Mapping[str, Any]]) -> None:
        self._host = host
        self._port = port
        self._state = state
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen."""
        app = web.Application()
        app.router.add_get("/healthz", self._health)
        app.router.add_get("/readyz", self._ready)
        app.router.add_get("/metrics", self._metrics)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port).start()

    async def stop(self) -> None:
        """Listen no more."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _health(self, _request: web.Request) -> web.Response:
        return web.json_response({"status": "alive"})

    async def _ready(self, _request: web.Request) -> web.Response:
        state = self._state()
        ready = not state["problems"]
        body = {"status": "ready" if ready else "not ready", **state}
        return web.json_response(body, status=200 if ready else 503)

    async def _metrics(self, _request: web.Request) -> web.Response:
        metrics.READY.set(not self._state()["problems"])
        return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})
