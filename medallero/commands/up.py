"""`medallero up`: Kafka, Redis, the gateway and workers on this machine."""

from __future__ import annotations

import click

from medallero.options import read, settings_options
from medallero.terminal import stdout
from medallero.up.settings import UpSettings


@click.command(name="up")
@click.option(
    "--fresh",
    is_flag=True,
    help="Begin anew: end what runs in the data directory, and remove its data.",
)
@click.option(
    "--with",
    "parts",
    type=click.Choice(["weather"]),
    multiple=True,
    help="Start a further part: weather takes weather reports and counts them, by Kafka and by "
    "RabbitMQ, if that is installed.",
)
@settings_options(UpSettings)
def command(fresh: bool, parts: tuple[str, ...], **given: str | None) -> None:
    """Start everything on this machine and keep it running until Ctrl-C.

    Kafka and Redis are started unless --kafka or --redis, or their environment variables, name
    running ones. Everything listens on 127.0.0.1 unless told otherwise. What is stored stays for
    the next start. Every option can also be given by the environment variable that its help
    names.
    """
    # Imported after --help and a wrong flag had their chance.
    from medallero.up.endpoints import forget_started
    from medallero.up.run import run

    forget_started()
    run(read(UpSettings, given), stdout(), fresh=fresh, weather="weather" in parts)
