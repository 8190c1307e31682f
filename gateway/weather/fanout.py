"""Where weather reports go: a topic, a queue, or both; accepted is what all of them have."""

import asyncio
from typing import Final

from contracts.topics import KEPT, TopicSpec
from contracts.weather import writers_in
from gateway.kafka.batching import LogUnavailable, LogWriter, PendingWrite, Pump
from gateway.metrics import Metrics
from gateway.observability.tracing import Header
from gateway.settings import GatewaySettings
from gateway.weather.rabbit_writer import RabbitWriter


class ReportLog:
    """The writers that the settings name, as one log."""

    def __init__(self, settings: GatewaySettings, metrics: Metrics) -> None:
        self._loop = asyncio.get_running_loop()
        self._writers: list[LogWriter | RabbitWriter] = []
        number = settings.weather_partitions
        pumps: list[list[Pump]] = [[] for _ in range(number)]
        for name in writers_in(settings.weather_writers):
            if name == "kafka":
                topic = TopicSpec(settings.weather_reports_topic, number, KEPT)
                kafka = LogWriter(settings, metrics, topic, metrics.weather_ready.labels(name))
                self._writers.append(kafka)
                for partition, pump in zip(pumps, kafka.pumps, strict=True):
                    partition.append(pump)
            else:
                rabbit = RabbitWriter(settings, metrics)
                self._writers.append(rabbit)
                for partition in pumps:
                    partition.append(rabbit)
        self._pumps = [it[0] if len(it) == 1 else _All(it) for it in pumps]

    @property
    def problem(self) -> str | None:
        """Why no reports are taken now; None while all writers take them."""
        for writer in self._writers:
            if writer.problem is not None:
                return writer.problem
        return None

    @property
    def largest_record(self) -> int | None:
        """How many bytes the topic takes of a record; None if it takes every one of ours."""
        for writer in self._writers:
            if isinstance(writer, LogWriter):
                return writer.largest_record
        return None

    def start(self) -> None:
        """Begin to connect; returns at once, ``problem`` says when it has succeeded."""
        for writer in self._writers:
            writer.start()

    def begin(self) -> PendingWrite:
        """Begin what one request appends.

        :raises LogUnavailable: at once, while one of the writers takes nothing.
        """
        problem = self.problem
        if problem is not None:
            raise LogUnavailable(problem)
        return PendingWrite(self._pumps, self._loop)

    async def close(self) -> None:
        """Stop. Whoever wants records delivered waits for their writes first."""
        await asyncio.gather(*(writer.close() for writer in self._writers))


class _All:
    """A pump that hands each record to several; a write waits for all of them."""

    __slots__ = ("_pumps",)

    def __init__(self, pumps: list[Pump]) -> None:
        self._pumps: Final = pumps

    def append(self, key: bytes, value: bytes, headers: list[Header], write: PendingWrite) -> None:
        for pump in self._pumps:
            pump.append(key, value, headers, write)
