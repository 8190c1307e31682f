"""Asks the brokers now and then what a worker's own consumer cannot know.

A consumer knows of the partitions that it owns, and of their ends what the last fetch told. The
group's lag, as operators mean it, is what the brokers say of every partition.
"""

import asyncio
import time
from collections.abc import Mapping
from typing import Any, Final

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from contracts.topics import beginning_gone
from streams import metrics
from streams.settings import WorkerSettings

log: structlog.stdlib.BoundLogger = structlog.get_logger("streams.probe")

#: Seconds between two questions.
INTERVAL: Final = 2.0
_TIMEOUT: Final = 10.0


class Standstill:
    """Since when each partition's committed offset has not moved although records wait."""

    def __init__(self) -> None:
        self._since: dict[int, tuple[int, float]] = {}

    def age(self, partition: int, committed: int, end: int, now: float) -> float:
        """Take an observation, *now* in seconds; return for how long it has stood still."""
        known = self._since.get(partition)
        if committed >= end or known is None or known[0] != committed:
            self._since[partition] = (committed, now)
            return 0.0
        return now - known[1]


class Probe:
    """Keeps the metrics that come from the brokers; what it cannot learn it does not show."""

    def __init__(self, settings: WorkerSettings, kafka_settings: Mapping[str, Any]) -> None:
        self._settings = settings
        self._kafka = dict(kafka_settings)
        self._standstill = Standstill()
        #: what is wrong with the beginning of the results topic; None: nothing that is known
        self.beginning: str | None = None
        self._failing = False

    async def run(self) -> None:
        """Ask for ever. Whatever goes wrong, it is only the metrics that suffer."""
        while True:
            try:
                await self._ask_for_ever()
            except Exception as error:
                # Of whatever kind: Faust would end the process for it.
                self._unknown(error)
            await asyncio.sleep(INTERVAL)

    async def _ask_for_ever(self) -> None:
        admin = AIOKafkaAdminClient(**self._kafka)
        consumer = AIOKafkaConsumer(enable_auto_commit=False, **self._kafka)
        try:
            await admin.start()
            await consumer.start()
            while True:
                async with asyncio.timeout(_TIMEOUT):
                    await self._ask(admin, consumer)
                await asyncio.sleep(INTERVAL)
        finally:
            await consumer.stop()
            await admin.close()

    async def _ask(self, admin: AIOKafkaAdminClient, consumer: AIOKafkaConsumer) -> None:
        settings = self._settings
        topic = settings.results_topic
        partitions = [TopicPartition(topic, number) for number in range(settings.partitions)]
        # First what is committed: a commit between the two questions must not go beyond the end.
        committed = await admin.list_consumer_group_offsets(settings.app_id, partitions=partitions)
        ends = await consumer.end_offsets(partitions)
        begins = await consumer.beginning_offsets(partitions)
        self._note_beginning({tp.partition: begins[tp] for tp in partitions})
        now = time.monotonic()
        for tp in partitions:
            offset = max(0, committed[tp].offset) if tp in committed else 0
            label = str(tp.partition)
            metrics.GROUP_LAG.labels(label).set(max(0, ends[tp] - offset))
            age = self._standstill.age(tp.partition, offset, ends[tp], now)
            metrics.COMMITTED_AGE.labels(label).set(age)
        for described in await admin.describe_topics(list(self._topics())):
            missing = sum(len(it["replicas"]) - len(it["isr"]) for it in described["partitions"])
            metrics.MISSING_REPLICAS.labels(described["topic"]).set(missing)
        metrics.BROKERS.set(len((await admin.describe_cluster())["brokers"]))
        if self._failing:
            self._failing = False
            log.info("brokers_answer_again")

    def _note_beginning(self, begins: Mapping[int, int]) -> None:
        beginning = beginning_gone(self._settings.results_topic, begins)
        if beginning is not None and self.beginning is None:
            log.error("beginning_gone", problem=beginning)
        self.beginning = beginning

    def _topics(self) -> tuple[str, ...]:
        settings = self._settings
        return (
            settings.results_topic,
            settings.changelog_topic,
            settings.tallies_topic,
            settings.rejected_topic,
        )

    def _unknown(self, error: Exception) -> None:
        for gauge in (metrics.GROUP_LAG, metrics.COMMITTED_AGE, metrics.MISSING_REPLICAS):
            gauge.clear()
        metrics.BROKERS.set(0)
        metrics.PROBE_FAILURES.inc()
        if not self._failing:
            self._failing = True
            log.warning("brokers_do_not_answer", error=str(error) or type(error).__name__)
