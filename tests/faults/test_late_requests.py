"""A request that was thought lost, was sent again, and comes at last, after its successor."""

from __future__ import annotations

import asyncio
from unittest.mock import patch

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from faust_bulk import producer
from faust_bulk.producer import DurableProducer
from tests.soak.unsafe import SAFETIES
from tests.support.servers import Server
from tests.support.tcp_proxy import TcpProxy
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.integration, pytest.mark.faults]


async def test_a_changelog_takes_no_late_copy(hurt_kafka: tuple[Server, TcpProxy]) -> None:
    server, proxy = hurt_kafka

    assert await _written(server, proxy, "with") == [b"1", b"2", b"3"]


async def test_without_idempotence_it_would_bury_its_successor(
    hurt_kafka: tuple[Server, TcpProxy],
) -> None:
    server, proxy = hurt_kafka

    with patch.dict(vars(producer)):
        SAFETIES["idempotence"].leave_out()

        assert await _written(server, proxy, "without") == [b"1", b"2", b"3", b"2"]


async def _written(server: Server, proxy: TcpProxy, topic: str) -> list[bytes | None]:
    """Write 1, 2 and 3 under one key, 2 through a network that delivers it once more in the end."""
    admin = AIOKafkaAdminClient(bootstrap_servers=server.address)
    await admin.start()
    await admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=1)])
    await admin.close()
    durable = DurableProducer(bootstrap_servers=server.address)
    await durable.start()
    try:
        await durable.publish(topic, 0, [(b"key", b"1")])
        proxy.strand(0.5)
        await durable.publish(topic, 0, [(b"key", b"2")])
        await durable.publish(topic, 0, [(b"key", b"3")])
        assert proxy.stranded
        proxy.heal()
        await asyncio.to_thread(
            wait_until, lambda: not proxy.stranded, what="what was stranded has come"
        )
    finally:
        await durable.stop()
    async with AIOKafkaConsumer(bootstrap_servers=server.address) as consumer:
        place = TopicPartition(topic, 0)
        consumer.assign([place])
        await consumer.seek_to_beginning(place)
        end = (await consumer.end_offsets([place]))[place]
        return [(await consumer.getone(place)).value for _ in range(end)]
