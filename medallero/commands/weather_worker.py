"""`medallero weather-worker`: weather reports from Kafka, counted into Redis."""

from __future__ import annotations

import click

from medallero.options import export, read, settings_options
from streams.weather.settings import WeatherWorkerSettings


@click.command(name="weather-worker")
@settings_options(WeatherWorkerSettings)
def command(**given: str | None) -> None:
    """Run a weather worker: it counts the topic of weather reports into Redis.

    Workers of one group share the partitions; start as many as there are partitions at most.
    Every option can also be given by the environment variable that its help names.
    """
    read(WeatherWorkerSettings, given)
    export(given)
    from streams.weather.main import worker

    worker()
