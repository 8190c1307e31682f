"""`make soak`: the command that hurts the whole system for as long as is wanted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import click
from rich.console import Console

from medallero.terminal import quiet_libraries
from tests.soak.games import RECORDS_AN_IDENTITY
from tests.soak.schedule import AIMED, HOSTILE, KINDS, Plan
from tests.soak.scratch import scratch
from tests.soak.system import run, summary
from tests.soak.unsafe import SAFETIES
from tests.soak.worker import Progress
from tests.support.environment import forget_settings

#: So many minutes the verifier has to see that a safety is missing.
_WITHOUT: Final = 10.0


@click.command(context_settings={"show_default": True})
@click.option("--minutes", type=click.FloatRange(0.5), default=60.0, help="How long faults come.")
@click.option("--seed", type=int, default=1, help="The same seed gives the same faults, results.")
@click.option(
    "--results", type=click.IntRange(0), default=0, help="Go on until so many are accepted."
)
@click.option(
    "--each",
    type=click.IntRange(1),
    default=RECORDS_AN_IDENTITY,
    help="Of so many results about one is the first of its identity.",
)
@click.option("--rate", type=click.IntRange(100), default=2_500, help="Results a second at most.")
@click.option(
    "--pause", type=click.FloatRange(0.5), default=3.0, metavar="SECONDS", help="Between faults."
)
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    type=click.Choice((*KINDS, *HOSTILE, *AIMED)),
    metavar="KIND",
    help=f"Only these faults, repeatable: {', '.join(KINDS)}; and, which come only if asked for: "
    f"{', '.join(AIMED)}.",
)
@click.option("--faults", type=click.IntRange(1), default=100_000, help="At most so many.")
@click.option(
    "--patience",
    type=click.FloatRange(1),
    default=240.0,
    metavar="SECONDS",
    help="How long each recovery may take.",
)
@click.option(
    "--without",
    type=click.Choice(list(SAFETIES)),
    help="Take this safety out of workers and gateways: the run must fail then, within ten "
    "minutes. Its own faults, if no other --kind is given; the topic is recounted after each of "
    "them. Without a gateway's safety the run is --hostile.",
)
@click.option(
    "--hostile",
    is_flag=True,
    help="Greedy clients and browsers are there too, readiness is held against what is accepted, "
    f"and faults of people come as well: {', '.join(HOSTILE)}.",
)
@click.option(
    "--resume",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="DIRECTORY",
    help="Start everything anew on what an earlier run has left, and go on. In the end what was "
    "accepted in all of its parts is looked for. Take another seed.",
)
@click.option("--json", "json_file", type=click.Path(dir_okay=False), help="Write the report here.")
@click.option("--keep", is_flag=True, help="Keep logs and data also when all is well.")
def command(
    minutes: float,
    seed: int,
    results: int,
    each: int,
    rate: int,
    pause: float,
    kinds: tuple[str, ...],
    faults: int,
    patience: float,
    without: str | None,
    hostile: bool,
    resume: Path | None,
    json_file: str | None,
    keep: bool,
) -> None:
    """Hurt everything in turn while clients send, and see whether every number is right.

    Three Kafka brokers, a Redis, two gateways and three workers run on free ports, with their data
    in a temporary directory; proxies stand between them. Clients send results through the
    gateways, try again until they are accepted, and log what was. One fault after the other
    strikes; the mirror is read all the time, and each view must be consistent and must not go
    back. In the end every accepted result must be on the topic, and every number that of the
    topic's recount.

    \b
    Examples:
      python -m tests.soak.whole --minutes 5
      python -m tests.soak.whole --minutes 120 --seed 7 --json soak.json
      python -m tests.soak.whole --faults 6 --kind broker-controller --kind redis-empty
      python -m tests.soak.whole --minutes 30 --seed 8 --resume /tmp/medallero-soak-abc

    \b
    Exit code: 0 all is right and faults struck work in flight, 1 not so; schedule, logs and data
    are kept then, and it is said where.
    """
    hostile = hostile or (without is not None and SAFETIES[without].hostile)
    if hostile and resume is not None:
        raise click.UsageError("A hostile run leaves another epoch: it cannot be resumed.")
    if not hostile and set(kinds) & set(HOSTILE):
        raise click.UsageError(f"Only with --hostile: {', '.join(HOSTILE)}.")
    quiet_libraries()
    forget_settings()
    console = Console(stderr=True, highlight=False)
    if not kinds:
        every = (*KINDS, *HOSTILE) if hostile else KINDS
        kinds = every if without is None else SAFETIES[without].kinds
    plan = Plan(
        *(seed, faults, kinds, rate, pause),
        patience=patience,
        seconds=60.0 * (minutes if without is None else min(minutes, _WITHOUT)),
        results=results,
        each=each,
        without=without,
        hostile=hostile,
    )
    with scratch(
        console, seed, "The schedule, logs and data", keep=keep, resumed=resume
    ) as directory:
        console.print(f"Seed {seed}. Three brokers, Redis, gateways and workers are started.")
        report = run(plan, directory, Said(console))
    if json_file is not None:
        Path(json_file).write_text(json.dumps(report.as_json(), indent=1) + "\n", encoding="utf-8")
    click.echo(summary(report))


class Said(Progress):
    """Says it to people."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def says(self, text: str) -> None:
        self._console.print(text, markup=False, soft_wrap=True)


if __name__ == "__main__":
    command(prog_name="python -m tests.soak.whole")
