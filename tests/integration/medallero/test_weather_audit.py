"""`medallero audit` recounts the weather reports too, and names each number that differs."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from medallero.snapshot_reader import SnapshotUnavailable
from medallero.weather_audit import audit_weather, compare, numbers_of
from streams.weather.store import ReportStore, connect
from tests.support.weather import as_the_net_brings_them, some_reports
from tests.support.weather_system import WeatherSystem, send_to_kafka, weather_settings
from weather.recount import recount
from weather.report import decode

VALUES = as_the_net_brings_them(some_reports(400, seed=9))

pytestmark = pytest.mark.integration


@pytest.fixture
def system(kafka: str, redis_url: str, tmp_path: Path) -> Iterator[WeatherSystem]:
    # One server in both places, under two prefixes: what is compared is what the audit reads.
    settings = weather_settings(
        kafka=kafka,
        redis=redis_url,
        valkey=redis_url.removesuffix("/0") + "/1",
        weather_writers="kafka,rabbitmq",
        partitions=1,
    )
    started = WeatherSystem(settings, tmp_path)
    started.prepare()
    yield started
    started.stop()


def test_the_audit_agrees_and_then_names_what_was_changed(system: WeatherSystem) -> None:
    settings = system.settings
    system.add("worker")
    asyncio.run(send_to_kafka(settings, VALUES))
    asyncio.run(count_as_the_consumer_does(settings.valkey, settings.weather_prefix))
    system.wait_for("kafka", recount(VALUES).summary)
    system.stop()

    agreed = asyncio.run(audit_weather(settings, wait=30))

    assert agreed is not None
    assert (agreed.records, agreed.differences) == (len(VALUES), [])
    assert agreed.numbers == 2 * len(numbers_of(recount(VALUES).summary)) + 1
    with Redis.from_url(settings.redis) as redis, Redis.from_url(settings.valkey) as valkey:
        redis.hincrby(f"{settings.weather_prefix}place", "country\tGT", 3)
        valkey.hincrby(f"{settings.weather_prefix}total", "reports", -1)
    differing = asyncio.run(audit_weather(settings, wait=0))
    assert differing is not None
    assert [(it.store, it.place, it.stored - it.topic) for it in differing.differences] == [
        ("Redis", "country GT", 3),
        ("Valkey", "all", -1),
    ]


def test_before_the_first_report_there_is_nothing_to_differ(system: WeatherSystem) -> None:
    agreed = asyncio.run(audit_weather(system.settings, wait=0))

    assert agreed is not None
    assert (agreed.records, agreed.differences) == (0, [])

    asyncio.run(send_to_kafka(system.settings, VALUES[:1]))
    with pytest.raises(SnapshotUnavailable, match="no weather-worker has written counts"):
        asyncio.run(audit_weather(system.settings, wait=0))


def test_every_number_of_a_summary_is_compared() -> None:
    some, others = recount(VALUES[:200]).summary, recount(VALUES[200:]).summary

    outcome = compare("Redis", some, others)

    every = numbers_of(some) | numbers_of(others)
    assert outcome.numbers == len(every)
    assert {(it.place, it.number) for it in outcome.differences} == {
        it for it in every if numbers_of(some).get(it, 0) != numbers_of(others).get(it, 0)
    }
    assert compare("Redis", some, some).differences == []


async def count_as_the_consumer_does(url: str, prefix: str) -> None:
    async with connect(url) as redis:
        await ReportStore(redis, prefix).count([(decode(it), it) for it in VALUES])
