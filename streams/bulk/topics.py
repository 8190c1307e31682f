"""What the brokers say of topics: their partitions, and which log stands behind a name."""

from collections.abc import Iterable
from io import BytesIO
from typing import Any, NamedTuple

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import UnknownTopicOrPartitionError, for_code
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


class TopicFacts(NamedTuple):
    """A topic as the brokers know it.

    ``id`` names the log itself: a topic that was deleted and created again has another one.
    ``log`` is the same, with the cluster's id before it.
    """

    name: str
    partitions: int
    id: str
    log: str


class TopicProblem(RuntimeError):
    """A topic is missing, or is not what a table needs."""

    def __init__(self, topic: str, problem: str) -> None:
        super().__init__(f"topic {topic!r} {problem}")
        self.topic = topic
        self.problem = problem


async def find(client: AIOKafkaClient, names: Iterable[str]) -> dict[str, TopicFacts]:
    """Return the facts about those of the topics that exist; none is created by asking.

    :raises TopicProblem: one of them may not be described.
    """
    wanted = tuple(names)
    response = await client.send(client.get_random_node(), _MetadataRequest(wanted))
    facts = {}
    for code, name, topic_id, _internal, partitions, *_rest in response.topics:
        if code == UnknownTopicOrPartitionError.errno:
            continue
        if code:
            raise TopicProblem(name, f"cannot be used: {for_code(code).__name__}")
        own = topic_id.hex()
        facts[name] = TopicFacts(name, len(partitions), own, f"{response.cluster_id}/{own}")
    return facts


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
        return request_struct_class(by_name, False, False, {})
