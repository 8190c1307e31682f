"""What a user of Kafka may do with a topic."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.admin import CreateAclsRequest, DeleteAclsRequest

from contracts.kafka import kafka_options
from contracts.settings import CommonSettings

# Kafka's own numbers: see AclOperation, AclPermissionType, PatternType and ResourceType.
TOPIC: Final = 2
LITERAL: Final = 3
ALLOW: Final = 3
OPERATIONS: Final = {"All": 2, "Read": 3, "Write": 4, "Describe": 8, "DescribeConfigs": 10}
_DENY: Final = 2
_ANY: Final = 1


def forbid_writing(settings: CommonSettings, topics: Iterable[str]) -> None:
    """Let the user of *settings* do with *topics* what it likes, but not write to them."""
    user = f"User:{settings.kafka_user}"
    asyncio.run(
        _ask(
            settings,
            [
                CreateAclsRequest(TOPIC, topic, LITERAL, user, "*", OPERATIONS[operation], kind)
                for topic in topics
                for operation, kind in (("All", ALLOW), ("Write", _DENY))
            ],
        )
    )


def forbid_nothing(settings: CommonSettings, topics: Iterable[str]) -> None:
    """Remove every rule about *topics*."""
    asyncio.run(
        _ask(
            settings,
            [DeleteAclsRequest(TOPIC, topic, LITERAL, None, None, _ANY, _ANY) for topic in topics],
        )
    )


async def _ask(settings: CommonSettings, requests: list[Any]) -> None:
    admin = AIOKafkaAdminClient(**kafka_options(settings))
    await admin.start()
    try:
        for request in requests:
            response = await admin._send_request(request)
            done = getattr(response, "creation_responses", None) or response.filter_responses
            assert [code for code, *_more in done] == [0], done
    finally:
        await admin.close()
