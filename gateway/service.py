"""The gateway put together: both servers over one intake, from start to drained stop."""

import asyncio
import contextlib
from typing import Final

import structlog

from contracts.topics import KEPT, TopicSpec
from gateway.auth.authenticator import Access, check_seed
from gateway.auth.tls import Tls
from gateway.grpc.server import GrpcServer
from gateway.http.openapi import openapi_document
from gateway.http.page import Front
from gateway.http.routes import HttpApi
from gateway.http.server import HttpServer
from gateway.http.sse import Live
from gateway.http.submissions import RecordRequests, Route, kinds_of
from gateway.http.unit_requests import UnitRequests
from gateway.intake.reports import ReportIntake
from gateway.intake.results import Intake
from gateway.kafka.batching import LogWriter
from gateway.limits.budget import Budget
from gateway.limits.rate import Rate
from gateway.metrics import Metrics
from gateway.multiprocess.shared_metrics import Siblings
from gateway.observability.loop_lag import watch_loop
from gateway.paths import record_paths
from gateway.reading.catalogue import catalogue_document
from gateway.reading.details import Details
from gateway.reading.events import Events
from gateway.reading.snapshot_cache import SnapshotCache
from gateway.settings import GatewaySettings
from gateway.weather.fanout import ReportLog
from olympics.catalogue import load_catalogue

_log = structlog.get_logger("gateway.service")

#: How often health checks learn of a change, seconds.
_TICK: Final = 0.1
#: Longest wait for Kafka before a process listens that shares its ports with others, seconds.
_HEAD_START: Final = 5.0
#: How often the standings are asked which topic they are of, seconds.
_LOG_TICK: Final = 2.0
#: Longest wait for the first answer, seconds.
_REDIS_START: Final = 3.0


