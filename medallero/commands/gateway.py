"""`medallero gateway`: one gateway process, as `up` and the container start it."""

from __future__ import annotations

import click

from gateway.settings import GatewaySettings
from medallero.options import export, read, settings_options


@click.command(name="gateway")
@settings_options(GatewaySettings)
def command(**given: str | None) -> None:
    """Run the gateway: results in over HTTP and gRPC, acknowledged when Kafka has them.

    Every option can also be given by the environment variable that its help names. The process
    serves until SIGTERM or Ctrl-C, then finishes what it has begun and ends.
    """
    read(GatewaySettings, given)
    export(given)
    from gateway.main import main

    main()
