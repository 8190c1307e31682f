"""The private HTTP server of a worker: health, metrics, and the standings of one unit."""

from typing import TYPE_CHECKING, Any

from aiohttp import web
from mode import Service
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from contracts.partitioning import partition_of
from olympics.catalogue import Sport
from olympics.mark import format_mark, shown_mark
from olympics.result import key_of
from olympics.unit import Unit, status_name
from streams import metrics

if TYPE_CHECKING:
    from streams.worker import Worker


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

    async def on_start(self) -> None:
        app = web.Application()
        app.router.add_get("/healthz", self._health)
        app.router.add_get("/readyz", self._ready)
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/units/{sport}/{unit:.+}", self._unit)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        settings = self.worker.settings
        await web.TCPSite(self._runner, settings.worker_host, settings.worker_port).start()

    async def on_stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

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
        for owned, state in worker.table.owned():
            if owned == partition:
                unit = state.tally.unit(key)
                if unit is None:
                    return web.json_response({"error": "no such unit"}, status=404)
                rules = worker.catalogue.sports[sport]
                return web.json_response(_standings(unit, state.offset, rules))
        return web.json_response(
            {"error": "another worker owns this unit", "partition": partition}, status=421
        )


def _standings(unit: Unit, offset: int, sport: Sport) -> dict[str, Any]:
    times = sport.times_of(unit.unit)
    titled = sport.titled_by(unit.unit)
    rows = [
        {
            "rank": place.rank,
            "competitor": place.competitor,
            "name": place.latest.name,
            "faculty": place.latest.faculty,
            "mark": None if mark is None else format_mark(mark),
            "mark_text": None if mark is None else shown_mark(mark, time=times),
            "outcome": place.latest.outcome,
            "irm": place.latest.irm,
            "medal": place.medal,
            "split": place.split,
            "status": status_name(place.latest),
            "version": place.latest.version,
        }
        for place in unit.places()
        for mark in (place.latest.exact_mark(),)
    ]
    return {
        "sport": unit.sport,
        "unit": unit.unit,
        "title": titled and titled.title,
        "titles": dict(titled.titles) if titled else {},
        "phase": unit.phase,
        "order": sport.order_of(unit.unit),
        "recognised": sport.recognises(unit.unit),
        "offset": offset,
        "rows": rows,
    }
