"""Starts a worker process."""

import gc
import sys
from typing import Any, TypeVar

import faust
import mode.loop
from pydantic import ValidationError

from contracts.logs import configure_logs
from contracts.settings import CommonSettings

AnySettings = TypeVar("AnySettings", bound=CommonSettings)


def main() -> None:
    """Run a worker until it is told to stop (SIGTERM, SIGINT) or cannot go on."""
    from streams.settings import WorkerSettings

    settings = begin("worker", WorkerSettings)
    from streams.worker import Worker

    run(Worker(settings).app)


def begin(name: str, model: type[AnySettings]) -> AnySettings:
    """Return the settings of the process *name*, which is ready then to import its app."""
    try:
        settings = model()
    except ValidationError as error:
        sys.exit(f"medallero {name}: {error}")
    mode.loop.use("uvloop")
    # The state is millions of objects that live as long as the process and form no cycles;
    # the default thresholds look through all of them again and again as they grow.
    gc.set_threshold(20_000, 20, 1_000)
    configure_logs(settings.log_format, settings.log_level)
    return settings


def run(app: Any) -> None:
    """Run a Faust app until it is told to stop or cannot go on."""
    process = faust.Worker(
        app,
        loglevel="WARNING",
        override_logging=False,
        redirect_stdouts=False,
        quiet=True,
    )
    process.spinner = None  # it writes to a terminal's cursor even where there is none
    process.execute_from_commandline()
