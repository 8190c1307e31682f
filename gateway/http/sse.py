"""The live stream: server-sent events of the standings, for as many viewers as look on.

One task looks at Redis while anybody is there, and nobody reads more than the last event of each
kind: a viewer who cannot keep up misses what is outdated, and costs no memory.
"""

import asyncio
import zlib
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import msgspec
import structlog
from aiohttp import ClientConnectionError
from aiohttp.web import BaseRequest, StreamResponse

from contracts.snapshot import CHANGE_OF_RULES, Rate, Snapshot, Stamp
from contracts.topics import another_log
from gateway.errors import Reason, Refused
from gateway.limits.budget import Shares
from gateway.limits.rate import network_of
from gateway.metrics import Metrics
from gateway.reading.snapshot_cache import SnapshotCache, age_of
from gateway.settings import GatewaySettings

_log = structlog.get_logger("gateway.live")

#: How often Redis is asked whether there is a new snapshot, seconds.
_TICK: Final = 0.05
#: Pause after Redis could not be read, seconds.
_REDIS_AWAY: Final = 0.5
#: How many rates are told: with the mirror's five seconds between two, ten minutes.
_RATES: Final = 120
#: A viewer who takes nothing for so long is gone, seconds.
_GIVEN_UP: Final = 30.0

#: Where a client of its own accord tries again: milliseconds.
_HELLO: Final = b"retry: 1000\n\n"
# A gzip stream without name and time; each event is a run of deflate blocks that refers to nothing
# before it, so that it is compressed once and fits into every viewer's stream.
_GZIP_HEADER: Final = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"

_UNTOLD: Final = object()

_encode = msgspec.json.Encoder().encode


