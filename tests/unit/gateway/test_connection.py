"""Producers of a gateway that are given up."""

from __future__ import annotations

import asyncio
from typing import Any

from contracts.topics import TopicSpec
from gateway.kafka.connection import KafkaLink
from gateway.settings import GatewaySettings


class Hanging:
    """A producer that never delivers what it holds."""

    sender_task = None
    closed = False

    @property
    def _sender(self) -> Hanging:
        return self

    @property
    def client(self) -> Hanging:
        return self

    async def stop(self) -> None:
        await asyncio.Event().wait()

    async def close(self) -> None:
        self.closed = True


async def test_what_a_replaced_producer_still_holds_when_it_is_closed_is_told_to_be_lost() -> None:
    lost: list[tuple[Any, bool]] = []
    link = KafkaLink(
        GatewaySettings(kafka_timeout=0.1),
        TopicSpec("results", 2),
        counted_log=lambda: None,
        changed=lambda: None,
        lost=lambda producer: lost.append((producer, producer.closed)),
    )
    producer: Any = Hanging()
    link._producer = producer

    link.replace(producer)

    assert lost == []  # it may deliver it yet
    await link.close()
    assert lost == [(producer, True)]
