"""The gateway's process, or one of its processes."""

import asyncio
import gc
import logging
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Final, NamedTuple

import uvloop

from contracts.logs import configure_logs
from gateway.auth.authenticator import AccessError
from gateway.auth.tls import TlsError
from gateway.multiprocess.shared_metrics import Siblings
from gateway.multiprocess.supervisor import ProcessesFailed, run_processes
from gateway.paths import PathsError
from gateway.service import Gateway
from gateway.settings import GatewaySettings
from olympics.catalogue import CatalogueError

#: Requests leave no cycles behind, so the garbage collector need not look for any so often.
_GARBAGE: Final = (50_000, 20, 20)


class Place(NamedTuple):
    """Which of several processes this one is, from 1 on, and the directory that they share."""

    number: int
    directory: Path


def main() -> None:
    """Run the gateway with the environment's settings until SIGTERM or SIGINT."""
    run(GatewaySettings())


def run(settings: GatewaySettings, place: Place | None = None) -> None:
    """Run the gateway until SIGTERM or SIGINT; end the process with 1 if it cannot start."""
    configure_logs(settings.log_format, settings.log_level)
    # The absence of Kafka or RabbitMQ is told by our own event, once; their clients would repeat it
    # with every attempt.
    for client in ("aiokafka", "aio_pika", "aiormq"):
        logging.getLogger(client).setLevel(logging.CRITICAL)
    try:
        if settings.processes > 1 and place is None:
            asyncio.run(run_processes(settings))
        else:
            uvloop.run(_serve(settings, place))
    except (CatalogueError, PathsError, AccessError, TlsError, OSError) as error:
        sys.exit(f"medallero gateway: {error}")
    except ProcessesFailed:
        sys.exit(1)


async def _serve(settings: GatewaySettings, place: Place | None) -> None:
    parent = os.getppid()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, stop.set)
    if place is not None:
        _stop_with_parent(loop, stop)
    _allow_files()
    gateway = Gateway(settings)
    siblings = None
    if place is not None:
        siblings = Siblings(place.directory, place.number, gateway.metrics.registry)
        gateway.tell_metrics_of(siblings)
    await gateway.start()
    if siblings is not None:
        await siblings.start()
    gc.freeze()
    gc.set_threshold(*_GARBAGE)
    await stop.wait()
    await gateway.stop()
    if siblings is not None:
        await siblings.close(orphaned=os.getppid() != parent)


def _stop_with_parent(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    """A process whose parent was killed has nobody who would stop it."""

    def ended() -> None:
        if not os.read(sys.stdin.fileno(), 1024):
            loop.remove_reader(sys.stdin.fileno())
            stop.set()

    loop.add_reader(sys.stdin.fileno(), ended)


def _allow_files() -> None:
    """Every connection is an open file, and many systems allow a process 1,024 unless it asks."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


if __name__ == "__main__":
    if len(sys.argv) == 1:
        main()
    else:  # one of several, as gateway/multiprocess/supervisor.py starts it
        run(GatewaySettings(), Place(int(sys.argv[1]), Path(sys.argv[2])))
