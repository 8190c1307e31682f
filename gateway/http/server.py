"""The HTTP server: its socket, its connections in both lanes, and the end of those too slow."""

import asyncio
import os
import ssl
from typing import Any, Final, cast

import structlog
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web import BaseRequest, Server, StreamResponse
from aiohttp.web_protocol import RequestHandler

from gateway.errors import Reason, Refused
from gateway.http.fast_path import KEEP_ALIVE, FastLane
from gateway.http.responses import response_of
from gateway.http.routes import STREAM, HttpApi
from gateway.http.submissions import Routes
from gateway.intake.results import Intake
from gateway.limits.budget import Budget, Shares
from gateway.limits.rate import network_of_peer
from gateway.metrics import Metrics
from gateway.observability.request_log import what_failed
from gateway.settings import GatewaySettings

_log = structlog.get_logger("gateway.http")

_BACKLOG: Final = 1024
#: How often slow connections are looked for, as a part of the shortest time that one may take.
_SWEEPS: Final = 4
_LONGEST_SWEEP: Final = 1.0
#: How long the rest of a refused request's body is read, so that its answer arrives, seconds.
_LINGER: Final = 5.0
_END_OF_HEAD: Final = b"\r\n\r\n"
#: Longest wait for answers on their way out, once all requests have been handled, seconds.
_LAST_WORDS: Final = 1.0


class HttpServer:
    """Listens. A connection begins in the fast lane and may go on to aiohttp."""

    def __init__(
        self,
        settings: GatewaySettings,
        api: HttpApi,
        routes: Routes,
        intake: Intake,
        budget: Budget,
        metrics: Metrics,
    ) -> None:
        self._settings = settings
        places = Shares(settings.max_connections)
        self._aiohttp = _Aiohttp(
            api,
            places,
            settings.head_timeout,
            access_log=None,
            auto_decompress=False,
            keepalive_timeout=KEEP_ALIVE,
            lingering_time=_LINGER,
        )
        self._lane = FastLane(settings, api, routes, intake, budget, places, self._aiohttp)
        metrics.connections.labels("fast").set_function(lambda: len(self._lane.connections))
        metrics.connections.labels("aiohttp").set_function(lambda: len(self._aiohttp.connections))
        self._server: asyncio.Server | None = None
        self._sweeper: asyncio.Task[None] | None = None

    async def start(self, context: ssl.SSLContext | None, *, shared: bool) -> int:
        """Listen, with TLS if there is a *context*; return the port.

        *shared*: other processes may listen on the same port, and get a part of the connections.

        :raises OSError: the port is taken; the text names it.
        """
        host, port = self._settings.http_host, self._settings.http_port
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(
                self._lane, host, port, ssl=context, backlog=_BACKLOG, reuse_port=shared
            )
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else str(error)
            raise OSError(
                error.errno, f"cannot listen on {host}:{port} for HTTP: {reason}"
            ) from None
        self._sweeper = asyncio.create_task(self._sweep())
        return int(self._server.sockets[0].getsockname()[1])

    def stop_listening(self) -> None:
        """Take no more connections; those that are open go on."""
        if self._server is not None:
            self._server.close()

    async def close(self) -> None:
        """Close all connections."""
        self.stop_listening()
        if self._sweeper is not None:
            self._sweeper.cancel()
        self._lane.close()
        self._aiohttp.pre_shutdown()
        await self._aiohttp.shutdown(_LAST_WORDS)

    async def _sweep(self) -> None:
        shortest = min(self._settings.head_timeout, self._settings.body_timeout)
        while True:
            await asyncio.sleep(min(shortest / _SWEEPS, _LONGEST_SWEEP))
            self._lane.sweep()
            self._aiohttp.sweep()


