"""What the brokers say of topics: their partitions, and which log stands behind a name."""

import asyncio
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from io import BytesIO
from typing import Any, Final, NamedTuple

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError, UnknownTopicOrPartitionError, for_code
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    AbstractType,
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Schema,
    TaggedFields,
)

#: So many brokers are asked.
_ASKED: Final = 3
#: How often they are asked while they differ, and the pause before the next time, seconds.
_LOOKS: Final = 5
_PAUSE: Final = 0.2
_ABSENT: Final = ""
#: Of a topic's authorized operations: the bit of WRITE, and what stands there if nothing is told.
_WRITE: Final = 1 << 4
_NOT_TOLD: Final = -(2**31)


class Partition(NamedTuple):
    """A partition as a broker knows it; ``leader`` is -1 if it has none."""

    number: int
    leader: int
    replicas: Sequence[int]
    in_sync: Sequence[int]


class TopicFacts(NamedTuple):
    """A topic as the brokers know it.

    ``id`` names the log itself: a topic that was deleted and created again has another one.
    ``log`` is the same, with the cluster's id before it. ``told_by``: the brokers that say so.
    ``may_write``: whether whoever asks may write to it, as far as the broker tells.
    """

    name: str
    id: str
    log: str
    described: tuple[Partition, ...]
    told_by: frozenset[int]
    may_write: bool = True

    @property
    def partitions(self) -> int:
        return len(self.described)


class TopicProblem(RuntimeError):
    """A topic is missing, or is not what a table needs."""

    def __init__(self, topic: str, problem: str) -> None:
        super().__init__(f"topic {topic!r} {problem}")
        self.topic = topic
        self.problem = problem


async def find(client: AIOKafkaClient, names: Iterable[str]) -> dict[str, TopicFacts]:
    """Return the facts about those of the topics that exist; none is created by asking.

    Three brokers are asked, and most of them must agree. A broker tells what it has read of the
    cluster's metadata. One that is behind, or has lost the controllers, goes on to tell the id of
    a topic that was deleted and made again since. A broker that is silent counts as long as one
    that answers takes it for alive: a broker that is cut off from all others decides nothing.

    :raises TopicProblem: one of them may not be described.
    :raises KafkaError: no broker answers, or too few, or they differ for a second.
    """
    wanted = tuple(names)
    for look in range(_LOOKS):
        if look:
            await asyncio.sleep(_PAUSE)
        answers, voices = await _ask_some(client, wanted)
        if 2 * len(answers) <= voices:
            raise KafkaError(f"only {len(answers)} of {voices} brokers answers, and may be behind")
        found = {}
        for name in wanted:
            told = [it[name] for it in answers if name in it]
            ids = Counter(it.id for it in told)
            ids[_ABSENT] = len(answers) - len(told)
            of_most, count = ids.most_common(1)[0]
            if 2 * count <= voices:
                break
            if of_most != _ABSENT:
                same = [it for it in told if it.id == of_most]
                found[name] = same[0]._replace(
                    told_by=frozenset().union(*(it.told_by for it in same))
                )
        else:
            return found
    raise KafkaError(f"the brokers differ about topic {name!r}: one of them may be behind")


class _Answer(NamedTuple):
    """What a broker says of topics, and the brokers that it takes for alive, itself among them."""

    facts: dict[str, TopicFacts]
    alive: frozenset[int]


async def _ask_some(
    client: AIOKafkaClient, names: tuple[str, ...]
) -> tuple[Sequence[dict[str, TopicFacts]], int]:
    """Return what brokers say of the topics, and how many of those who were asked have a voice."""
    known = [broker.nodeId for broker in client.cluster.brokers()]
    nodes = random.sample(known, min(_ASKED, len(known))) or [client.get_random_node()]
    waiting = {asyncio.create_task(_ask(client, node, names)) for node in nodes}
    good: list[_Answer] = []
    failures: list[BaseException] = []
    try:
        # Not for all: one that is frozen answers after the longest time that a request may take.
        while waiting and not _most_agree([it.facts for it in good], len(nodes)):
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                if (failure := task.exception()) is None:
                    good.append(task.result())
                else:
                    failures.append(failure)
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
    for failure in failures:
        if not good or not isinstance(failure, (KafkaError, OSError, TimeoutError)):
            raise failure
    return [it.facts for it in good], len(
        frozenset(nodes) & frozenset().union(*(it.alive for it in good))
    )


