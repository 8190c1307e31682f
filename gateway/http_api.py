"""HTTP: paths, methods, request ids, and the answers to everything that can go wrong.

Not an aiohttp application but a bare handler: an exact look-up of the path costs a fraction of a
router with middlewares, and every answer, also to broken requests, is JSON of one shape.
"""

import asyncio
import itertools
import re
import secrets
from collections.abc import Awaitable, Callable
from typing import Any, Final
from urllib.parse import unquote

import structlog
from aiohttp.web import BaseRequest, Response, Server, StreamResponse
from aiohttp.web_protocol import RequestHandler

from gateway.http_answers import JSON, json_answer, outcome_answer, refusal_answer
from gateway.http_records import KindOf, RecordRequests
from gateway.intake import Entries, Intake, Results
from gateway.live import Live
from gateway.metrics import CONTENT_TYPE, Metrics
from gateway.openapi import openapi_document
from gateway.page import Asset, load_page
from gateway.refusal import Reason, Refused
from gateway.settings import GatewaySettings
from gateway.standings import Standings

_log = structlog.get_logger("gateway.http")

#: Paths of the course's clients, and the faculty that each stands for.
COURSE_PATHS: Final = {
    "/ingenieria": "engineering",
    "/agronomia": "agronomy",
    "/engineering": "engineering",
    "/agronomy": "agronomy",
}
_UNITS: Final = "/v1/units/"
_REQUEST_ID: Final = re.compile(r"[\x21-\x7e]{1,128}")

#: Where ``handle`` keeps a request's id for those who begin to answer by themselves.
_ID: Final = "medallero.request_id"

Handler = Callable[[BaseRequest], Awaitable[StreamResponse]]


