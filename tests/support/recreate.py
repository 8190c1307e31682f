"""Topics that somebody deletes, and makes again."""

from __future__ import annotations

import asyncio

from aiokafka.admin import AIOKafkaAdminClient

from contracts.kafka import kafka_options
from contracts.settings import CommonSettings
from contracts.topic_admin import ensure_topics


def delete_topics(settings: CommonSettings, *names: str) -> None:
    """Delete the topics, and wait until they are gone."""

    async def delete() -> None:
        admin = AIOKafkaAdminClient(**kafka_options(settings))
        await admin.start()
        try:
            await admin.delete_topics(list(names))
            # Kafka tells nobody when a topic is gone.
            while set(names) & set(await admin.list_topics()):  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        finally:
            await admin.close()

    asyncio.run(delete())


def recreate_topics(settings: CommonSettings, *names: str) -> None:
    """Delete the topics, and make all that are missing, as `medallero topics` does."""
    delete_topics(settings, *names)
    asyncio.run(ensure_topics(settings))
