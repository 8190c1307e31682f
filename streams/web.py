"""The private HTTP server of a worker: health, metrics, units, events, medallists, competitors."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from aiohttp import web
from mode import Service
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from contracts.details import (
    COMPETITOR_PATH,
    COMPETITORS_PATH,
    EVENT_PATH,
    CompetitorQuestion,
    CompetitorsQuestion,
    EventQuestion,
)
from contracts.events import EVENTS_PATH, MEDALLISTS_PATH, EventsQuestion, MedallistsQuestion
from contracts.pages import PageError, page_of
from contracts.partitioning import partition_of
from contracts.units import told
from olympics.result import key_of
from streams import metrics
from streams.details import Details
from streams.events import Events
from streams.units import Rankings, in_turns

if TYPE_CHECKING:
    from streams.worker import Worker

_Question = TypeVar("_Question")


class PrivateWeb(Service):
    """Serves the gateway and the operator; it is not for the public."""

    worker: "Worker"

    @classmethod
    def of(cls, worker: "Worker") -> type["PrivateWeb"]:
        """Return the service class bound to *worker*: Faust makes the instance itself."""
        return type("PrivateWeb", (cls,), {"worker": worker})

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._runner: web.AppRunner | None = None
        self._rankings = Rankings()

    async def on_start(self) -> None:
        app = web.Application()
        app.router.add_get("/healthz", self._health)
        app.router.add_get("/readyz", self._ready)
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/units/{sport}/{unit:.+}", self._unit)
        events = Events(self.worker.catalogue, self.worker.table.owned)
        app.router.add_post(EVENTS_PATH, _answering(EventsQuestion, events.events))
        app.router.add_post(MEDALLISTS_PATH, _answering(MedallistsQuestion, events.medallists))
        details = Details(self.worker.catalogue, events)
        app.router.add_post(EVENT_PATH, _answering(EventQuestion, details.event))
        app.router.add_post(COMPETITOR_PATH, _answering(CompetitorQuestion, details.competitor))
        app.router.add_post(COMPETITORS_PATH, _answering(CompetitorsQuestion, details.competitors))
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        settings = self.worker.settings
        await web.TCPSite(self._runner, settings.worker_host, settings.worker_port).start()

    async def on_stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
        self._rankings.close()

    async def _health(self, _request: web.Request) -> web.Response:
        return web.json_response({"status": "alive"})

    async def _ready(self, _request: web.Request) -> web.Response:
        worker = self.worker
        problems = worker.problems()
        partitions = {
            str(partition): {"offset": state.offset, "live": state.live}
            for partition, state in sorted(worker.table.owned())
        }
        body = {
            "status": "not ready" if problems else "ready",
            "problems": problems,
            "warnings": worker.warnings(),
            "partitions": partitions,
            "recovery_remaining": worker.app.recovery_remaining,
            "scoreboard": worker.board() is not None,
            "mirror_problem": worker.mirror.problem,
        }
        return web.json_response(body, status=503 if problems else 200)

    async def _metrics(self, _request: web.Request) -> web.Response:
        worker = self.worker
        counters = worker.app.counters
        readings = metrics.Readings(
            lags=worker.lags(),
            recovery_remaining=counters.recovery_remaining,
            results=sum(state.tally.results for _, state in worker.table.owned()),
            scoreboard=worker.board() is not None,
            ready=not worker.problems(),
            rebalances=worker.app.rebalancing_count,
            restored_partitions=counters.restored_partitions,
            restored_records=counters.restored_records,
            restore_seconds=counters.restore_seconds,
            published_records=counters.published_records,
            fetches_dropped=counters.fetches_dropped,
            acks_dropped=counters.acks_dropped,
        )
        body = generate_latest(metrics.registry(readings))
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def _unit(self, request: web.Request) -> web.Response:
        sport = request.match_info["sport"]
        name = request.match_info["unit"]
        worker = self.worker
        key = key_of(sport, name)
        partition = partition_of(key, worker.settings.partitions)
        state = dict(worker.table.owned()).get(partition)
        if state is None:
            return web.json_response(
                {"error": "another worker owns this unit", "partition": partition}, status=421
            )
        try:
            page = page_of(request.query)
        except PageError as error:
            return web.json_response({"error": str(error)}, status=400)
        ranked = await self._rankings.ranking(state, key)
        if ranked is None:
            return web.json_response({"error": "no such unit"}, status=404)
        body = await in_turns(told(ranked.ranking, worker.catalogue.sports[sport], name, page))
        body["offset"] = ranked.offset
        return web.Response(body=msgspec.json.encode(body), content_type="application/json")


def _answering(
    kind: type[_Question], answer: Callable[[_Question], Awaitable[object]]
) -> Callable[[web.Request], Awaitable[web.Response]]:
    read = msgspec.json.Decoder(kind).decode

    async def handle(request: web.Request) -> web.Response:
        try:
            question = read(await request.read())
        except msgspec.MsgspecError as error:
            return web.json_response({"error": str(error)}, status=400)
        body = msgspec.json.encode(await answer(question))
        return web.Response(body=body, content_type="application/json")

    return handle
