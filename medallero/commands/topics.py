"""`medallero topics`: the topics on a Kafka that `up` did not start."""

from __future__ import annotations

import asyncio
from typing import Final

import click
from aiokafka.errors import KafkaError

from contracts.topic_admin import TopicError, ensure_topics
from contracts.topics import TopicSpec, topic_specs
from contracts.weather import writers_in
from contracts.weather_store import WeatherStoreSettings, counting_topics
from medallero.options import read, settings_options
from medallero.terminal import CannotDo, quiet_libraries

_TIMEOUT: Final = 60.0


@click.command(name="topics")
@settings_options(WeatherStoreSettings)
def command(**given: str | None) -> None:
    """Create the topics that are missing, and check that all are as the system needs them.

    Gateways and workers create none. `medallero up` does this by itself; elsewhere it is done
    once, before they start, by somebody who may create topics. Doing it again changes nothing.
    Where weather reports go to Kafka (--weather-writers), it creates theirs too.

    \b
    Example:
      medallero topics --kafka kafka:9092 --partitions 6 --replication 3

    \b
    Exit code: 0 all are there and right, 2 not.
    """
    settings = read(WeatherStoreSettings, given)
    specs = topic_specs(settings)
    if "kafka" in writers_in(settings.weather_writers):
        specs = (*specs, *counting_topics(settings))
    quiet_libraries()
    try:
        asyncio.run(_ensure(settings, specs))
    except TopicError as error:
        raise CannotDo(
            f"Kafka at {settings.kafka}: {error}.",
            "What exists is never changed: go on with the settings that it was made with.",
        ) from None
    except (KafkaError, TimeoutError) as error:
        raise CannotDo(
            f"Kafka at {settings.kafka} does not serve: {str(error) or type(error).__name__}."
        ) from None
    width = max(len(spec.name) for spec in specs)
    for spec in specs:
        click.echo(f"{spec.name:{width}}  partitions: {spec.partitions}")


async def _ensure(settings: WeatherStoreSettings, specs: tuple[TopicSpec, ...]) -> None:
    async with asyncio.timeout(_TIMEOUT):
        await ensure_topics(settings, specs)
