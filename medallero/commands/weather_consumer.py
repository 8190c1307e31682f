"""`medallero weather-consumer`: weather reports from RabbitMQ, counted into Valkey."""

from __future__ import annotations

import click

from medallero.options import export, read, settings_options
from streams.weather.settings import WeatherConsumerSettings


@click.command(name="weather-consumer")
@settings_options(WeatherConsumerSettings)
def command(**given: str | None) -> None:
    """Run a weather consumer: it counts the queue of weather reports into Valkey.

    Any number of them may run: a report counts once, whoever brings it. The store may also be a
    Redis. Every option can also be given by the environment variable that its help names.
    """
    read(WeatherConsumerSettings, given)
    export(given)
    from streams.weather.main import consumer

    consumer()
