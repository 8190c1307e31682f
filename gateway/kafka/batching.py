"""Group commit: concurrent requests' records leave for Kafka in shared batches.

Each partition has one open batch. It leaves when it is full or has waited for ``linger_ms``; all
requests that have records in it learn its outcome together. One pump per partition hands batches to
aiokafka first in, first out, the next one when the last is acknowledged: so the order of a key is
kept, nothing waits inside aiokafka, whose ``add_batch`` is unfair to several waiters, and what
arrives meanwhile makes the next batch as large as the load asks for.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, Protocol

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    BrokerResponseError,
    InvalidProducerEpoch,
    InvalidTimestampError,
    MessageSizeTooLargeError,
    OutOfOrderSequenceNumber,
    RecordListTooLargeError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.default_records import DefaultRecordBatch
from prometheus_client import Gauge

from contracts.topics import TopicSpec
from gateway.kafka.connection import KafkaLink
from gateway.kafka.topic_watch import MAY_NOT_WRITE, CountedLog
from gateway.metrics import Metrics
from gateway.observability.tracing import Header
from gateway.settings import GatewaySettings

_log = structlog.get_logger("gateway.log_writer")

#: How often the pumps are looked at, seconds.
_TICK: Final = 0.2
#: How long a look at Kafka that has begun may take when the writer is closed, seconds.
_LAST_LOOK: Final = 1.0
#: A producer that has been stuck for so many timeouts while Kafka answers is replaced.
_STUCK: Final = 2.0
#: Pause before a heartbeat is tried again by a user who may not write any, seconds.
_ASK_AGAIN: Final = 60.0
#: Pause before a refused record is offered to Kafka again, seconds.
_OFFER_AGAIN: Final = 1.0
#: Bytes of a batch beside its records, and of a record beside its key, value and headers, at most.
_BATCH_OVERHEAD: Final = 61
_RECORD_OVERHEAD: Final = 32
_HEADER_OVERHEAD: Final = 10
#: Every record of this gateway fits into so many bytes; only a smaller limit need be looked at.
_ANY_RECORD: Final = 64 * 1024

_TOO_LARGE: Final = (MessageSizeTooLargeError, RecordListTooLargeError)
#: Answers that concern the producer or the moment, not the records.
_PASSING: Final = (InvalidProducerEpoch, OutOfOrderSequenceNumber, UnknownTopicOrPartitionError)

NO_HEADERS: Final[list[Header]] = []


#: A record for a topic: partition, key, value, headers. The list of headers is shared by
#: a request's records and never changed. A plain tuple, as there are so many of them.
Record = tuple[int, bytes, bytes, list[Header]]


class LogUnavailable(Exception):
    """Kafka did not acknowledge records in time: none, some or all of them may be on the topic."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def record_bytes(key: bytes, value: bytes, headers: list[Header]) -> int:
    """Return how many bytes a batch of this one record takes, at most."""
    beside = sum(len(name) + len(text) + _HEADER_OVERHEAD for name, text in headers)
    return _BATCH_OVERHEAD + _RECORD_OVERHEAD + len(key) + len(value) + beside


class Pump(Protocol):
    """Takes the records of a partition, and tells their writes what became of them."""

    def append(
        self, key: bytes, value: bytes, headers: list[Header], write: "PendingWrite"
    ) -> None: ...


class PendingWrite:
    """What one request puts onto the log; it fails as a whole."""

    __slots__ = ("_left", "_loop", "_pumps", "_then", "failure", "too_large")

    def __init__(self, pumps: Sequence[Pump], loop: asyncio.AbstractEventLoop) -> None:
        self._pumps = pumps
        self._loop = loop
        self._left = 0
        self._then: Callable[[], None] | None = None
        #: Why the outcome of at least one record is not known to be good; None: so far so good.
        self.failure: str | None = None
        #: Whether it failed because Kafka takes no record that large: a retry cannot help.
        self.too_large = False

    def add(self, records: Iterable[Record]) -> None:
        """Append *records*, in order, to the open batches of their partitions."""
        pumps = self._pumps
        for partition, key, value, headers in records:
            pumps[partition].append(key, value, headers, self)

    def then(self, call: Callable[[], None]) -> None:
        """Call once all in-sync replicas have every record, or ``failure`` says why not.

        Nothing may be added any more. *call* must not raise: others wait for the same batches.
        """
        if self._left and self.failure is None:
            self._then = call
        else:
            call()

    async def settled(self) -> None:
        """Return when ``then`` would call."""
        if self._left and self.failure is None:
            waiter = self._loop.create_future()
            self._then = lambda: None if waiter.done() else waiter.set_result(None)
            await waiter

    # What batches call.

    def joined(self) -> None:
        self._left += 1

    def delivered(self) -> None:
        self._left -= 1
        if not self._left:
            self._settle()

    def failed(self, reason: str, *, too_large: bool = False) -> None:
        if self.failure is None:
            self.failure, self.too_large = reason, too_large
        self._settle()

    def _settle(self) -> None:
        call, self._then = self._then, None
        if call is not None:
            call()


