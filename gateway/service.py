"""The gateway put together: both servers over one intake, from start to drained stop."""

import asyncio
import os
from typing import Final

import structlog
from aiohttp.web import ServerRunner, TCPSite

from gateway.access import Access
from gateway.budget import Budget
from gateway.catalogue import catalogue_document
from gateway.grpc_server import GrpcServer
from gateway.http_api import HttpApi, HttpServer
from gateway.http_records import RecordRequests
from gateway.intake import Intake
from gateway.live import Live
from gateway.log_writer import LogWriter
from gateway.loop_lag import watch_loop
from gateway.metrics import Metrics
from gateway.settings import GatewaySettings
from gateway.standings import Standings
from gateway.tls import Tls
from olympics.catalogue import load_catalogue

_log = structlog.get_logger("gateway.service")

#: How often health checks learn of a change, seconds.
_TICK: Final = 0.1
#: Longest wait for answers on their way out, once all requests have been handled, seconds.
_LAST_WORDS: Final = 1.0


class Gateway:
    """A running gateway. ``http_port`` and ``grpc_port`` are known after ``start``."""

    http_port = 0
    grpc_port = 0

    def __init__(self, settings: GatewaySettings) -> None:
        """Raises CatalogueError, AccessError or TlsError if their files cannot be used."""
        catalogue = load_catalogue(settings.catalogue)
        self._settings = settings
        self.metrics = Metrics()
        self._access = Access(settings, catalogue)
        self._tls = Tls(settings)
        self._writer = LogWriter(settings, self.metrics)
        self.intake = Intake(catalogue, settings, self._writer, self.metrics)
        self._standings = Standings(settings, catalogue)
        budget = Budget(settings.max_in_flight, self.metrics)
        records = RecordRequests(settings, self.intake, budget)
        self._live = Live(settings, self._standings, self.metrics)
        self._api = HttpApi(
            settings,
            self.intake,
            records,
            self._standings,
            self._live,
            catalogue_document(catalogue),
            self.metrics,
        )
        server = HttpServer(
            self._api,
            access_log=None,
            auto_decompress=False,
            keepalive_timeout=75.0,
            lingering_time=5.0,
        )
        self._runner = ServerRunner(server, shutdown_timeout=_LAST_WORDS)
        self._grpc = GrpcServer(
            settings, self.intake, budget, self._access, self._tls, self.metrics
        )
        self._background: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Listen on both ports and begin to connect to Kafka, which need not be there yet.

        :raises OSError: a port is taken; the text names it.
        """
        settings = self._settings
        self._writer.start()
        try:
            await self._runner.setup()
            site = TCPSite(
                self._runner,
                settings.http_host,
                settings.http_port,
                backlog=1024,
                ssl_context=self._tls.http_context,
            )
            try:
                await site.start()
            except OSError as error:
                raise _cannot_listen(error, settings.http_host, settings.http_port) from None
            self.http_port = self._runner.addresses[0][1]
            self.grpc_port = await self._grpc.start()
        except BaseException:
            await self.stop()
            raise
        jobs = (self._tell_health(), self._watch_files(), watch_loop(self.metrics))
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
        self._live.stop()
        if self._background:
            for task in self._background:
                task.cancel()
            await self._grpc.tell_health(False)
        await asyncio.gather(self._stop_http(), self._grpc.stop(self._settings.drain_timeout))
        await self._writer.close()
        await self._live.close()
        await self._standings.close()
        _log.info("stopped")

    async def _stop_http(self) -> None:
        # The runner would at once stop reading from connections, also in the middle of a body;
        # so first no connection is taken any more, and requests that have begun are answered.
        for site in list(self._runner.sites):
            await site.stop()
        try:
            async with asyncio.timeout(self._settings.drain_timeout):
                await self._api.drained()
        except TimeoutError:
            _log.warning("drain_timeout", seconds=self._settings.drain_timeout)
        await self._runner.cleanup()

    async def _tell_health(self) -> None:
        while True:
            await self._grpc.tell_health(self.intake.problem is None)
            await asyncio.sleep(_TICK)

    async def _watch_files(self) -> None:
        while True:
            await asyncio.sleep(self._settings.reload_interval)
            self._access.refresh()
            self._tls.refresh()


def _cannot_listen(error: OSError, host: str, port: int) -> OSError:
    reason = os.strerror(error.errno) if error.errno else str(error)
    return OSError(error.errno, f"cannot listen on {host}:{port} for HTTP: {reason}")
