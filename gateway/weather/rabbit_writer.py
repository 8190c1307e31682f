"""Group commit for RabbitMQ: many requests' messages are published together, then confirmed.

A publisher's confirm takes a round trip and a write to the disks of the queue's majority, however
many messages it confirms. So messages wait for ``linger_ms`` or for the batch before theirs, are
published without waiting in between, and all requests that have messages in a batch learn its
outcome together.
"""

import asyncio
from collections import deque
from typing import Any, Final

import structlog
from aiormq import Channel as RawChannel
from aiormq.abc import ChannelFrame
from pamqp.body import ContentBody
from pamqp.commands import Basic
from pamqp.frame import marshal
from pamqp.header import ContentHeader

from gateway.kafka.batching import PendingWrite
from gateway.metrics import Metrics
from gateway.observability.tracing import Header
from gateway.settings import GatewaySettings
from gateway.weather.rabbit_connection import RabbitLink

_log = structlog.get_logger("gateway.rabbit_writer")

#: How often it is looked whether confirms are late, seconds.
_TICK: Final = 0.2
#: How long a look at RabbitMQ that has begun may take when the writer is closed, seconds.
_LAST_LOOK: Final = 1.0
#: Messages that are published together: some megabytes at most.
_LONGEST_BATCH: Final = 1000


class RabbitWriter:
    """Puts records into the queue of weather reports, and says whether that is possible at all.

    It is a pump as ``LogWriter`` has one for each partition: a queue has no partitions.
    """

    def __init__(self, settings: GatewaySettings, metrics: Metrics) -> None:
        self._settings = settings
        self._metrics = metrics
        self._ready = metrics.weather_ready.labels("rabbitmq")
        self._loop = asyncio.get_running_loop()
        self._link = RabbitLink(settings, changed=self._refresh)
        self._waiting: deque[_Batch] = deque()  # the last one is open
        self._arrived = asyncio.Event()
        self._published_at = 0.0  # the batch at RabbitMQ, the loop's time; 0: there is none
        self._tasks: list[asyncio.Task[None]] = []
        self._problem: str | None = self._link.problem
        self._ready.set(0)

    @property
    def problem(self) -> str | None:
        """Why no records are taken now; None while RabbitMQ really confirms them."""
        return self._problem

    def start(self) -> None:
        """Begin to connect; returns at once, ``problem`` says when it has succeeded."""
        self._tasks = [
            asyncio.create_task(job)
            for job in (self._link.run(), self._tick(), self._deliver_all())
        ]
        for task in self._tasks:
            task.add_done_callback(_log_death)

    def append(self, key: bytes, value: bytes, headers: list[Header], write: PendingWrite) -> None:
        """Let a record join the open batch, and *write* wait for it; *key* is its message id."""
        batch = self._waiting[-1] if self._waiting else self._open()
        if len(batch.messages) >= _LONGEST_BATCH:
            batch = self._open()
        batch.messages.append((key, value, headers))
        if not batch.writes or batch.writes[-1] is not write:
            batch.writes.append(write)
            write.joined()

    async def close(self) -> None:
        """Stop. Whoever wants records delivered waits for their writes first."""
        if self._tasks:
            self._link.finish()
            await asyncio.wait(self._tasks[:1], timeout=_LAST_LOOK)
            for task in self._tasks:
                task.cancel()
            await asyncio.wait(self._tasks)
        while self._waiting:
            self._waiting.popleft().settle("the gateway has stopped")
        await self._link.close()

    def _open(self) -> "_Batch":
        batch = _Batch(self._loop.time())
        timeout = self._settings.kafka_timeout
        batch.timer = self._loop.call_later(timeout, self._expire, batch)
        self._waiting.append(batch)
        self._arrived.set()
        return batch

    def _expire(self, batch: "_Batch") -> None:
        # One that has been published may still arrive; one that has not never will.
        if batch in self._waiting:
            self._waiting.remove(batch)
        self._metrics.rabbitmq_messages.labels("timeout").inc(len(batch.messages))
        timeout = self._settings.kafka_timeout
        batch.settle(f"RabbitMQ has not confirmed the records within {timeout:g} s")

    async def _deliver_all(self) -> None:
        waiting, linger = self._waiting, self._settings.linger_ms / 1000
        while True:
            if not waiting:
                self._arrived.clear()
                await self._arrived.wait()
            if len(waiting) == 1:
                pause = waiting[0].opened + linger - self._loop.time()
                if pause > 0:
                    await asyncio.sleep(pause)
            channel = await self._link.channel()
            if waiting:  # all may have timed out meanwhile
                await self._deliver(waiting.popleft(), channel)

    async def _deliver(self, batch: "_Batch", channel: RawChannel) -> None:
        self._published_at = started = self._loop.time()
        metrics, number = self._metrics, len(batch.messages)
        try:
            async with asyncio.timeout(self._settings.kafka_timeout):
                await publish(channel, self._settings.weather_queue, batch.messages)
        # Whatever the library raises: the fate of the batch is unknown, and the next one must go.
        except Exception as error:
            metrics.rabbitmq_messages.labels("failed").inc(number)
            self._link.failed(channel, error)
            words = str(error) or type(error).__name__
            batch.settle(f"RabbitMQ did not confirm the records: {words}")
        else:
            metrics.rabbitmq_messages.labels("confirmed").inc(number)
            metrics.rabbitmq_seconds.observe(self._loop.time() - started)
            self._link.delivered()
            batch.settle(None)
        finally:
            self._published_at = 0.0

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(_TICK)
            self._refresh()

    def _refresh(self) -> None:
        problem = self._link.problem
        if problem is None and self._published_at:
            late = self._loop.time() - self._published_at
            if late > self._settings.kafka_stall:
                problem = f"RabbitMQ has not confirmed records for {late:.0f} s"
        ready = problem is None
        if ready != (self._problem is None):
            _log.log(20 if ready else 30, "rabbitmq_ready", ready=ready, reason=problem)
            self._ready.set(ready)
        self._problem = problem