class LogWriter:
    """Puts records onto a topic, and says whether that is possible at all."""

    def __init__(
        self,
        settings: GatewaySettings,
        metrics: Metrics,
        topic: TopicSpec,
        ready: Gauge,
        counted_log: CountedLog = lambda: None,
    ) -> None:
        """*ready* is told 1 while Kafka really acknowledges records for *topic*, else 0.

        *counted_log*: see TopicWatch.
        """
        self._settings = settings
        self._topic = topic
        self._ready = ready
        self._loop = asyncio.get_running_loop()
        self._link = KafkaLink(
            settings, topic, counted_log=counted_log, changed=self._refresh, lost=self._lost
        )
        self._pumps = [
            _Pump(topic.name, partition, self._link, settings, metrics, changed=self._refresh)
            for partition in range(topic.partitions)
        ]
        #: Writes when nobody else does: only a record tells whether Kafka takes records.
        self._heart = _Heart(
            settings.heartbeats_topic, 0, self._link, settings, None, changed=self._refresh
        )
        self._tasks: list[asyncio.Task[None]] = []
        self._problem: str | None = self._link.problem
        #: How many bytes the topic takes of a record; None if it takes every one of ours.
        self.largest_record: int | None = None
        ready.set(0)

    @property
    def problem(self) -> str | None:
        """Why no records are taken now; None while Kafka really acknowledges them."""
        return self._problem

    @property
    def pumps(self) -> Sequence[Pump]:
        """One for each partition, for whoever begins writes that go elsewhere too."""
        return self._pumps

    def start(self) -> None:
        """Begin to connect; returns at once, ``problem`` says when it has succeeded."""
        jobs = [self._link.run(), self._tick(), *(pump.run() for pump in self._every_pump)]
        self._tasks = [asyncio.create_task(job) for job in jobs]
        for task in self._tasks:
            task.add_done_callback(_log_death)

    def begin(self) -> PendingWrite:
        """Begin what one request appends.

        :raises LogUnavailable: at once, while Kafka takes nothing.
        """
        if self._problem is not None:
            raise LogUnavailable(self._problem)
        return PendingWrite(self._pumps, self._loop)

    async def close(self) -> None:
        """Stop. Whoever wants records delivered waits for their writes first."""
        if self._tasks:
            self._link.finish()
            await asyncio.wait(self._tasks[:1], timeout=_LAST_LOOK)
            for task in self._tasks:
                task.cancel()
            await asyncio.wait(self._tasks)
        for pump in self._every_pump:
            pump.close("the gateway has stopped")
        await self._link.close()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(_TICK)
            self._beat()
            self._refresh()
            oldest = self._oldest_wait()
            if self._link.problem is None and oldest > _STUCK * self._settings.kafka_timeout:
                self._link.stuck(await self._link.producer())

    @property
    def _every_pump(self) -> "list[_Pump]":
        return [*self._pumps, self._heart]

    @property
    def _telling(self) -> "list[_Pump]":
        """The pumps whose state says whether Kafka takes records."""
        # What was written to a topic that is gone by now says nothing.
        return self._every_pump if self._beats else self._pumps

    @property
    def _beats(self) -> bool:
        return self._link.heartbeats and not self._heart.forbidden

    def _beat(self) -> None:
        if self._link.problem is not None or not self._link.heartbeats or self._heart.busy:
            return
        if self._heart.forbidden and self._loop.time() < self._heart.ask_again_at:
            return
        acknowledged = self._acknowledged()
        if not acknowledged or self._loop.time() - acknowledged >= self._settings.kafka_heartbeat:
            write = PendingWrite(self._pumps, self._loop)
            self._heart.append(b"gateway", b"{}", NO_HEADERS, write)

    def _acknowledged(self) -> float:
        """Return when Kafka last acknowledged a record, by the loop's time; 0: never."""
        return max(pump.acknowledged for pump in self._every_pump)

    def _refresh(self) -> None:
        limit = self._link.max_batch
        self.largest_record = None if limit is None or limit >= _ANY_RECORD else limit
        problem = self._link.problem
        if problem is None and self._beats and not self._acknowledged():
            problem = "Kafka has not acknowledged a record of this gateway yet"
        if problem is None:
            oldest = self._oldest_wait()
            if oldest > self._settings.kafka_stall:
                problem = f"Kafka has not acknowledged a batch for {oldest:.0f} s"
        if problem is None:
            problem = next((pump.refusal for pump in self._telling if pump.refusal), None)
        if (problem is None) != (self._problem is None):
            ready, topic = problem is None, self._topic.name
            _log.log(20 if ready else 30, "kafka_ready", topic=topic, ready=ready, reason=problem)
            self._ready.set(ready)
        self._problem = problem

    def _oldest_wait(self) -> float:
        waiting = [pump.waiting_since for pump in self._telling if pump.waiting_since]
        return self._loop.time() - min(waiting) if waiting else 0.0

    def _lost(self, producer: AIOKafkaProducer) -> None:
        for pump in self._every_pump:
            pump.lost(producer)


