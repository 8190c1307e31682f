"""Starts a worker process."""

import gc
import sys

import faust
import mode.loop
from pydantic import ValidationError

from contracts.logs import configure_logs


def main() -> None:
    """Run a worker until it is told to stop (SIGTERM, SIGINT) or cannot go on."""
    from streams.settings import WorkerSettings

    try:
        settings = WorkerSettings()
    except ValidationError as error:
        sys.exit(f"medallero worker: {error}")
    mode.loop.use("uvloop")
    # The state is millions of objects that live as long as the process and form no cycles;
    # the default thresholds look through all of them again and again as they grow.
    gc.set_threshold(20_000, 20, 1_000)
    configure_logs(settings.log_format, settings.log_level)
    from streams.worker import Worker

    worker = Worker(settings)
    process = faust.Worker(
        worker.app,
        loglevel="WARNING",
        override_logging=False,
        redirect_stdouts=False,
        quiet=True,
    )
    process.spinner = None  # it writes to a terminal's cursor even where there is none
    process.execute_from_commandline()
