"""A consumer of the weather queue: RabbitMQ's messages into the counts of Valkey.

A message is acknowledged after its effect: when the store has counted it and, where it can say so,
has it on its disk. Counting a report twice changes nothing, so whatever is delivered again may be.
"""

import asyncio
import contextlib
import time
from collections.abc import Sequence
from typing import Any, Final

import aio_pika
import structlog
from aio_pika.abc import AbstractChannel
from aio_pika.exceptions import AMQPError, ChannelInvalidStateError
from aiormq.abc import AbstractChannel as RawChannel
from aiormq.abc import DeliveredMessage
from yarl import URL

from contracts.weather import declare_weather_queues
from streams.weather import metrics
from streams.weather.settings import WeatherConsumerSettings
from streams.weather.store import ReportStore, StoreUnavailable, connect
from weather.report import Report, ReportError, decode

log: structlog.stdlib.BoundLogger = structlog.get_logger("streams.weather.consumer")

_CONNECT: Final = 10.0
#: Seconds after which a broker that does not answer is left.
_HEARTBEAT: Final = 10
_FIRST_PAUSE: Final = 0.2
_LONGEST_PAUSE: Final = 5.0
#: What a connection can end with, also in the middle of something.
_LOST = (AMQPError, ChannelInvalidStateError, OSError, TimeoutError)


class Consumer:
    """One consumer process."""

    def __init__(self, settings: WeatherConsumerSettings) -> None:
        self._settings = settings
        self._redis = connect(settings.valkey)
        self._store = ReportStore(self._redis, settings.weather_prefix)
        self._stopping = asyncio.Event()
        self._queue_problem: str | None = "not connected to RabbitMQ yet"
        self._store_problem: str | None = None
        self._durable = True

    def stop(self) -> None:
        """Ask it to end; what is not acknowledged then is delivered to another."""
        self._stopping.set()

    async def run(self) -> None:
        """Consume until :meth:`stop`, through whatever happens to RabbitMQ and to the store."""
        pause = _FIRST_PAUSE
        try:
            while not self._stopping.is_set():
                try:
                    await self._consume()
                    pause = _FIRST_PAUSE
                except _LOST as error:
                    problem = str(error) or type(error).__name__
                    if self._queue_problem is None:
                        pause = _FIRST_PAUSE
                    log.warning("queue_lost", error=problem, again_in_seconds=pause)
                    self._queue_problem = f"RabbitMQ: {problem}"
                    await self._rest(pause)
                    pause = min(_LONGEST_PAUSE, 2 * pause)
        finally:
            await self._redis.aclose()

    def state(self) -> dict[str, Any]:
        """Return what ``/readyz`` says."""
        problems = [it for it in (self._queue_problem, self._store_problem) if it]
        return {"problems": problems, "durable": self._durable}

    async def _consume(self) -> None:
        """Consume over one connection until it ends, or we do."""
        settings = self._settings
        url = URL(settings.rabbitmq)
        if "heartbeat" not in url.query:
            url = url.update_query(heartbeat=str(_HEARTBEAT))
        # Made by hand, as it is to be closed also when it was never open.
        connection = aio_pika.Connection(url)
        try:
            await connection.connect(timeout=_CONNECT)
            channel = await connection.channel()
            await channel.set_qos(prefetch_count=settings.weather_prefetch)
            await declare_weather_queues(channel, settings)
            session = _Session(self, channel)
            await session.run()
        finally:
            with contextlib.suppress(*_LOST):
                await asyncio.wait_for(connection.close(), timeout=_CONNECT)

    async def _rest(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), timeout=seconds)


