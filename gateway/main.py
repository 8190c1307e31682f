"""The gateway's process."""

import asyncio
import logging
import signal
import sys

import uvloop

from contracts.logs import configure_logs
from gateway.access import AccessError
from gateway.service import Gateway
from gateway.settings import GatewaySettings
from gateway.tls import TlsError
from olympics.catalogue import CatalogueError


def main() -> None:
    """Run the gateway with the environment's settings until SIGTERM or SIGINT."""
    run(GatewaySettings())


def run(settings: GatewaySettings) -> None:
    """Run the gateway until SIGTERM or SIGINT; end the process with 1 if it cannot start."""
    configure_logs(settings.log_format, settings.log_level)
    # Kafka's absence is told by our own event, once; aiokafka would repeat it with every attempt.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    try:
        uvloop.run(_serve(settings))
    except (CatalogueError, AccessError, TlsError, OSError) as error:
        sys.exit(f"medallero gateway: {error}")


async def _serve(settings: GatewaySettings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, stop.set)
    gateway = Gateway(settings)
    await gateway.start()
    await stop.wait()
    await gateway.stop()


if __name__ == "__main__":
    main()
