"""Is a topic there, as it must be, and do the brokers that lead it answer?"""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Final

import structlog
from aiokafka.admin.config_resource import ConfigResourceType
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import for_code
from aiokafka.protocol.admin import DescribeConfigsRequest
from aiokafka.protocol.metadata import MetadataRequest

from contracts.kafka import kafka_options
from contracts.topics import TopicSpec, another_log, never_in_sync
from faust_bulk.topics import Partition, TopicFacts, TopicProblem, ask, find
from gateway.settings import GatewaySettings

_log = structlog.get_logger("gateway.topic_watch")

#: Longest wait for a broker's answer, seconds.
_PATIENCE: Final = 3.0
#: The topic's configuration is read again after so many seconds: it may be changed at any time.
_CONFIG_AGE: Final = 10.0


#: What Kafka has against a gateway without the right.
MAY_NOT_WRITE: Final = "this gateway's user may not write to it; allow WRITE and DESCRIBE"

CountedLog = Callable[[], str | None]


class TopicWatch:
    """Looks at the topic that records go to, over a connection of its own.

    A producer cannot be asked: it says nothing while it is idle, and its metadata requests may
    create a missing topic with whatever the broker's defaults are.
    """

    def __init__(
        self, settings: GatewaySettings, topic: TopicSpec, counted_log: CountedLog
    ) -> None:
        """*counted_log* returns Kafka's id of the topic that this epoch has counted, if known."""
        self._settings = settings
        self._counted_log = counted_log
        #: the id of the topic when it was seen first
        self._log: str | None = None
        self._topic = topic
        self._client: AIOKafkaClient | None = None
        self._config: dict[str, str] | None = None
        self._config_until = 0.0  # time.monotonic
        #: Whether the topic of heartbeats is there, by the last look.
        self.heartbeats = False
        self._heartbeats_error = 0  # Kafka's code; what is said once is not said at each look

    async def problem(self) -> str | None:
        """Return why records cannot be taken, as far as Kafka's answers show; None if all is well.

        Asks each broker that leads a partition, so a frozen one is noticed. Bounded in time.
        """
        try:
            async with asyncio.timeout(2 * _PATIENCE):
                return await self._look()
        except TopicProblem as error:
            self._config = None
            return str(error)
        # Unknown errors of the library too: this loop must go on whatever Kafka answers.
        except Exception as error:
            await self.close()
            self._config = None
            detail = str(error) or type(error).__name__
            return f"Kafka at {self._settings.kafka} does not answer: {detail}"

    @property
    def max_batch(self) -> int | None:
        """The largest record batch that the topic takes, bytes; None if it did not say."""
        config = self._config or {}
        value = config.get("max.message.bytes")
        return int(value) if value else None

    def forget_config(self) -> None:
        """Read the topic's configuration at the next look."""
        self._config_until = 0.0

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def _look(self) -> str | None:
        client = await self._connected()
        topic = self._topic.name
        found = (await find(client, (topic,))).get(topic)
        problem = self._problem_of(found)
        if found is None or problem is not None:
            # It may be created anew with another configuration.
            self._config = None
            return problem
        if self._is_another(found.id):
            return another_log(topic, self._settings.epoch)
        leaders = {partition.leader for partition in found.described}
        if not leaders <= {broker.nodeId for broker in client.cluster.brokers()}:
            await client.force_metadata_update()
        others = leaders - found.told_by
        await asyncio.gather(*(ask(client, leader, (topic,)) for leader in others))
        if self._config is None or time.monotonic() > self._config_until:
            node = min(leaders)
            self._config = await self._describe(client, node)
            self.heartbeats = await self._has_heartbeats(client, node)
            self._config_until = time.monotonic() + _CONFIG_AGE
        problem = _not_kept(self._topic, self._config)
        if problem is not None:
            return problem
        wanted = int(self._config.get("min.insync.replicas", "1"))
        for partition in found.described:
            problem = replicas_missing(topic, partition, wanted)
            if problem is not None:
                return problem
        return None

    def _problem_of(self, found: TopicFacts | None) -> str | None:
        topic = self._topic.name
        if found is None:
            return f"topic {topic!r} does not exist"
        if found.partitions != self._topic.partitions:
            return (
                f"topic {topic!r} has {found.partitions} partitions, the settings say "
                f"{self._topic.partitions}; their number is fixed within an epoch"
            )
        if not found.may_write:
            return f"topic {topic!r}: {MAY_NOT_WRITE}"
        for partition in found.described:
            if partition.leader < 0:
                return f"topic {topic!r}: partition {partition.number} has no leader"
        return None

    def _is_another(self, log: str) -> bool:
        """Whether *log* is another one than this epoch began with, as far as that is known."""
        counted = self._counted_log()
        if self._log is None and counted in (None, log):
            self._log = log
        return log != self._log or counted not in (None, log)

    async def _connected(self) -> AIOKafkaClient:
        if self._client is None:
            client = AIOKafkaClient(
                **kafka_options(self._settings),
                client_id="medallero-gateway-watch",
                request_timeout_ms=int(_PATIENCE * 1000),
            )
            try:
                await client.bootstrap()
            except BaseException:
                await client.close()
                raise
            self._client = client
        return self._client

    async def _has_heartbeats(self, client: AIOKafkaClient, node: int) -> bool:
        topic = self._settings.heartbeats_topic
        request = MetadataRequest([topic], allow_auto_topic_creation=False)
        (described,) = (await client.send(node, request)).to_object()["topics"]
        code = described["error_code"]
        if code and code != self._heartbeats_error:
            _log.warning(
                "no_heartbeats",
                topic=topic,
                error=for_code(code).__name__,
                hint="while this gateway is idle, it does not know whether Kafka takes records; "
                "`medallero topics` creates the topic",
            )
        self._heartbeats_error = code
        return not code

    async def _describe(self, client: AIOKafkaClient, node: int) -> dict[str, str]:
        topic = self._topic.name
        request = DescribeConfigsRequest([(ConfigResourceType.TOPIC, topic, None)])
        response = await client.send(node, request)
        ((code, message, _type, _name, entries),) = response.resources
        if code:
            # Not being allowed to read the configuration is no reason to refuse records.
            if self._config is None:
                _log.warning("topic_config_unreadable", topic=topic, error=message)
            return {}
        return {entry[0]: entry[1] for entry in entries}


def _not_kept(topic: TopicSpec, config: Mapping[str, str]) -> str | None:
    """Return why the topic does not keep what it is given; None if it does, or does not say."""
    for key, wanted in topic.config.items():
        found = config.get(key, wanted)
        if found != wanted:
            return (
                f"topic {topic.name!r} would delete records: {key} is {found}; "
                f"set it to {wanted} (kafka-configs.sh --alter)"
            )
    return None


def replicas_missing(topic: str, partition: Partition, wanted: int) -> str | None:
    """Return why Kafka takes no record into *partition*, if too few of its replicas are in sync.

    *wanted* is the topic's ``min.insync.replicas``.
    """
    _number, _leader, replicas, in_sync = partition
    if len(in_sync) >= wanted:
        return None
    name = f"topic {topic!r}: partition {partition.number}"
    never = never_in_sync(len(replicas), wanted)
    if never is not None:
        return f"{name} {never}"
    away = ", ".join(str(broker) for broker in sorted(set(replicas) - set(in_sync)))
    return (
        f"{name} has {len(in_sync)} of {len(replicas)} replicas in sync, and min.insync.replicas "
        f"is {wanted}; bring back the brokers that are missing or behind: {away}"
    )