class _Session:
    """Consuming over one channel: delivery tags mean nothing on another one."""

    def __init__(self, consumer: Consumer, channel: AbstractChannel) -> None:
        self._consumer = consumer
        self._channel = channel
        self._settings = consumer._settings
        self._store = consumer._store
        self._incoming: asyncio.Queue[DeliveredMessage] = asyncio.Queue()
        #: all messages up to this delivery tag are counted, or put aside
        self._counted = 0
        self._has_counted = asyncio.Event()
        self._lost = asyncio.get_running_loop().create_future()
        self._delivered = self._acknowledged = 0

    async def run(self) -> None:
        """Consume until the channel is lost, or the consumer is to stop."""
        # Below aio-pika, which makes an object and a task of its own for each message.
        raw = await self._channel.get_underlay_channel()
        # The broker cancels a consumer when the queue was deleted, or its leader has moved.
        raw.on_consumer_cancel_callbacks.add(self._is_lost)
        self._channel.close_callbacks.add(self._is_lost)
        await raw.basic_consume(self._settings.weather_queue, self._arrived)
        self._consumer._queue_problem = None
        log.info("consuming", queue=self._settings.weather_queue)
        tasks = [
            asyncio.create_task(self._count()),
            asyncio.create_task(self._acknowledge(raw)),
            asyncio.create_task(self._consumer._stopping.wait()),
        ]
        try:
            await asyncio.wait([*tasks, self._lost], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
        for result in ended:
            if isinstance(result, Exception):
                raise result
        if self._lost.done():
            raise ConnectionError(f"the queue was taken away: {self._lost.result()}")

    def _is_lost(self, _sender: Any, error: BaseException | None = None) -> None:
        if not self._lost.done():
            self._lost.set_result(error or "closed")

    async def _arrived(self, message: DeliveredMessage) -> None:
        self._delivered += 1
        self._incoming.put_nowait(message)
        metrics.LAG.set(self._delivered - self._acknowledged)

    async def _count(self) -> None:
        """Count what has arrived, batch by batch, in the order of the delivery tags."""
        while True:
            batch = [await self._incoming.get()]
            while len(batch) < self._settings.weather_batch and not self._incoming.empty():
                batch.append(self._incoming.get_nowait())
            metrics.RECORDS.inc(len(batch))
            reports = []
            for message in batch:
                try:
                    reports.append((decode(message.body), message.body))
                except ReportError as error:
                    await self._reject(message, error)
            if reports:
                await self._count_reports(reports)
                _note_latency(batch)
            self._counted = batch[-1].delivery_tag or 0
            self._has_counted.set()

    async def _count_reports(self, reports: Sequence[tuple[Report, bytes]]) -> None:
        """Count *reports*, however long the store is away: meanwhile RabbitMQ keeps them."""
        pause = _FIRST_PAUSE
        while True:
            try:
                await self._store.count(reports)
            except StoreUnavailable as error:
                pause = await self._store_is_away(error, pause)
            else:
                metrics.WRITTEN.inc()
                self._store_serves()
                return

    async def _acknowledge(self, raw: RawChannel) -> None:
        """Acknowledge what is counted, once the store has it on its disk."""
        while True:
            await self._has_counted.wait()
            self._has_counted.clear()
            tag = self._counted
            pause = _FIRST_PAUSE
            while True:
                try:
                    self._consumer._durable = await self._store.durable()
                    self._store_serves()
                    break
                except StoreUnavailable as error:
                    pause = await self._store_is_away(error, pause)
            await raw.basic_ack(tag, multiple=True)
            self._acknowledged = tag
            metrics.LAG.set(self._delivered - self._acknowledged)

    async def _reject(self, message: DeliveredMessage, error: ReportError) -> None:
        """Put *message* aside, with the reason, durably: it is acknowledged with its batch."""
        metrics.REJECTED.inc()
        log.warning("message_rejected", field=error.field, error=error.error)
        await self._channel.default_exchange.publish(
            aio_pika.Message(
                message.body,
                headers={"field": error.field, "error": error.error},
                message_id=message.header.properties.message_id,
                content_type=message.header.properties.content_type,
                delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
            ),
            routing_key=self._settings.weather_rejected_queue,
            timeout=_CONNECT,
        )

    async def _store_is_away(self, error: StoreUnavailable, pause: float) -> float:
        if self._consumer._store_problem is None:
            log.warning("store_away", error=str(error))
        self._consumer._store_problem = f"the store: {error}"
        await asyncio.sleep(pause)
        return min(_LONGEST_PAUSE, 2 * pause)

    def _store_serves(self) -> None:
        if self._consumer._store_problem is not None:
            self._consumer._store_problem = None
            log.info("store_serves_again")


def _note_latency(batch: Sequence[DeliveredMessage]) -> None:
    times = (it.header.properties.timestamp for it in batch)
    sent = [it.timestamp() for it in times if it is not None]
    if sent:
        metrics.LATENCY.observe(max(0.0, time.time() - min(sent)))