def _most_agree(answers: Sequence[dict[str, TopicFacts]], asked: int) -> bool:
    """Whether those who are still silent cannot change what most say."""
    told = Counter(tuple(sorted((it.name, it.id) for it in answer.values())) for answer in answers)
    return any(2 * count > asked for count in told.values())


async def ask(client: AIOKafkaClient, node: int, names: tuple[str, ...]) -> dict[str, TopicFacts]:
    """Return what one broker says of the topics that exist.

    :raises TopicProblem: one of them may not be described.
    """
    return (await _ask(client, node, names)).facts


async def _ask(client: AIOKafkaClient, node: int, names: tuple[str, ...]) -> _Answer:
    response = await client.send(node, _MetadataRequest(names))
    facts = {}
    for code, name, topic_id, _internal, partitions, operations, *_rest in response.topics:
        if code == UnknownTopicOrPartitionError.errno:
            continue
        if code:
            raise TopicProblem(name, f"cannot be used: {for_code(code).__name__}")
        own = topic_id.hex()
        described = tuple(
            Partition(number, leader, replicas, in_sync)
            for _code, number, leader, _epoch, replicas, in_sync, *_offline in partitions
        )
        log = f"{response.cluster_id}/{own}"
        may_write = operations == _NOT_TOLD or bool(operations & _WRITE)
        facts[name] = TopicFacts(name, own, log, described, frozenset((node,)), may_write)
    return _Answer(facts, frozenset((node, *(broker[0] for broker in response.brokers))))


class _Uuid(AbstractType[bytes]):  # type: ignore[misc]
    @classmethod
    def encode(cls, value: bytes) -> bytes:
        return value

    @classmethod
    def decode(cls, data: BytesIO) -> bytes:
        return data.read(16)


# aiokafka speaks versions up to 5 of this request; topics have ids since version 10. The fields
# are those of MetadataRequest.json and MetadataResponse.json in Kafka's sources.
class _MetadataResponseV12(Response):  # type: ignore[misc]
    API_KEY = 3
    API_VERSION = 12
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            CompactArray(
                ("node_id", Int32),
                ("host", CompactString("utf-8")),
                ("port", Int32),
                ("rack", CompactString("utf-8")),
                ("tags", TaggedFields),
            ),
        ),
        ("cluster_id", CompactString("utf-8")),
        ("controller_id", Int32),
        (
            "topics",
            CompactArray(
                ("error_code", Int16),
                ("name", CompactString("utf-8")),
                ("topic_id", _Uuid),
                ("is_internal", Boolean),
                (
                    "partitions",
                    CompactArray(
                        ("error_code", Int16),
                        ("partition_index", Int32),
                        ("leader_id", Int32),
                        ("leader_epoch", Int32),
                        ("replica_nodes", CompactArray(Int32)),
                        ("isr_nodes", CompactArray(Int32)),
                        ("offline_replicas", CompactArray(Int32)),
                        ("tags", TaggedFields),
                    ),
                ),
                ("topic_authorized_operations", Int32),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _MetadataRequestV12(RequestStruct):  # type: ignore[misc]
    FLEXIBLE_VERSION = True
    API_KEY = 3
    API_VERSION = 12
    RESPONSE_TYPE = _MetadataResponseV12
    SCHEMA = Schema(
        (
            "topics",
            CompactArray(
                ("topic_id", _Uuid), ("name", CompactString("utf-8")), ("tags", TaggedFields)
            ),
        ),
        ("allow_auto_topic_creation", Boolean),
        ("include_topic_authorized_operations", Boolean),
        ("tags", TaggedFields),
    )


class _MetadataRequest(Request[_MetadataRequestV12]):  # type: ignore[misc]
    API_KEY = 3

    def __init__(self, topics: tuple[str, ...]) -> None:
        self._topics = topics

    def build(self, request_struct_class: Any) -> Any:
        by_name: list[tuple[bytes, str, dict[int, bytes]]] = [
            (bytes(16), name, {}) for name in self._topics
        ]
        return request_struct_class(by_name, False, True, {})
