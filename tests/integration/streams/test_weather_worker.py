"""The way by Kafka with real processes: what is on the topic is in Redis, whatever happens."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from tests.support.weather import as_the_net_brings_them, some_reports
from tests.support.weather_system import WeatherSystem, send_to_kafka, weather_settings
from weather.recount import recount

pytestmark = pytest.mark.integration


@pytest.fixture
def system(kafka: str, redis_url: str, tmp_path: Path) -> Iterator[WeatherSystem]:
    settings = weather_settings(kafka=kafka, redis=redis_url, weather_partitions=2)
    started = WeatherSystem(settings, tmp_path)
    started.prepare()
    yield started
    started.stop()


def test_reports_of_the_topic_are_counted_through_a_kill_and_a_wiped_redis(
    system: WeatherSystem,
) -> None:
    values = as_the_net_brings_them(some_reports(2_000))
    settings = system.settings
    worker = system.add("worker")
    worker.wait_ready()

    # given half of them are counted, and the worker is killed
    asyncio.run(send_to_kafka(settings, values[:1_000]))
    system.wait_for("kafka", recount(values[:1_000]).summary)
    worker.kill()
    asyncio.run(send_to_kafka(settings, values[1_000:]))

    # when it is back, and somebody wipes what Redis has
    worker.start()
    system.wait_for("kafka", recount(values).summary)
    with Redis.from_url(settings.redis) as redis:
        for key in redis.scan_iter(f"{settings.weather_prefix}*"):
            redis.delete(key)

    # then Redis says the same again
    system.wait_for("kafka", recount(values).summary)


def test_a_record_that_is_no_report_is_put_aside_and_stops_nothing(system: WeatherSystem) -> None:
    values = as_the_net_brings_them(some_reports(50))
    settings = system.settings
    system.add("worker").wait_ready()

    asyncio.run(_produce(settings.kafka, settings.weather_reports_topic, b"x", b'{"id": "x"}'))
    asyncio.run(send_to_kafka(settings, values))

    system.wait_for("kafka", recount(values).summary)
    (rejected,) = asyncio.run(_read(settings.kafka, settings.weather_rejected_topic))
    assert rejected["field"] == ""
    assert rejected["error"] == "object missing required field `place_kind`"
    assert rejected["value"]["text"] == '{"id": "x"}'
    counts = system.counts("kafka")
    assert counts is not None
    assert counts.meta["rejected"] == "1"


async def _produce(kafka: str, topic: str, key: bytes, value: bytes) -> None:
    from aiokafka import AIOKafkaProducer

    async with AIOKafkaProducer(bootstrap_servers=kafka, acks="all") as producer:
        await producer.send_and_wait(topic, value, key)


async def _read(kafka: str, topic: str) -> list[dict[str, Any]]:
    from aiokafka import AIOKafkaConsumer

    async with AIOKafkaConsumer(
        topic, bootstrap_servers=kafka, auto_offset_reset="earliest", enable_auto_commit=False
    ) as consumer:
        async with asyncio.timeout(30):
            return [json.loads((await consumer.getone()).value)]