async def publish(
    channel: RawChannel, queue: str, messages: "list[tuple[bytes, bytes, list[Header]]]"
) -> None:
    """Return when every message (id, body, headers) is confirmed as being in *queue*.

    aiormq's own ``basic_publish`` makes a task, two time limits and a trip through the loop of each
    message, four times the cost; this does in one step what it does without them (aiormq 7.2).

    :raises Exception: one is not: refused, returned because there is no such queue, or its fate is
        unknown because the channel is gone.
    """
    number, tags = channel.number, channel.message_id_delivery_tag
    method = marshal(Basic.Publish(routing_key=queue, mandatory=True), number)
    confirms = []
    frames = bytearray()
    try:
        async with channel.lock:
            for key, body, headers in messages:
                message_id = key.decode()
                channel.delivery_tag += 1
                confirm = channel.create_future()
                confirms.append(confirm)
                channel.confirmations[channel.delivery_tag] = confirm
                tags[message_id] = channel.delivery_tag  # by which a returned message is known
                properties = Basic.Properties(
                    message_id=message_id,
                    delivery_mode=2,  # persistent
                    content_type="application/json",
                    headers={name: value.decode("ascii") for name, value in headers} or None,
                )
                frames += method
                header = ContentHeader(body_size=len(body), properties=properties)
                frames += marshal(header, number)
                # A report is far smaller than the least frame that can be agreed upon.
                frames += marshal(ContentBody(body), number)
            await channel.write_queue.put(ChannelFrame(bytes(frames), should_close=False))
        for confirm in confirms:
            await confirm
    finally:
        for key, _body, _headers in messages:
            tags.pop(key.decode(), None)


class _Batch:
    """Messages that share their fate, and the requests that wait for it."""

    __slots__ = ("messages", "opened", "timer", "writes")

    def __init__(self, now: float) -> None:
        self.messages: list[tuple[bytes, bytes, list[Header]]] = []
        self.writes: list[PendingWrite] = []
        self.opened = now
        self.timer: asyncio.TimerHandle | None = None

    def settle(self, failure: str | None) -> None:
        """Tell all waiting requests; after the first call there are none left."""
        if self.timer is not None:
            self.timer.cancel()
        writes, self.writes = self.writes, []
        for write in writes:
            if failure is None:
                write.delivered()
            else:
                write.failed(failure)


def _log_death(task: asyncio.Task[Any]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.critical("task_died", error=repr(error), exc_info=error)
