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
from aiokafka.producer.message_accumulator import BatchBuilder
from prometheus_client import Gauge

from contracts.topics import TopicSpec
from gateway.kafka_link import KafkaLink
from gateway.metrics import Metrics
from gateway.settings import GatewaySettings
from gateway.tracing import Header

_log = structlog.get_logger("gateway.log_writer")

#: How often the pumps are looked at, seconds.
_TICK: Final = 0.2
#: How long a look at Kafka that has begun may take when the writer is closed, seconds.
_LAST_LOOK: Final = 1.0
#: A producer that has been stuck for so many timeouts while Kafka answers is replaced.
_STUCK: Final = 2.0

NO_HEADERS: Final[list[Header]] = []


#: A record for a topic: partition, key, value, headers. The list of headers is shared by
#: a request's records and never changed. A plain tuple, as there are so many of them.
Record = tuple[int, bytes, bytes, list[Header]]


class LogUnavailable(Exception):
    """Kafka did not acknowledge records in time: none, some or all of them may be on the topic."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Pump(Protocol):
    """Takes the records of a partition, and tells their commits what became of them."""

    def append(self, key: bytes, value: bytes, headers: list[Header], commit: "Commit") -> None: ...


class Commit:
    """What one request puts onto the log; it fails as a whole."""

    __slots__ = ("_left", "_loop", "_pumps", "_then", "failure")

    def __init__(self, pumps: Sequence[Pump], loop: asyncio.AbstractEventLoop) -> None:
        self._pumps = pumps
        self._loop = loop
        self._left = 0
        self._then: Callable[[], None] | None = None
        #: Why the outcome of at least one record is not known to be good; None: so far so good.
        self.failure: str | None = None

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

    def failed(self, reason: str) -> None:
        self.failure = reason
        self._settle()

    def _settle(self) -> None:
        call, self._then = self._then, None
        if call is not None:
            call()


class LogWriter:
    """Puts records onto a topic, and says whether that is possible at all."""

    def __init__(
        self, settings: GatewaySettings, metrics: Metrics, topic: TopicSpec, ready: Gauge
    ) -> None:
        """*ready* is told 1 while Kafka really acknowledges records for *topic*, else 0."""
        self._settings = settings
        self._topic = topic
        self._ready = ready
        self._loop = asyncio.get_running_loop()
        self._link = KafkaLink(settings, topic, changed=self._refresh, lost=self._lost)
        self._pumps = [
            _Pump(topic.name, partition, self._link, settings, metrics)
            for partition in range(topic.partitions)
        ]
        self._tasks: list[asyncio.Task[None]] = []
        self._problem: str | None = self._link.problem
        ready.set(0)

    @property
    def problem(self) -> str | None:
        """Why no records are taken now; None while Kafka really acknowledges them."""
        return self._problem

    @property
    def pumps(self) -> Sequence[Pump]:
        """One for each partition, for whoever begins commits that go elsewhere too."""
        return self._pumps

    def start(self) -> None:
        """Begin to connect; returns at once, ``problem`` says when it has succeeded."""
        jobs = [self._link.run(), self._tick(), *(pump.run() for pump in self._pumps)]
        self._tasks = [asyncio.create_task(job) for job in jobs]
        for task in self._tasks:
            task.add_done_callback(_log_death)

    def begin(self) -> Commit:
        """Begin what one request appends.

        :raises LogUnavailable: at once, while Kafka takes nothing.
        """
        if self._problem is not None:
            raise LogUnavailable(self._problem)
        return Commit(self._pumps, self._loop)

    async def close(self) -> None:
        """Stop. Whoever wants records delivered waits for their commits first."""
        if self._tasks:
            self._link.finish()
            await asyncio.wait(self._tasks[:1], timeout=_LAST_LOOK)
            for task in self._tasks:
                task.cancel()
            await asyncio.wait(self._tasks)
        for pump in self._pumps:
            pump.close("the gateway has stopped")
        await self._link.close()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(_TICK)
            self._refresh()
            oldest = self._oldest_wait()
            if self._link.problem is None and oldest > _STUCK * self._settings.kafka_timeout:
                self._link.stuck(await self._link.producer())

    def _refresh(self) -> None:
        problem = self._link.problem
        if problem is None:
            oldest = self._oldest_wait()
            if oldest > self._settings.kafka_stall:
                problem = f"Kafka has not acknowledged a batch for {oldest:.0f} s"
        if (problem is None) != (self._problem is None):
            ready, topic = problem is None, self._topic.name
            _log.log(20 if ready else 30, "kafka_ready", topic=topic, ready=ready, reason=problem)
            self._ready.set(ready)
        self._problem = problem

    def _oldest_wait(self) -> float:
        waiting = [pump.waiting_since for pump in self._pumps if pump.waiting_since]
        return self._loop.time() - min(waiting) if waiting else 0.0

    def _lost(self, producer: AIOKafkaProducer) -> None:
        for pump in self._pumps:
            pump.lost(producer)


class _Batch:
    """Records of one partition that share their fate, and the requests that wait for it."""

    __slots__ = ("_append", "_builder", "_number", "commits", "opened", "timer")

    def __init__(self, batch_bytes: int, now: float) -> None:
        self._builder = BatchBuilder(batch_bytes, 0, is_transactional=False)
        # What is around it in BatchBuilder costs three times as much as the record.
        self._append = self._builder._builder.append
        self._number = 0
        self.commits: list[Commit] = []
        self.opened = now
        self.timer: asyncio.TimerHandle | None = None

    def append(self, key: bytes, value: bytes, headers: list[Header]) -> bool:
        """Append a record; return False if it does not fit."""
        if self._append(self._number, None, key, value, headers) is None:
            return False
        self._number += 1
        return True

    def closed(self) -> BatchBuilder:
        """Return what aiokafka sends; nothing may be appended any more."""
        self._builder._relative_offset = self._number
        self._builder.close()
        return self._builder

    def settle(self, failure: str | None) -> None:
        """Tell all waiting requests; after the first call there are none left."""
        if self.timer is not None:
            self.timer.cancel()
        commits, self.commits = self.commits, []
        for commit in commits:
            if failure is None:
                commit.delivered()
            else:
                commit.failed(failure)


class _Pump:
    """First in, first out: one partition's batches to Kafka, one at a time."""

    def __init__(
        self,
        topic: str,
        partition: int,
        link: KafkaLink,
        settings: GatewaySettings,
        metrics: Metrics,
    ) -> None:
        self.waiting_since: float = 0.0  # of the batch at Kafka, the loop's time; 0: there is none
        self._partition = partition
        self._link = link
        self._topic = topic
        self._linger = settings.linger_ms / 1000
        self._timeout = settings.kafka_timeout
        self._metrics = metrics
        self._loop = asyncio.get_running_loop()
        self._queue: deque[_Batch] = deque()  # the last one is open
        self._waiting = asyncio.Event()
        self._producer: AIOKafkaProducer | None = None
        self._answer: asyncio.Future[BaseException | None] | None = None

    def append(self, key: bytes, value: bytes, headers: list[Header], commit: Commit) -> None:
        queue = self._queue
        batch = queue[-1] if queue else self._open()
        if not batch.append(key, value, headers):
            batch = self._open()
            batch.append(key, value, headers)  # the first one always fits
        commits = batch.commits
        if not commits or commits[-1] is not commit:
            commits.append(commit)
            commit.joined()

    async def run(self) -> None:
        """Deliver batches until cancelled."""
        queue = self._queue
        while True:
            if not queue:
                self._waiting.clear()
                await self._waiting.wait()
            if len(queue) == 1:
                pause = queue[0].opened + self._linger - self._loop.time()
                if pause > 0:
                    await asyncio.sleep(pause)
            producer = await self._link.producer()
            if queue:  # all may have timed out meanwhile
                await self._deliver(queue.popleft(), producer)

    def lost(self, producer: AIOKafkaProducer) -> None:
        """*producer* will not answer any more."""
        if producer is self._producer and self._answer is not None and not self._answer.done():
            self._answer.set_result(ConnectionError("the connection was given up"))

    def close(self, reason: str) -> None:
        while self._queue:
            self._queue.popleft().settle(reason)

    def _open(self) -> _Batch:
        batch = _Batch(self._link.batch_bytes, self._loop.time())
        batch.timer = self._loop.call_later(self._timeout, self._expire, batch)
        self._queue.append(batch)
        self._waiting.set()
        return batch

    def _expire(self, batch: _Batch) -> None:
        # A batch that has not left yet never will, so its memory is free. One that has left may
        # still arrive: aiokafka goes on trying, and the next batch waits for that.
        if batch in self._queue:
            self._queue.remove(batch)
        self._metrics.batches.labels("timeout").inc()
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
            future = await producer.send_batch(builder, self._topic, partition=self._partition)
            future.add_done_callback(lambda done: _pass_on(done, answer))
            error = await answer
        # Whatever the library raises: the batch's fate is unknown, and the pump must go on.
        except Exception as raised:
            error = raised
        finally:
            self.waiting_since = 0.0
            self._producer = self._answer = None
        metrics = self._metrics
        if error is None:
            metrics.batches.labels("acknowledged").inc()
            metrics.batch_records.observe(records)
            metrics.batch_bytes.observe(size)
            metrics.linger_seconds.observe(sent - batch.opened)
            metrics.kafka_seconds.observe(self._loop.time() - sent)
            self._link.delivered()
            batch.settle(None)
        else:
            metrics.batches.labels("failed").inc()
            self._link.failed(producer, error)
            batch.settle(f"Kafka did not acknowledge the records: {error!r}")


def _pass_on(done: "asyncio.Future[Any]", answer: "asyncio.Future[BaseException | None]") -> None:
    error = asyncio.CancelledError() if done.cancelled() else done.exception()
    if not answer.done():
        answer.set_result(error)


def _log_death(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.critical("task_died", error=repr(error), exc_info=error)
