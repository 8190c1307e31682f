"""A changelog that is compacted within seconds, and how far the brokers have come with that."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from contracts.kafka import kafka_options
from contracts.settings import CommonSettings
from contracts.topic_admin import ensure_topics
from contracts.topics import topic_specs
from tests.support.cluster import BROKERS

# Only segments that are not written any more are compacted: each second begins a new one.
_SOON: Final = {"segment.ms": "1000", "min.cleanable.dirty.ratio": "0.001"}


def make_compacted_soon(settings: CommonSettings) -> None:
    """Create the changelog so."""
    specs = [
        replace(spec, config={**spec.config, **_SOON})
        for spec in topic_specs(settings)
        if spec.name == settings.changelog_topic
    ]
    asyncio.run(ensure_topics(settings, specs))


def changelog_ends(settings: CommonSettings) -> dict[int, int]:
    """Return where each partition of the changelog ends now."""

    async def ask() -> dict[int, int]:
        places = [TopicPartition(settings.changelog_topic, it) for it in range(settings.partitions)]
        async with AIOKafkaConsumer(**kafka_options(settings)) as consumer:
            return {it.partition: end for it, end in (await consumer.end_offsets(places)).items()}

    return asyncio.run(ask())


def is_compacted(settings: CommonSettings, directory: Path, ends: Mapping[int, int]) -> bool:
    """Whether every broker of the cluster in *directory* has compacted the changelog up to *ends*.

    It goes on only while the changelog is written.
    """
    for number in range(1, BROKERS + 1):
        cleaned = _cleaned(directory / f"kafka-{number}" / "data", settings.changelog_topic)
        if any(cleaned.get(partition, 0) < end for partition, end in ends.items()):
            return False
    return True


def _cleaned(data: Path, topic: str) -> dict[int, int]:
    """Return the offsets that a broker's cleaner has noted: lines of topic, partition, offset."""
    try:
        lines = (data / "cleaner-offset-checkpoint").read_text("utf-8").splitlines()
    except FileNotFoundError:  # nothing was compacted yet
        return {}
    fields = [line.split() for line in lines]
    return {int(it[1]): int(it[2]) for it in fields if len(it) == 3 and it[0] == topic}
