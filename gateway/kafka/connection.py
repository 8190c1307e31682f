"""The producer: started when Kafka is there, replaced when it breaks, never a reason to exit."""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog
from aiokafka import AIOKafkaProducer

from contracts.kafka import kafka_options
from contracts.topics import TopicSpec
from gateway.kafka.topic_watch import CountedLog, TopicWatch
from gateway.settings import GatewaySettings

_log = structlog.get_logger("gateway.kafka_link")

#: Pauses between attempts to connect, seconds.
_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 2.0
#: Looks at Kafka in a row that failed before requests are refused; one may be lost by chance.
_STRIKES: Final = 2


class KafkaLink:
    """Keeps one working idempotent producer, and says why there is none.

    Any failed batch costs the producer: its sequence number is used up, so that the broker would
    refuse all later batches of that partition.
    """

    def __init__(
        self,
        settings: GatewaySettings,
        topic: TopicSpec,
        *,
        counted_log: CountedLog,
        changed: Callable[[], None],
        lost: Callable[[AIOKafkaProducer], None],
    ) -> None:
        """``counted_log``: see TopicWatch. ``changed`` is called when ``problem`` may be another;
        ``lost`` when a producer is closed, or given up, and will not deliver what it still has."""
        self._settings = settings
        self._topic = topic
        self._changed = changed
        self._lost = lost
        self._watch = TopicWatch(settings, topic, counted_log)
        self._producer: AIOKafkaProducer | None = None
        self._available = asyncio.Event()
        self._hurry = asyncio.Event()
        self._finishing = asyncio.Event()
        self._pause = _FIRST_PAUSE
        self._retiring: set[asyncio.Task[None]] = set()
        self._problem: str | None = "not connected to Kafka yet"

    @property
    def problem(self) -> str | None:
        """Why Kafka cannot take records now; None while it can."""
        return self._problem

    @property
    def batch_bytes(self) -> int:
        """The largest record batch to send, bytes: as the settings say, or less if Kafka says."""
        return min(self._settings.batch_bytes, self.max_batch or self._settings.batch_bytes)

    @property
    def max_batch(self) -> int | None:
        """The largest record batch that the topic takes, bytes; None if that is not known."""
        return self._watch.max_batch

    @property
    def heartbeats(self) -> bool:
        """Whether the topic of heartbeats is there."""
        return self._watch.heartbeats

    async def producer(self) -> AIOKafkaProducer:
        """Return the working producer; wait until there is one."""
        while self._producer is None:
            await self._available.wait()
        return self._producer

    def failed(self, producer: AIOKafkaProducer, error: BaseException) -> None:
        """Take note that *producer* failed a batch; it is replaced at once."""
        if producer is not self._producer:
            return
        _log.error("producer_failed", error=repr(error))
        self._drop()
        self._set_problem(f"reconnecting to Kafka after {error!r}")
        self._retire(producer, self._settings.kafka_timeout)

    def replace(self, producer: AIOKafkaProducer) -> None:
        """Replace *producer*, of which Kafka refused a batch; requests only wait meanwhile.

        The topic's configuration is read anew before, as it may be the cause.
        """
        if producer is not self._producer:
            return
        self._watch.forget_config()
        self._drop()
        self._retire(producer, self._settings.kafka_timeout)

    def stuck(self, producer: AIOKafkaProducer) -> None:
        """Give up *producer*, which has delivered nothing for long although Kafka answers."""
        if producer is not self._producer:
            return
        _log.error("producer_stuck")
        self._drop()
        self._set_problem("reconnecting to Kafka: it answers, but acknowledges nothing")
        self._lost(producer)
        self._retire(producer, 0)

    def delivered(self) -> None:
        """Take note that a batch was acknowledged."""
        self._pause = _FIRST_PAUSE

    async def run(self) -> None:
        """Look after the connection until ``finish``, or until cancelled."""
        strikes = 0
        while not self._finishing.is_set():
            problem = await self._watch.problem()
            if problem is None:
                strikes = 0
                if self._producer is None:
                    problem = await self._connect()
            elif self._producer is not None and self._problem is None:
                strikes += 1
                if strikes < _STRIKES:
                    problem = None
            self._set_problem(problem)
            if self._finishing.is_set():
                return
            self._hurry.clear()
            if self._producer is not None:
                pause = self._settings.kafka_check
            else:
                pause, self._pause = self._pause, min(2 * self._pause, _LONGEST_PAUSE)
            try:
                async with asyncio.timeout(pause):
                    await self._hurry.wait()
            except TimeoutError:
                pass

    def finish(self) -> None:
        """Let ``run`` end by itself: cancelled while it connects, aiokafka would leak a socket."""
        self._finishing.set()
        self._hurry.set()

    async def close(self) -> None:
        """Give up the producer; what it has not delivered by now is lost."""
        producer = self._producer
        self._drop()
        if producer is not None:
            self._retire(producer, 1.0)
        while self._retiring:
            await asyncio.wait(self._retiring)
        await self._watch.close()

    async def _connect(self) -> str | None:
        settings = self._settings
        producer = AIOKafkaProducer(
            **kafka_options(settings),
            client_id="medallero-gateway",
            acks="all",
            enable_idempotence=True,
            max_batch_size=settings.batch_bytes,
            request_timeout_ms=int(settings.kafka_timeout * 1000),
            metadata_max_age_ms=30_000,
        )
        try:
            # aiokafka's own limit comes first, so that it can clean up.
            async with asyncio.timeout(2 * settings.kafka_timeout):
                await producer.start()
                await producer.partitions_for(self._topic.name)
        except BaseException as error:
            self._retire(producer, 0)
            if not isinstance(error, Exception):
                raise
            return f"cannot start a producer: {error!r}"
        self._producer = producer
        self._available.set()
        return None

    def _drop(self) -> None:
        self._producer = None
        self._available.clear()
        self._hurry.set()

    def _retire(self, producer: AIOKafkaProducer, patience: float) -> None:
        task = asyncio.create_task(_stop(producer, patience))
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)
        # aiokafka tells nobody of batches that it held when it was closed by force.
        task.add_done_callback(lambda _: self._lost(producer))

    def _set_problem(self, problem: str | None) -> None:
        if problem != self._problem:
            self._problem = problem
            self._changed()


async def _stop(producer: AIOKafkaProducer, patience: float) -> None:
    """Let *producer* deliver what it holds for *patience* seconds, then close it by force.

    ``stop`` alone is not enough: an idempotent producer retries for ever, and ``stop`` waits for
    that. Cancelling ``stop`` leaves the sender running, hence the look inside (aiokafka 0.14).
    """
    try:
        async with asyncio.timeout(patience):
            await producer.stop()
            return
    except TimeoutError:
        pass
    except Exception as error:
        _log.warning("producer_stop_failed", error=repr(error))
    sender = producer._sender.sender_task
    if sender is not None:
        sender.cancel()
    await producer.client.close()
    if sender is not None:
        await asyncio.wait([sender], timeout=2 * _LONGEST_PAUSE)
