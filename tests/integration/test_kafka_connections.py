"""What aiokafka makes of a connection that has just gone, on the loop that our processes run on."""

from __future__ import annotations

import asyncio

import pytest
import uvloop
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.metadata import MetadataRequest

from contracts.kafka import kafka_options
from contracts.settings import CommonSettings

pytestmark = pytest.mark.integration


def test_to_send_over_a_connection_that_was_closed_a_moment_ago_is_an_error_of_kafka(
    kafka: str,
) -> None:
    async def send() -> None:
        client = AIOKafkaClient(**kafka_options(CommonSettings(kafka=kafka)))
        await client.bootstrap()
        try:
            assert await client.ready(client.get_random_node())
            [connection] = client._conns.values()
            # given a transport that is closed, before the one who reads from it is told
            connection._writer.transport.abort()
            await asyncio.sleep(0)
            assert connection._reader is not None
            with pytest.raises(KafkaConnectionError, match="is closed"):
                connection.send(MetadataRequest([]))
            assert connection._reader is None
            # and the next one is another
            assert await client.fetch_all_metadata()
        finally:
            await client.close()

    uvloop.run(send())