class Live:
    """Serves the stream of events ``standings``, ``latest``, ``rates`` and ``alive``.

    ``standings``: the body of ``/v1/standings``, when it changed. ``latest``: that of
    ``/v1/latest``, when something else is told. ``rates``: pairs of Unix seconds and results a
    second, oldest first. ``alive``: every ``live_heartbeat`` seconds, the age of the data in
    seconds, None if there is none, and whether Redis can be read; ``problem``, if the log was made
    again, says so and what helps.
    """

    def __init__(
        self,
        settings: GatewaySettings,
        standings: SnapshotCache,
        metrics: Metrics,
        problem: Callable[[], str | None],
    ) -> None:
        """*problem* returns why nothing is accepted."""
        self._standings = standings
        self._another_log = another_log(settings.results_topic, settings.epoch)
        self._problem = problem
        self._interval = settings.live_interval
        self._heartbeat = settings.live_heartbeat
        self._places = Shares(settings.max_viewers)
        self._metrics = metrics
        self._closing = False
        self._looking: asyncio.Task[None] | None = None
        #: the last event of each kind
        self._events: dict[str, _Event] = {}
        self._published = 0
        #: viewers of an earlier one are sent away
        self._generation = 0
        self._more: asyncio.Future[None] | None = None

    async def serve(
        self, request: BaseRequest, request_id: str, headers: Mapping[str, str]
    ) -> StreamResponse:
        """Answer with events until the viewer leaves or the gateway stops.

        *headers* go out beside those of every stream.

        :raises Refused: too busy, when there are as many viewers as allowed; unavailable, when the
            gateway is stopping.
        """
        if self._closing:
            raise Refused(Reason.UNAVAILABLE, "the gateway is stopping")
        network = network_of(request.remote or "")
        places = self._places
        if not places.fit(network):
            raise Refused(
                Reason.TOO_BUSY,
                f"there are {places.used} viewers already, {places.held(network)} of them from "
                "this network, and none may take the places that others need",
            )
        packed = "gzip" in request.headers.get("Accept-Encoding", "")
        response = StreamResponse(
            headers={
                "Content-Type": "text/event-stream; charset=utf-8",
                "Cache-Control": "no-store",
                "X-Accel-Buffering": "no",
                "X-Request-ID": request_id,
                "Server": "medallero",
                "Vary": "Accept-Encoding",
                **({"Content-Encoding": "gzip"} if packed else {}),
            }
        )
        response.headers.extend(headers)
        if request.method == "HEAD":
            await response.prepare(request)
            return response
        self._arrive(network)
        try:
            await response.prepare(request)
            await self._feed(response, packed)
        except (ClientConnectionError, OSError):
            pass  # the viewer has left
        except TimeoutError:
            response.force_close()
            if request.transport is not None:
                request.transport.abort()
        finally:
            self._leave(network)
        return response

    def stop(self) -> None:
        """End all streams; new ones are refused."""
        self._closing = True
        self._wake()

    async def close(self) -> None:
        """Stop looking at Redis."""
        self.stop()
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait([self._looking])

    def _arrive(self, network: str) -> None:
        self._places.take(network)
        self._metrics.viewers.set(self._places.used)
        if self._looking is None:
            self._look_on()

    def _look_on(self) -> None:
        self._looking = asyncio.create_task(self._look())
        self._looking.add_done_callback(self._stopped_looking)

    def _leave(self, network: str) -> None:
        self._places.give_back(network)
        self._metrics.viewers.set(self._places.used)

    async def _feed(self, response: StreamResponse, packed: bool) -> None:
        seen = 0
        hello = _HELLO
        if packed:
            hello = _GZIP_HEADER + _packed(_HELLO)
        await response.write(hello)
        generation = self._generation
        while not self._closing and generation == self._generation:
            events = sorted(it for it in self._events.values() if it.number > seen)
            if not events:
                await self._news()
                continue
            seen = events[-1].number
            data = b"".join(it.packed if packed else it.plain for it in events)
            async with asyncio.timeout(_GIVEN_UP):
                await response.write(data)

    async def _news(self) -> None:
        if self._more is None:
            self._more = asyncio.get_running_loop().create_future()
        # Many wait for the same future: one who is cancelled must not take it from the others.
        await asyncio.shield(self._more)

    def _cut(self) -> None:
        self._generation += 1
        self._wake()

    def _wake(self) -> None:
        if self._more is not None and not self._more.done():
            self._more.set_result(None)
        self._more = None

    def _publish(self, kind: str, data: bytes) -> None:
        plain = b"event: %b\ndata: %b\n\n" % (kind.encode(), data)
        self._published += 1
        self._events[kind] = _Event(self._published, plain, _packed(plain))
        self._wake()

    async def _look(self) -> None:
        """Publish what is new until nobody looks on any more."""
        heartbeat = 0.0
        rates: deque[Rate] = deque(maxlen=_RATES)
        told: object = _UNTOLD
        told_latest: object = _UNTOLD
        while self._places.used and not self._closing:
            now = asyncio.get_running_loop().time()
            pause = _TICK
            stamp: Stamp | None = None
            try:
                stamp = await self._standings.stamp()
                if _counted(stamp) != told:
                    snapshot, body = await self._standings.newest()
                    told = _shown(snapshot)
                    self._publish("standings", body)
                    # The first change after a quiet time is told at once; more keep a distance.
                    pause = self._interval
                latest = None if stamp is None else stamp.latest
                if latest != told_latest:
                    self._publish("latest", await self._standings.newest_latest())
                    told_latest = latest
                if now >= heartbeat:
                    more = await self._standings.rates(rates[-1].entry if rates else "", _RATES)
                    rates.extend(more)
                    if more:
                        self._publish("rates", _encode([(it.at, it.rate) for it in rates]))
                readable = True
            except Refused:
                readable = False
                pause = _REDIS_AWAY
            if now >= heartbeat or not readable:
                age = None if stamp is None else age_of(stamp.updated_at, stamp.age)
                alive: dict[str, Any] = {"age": age, "readable": readable}
                # Whatever else keeps senders out is nothing to those who look on.
                if self._problem() == self._another_log:
                    alive["problem"] = self._another_log
                self._publish("alive", _encode(alive))
                heartbeat = now + self._heartbeat
            await asyncio.sleep(pause)

    def _stopped_looking(self, task: asyncio.Task[None]) -> None:
        self._looking = None
        self._events.clear()
        if task.cancelled():
            return
        if (error := task.exception()) is not None:
            _log.error("looking_failed", exc_info=error)
            # Viewers come back by themselves, and somebody looks for them again.
            self._cut()
        elif self._places.used and not self._closing:  # somebody came in the last moment
            self._look_on()


class _Event(NamedTuple):
    number: int
    plain: bytes
    packed: bytes


def _counted(stamp: Stamp | None) -> object:
    """Return what the numbers of a snapshot are a function of, and what is told beside them."""
    return None if stamp is None else (stamp.epoch, stamp.offsets, stamp.change_of_rules)


def _shown(snapshot: Snapshot | None) -> object:
    """Return the same of a snapshot that was read whole."""
    if snapshot is None:
        return None
    change = tuple(snapshot.meta[it] for it in CHANGE_OF_RULES)
    return (snapshot.meta["epoch"], snapshot.offsets, change)


def _packed(plain: bytes) -> bytes:
    deflate = zlib.compressobj(wbits=-15)
    return deflate.compress(plain) + deflate.flush(zlib.Z_SYNC_FLUSH)