class Gateway:
    """A running gateway. ``http_port`` and ``grpc_port`` are known after ``start``."""

    http_port = 0
    grpc_port = 0

    def __init__(self, settings: GatewaySettings) -> None:
        """Raises CatalogueError, PathsError, AccessError or TlsError if they cannot be used."""
        catalogue = load_catalogue(settings.catalogue)
        paths = record_paths(settings.paths, catalogue, reports=bool(settings.weather_writers))
        self._settings = settings
        self.metrics = Metrics()
        self._access = Access(settings, catalogue)
        check_seed(settings)
        self.metrics.shut.set_function(lambda: self._access.shut)
        self._tls = Tls(settings)
        #: Kafka's id of the topic that the standings of this epoch are of, once they have said so
        self._counted_log: str | None = None
        self._writer = LogWriter(
            settings,
            self.metrics,
            TopicSpec(settings.results_topic, settings.partitions, KEPT),
            self.metrics.kafka_ready,
            lambda: self._counted_log,
        )
        self.intake = Intake(catalogue, settings, self._writer, self.metrics)
        self._standings = SnapshotCache(settings, catalogue)
        self._events = Events(settings, catalogue, self._standings)
        budget = Budget(settings.max_in_flight, self.metrics, largest=settings.max_body)
        rate = Rate(settings)
        records = RecordRequests(settings, self.intake, budget, self._access, rate)
        self._units = UnitRequests(settings, catalogue, self.intake, budget, self._access, rate)
        takers = {"result": records, "entry": records}
        # Weather reports are taken where a writer for them is named.
        self._report_log: ReportLog | None = None
        self.report_intake: ReportIntake | None = None
        if settings.weather_writers:
            self._report_log = ReportLog(settings, self.metrics)
            self.report_intake = ReportIntake(settings, self._report_log, self.metrics)
            takers["report"] = RecordRequests(
                settings, self.report_intake, budget, self._access, rate
            )
        routes = {
            path: Route(kinds_of(it), takers[it.kind], it.status, path)
            for path, it in paths.items()
        }
        self._live = Live(settings, self._standings, self.metrics, lambda: self.intake.problem)
        details = Details(settings, catalogue, self._standings, self._events)
        self._api = HttpApi(
            settings,
            self.intake,
            self.report_intake,
            routes,
            openapi_document(settings, paths),
            self._standings,
            self._events,
            self._units,
            details,
            Front(settings.frame_ancestors, catalogue, details, self._standings),
            self._live,
            catalogue_document(catalogue),
            self.metrics,
        )
        self._http = HttpServer(settings, self._api, routes, self.intake, budget, self.metrics)
        self._grpc = GrpcServer(
            settings,
            self.intake,
            self.report_intake,
            budget,
            self._access,
            rate,
            self._tls,
            self.metrics,
        )
        self._background: list[asyncio.Task[None]] = []

    def tell_metrics_of(self, siblings: Siblings) -> None:
        """Let ``/metrics`` tell of all processes of this gateway, and not of this one alone."""
        self._api.expose = siblings.expose

    async def start(self) -> None:
        """Listen on both ports and begin to connect to Kafka, which need not be there yet.

        :raises OSError: a port is taken; the text names it.
        """
        settings = self._settings
        # Before anything is accepted: the topic may have been made again while nobody looked.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_REDIS_START):
                await self._learn_log()
        self._writer.start()
        if self._report_log is not None:
            self._report_log.start()
        try:
            if settings.processes > 1:
                await self._wait_ready()
            self.http_port = await self._http.start(
                self._tls.http_context, shared=settings.processes > 1
            )
            self.grpc_port = await self._grpc.start()
        except BaseException:
            await self.stop()
            raise
        jobs = (
            self._tell_health(),
            self._watch_files(),
            self._watch_log(),
            watch_loop(self.metrics),
        )
        self._background = [asyncio.create_task(job) for job in jobs]
        scheme, grpc_scheme = ("https", "grpcs") if self._tls.http_context else ("http", "grpc")
        _log.info(
            "listening",
            http=f"{scheme}://{settings.http_host}:{self.http_port}",
            grpc=f"{grpc_scheme}://{settings.grpc_host}:{self.grpc_port}",
        )

    async def stop(self) -> None:
        """Drain: take nothing new, finish what is in flight within ``drain_timeout``, and end.

        Whatever was answered as accepted is at Kafka already; what is still waiting for Kafka's
        acknowledgement is waited for.
        """
        self.intake.stop()
        if self.report_intake is not None:
            self.report_intake.stop()
        self._live.stop()
        if self._background:
            for task in self._background:
                task.cancel()
            await self._grpc.tell_health(False, False)
        await asyncio.gather(self._stop_http(), self._grpc.stop(self._settings.drain_timeout))
        await self._writer.close()
        if self._report_log is not None:
            await self._report_log.close()
        await self._live.close()
        await self._units.close()
        await self._events.close()
        await self._standings.close()
        _log.info("stopped")

    async def _wait_ready(self) -> None:
        # Once it listens, a part of all connections is its, and the others could serve them.
        for _ in range(round(_HEAD_START / _TICK)):
            if self.intake.problem is None:
                return
            await asyncio.sleep(_TICK)

    async def _stop_http(self) -> None:
        self._http.stop_listening()
        try:
            async with asyncio.timeout(self._settings.drain_timeout):
                await self._api.in_flight.drained()
        except TimeoutError:
            _log.warning("drain_timeout", seconds=self._settings.drain_timeout)
        await self._http.close()

    async def _tell_health(self) -> None:
        while True:
            reports = self.report_intake
            await self._grpc.tell_health(
                self.intake.problem is None, reports is not None and reports.problem is None
            )
            await asyncio.sleep(_TICK)

    async def _learn_log(self) -> None:
        # A Redis that was wiped, or is away, makes nobody forget.
        self._counted_log = await self._standings.log() or self._counted_log

    async def _watch_log(self) -> None:
        while True:
            await asyncio.sleep(_LOG_TICK)
            await self._learn_log()

    async def _watch_files(self) -> None:
        while True:
            await asyncio.sleep(self._settings.reload_interval)
            self._access.refresh()
            self._tls.refresh()
