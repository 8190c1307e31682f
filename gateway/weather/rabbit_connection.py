"""The connection to RabbitMQ: made when it is there, made again when it breaks."""

import asyncio
from collections.abc import Callable
from typing import Any, Final, NamedTuple, TypeVar

import structlog
from aio_pika import Connection
from aio_pika.abc import AbstractChannel, AbstractConnection
from aiormq import Channel as RawChannel
from pamqp.common import FieldTable
from yarl import URL

from contracts.weather import declare_weather_queues
from gateway.settings import GatewaySettings

_log = structlog.get_logger("gateway.rabbit_link")

#: Pauses between attempts to connect, seconds.
_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 2.0
#: Longest wait for an answer of RabbitMQ, seconds.
_PATIENCE: Final = 3.0
#: Longest wait for the orderly end of a connection, seconds.
_FAREWELL: Final = 1.0
#: A peer that is silent for about three times as long is given up, seconds.
_HEARTBEAT: Final = 5


_T = TypeVar("_T")


class RabbitLink:
    """Keeps one channel with publisher confirms, and says why there is none.

    aio-pika's robust connection is not used: it restores channels behind one's back, and whoever
    waits for a confirm has to know that its connection is gone.
    """

    def __init__(self, settings: GatewaySettings, *, changed: Callable[[], None]) -> None:
        """``changed`` is called when ``problem`` may be another."""
        self._settings = settings
        self._changed = changed
        url = URL(settings.rabbitmq)
        self._place = f"RabbitMQ at {url.host}:{url.port or 5672}"
        self._connection: AbstractConnection | None = None
        self._channel: RawChannel | None = None
        self._probe: AbstractChannel | None = None
        self._available = asyncio.Event()
        self._hurry = asyncio.Event()
        self._finishing = asyncio.Event()
        self._pause = _FIRST_PAUSE
        self._retiring: set[asyncio.Task[None]] = set()
        self._problem: str | None = "not connected to RabbitMQ yet"

    @property
    def problem(self) -> str | None:
        """Why RabbitMQ cannot take messages now; None while it can."""
        return self._problem

    async def channel(self) -> RawChannel:
        """Wait for a channel that works, as far as is known."""
        while self._channel is None:
            await self._available.wait()
        return self._channel

    def failed(self, channel: RawChannel, error: BaseException) -> None:
        """Take note that messages failed on *channel*: its connection is replaced at once."""
        if channel is self._channel:
            _log.error("rabbitmq_failed", error=_words(error))
            self._lose(f"reconnecting to {self._place} after: {_words(error)}")

    def delivered(self) -> None:
        """Take note that messages were confirmed."""
        self._pause = _FIRST_PAUSE

    async def run(self) -> None:
        """Look after the connection until ``finish``, or until cancelled."""
        while not self._finishing.is_set():
            self._hurry.clear()
            problem = await self._look() if self._connection else await self._connect()
            if problem is not None:
                self._lose(problem)
                self._hurry.clear()
                pause, self._pause = self._pause, min(2 * self._pause, _LONGEST_PAUSE)
            else:
                if self._connection is not None:  # it may have gone again meanwhile
                    self._set_problem(None)
                pause = self._settings.kafka_check
            try:
                async with asyncio.timeout(pause):
                    await self._hurry.wait()
            except TimeoutError:
                pass

    def finish(self) -> None:
        """Let ``run`` end by itself."""
        self._finishing.set()
        self._hurry.set()

    async def close(self) -> None:
        """Give up the connection; what is not confirmed by now may be lost."""
        connection, self._connection = self._connection, None
        self._retire(connection)
        while self._retiring:
            await asyncio.wait(self._retiring)

    async def _connect(self) -> str | None:
        opening = asyncio.create_task(_open(self._settings))
        try:
            opened = await _within(2 * _PATIENCE, opening)
        except BaseException as error:
            # Given up, it may still come to something.
            opening.add_done_callback(self._retire_late)
            # Unknown errors of the library too: this loop must go on whatever RabbitMQ answers.
            if not isinstance(error, Exception):
                raise
            return f"{self._place}: {_words(error)}"
        connection = opened.connection

        def gone(_sender: Any, error: BaseException | None) -> None:
            if self._connection is connection:
                self._lose(f"{self._place} has closed the connection: {_words(error)}")

        connection.close_callbacks.add(gone)
        opened.channel.close_callbacks.add(gone)
        self._connection, self._channel, self._probe = connection, opened.raw, opened.probe
        if connection.is_closed or opened.channel.is_closed:
            return f"{self._place} has closed the connection"
        self._available.set()
        return None

    async def _look(self) -> str | None:
        """Ask for the queue: it may be gone, or its leader, while the connection lasts."""
        probe = self._probe
        assert probe is not None
        asking = asyncio.create_task(probe.get_queue(self._settings.weather_queue))
        try:
            await _within(_PATIENCE, asking)
        except Exception as error:
            return f"{self._place}: {_words(error)}"
        return None

    def _lose(self, problem: str) -> None:
        connection, self._connection = self._connection, None
        self._channel = self._probe = None
        self._available.clear()
        self._retire(connection)
        self._hurry.set()
        self._set_problem(problem)

    def _retire(self, connection: AbstractConnection | None) -> None:
        if connection is None:
            return
        task = asyncio.create_task(_end(connection))
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)

    def _retire_late(self, opening: "asyncio.Task[_Opened]") -> None:
        if not opening.cancelled() and opening.exception() is None:
            self._retire(opening.result().connection)

    def _set_problem(self, problem: str | None) -> None:
        if problem != self._problem:
            self._problem = problem
            self._changed()


class _Opened(NamedTuple):
    connection: AbstractConnection
    channel: AbstractChannel
    raw: RawChannel
    probe: AbstractChannel


async def _open(settings: GatewaySettings) -> _Opened:
    """Connect, and declare what is needed. Whatever the library raises is raised."""
    url = URL(settings.rabbitmq)
    if "heartbeat" not in url.query:
        url = url.update_query(heartbeat=str(_HEARTBEAT))
    names: FieldTable = {"connection_name": "medallero-gateway"}
    # Not by ``aio_pika.connect``: of an attempt that fails it would leave a connection that nobody
    # can close, and that the garbage collector closes wherever it runs.
    connection = Connection(url, client_properties=names)
    try:
        await connection.connect(timeout=_PATIENCE)
        probe = await connection.channel(publisher_confirms=False)
        await declare_weather_queues(probe, settings)
        channel = await connection.channel(on_return_raises=True)
        raw = await channel.get_underlay_channel()
        assert isinstance(raw, RawChannel)
    except BaseException:
        await _end(connection)
        raise
    return _Opened(connection, channel, raw, probe)


async def _end(connection: AbstractConnection) -> None:
    closing = asyncio.create_task(_close(connection))
    try:
        await _within(_FAREWELL, closing)
    except Exception as error:
        _log.warning("rabbitmq_close_failed", error=_words(error))


async def _close(connection: AbstractConnection) -> None:
    await connection.close()


async def _within(seconds: float, task: "asyncio.Task[_T]") -> _T:
    """Return what *task* returns, or raise TimeoutError and leave it to its end.

    ``asyncio.timeout`` would wait for that end, and aio-pika's clean-up after a cancellation may
    have none while RabbitMQ does not answer.
    """
    try:
        await asyncio.wait({task}, timeout=seconds)
        if task.done():
            return task.result()
        raise TimeoutError
    finally:
        task.cancel()


def _words(error: BaseException | None) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return str(error) or type(error).__name__