class _Aiohttp(Server):
    """aiohttp's low-level server: the connections that have left the fast lane."""

    def __init__(self, api: HttpApi, places: Shares, head_timeout: float, **kwargs: Any) -> None:
        super().__init__(api.handle, **kwargs)
        self._api = api
        self._places = places
        self._head_timeout = head_timeout

    def __call__(self) -> "_AiohttpConnection":
        return _AiohttpConnection(self._api, self._places, self, loop=self._loop, **self._kwargs)

    def sweep(self) -> None:
        """Cut the connections whose headers have not been complete for too long."""
        latest = self._loop.time() - self._head_timeout
        for connection in self.connections:
            cast(_AiohttpConnection, connection).cut_if_head_since_before(latest)


class _AiohttpConnection(RequestHandler):
    __slots__ = ("_api", "_ended", "_head_since", "_network", "_places")

    def __init__(self, api: HttpApi, places: Shares, manager: Server, **kwargs: Any) -> None:
        super().__init__(manager, **kwargs)
        self._api = api
        self._places = places
        self._network = ""
        self._ended = False
        self._head_since: float | None = None

    async def start(self) -> None:
        if self._manager is not None:  # else the client has gone before this began
            await super().start()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._network = network_of_peer(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        self._places.give_back(self._network)

    def data_received(self, data: bytes) -> None:
        while b"pgrade" in data or b"PGRADE" in data:
            # aiohttp's parser (3.14) drops what follows a request that asks for another protocol,
            # if both come in one piece. So it gets such a request alone.
            head, end, data = data.partition(_END_OF_HEAD)
            super().data_received(head + end)
            missing = self._missing_of_body()
            if missing:
                super().data_received(data[:missing])
                data = data[missing:]
        super().data_received(data)
        if self._messages or self._request_in_progress or self._current_request is not None:
            self._head_since = None
        elif self._head_since is None and data:
            self._head_since = self._loop.time()

    def eof_received(self) -> bool | None:  # type: ignore[override]
        """Answer a client that only closes its writing side; then close."""
        transport, parser, request = self.transport, self._parser, self._current_request
        idle = not self._messages and (self._waiter is not None or not self._request_count)
        if (
            transport is None
            or parser is None
            or transport.get_extra_info("ssl_object") is not None  # TLS has no half connection
            or idle
            # A viewer waits for no answer: he has left.
            or (request is not None and request.path == STREAM)
        ):
            return None
        try:
            parser.feed_eof()
        except HttpProcessingError:
            return None  # its body will never be complete
        self._ended = True
        if not self._messages:
            # The last request is about to be handled, or has just been answered: then no answer
            # would close the connection, and it would stay open until it has been idle for long.
            self.close()
        return True

    def _missing_of_body(self) -> int:
        """Return how many bytes of the last request's body have not come yet, if it says so."""
        if not self._messages:
            return 0
        message, payload = self._messages[-1]
        length = getattr(message, "headers", {}).get("Content-Length", "")
        return 0 if payload.is_eof() or not length.isdecimal() else int(length)

    async def _handle_request(self, *args: Any) -> tuple[StreamResponse, bool]:
        response, reset = await super()._handle_request(*args)
        if self._ended and not self._messages:
            response.force_close()
        return response, reset

    def cut_if_head_since_before(self, latest: float) -> None:
        """Close the connection if a head has begun before *latest* and is not complete."""
        if self._messages or self._request_in_progress:
            self._head_since = None
        elif self._head_since is not None and self._head_since < latest:
            self.force_close()

    def handle_error(
        self,
        request: BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> StreamResponse:
        if request.writer.output_size > 0:
            raise ConnectionError("the answer has begun, so no other can be given")
        if status >= 500 and exc is not None:
            _log.error("connection_failed", **what_failed(exc))
        reason = Reason.BAD_REQUEST if status < 500 else Reason.INTERNAL
        words = f"expected HTTP/1.1: {_first_line(message)}"
        request_id, answer = self._api.broken(Refused(reason, words))
        response = response_of(answer)
        response.headers["X-Request-ID"] = request_id
        response.force_close()
        return response


def _first_line(message: str | None) -> str:
    lines = (message or "").strip().splitlines()
    return lines[0].rstrip(":")[:200] if lines else "the request cannot be read"
