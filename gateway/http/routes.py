"""HTTP: paths, methods, request ids, and the answers to everything that can go wrong.

Not an aiohttp application but a bare handler: an exact look-up of the path costs a fraction of a
router with middlewares, and every answer, also to broken requests, is JSON of one shape.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import unquote

from aiohttp.web import BaseRequest, RequestKey, Response, StreamResponse
from multidict import MultiDict

from contracts.pages import PageError, page_of
from gateway.auth.tokens import Caller
from gateway.errors import Reason, Refused
from gateway.http.caching import CSV, CSV_SUFFIX, for_everybody, wants_csv
from gateway.http.page import BELOW, Front
from gateway.http.responses import (
    JSON,
    SERVER,
    Answer,
    answer_of,
    answer_to,
    bytes_of,
    json_answer,
    response_of,
)
from gateway.http.rules import HttpRules
from gateway.http.spreadsheets import Spreadsheets
from gateway.http.sse import Live
from gateway.http.static_files import Asset, load_page
from gateway.http.submissions import Route, Routes
from gateway.http.unit_requests import HISTORY, UnitRequests
from gateway.intake.base import RecordIntake
from gateway.limits.in_flight import InFlight
from gateway.limits.rate import network_of
from gateway.metrics import CONTENT_TYPE, Metrics
from gateway.observability.request_ids import RequestIds
from gateway.observability.request_log import RequestLog
from gateway.outcome import Outcome
from gateway.paths import COURSE, SETTING, PathsError, canonical_path, nearest_paths
from gateway.reading.details import Details, Given
from gateway.reading.events import Events
from gateway.reading.snapshot_cache import SnapshotCache
from gateway.settings import GatewaySettings

#: Where the live stream is.
STREAM: Final = "/v1/stream"
#: What changes results that the sender knows of, and what shows beforehand what results would do.
CHANGES: Final = "/v1/changes"
PREVIEW: Final = "/v1/preview"
_READING: Final = ("GET", "HEAD")

#: Where ``handle`` keeps a request's id for those who begin to answer by themselves.
_ID: Final = RequestKey("request_id", str)

Handler = Callable[[BaseRequest], Awaitable[StreamResponse]]
#: What answers a client, with the parameters of its request; and with what a path names.
Tell = Callable[[str, Given], Awaitable[bytes]]
TellNamed = Callable[[str, str, Given], Awaitable[bytes]]


class HttpApi:
    """Answers every request; ``handle`` never raises."""

    def __init__(
        self,
        settings: GatewaySettings,
        intake: RecordIntake,
        reports: RecordIntake | None,
        routes: Routes,
        openapi: bytes,
        standings: SnapshotCache,
        events: Events,
        units: UnitRequests,
        details: Details,
        front: Front,
        live: Live,
        catalogue: bytes,
        metrics: Metrics,
    ) -> None:
        self._intake = intake
        self._standings = standings
        self._units = units
        self._live = live
        sheets = self._sheets = Spreadsheets(standings, events, details)
        self._catalogue = catalogue
        self._metrics = metrics
        #: What the fast lane counts and names its requests by too.
        self.in_flight = InFlight(metrics)
        self.ids = RequestIds()
        self.rules = HttpRules(settings)
        self.log = RequestLog("http", metrics, debug=settings.log_level == "debug")
        #: Returns the metrics; of several processes, all of them.
        self.expose: Callable[[], Awaitable[bytes]] = self._own_metrics
        self._openapi = openapi
        self._routes: dict[str, dict[str, Handler]] = {
            "/v1/standings": {"GET": _told_by(self._all_standings, self._medal_table)},
            "/v1/standings.csv": {"GET": _told_by(self._medal_table, self._medal_table)},
            "/v1/latest": {"GET": _told_by(self._latest)},
            "/v1/events": {"GET": _told_by(events.events)},
            "/v1/medallists": {"GET": _told_by(events.medallists, sheets.medallists)},
            "/v1/medallists.csv": {"GET": _told_by(sheets.medallists, sheets.medallists)},
            "/v1/competitors": {"GET": _told_by(details.competitors)},
            PREVIEW: {"POST": self._previewer(units)},
            CHANGES: {"POST": self._changer(units)},
            STREAM: {"GET": self._get_stream},
            "/v1/catalogue": {"GET": self._get_catalogue},
            "/healthz": {"GET": self._healthz},
            "/readyz": {"GET": _readiness_of(intake)},
            "/metrics": {"GET": self._get_metrics},
            "/openapi.json": {"GET": self._get_openapi},
        }
        #: Beginnings of paths, what follows is a name.
        self._below: dict[str, dict[str, Handler]] = {
            beginning: {"GET": _told_below(beginning, tell, sheet)}
            for beginning, tell, sheet in (
                ("/v1/units/", self._unit, None),
                ("/v1/events/", details.event, sheets.event),
                ("/v1/competitors/", details.competitor, sheets.competitor),
                ("/v1/faculties/", details.faculty, None),
            )
        }
        if reports is not None:
            # Apart: a gateway whose RabbitMQ is away still takes results.
            self._routes["/readyz/weather"] = {"GET": _readiness_of(reports)}
        for path in ("/", "/latest", "/search", "/sports"):
            self._routes[path] = {"GET": front.answer}
        self._below[HISTORY] = {"GET": self._get_history}
        self._below |= {path: {"GET": front.answer} for path in BELOW}
        for path, asset in load_page(settings.frame_ancestors).items():
            self._routes[path] = {"GET": _asset_handler(asset)}
        for path, route in routes.items():
            methods = self._routes.setdefault(path, {})
            if methods and path not in COURSE:
                raise PathsError(f"{SETTING}: {path} is one of the gateway's own paths")
            methods["POST"] = self._poster(route)

    async def handle(self, request: BaseRequest) -> StreamResponse:
        """Return the answer to *request*."""
        request_id = self.ids.id_of(request.headers.get("X-Request-ID"))
        request[_ID] = request_id
        self.in_flight.begin()
        response: StreamResponse
        proper = False
        try:
            self.rules.check(request)
            proper = True
            response = await self._handler_of(request)(request)
        except Refused as refused:
            response = response_of(answer_to(refused, request_id))
        except asyncio.CancelledError:
            raise
        except Exception as error:
            response = response_of(answer_to(self.fault(request_id, error), request_id))
        finally:
            self.in_flight.end()
        if not proper:
            response.force_close()
        elif request.method in _READING:
            response.headers.extend(self.rules.reading_headers(request))
        return self._signed(response, request_id)

    def _signed(self, response: StreamResponse, request_id: str) -> StreamResponse:
        response.headers["X-Request-ID"] = request_id
        response.headers["Server"] = SERVER
        if self._intake.stopping:
            response.force_close()
        return response

    def fault(self, request_id: str, error: BaseException) -> Refused:
        """Log a fault of ours; return what the client is told."""
        self.log.failed(request_id, error)
        return Refused(Reason.INTERNAL, "the gateway has a fault; its log says more")

    def broken(self, refused: Refused) -> tuple[str, Answer]:
        """Return a request id and the answer to what is not even a request."""
        request_id = self.ids.id_of(None)
        return request_id, answer_to(refused, request_id)

    def last_words(self, refused: Refused) -> bytes:
        """Return the answer to what is not even a request, for a connection that is closed."""
        request_id, answer = self.broken(refused)
        return bytes_of(answer, request_id, close=True)

    def _handler_of(self, request: BaseRequest) -> Handler:
        methods = self._routes.get(request.rel_url.raw_path)
        if methods is None:
            raw, path = request.rel_url.raw_path, request.path
            for beginning, reading in self._below.items():
                if raw.startswith(beginning):
                    methods = reading
                    break
            else:
                methods = self._routes.get(canonical_path(path))
            if methods is None:
                raise Refused(Reason.NOT_FOUND, self._nothing_at(path))
        method = "GET" if request.method == "HEAD" else request.method
        handler = methods.get(method)
        if method == "OPTIONS" and "GET" in methods:
            preflight = self.rules.preflight_headers(request)
            if preflight is not None:
                return _preflight_handler(preflight)
        if handler is None:
            allow = ", ".join(("GET", "HEAD") if "GET" in methods else methods)
            raise Refused(Reason.METHOD_NOT_ALLOWED, f"expected {allow}", allow=allow)
        return handler

    def _nothing_at(self, path: str) -> str:
        course = COURSE.get(canonical_path(path))
        if course is not None and course.kind == "report":
            return (
                f"{path[:80]!r} takes weather reports, and this gateway takes none: "
                "MEDALLERO_WEATHER_WRITERS says where they go"
            )
        near = nearest_paths(path, self._routes)
        hint = f"did you mean {' or '.join(near)}? All paths are in" if near else "see"
        return f"there is nothing at {path[:80]!r}; {hint} /openapi.json"

    def _poster(self, route: Route) -> Handler:
        kinds, records, status, path = route

        async def take(request: BaseRequest, callers: list[Caller]) -> Outcome:
            callers.append(records.caller(request.headers.get("Authorization")))
            kind_of = kinds(request.headers.get("Idempotency-Key"))
            return await records.take(request, callers[0], kind_of)

        return self._taking(take, status, path)

    def _changer(self, units: UnitRequests) -> Handler:
        async def take(request: BaseRequest, callers: list[Caller]) -> Outcome:
            caller, client = units.admit(request)
            callers.append(caller)
            return await units.change(request, caller, client)

        return self._taking(take, 202, CHANGES)

    def _previewer(self, units: UnitRequests) -> Handler:
        async def post(request: BaseRequest) -> Response:
            self.rules.check_sender(request)
            return _for_one(await units.preview(request))

        return post

    def _taking(
        self,
        take: Callable[[BaseRequest, list[Caller]], Awaitable[Outcome]],
        status: int,
        path: str,
    ) -> Handler:
        """Return what answers with the outcome that *take* returns, once it has added who asks."""

        async def post(request: BaseRequest) -> Response:
            started = time.perf_counter()
            request_id: str = request[_ID]
            callers: list[Caller] = []
            try:
                try:
                    self.rules.check_sender(request)
                    outcome = await take(request, callers)
                except (Refused, asyncio.CancelledError):
                    raise
                except Exception as error:
                    raise self.fault(request_id, error) from None
            except Refused as refused:
                caller = callers[0] if callers else None
                self.log.refused(request_id, caller, refused, time.perf_counter() - started, path)
                raise
            self.log.answered(request_id, callers[0], outcome, time.perf_counter() - started, path)
            return response_of(answer_of(outcome, status))

        return post

    async def _all_standings(self, _client: str, _given: Given) -> bytes:
        return await self._standings.as_json()

    async def _medal_table(self, _client: str, _given: Given) -> bytes:
        return await self._sheets.medal_table()

    async def _latest(self, _client: str, _given: Given) -> bytes:
        return await self._standings.latest()

    async def _get_stream(self, request: BaseRequest) -> StreamResponse:
        return await self._live.serve(request, request[_ID], self.rules.reading_headers(request))

    async def _get_catalogue(self, request: BaseRequest) -> Response:
        return for_everybody(request, self._catalogue, JSON)

    async def _unit(self, _client: str, path: str, given: Given) -> bytes:
        sport, slash, unit = path.partition("/")
        if not slash or not unit:
            raise Refused(Reason.NOT_FOUND, "expected /v1/units/<sport>/<unit>")
        try:
            page = page_of(MultiDict(given))
        except PageError as error:
            raise Refused(Reason.BAD_REQUEST, str(error), field=error.field) from None
        return await self._standings.unit(sport, unit, page)

    async def _get_history(self, request: BaseRequest) -> Response:
        return _for_one(await self._units.history(request))

    async def _healthz(self, request: BaseRequest) -> Response:
        return json_answer({"status": "alive"})

    async def _get_metrics(self, request: BaseRequest) -> Response:
        return Response(body=await self.expose(), headers={"Content-Type": CONTENT_TYPE})

    async def _own_metrics(self) -> bytes:
        return self._metrics.expose()

    async def _get_openapi(self, request: BaseRequest) -> Response:
        return Response(body=self._openapi, content_type=JSON)


def _for_one(body: bytes) -> Response:
    """Answer who asked, and nobody else: no cache keeps it."""
    return Response(body=body, content_type=JSON, headers={"Cache-Control": "no-store"})


def _readiness_of(intake: RecordIntake) -> Handler:
    async def answer(request: BaseRequest) -> Response:
        intake.check_ready()
        return json_answer({"status": "ready"})

    return answer


def _told_by(tell: Tell, sheet: Tell | None = None) -> Handler:
    """Answer with what *tell* returns, or with *sheet* to who wants CSV."""

    async def answer(request: BaseRequest) -> Response:
        client, given = network_of(request.remote or ""), request.query.items()
        if sheet is not None and wants_csv(request):
            return for_everybody(request, await sheet(client, given), CSV)
        return for_everybody(request, await tell(client, given), JSON)

    return answer


def _told_below(beginning: str, tell: TellNamed, sheet: TellNamed | None = None) -> Handler:
    """As ``_told_by``; what is asked for is what follows *beginning* in the path."""

    async def answer(request: BaseRequest) -> Response:
        path = unquote(request.rel_url.raw_path[len(beginning) :])
        client, given = network_of(request.remote or ""), request.query.items()
        if sheet is not None and (path.endswith(CSV_SUFFIX) or wants_csv(request)):
            return for_everybody(
                request, await sheet(client, path.removesuffix(CSV_SUFFIX), given), CSV
            )
        return for_everybody(request, await tell(client, path, given), JSON)

    return answer


def _preflight_handler(headers: dict[str, str]) -> Handler:
    async def answer(request: BaseRequest) -> Response:
        return Response(status=204, headers=headers)

    return answer


def _asset_handler(asset: Asset) -> Handler:
    async def answer(request: BaseRequest) -> Response:
        return asset.answer(request)

    return answer
