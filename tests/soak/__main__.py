"""`make soak-worker`: the command."""

from __future__ import annotations

import json
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from medallero.terminal import quiet_libraries
from tests.soak.faults import KINDS
from tests.soak.scratch import scratch
from tests.soak.worker import Plan, Progress, soak, summary
from tests.support.environment import forget_settings
from tests.support.servers import running_kafka, running_redis


@click.command(context_settings={"show_default": True})
@click.option("--results", type=click.IntRange(1_000), default=3_000_000, help="Records to feed.")
@click.option("--rate", type=click.IntRange(100), default=12_000, help="Records a second.")
@click.option(
    "--every",
    type=click.FloatRange(1.5),
    default=30.0,
    metavar="SECONDS",
    help="Between two faults, while records flow at that rate.",
)
@click.option("--seed", type=int, default=1, help="The same seed gives the same records.")
@click.option(
    "--faults",
    type=click.Choice(["kill", "all"]),
    default="kill",
    help="kill: SIGKILL, restarted at once. all: in rotation SIGKILL, SIGTERM, and SIGSTOP until "
    "the worker's partitions have moved.",
)
@click.option("--workers", type=click.IntRange(1), default=2, help="Worker processes.")
@click.option("--partitions", type=click.IntRange(1), default=4, help="Partitions of the topic.")
@click.option(
    "--patience",
    type=click.FloatRange(1),
    default=300.0,
    metavar="SECONDS",
    help="How long each recovery may take.",
)
@click.option("--json", "json_file", type=click.Path(dir_okay=False), help="Write the report here.")
@click.option("--keep", is_flag=True, help="Keep logs and data also when all is well.")
def command(
    results: int,
    rate: int,
    every: float,
    seed: int,
    faults: str,
    workers: int,
    partitions: int,
    patience: float,
    json_file: str | None,
    keep: bool,
) -> None:
    """Feed results, kill workers in the middle, and see whether every number is right.

    A Kafka, a Redis and workers of its own run on free ports, with their data in a temporary
    directory. Results flow at a steady rate: corrections in any order, duplicates and garbage
    among them. A fault strikes one worker after the other. All the time the mirror in Redis is
    read, and each view must be consistent and must not go back; in the end the topic is recounted
    (`medallero audit`) and every number compared, and all workers are killed at once to see what
    they restore.

    \b
    Examples:
      python -m tests.soak
      python -m tests.soak --results 60000 --rate 5000 --every 3
      python -m tests.soak --faults all --results 20000000 --json soak.json

    \b
    Exit code: 0 all is right and faults struck work in flight, 1 not so; logs and data are kept
    then, and it is said where.
    """
    if faults == "all" and workers == 1:
        raise click.UsageError("A frozen worker's partitions need another worker to move to.")
    quiet_libraries()
    forget_settings()
    plan = Plan(
        results,
        rate,
        every,
        seed,
        KINDS if faults == "all" else KINDS[:1],
        workers,
        partitions,
        patience,
    )
    if not plan.faults:
        raise click.UsageError(
            f"{results:,} results at {rate:,} a second take {results / rate:.0f} s, and the first "
            f"fault comes after {every:g} s: raise --results, or lower --rate or --every."
        )
    console = Console(stderr=True, highlight=False)
    with (
        scratch(console, seed, "Logs and data", keep=keep) as directory,
        running_kafka(directory) as kafka,
        running_redis(directory) as redis,
        _Shown(console, results) as shown,
    ):
        report = soak(plan, kafka.address, redis.address, directory, shown)
    if json_file is not None:
        Path(json_file).write_text(json.dumps(report.as_json(), indent=1) + "\n", encoding="utf-8")
    click.echo(summary(report))


class _Shown(Progress):
    """Bars on a terminal, and a line for each event anywhere."""

    def __init__(self, console: Console, total: int) -> None:
        self._console = console
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        self._bars = Bars(*columns, console=console, disable=not console.is_terminal)
        self._fed = self._bars.add_task("on the topic", total=total)
        self._counted = self._bars.add_task("in the mirror", total=total)

    def __enter__(self) -> _Shown:
        self._bars.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._bars.stop()

    def says(self, text: str) -> None:
        self._console.print(text, markup=False, soft_wrap=True)

    def stands(self, acknowledged: int, counted: int) -> None:
        self._bars.update(self._fed, completed=acknowledged)
        self._bars.update(self._counted, completed=counted)


if __name__ == "__main__":
    command(prog_name="python -m tests.soak")
