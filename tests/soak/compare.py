"""`make soak-compare`: the command that hurts ours and others alike, and counts the damage."""

from __future__ import annotations

import json
from pathlib import Path

import click
from rich.console import Console

from medallero.terminal import quiet_libraries
from tests.soak.comparison import FAULTS, WORKERS, compare, summary
from tests.soak.schedule import Plan
from tests.soak.scratch import scratch
from tests.soak.whole import Said
from tests.support.environment import forget_settings


@click.command(context_settings={"show_default": True})
@click.option("--worker", type=click.Choice(WORKERS), default=WORKERS[0], help="Who counts.")
@click.option("--minutes", type=click.FloatRange(0.5), default=10.0, help="How long faults come.")
@click.option("--seed", type=int, default=1, help="The same seed gives the same faults, results.")
@click.option("--rate", type=click.IntRange(50), default=100, help="Results a second at most.")
@click.option(
    "--pause", type=click.FloatRange(0.5), default=3.0, metavar="SECONDS", help="Between faults."
)
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    type=click.Choice(FAULTS),
    metavar="KIND",
    help=f"Only these faults, repeatable: {', '.join(FAULTS)}.",
)
@click.option("--faults", type=click.IntRange(1), default=100_000, help="At most so many.")
@click.option(
    "--patience",
    type=click.FloatRange(1),
    default=90.0,
    metavar="SECONDS",
    help="How long nothing may be committed; then all workers are started anew.",
)
@click.option("--json", "json_file", type=click.Path(dir_okay=False), help="Write the report here.")
@click.option("--keep", is_flag=True, help="Keep logs and data.")
def command(
    worker: str,
    minutes: float,
    seed: int,
    rate: int,
    pause: float,
    kinds: tuple[str, ...],
    faults: int,
    patience: float,
    json_file: str | None,
    keep: bool,
) -> None:
    """Hurt a system of three brokers, a Redis, two gateways and three workers of a kind.

    \b
    textbook      Faust as its tutorials teach it: a Record, a table write and a Redis
                  increment a record
    exactly-once  the same with Faust's processing_guarantee="exactly_once"
    ours          the worker that this project runs

    Each gets the same results, through the same gateways, and the same faults in the same order,
    but as many as there is time for. Every result is sent once, unless a client cannot know
    whether it was accepted; so what is on the topic, record by record, is what Redis should show.
    Redis never loses what it has here: after that, increments are wrong for ever. A worker that
    ends is started again; where nothing goes on for longer than the patience, all workers are
    killed and started again, and that is counted.

    \b
    Examples:
      python -m tests.soak.compare --worker textbook
      python -m tests.soak.compare --worker exactly-once --json exactly-once.json
      python -m tests.soak.compare --worker ours --minutes 2 --kind worker-kill

    \b
    Exit code: 0, whatever was lost; 1 if the run itself could not go on.
    """
    quiet_libraries()
    forget_settings()
    console = Console(stderr=True, highlight=False)
    plan = Plan(
        *(seed, faults, kinds or FAULTS, rate, pause), patience=patience, seconds=60.0 * minutes
    )
    with scratch(console, seed, "Logs and data", keep=keep) as directory:
        console.print(f"Seed {seed}, {worker}. Brokers, Redis, gateways, workers are started.")
        report = compare(worker, plan, directory, Said(console))
    if json_file is not None:
        Path(json_file).write_text(json.dumps(report.as_json(), indent=1) + "\n", encoding="utf-8")
    click.echo(summary(report))


if __name__ == "__main__":
    command(prog_name="python -m tests.soak.compare")
