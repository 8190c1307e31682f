"""`medallero worker`: one streams worker, as `up` and the container start it."""

from __future__ import annotations

import click

from medallero.options import export, read, settings_options
from streams.settings import WorkerSettings


@click.command(name="worker")
@settings_options(WorkerSettings)
def command(**given: str | None) -> None:
    """Run a worker: it keeps the standings of its partitions and mirrors them into Redis.

    Workers of one group share the partitions; start as many as there are partitions at most.
    Every option can also be given by the environment variable that its help names.
    """
    read(WorkerSettings, given)
    export(given)
    from streams.main import main

    main()