class _Batch:
    """Records of one partition that share their fate, and the requests that wait for it."""

    __slots__ = ("_append", "_builder", "_number", "_starts", "_writes", "opened", "timer")

    def __init__(self, batch_bytes: int, now: float) -> None:
        self._builder = BatchBuilder(batch_bytes, 0, is_transactional=False)
        # What is around it in BatchBuilder costs three times as much as the record.
        self._append = self._builder._builder.append
        self._number = 0
        # The writes in the order of their records, and the place where each begins.
        self._writes: list[PendingWrite] = []
        self._starts: list[int] = []
        self.opened = now
        self.timer: asyncio.TimerHandle | None = None

    def append(
        self, key: bytes, value: bytes, headers: list[Header], write: PendingWrite | None
    ) -> bool:
        """Append a record that *write* waits for; return False if it does not fit."""
        number = self._number
        if self._append(number, None, key, value, headers) is None:
            return False
        writes = self._writes
        if write is not None and (not writes or writes[-1] is not write):
            writes.append(write)
            self._starts.append(number)
            write.joined()
        self._number = number + 1
        return True

    def closed(self) -> BatchBuilder:
        """Return what aiokafka sends; nothing may be appended any more."""
        self._builder._relative_offset = self._number
        self._builder.close()
        return self._builder

    @property
    def awaited(self) -> bool:
        """Whether a request still waits for it."""
        return bool(self._writes)

    def records(self) -> list[tuple[bytes, bytes, list[Header], PendingWrite | None]]:
        """Return the records of a batch that was sent, each with the write that waits for it."""
        bounds = [*self._starts[1:], self._number]
        of: list[PendingWrite | None] = [None] * self._number
        for write, start, end in zip(self._writes, self._starts, bounds, strict=True):
            of[start:end] = [write] * (end - start)
        records: list[Any] = list(DefaultRecordBatch(bytes(self._builder._build())))
        return [
            (record.key, record.value, list(record.headers), write)
            for record, write in zip(records, of, strict=True)
        ]

    def settle(self, failure: str | None, *, too_large: bool = False) -> None:
        """Tell all waiting requests; after the first call there are none left."""
        if self.timer is not None:
            self.timer.cancel()
        writes, self._writes, self._starts = self._writes, [], []
        for write in writes:
            if failure is None:
                write.delivered()
            else:
                write.failed(failure, too_large=too_large)


