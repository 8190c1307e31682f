"""`medallero topics` on a real Kafka."""

from __future__ import annotations

import asyncio

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from click.testing import CliRunner, Result

from contracts.settings import CommonSettings
from contracts.topic_admin import check_topics
from medallero.cli import main

pytestmark = pytest.mark.integration


def topics(settings: CommonSettings, *more: str) -> Result:
    environment = {
        "MEDALLERO_KAFKA": settings.kafka,
        "MEDALLERO_TOPIC_PREFIX": settings.topic_prefix,
        "MEDALLERO_PARTITIONS": str(settings.partitions),
    }
    runner = CliRunner(env=environment)
    return runner.invoke(main, ["topics", *more], catch_exceptions=False)


def test_the_topics_are_there_and_right_afterwards(common_settings: CommonSettings) -> None:
    first = topics(common_settings)
    again = topics(common_settings)

    assert (first.exit_code, again.exit_code) == (0, 0), first.output + again.output
    assert common_settings.results_topic in first.output
    assert asyncio.run(check_topics(common_settings)) == []


def test_created_topics_are_compressed_as_the_settings_say(
    common_settings: CommonSettings,
) -> None:
    assert topics(common_settings, "--compression", "lz4").exit_code == 0

    async def compression() -> str:
        admin = AIOKafkaAdminClient(bootstrap_servers=common_settings.kafka)
        await admin.start()
        try:
            wanted = ConfigResource(ConfigResourceType.TOPIC, common_settings.results_topic)
            (response,) = await admin.describe_configs([wanted])
        finally:
            await admin.close()
        return str({it[0]: it[1] for it in response.resources[0][4]}["compression.type"])

    assert asyncio.run(compression()) == "lz4"
    assert topics(common_settings).exit_code == 0


def test_what_exists_is_not_changed(common_settings: CommonSettings) -> None:
    assert topics(common_settings).exit_code == 0

    other = topics(common_settings, "--partitions", str(common_settings.partitions + 1))

    assert other.exit_code == 2
    assert "their number is fixed within an epoch" in other.output
    assert asyncio.run(check_topics(common_settings)) == []


def test_where_weather_reports_go_to_kafka_their_topics_are_created_too(
    common_settings: CommonSettings,
) -> None:
    without = topics(common_settings)
    done = topics(common_settings, "--weather-writers", "rabbitmq,kafka")

    assert done.exit_code == 0
    assert "weather" not in without.output
    prefix = common_settings.topic_prefix
    created = {line.split()[0].removeprefix(prefix) for line in done.output.splitlines()}
    assert {"results", "weather-reports", "medallero-v1-weather-changelog"} <= created