class HttpApi:
    """Answers every request; ``handle`` never raises."""

    def __init__(
        self,
        settings: GatewaySettings,
        intake: Intake,
        records: RecordRequests,
        standings: Standings,
        live: Live,
        catalogue: bytes,
        metrics: Metrics,
    ) -> None:
        self._intake = intake
        self._records = records
        self._standings = standings
        self._live = live
        self._catalogue = catalogue
        self._metrics = metrics
        self._active = 0
        self._last: asyncio.Future[None] | None = None
        self._openapi = openapi_document(settings)
        prefix = secrets.token_hex(6)
        self._ids = (f"{prefix}-{number:x}" for number in itertools.count(1))
        self._routes: dict[str, dict[str, Handler]] = {
            "/v1/standings": {"GET": self._get_standings},
            "/v1/stream": {"GET": self._get_stream},
            "/v1/catalogue": {"GET": self._get_catalogue},
            "/healthz": {"GET": self._healthz},
            "/readyz": {"GET": self._readyz},
            "/metrics": {"GET": self._get_metrics},
            "/openapi.json": {"GET": self._get_openapi},
            "/v1/results": {"POST": self._post_results},
            "/v1/entries": {"POST": self._entries_handler(None)},
        }
        for path, faculty in COURSE_PATHS.items():
            self._routes[path] = {"POST": self._entries_handler(faculty)}
        for path, asset in load_page().items():
            self._routes[path] = {"GET": _asset_handler(asset)}

    async def drained(self) -> None:
        """Return when no request is being answered."""
        while self._active:
            self._last = asyncio.get_running_loop().create_future()
            await self._last

    async def handle(self, request: BaseRequest) -> StreamResponse:
        """Return the answer to *request*."""
        request_id = self._request_id(request)
        request[_ID] = request_id
        self._active += 1
        response: StreamResponse
        try:
            response = await self._handler_of(request)(request)
        except Refused as refused:
            response = refusal_answer(refused, request_id)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            _log.error("request_failed", request_id=request_id, path=request.path, exc_info=error)
            response = refusal_answer(
                Refused(Reason.INTERNAL, "the gateway has a fault; its log says more"), request_id
            )
        finally:
            self._active -= 1
            if not self._active and self._last is not None and not self._last.done():
                self._last.set_result(None)
        response.headers["X-Request-ID"] = request_id
        response.headers["Server"] = "medallero"
        if self._intake.stopping:
            response.force_close()
        return response

    def answer_broken(self, status: int, message: str) -> Response:
        """Answer what is not even HTTP."""
        request_id = next(self._ids)
        reason = Reason.BAD_REQUEST if status < 500 else Reason.INTERNAL
        response = refusal_answer(Refused(reason, message), request_id)
        response.headers["X-Request-ID"] = request_id
        return response

    def _handler_of(self, request: BaseRequest) -> Handler:
        methods = self._routes.get(request.rel_url.raw_path)
        if methods is None:
            path = request.path
            if path.startswith(_UNITS):
                methods = {"GET": self._get_unit}
            else:
                methods = self._routes.get(path.rstrip("/") or "/")
                if methods is None:
                    raise Refused(
                        Reason.NOT_FOUND, f"there is nothing at {path[:80]!r}; see /openapi.json"
                    )
        method = "GET" if request.method == "HEAD" else request.method
        handler = methods.get(method)
        if handler is None:
            allow = ", ".join(("GET", "HEAD") if "GET" in methods else methods)
            raise Refused(Reason.METHOD_NOT_ALLOWED, f"expected {allow}", allow=allow)
        return handler

    def _request_id(self, request: BaseRequest) -> str:
        given = request.headers.get("X-Request-ID")
        if given is not None and _REQUEST_ID.fullmatch(given):
            return given
        return next(self._ids)

    async def _post_results(self, request: BaseRequest) -> Response:
        return await self._post(request, lambda _several: Results())

    def _entries_handler(self, faculty: str | None) -> Handler:
        async def post_entries(request: BaseRequest) -> Response:
            key = _idempotency_key(request)
            return await self._post(request, lambda several: Entries(faculty, key, several))

        return post_entries

    async def _post(self, request: BaseRequest, kind_of: KindOf) -> Response:
        try:
            outcome = await self._records.take(request, kind_of)
        except Refused as refused:
            self._metrics.answers["http", refused.reason.code].inc()
            raise
        answer = "rejected" if outcome.all_bad else "accepted"
        self._metrics.answers["http", answer].inc()
        return outcome_answer(outcome)

    async def _get_standings(self, request: BaseRequest) -> Response:
        return Response(body=await self._standings.as_json(), content_type=JSON)

    async def _get_stream(self, request: BaseRequest) -> StreamResponse:
        return await self._live.serve(request, request[_ID])

    async def _get_catalogue(self, request: BaseRequest) -> Response:
        return Response(body=self._catalogue, content_type=JSON)

    async def _get_unit(self, request: BaseRequest) -> Response:
        raw = request.rel_url.raw_path.removeprefix(_UNITS)
        sport, slash, unit = raw.partition("/")
        if not slash or not unit:
            raise Refused(Reason.NOT_FOUND, "expected /v1/units/<sport>/<unit>")
        body = await self._standings.unit(unquote(sport), unquote(unit))
        return Response(body=body, content_type=JSON)

    async def _healthz(self, request: BaseRequest) -> Response:
        return json_answer({"status": "alive"})

    async def _readyz(self, request: BaseRequest) -> Response:
        problem = self._intake.problem
        if problem is not None:
            raise Refused(Reason.UNAVAILABLE, problem)
        return json_answer({"status": "ready"})

    async def _get_metrics(self, request: BaseRequest) -> Response:
        return Response(body=self._metrics.expose(), headers={"Content-Type": CONTENT_TYPE})

    async def _get_openapi(self, request: BaseRequest) -> Response:
        return Response(body=self._openapi, content_type=JSON)


class HttpServer(Server):
    """aiohttp's low-level server, with our answer to requests that its parser refuses."""

    def __init__(self, api: HttpApi, **kwargs: Any) -> None:
        super().__init__(api.handle, **kwargs)
        self._api = api

    def __call__(self) -> RequestHandler:
        return _Connection(self._api, self, loop=self._loop, **self._kwargs)


class _Connection(RequestHandler):
    __slots__ = ("_api",)

    def __init__(self, api: HttpApi, manager: Server, **kwargs: Any) -> None:
        super().__init__(manager, **kwargs)
        self._api = api

    def handle_error(
        self,
        request: BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> StreamResponse:
        if request.writer.output_size > 0:
            raise ConnectionError("the answer has begun, so no other can be given")
        if status >= 500:
            _log.error("connection_failed", exc_info=exc)
        response = self._api.answer_broken(status, f"expected HTTP/1.1: {_first_line(message)}")
        response.force_close()
        return response


def _asset_handler(asset: Asset) -> Handler:
    async def answer(request: BaseRequest) -> Response:
        return asset.answer(request)

    return answer


def _first_line(message: str | None) -> str:
    lines = (message or "").strip().splitlines()
    return lines[0].rstrip(":")[:200] if lines else "the request cannot be read"


def _idempotency_key(request: BaseRequest) -> str | None:
    key = request.headers.get("Idempotency-Key")
    if key is not None and not key.strip():
        raise Refused(Reason.BAD_REQUEST, "Idempotency-Key is empty")
    return key