class _Pump:
    """First in, first out: one partition's batches to Kafka, one at a time."""

    def __init__(
        self,
        topic: str,
        partition: int,
        link: KafkaLink,
        settings: GatewaySettings,
        metrics: Metrics | None,
        *,
        changed: Callable[[], None],
    ) -> None:
        """``changed`` is called when ``refusal`` is another."""
        #: Why Kafka refuses records, by its last answer; None while it takes them.
        self.refusal: str | None = None
        self.waiting_since: float = 0.0  # of the batch at Kafka, the loop's time; 0: there is none
        #: When Kafka last acknowledged a batch, by the loop's time; 0: never.
        self.acknowledged: float = 0.0
        self._partition = partition
        self._link = link
        self._topic = topic
        self._linger = settings.linger_ms / 1000
        self._timeout = settings.kafka_timeout
        self._metrics = metrics
        self._loop = asyncio.get_running_loop()
        self._changed = changed
        self._queue: deque[_Batch] = deque()  # the last one is open
        self._parts: deque[_Batch] = deque()  # of a batch that was too large; they go first
        #: A record that was refused; it is offered until Kafka takes it.
        self._refused: tuple[bytes, bytes, list[Header]] | None = None
        self._waiting = asyncio.Event()
        self._producer: AIOKafkaProducer | None = None
        self._answer: asyncio.Future[BaseException | None] | None = None

    @property
    def busy(self) -> bool:
        """Whether there is a batch that is not settled, or a record to be offered again."""
        return bool(self._queue or self._parts or self.waiting_since or self._refused)

    def append(self, key: bytes, value: bytes, headers: list[Header], write: PendingWrite) -> None:
        queue = self._queue
        batch = queue[-1] if queue else self._open()
        if not batch.append(key, value, headers, write):
            batch = self._open()
            batch.append(key, value, headers, write)  # the first one always fits

    async def run(self) -> None:
        """Deliver batches until cancelled."""
        queue, parts = self._queue, self._parts
        while True:
            if not queue and not parts:
                await self._idle()
            if len(queue) == 1 and not parts:
                pause = queue[0].opened + self._linger - self._loop.time()
                if pause > 0:
                    await asyncio.sleep(pause)
            producer = await self._link.producer()
            if parts:
                await self._deliver(parts.popleft(), producer)
            elif queue:  # all may have timed out meanwhile
                await self._deliver(queue.popleft(), producer)

    def lost(self, producer: AIOKafkaProducer) -> None:
        """*producer* will not answer any more."""
        if producer is self._producer and self._answer is not None and not self._answer.done():
            self._answer.set_result(ConnectionError("the connection was given up"))

    def close(self, reason: str) -> None:
        for batches in (self._parts, self._queue):
            while batches:
                batches.popleft().settle(reason)

    async def _idle(self) -> None:
        """Return when there is a batch to deliver: a new one, or the refused record once more."""
        self._waiting.clear()
        try:
            async with asyncio.timeout(None if self._refused is None else _OFFER_AGAIN):
                await self._waiting.wait()
        except TimeoutError:
            assert self._refused is not None
            self._parts.append(self._part([(*self._refused, None)], self._loop.time()))

    def _open(self) -> _Batch:
        batch = _Batch(self._link.batch_bytes, self._loop.time())
        batch.timer = self._loop.call_later(self._timeout, self._expire, batch)
        self._queue.append(batch)
        self._waiting.set()
        return batch

    def _expire(self, batch: _Batch) -> None:
        # A batch that has not left yet never will, so its memory is free. One that has left may
        # still arrive: aiokafka goes on trying, and the next batch waits for that.
        for batches in (self._parts, self._queue):
            if batch in batches:
                batches.remove(batch)
        self._count("timeout")
        batch.settle(f"Kafka has not acknowledged the records within {self._timeout:g} s")

    async def _deliver(self, batch: _Batch, producer: AIOKafkaProducer) -> None:
        # Closed before it is handed over: aiokafka counts a batch's records first and builds its
        # bytes later, and a record appended in between would break the sequence numbers.
        builder = batch.closed()
        records, size = builder.record_count(), builder.size()
        sent = self.waiting_since = self._loop.time()
        answer = self._answer = self._loop.create_future()
        self._producer = producer
        try:
            # One that is closed meanwhile may wait for ever for what it does not know yet.
            async with asyncio.timeout(self._timeout):
                future = await producer.send_batch(builder, self._topic, partition=self._partition)
            future.add_done_callback(lambda done: _pass_on(done, answer))
            error = await answer
        # Whatever the library raises: the batch's fate is unknown, and the pump must go on.
        except Exception as raised:
            error = raised
        finally:
            self.waiting_since = 0.0
            self._producer = self._answer = None
        if error is None:
            self.acknowledged = self._loop.time()
            self._count("acknowledged")
            if (metrics := self._metrics) is not None:
                metrics.batch_records.observe(records)
                metrics.batch_bytes.observe(size)
                metrics.linger_seconds.observe(sent - batch.opened)
                metrics.kafka_seconds.observe(self.acknowledged - sent)
            self._link.delivered()
            batch.settle(None)
            self._set_refusal(None, batch)
        else:
            self._count("failed")
            self._failed(batch, records, producer, error)

    def _count(self, outcome: str) -> None:
        if self._metrics is not None:
            self._metrics.batches.labels(outcome).inc()

    def _failed(
        self, batch: _Batch, records: int, producer: AIOKafkaProducer, error: BaseException
    ) -> None:
        refusal = refusal_of(error)
        if isinstance(error, _TOO_LARGE):
            self._link.replace(producer)
            if records > 1:
                self._split(batch)
            else:
                words = f"a record is larger than topic {self._topic!r} takes (max.message.bytes)"
                batch.settle(words, too_large=True)
        elif refusal is not None:
            self._link.replace(producer)
            reason = f"Kafka refuses records for topic {self._topic!r}: {refusal}"
            self._set_refusal(reason, batch)
            batch.settle(reason)
        else:
            self._link.failed(producer, error)
            batch.settle(f"Kafka did not acknowledge the records: {error!r}")

    def _split(self, batch: _Batch) -> None:
        """Put the two halves of a batch that was too large before all others."""
        if not batch.awaited:
            return
        records = batch.records()
        middle = len(records) // 2
        halves = [self._part(half, batch.opened) for half in (records[:middle], records[middle:])]
        self._parts.extendleft(reversed(halves))
        for half in halves:
            half.timer = self._loop.call_at(batch.opened + self._timeout, self._expire, half)
        batch.settle(None)  # the halves are waited for in its place

    def _part(
        self,
        records: Sequence[tuple[bytes, bytes, list[Header], PendingWrite | None]],
        opened: float,
    ) -> _Batch:
        room = sum(record_bytes(*record[:3]) for record in records)
        part = _Batch(room, opened)
        for record in records:
            part.append(*record)
        return part

    def _set_refusal(self, refusal: str | None, batch: _Batch) -> None:
        if refusal is None:
            self._refused = None
        elif self._refused is None:
            self._refused = batch.records()[0][:3]
        if refusal != self.refusal:
            self.refusal = refusal
            if refusal is not None:
                _log.error("kafka_refuses_records", partition=self._partition, reason=refusal)
            self._changed()


class _Heart(_Pump):
    """The pump of heartbeats.

    A user who may write results and no heartbeats, as after an upgrade, has none: that is no
    reason to take no results.
    """

    forbidden = False
    ask_again_at = 0.0  # the loop's time

    def _failed(
        self, batch: _Batch, records: int, producer: AIOKafkaProducer, error: BaseException
    ) -> None:
        if not isinstance(error, TopicAuthorizationFailedError):
            super()._failed(batch, records, producer, error)
            return
        if not self.forbidden:
            _log.warning("no_heartbeats", topic=self._topic, hint="let this user WRITE to it")
        self.forbidden = True
        self.ask_again_at = self._loop.time() + _ASK_AGAIN
        self._link.replace(producer)
        batch.settle("this user may not write heartbeats")
        self._changed()

    def _set_refusal(self, refusal: str | None, batch: _Batch) -> None:
        if refusal is None:
            self.forbidden = False
        super()._set_refusal(refusal, batch)


def refusal_of(error: BaseException) -> str | None:
    """Return what Kafka has against records that it will refuse again, in words.

    None: it may take them the next time, or its answer is not known.
    """
    if isinstance(error, InvalidTimestampError):
        return (
            "their timestamps are too early or too late; compare the clocks of this machine and "
            "of the brokers, and the topic's message.timestamp.before.max.ms and "
            "message.timestamp.after.max.ms"
        )
    if isinstance(error, TopicAuthorizationFailedError):
        return MAY_NOT_WRITE
    if (
        isinstance(error, BrokerResponseError)
        and not error.retriable
        and not isinstance(error, _PASSING)
    ):
        return str(error)
    return None


def _pass_on(done: "asyncio.Future[Any]", answer: "asyncio.Future[BaseException | None]") -> None:
    error = asyncio.CancelledError() if done.cancelled() else done.exception()
    if not answer.done():
        answer.set_result(error)


def _log_death(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.critical("task_died", error=repr(error), exc_info=error)
