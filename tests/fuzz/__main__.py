"""`python -m tests.fuzz --inputs 300000 --seed 7`: a long campaign against a gateway of its own."""

from __future__ import annotations

import asyncio
import secrets
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tests.fuzz.campaign import SETTINGS, Campaign, Tally, Vitals
from tests.fuzz.expected import Violation
from tests.support.servers import running_kafka, running_redis
from tests.support.stack import Stack, unique_settings

_ROUND: Final = 3000
#: So many rounds must have been to tell a leak from caches that fill.
_ENOUGH: Final = 12
#: Bytes that memory may grow between, in all and an input.
_GROWTH: Final = 4 * 2**20
_GROWTH_EACH: Final = 256
_UPSTREAM: Final = 4


@click.command()
@click.option("--inputs", default=30_000, show_default=True, help="How many requests to make.")
@click.option("--seed", type=int, help="The source of chance; without it a new one, which is told.")
def main(inputs: int, seed: int | None) -> None:
    """Send good, bad and broken requests to a gateway over HTTP and gRPC, and compare every
    answer and every record of the topic with what they ought to be.

    A Kafka, a Redis and a gateway are started for it. The first thing that is wrong ends the
    run with the smallest input that shows it, and the same seed finds it again.
    """
    chosen = secrets.randbits(32) if seed is None else seed
    console = Console()
    console.print(f"seed {chosen}")
    try:
        with TemporaryDirectory(prefix="medallero-fuzz-") as directory, ExitStack() as servers:
            _fuzz(Path(directory), servers, inputs, chosen, console)
    except Violation as violation:
        console.print(str(violation), markup=False, highlight=False)
        sys.exit(1)


def _fuzz(directory: Path, servers: ExitStack, inputs: int, seed: int, console: Console) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console) as progress:
        bar = progress.add_task("starting", total=inputs)
        kafka = servers.enter_context(running_kafka(directory / "k"))
        redis = servers.enter_context(running_redis(directory / "r"))
        stack = Stack(unique_settings(kafka.address, redis.address), directory, SETTINGS)
        servers.callback(stack.stop)
        stack.create_topics()
        stack.add_gateway()
        stack.wait_ready()
        progress.update(bar, description="fuzzing")
        started = time.monotonic()
        advance = partial(progress.advance, bar)
        tally = asyncio.run(_rounds(stack, inputs, seed, advance, console))
    seconds = time.monotonic() - started
    console.print(
        f"{tally.inputs} inputs in {seconds:.0f} s, {tally.foreseen} of them with a foreseen "
        f"answer, {tally.records} records on the topic; nothing is wrong"
    )
    console.print(", ".join(f"{name}: {n}" for name, n in sorted(tally.answers.items())))
    for number, vitals in tally.vitals[:: max(1, len(tally.vitals) // 10)]:
        console.print(f"after {number}: {_shown(vitals)}")


async def _rounds(
    stack: Stack, inputs: int, seed: int, advance: Callable[[int], None], console: Console
) -> Tally:
    async with Campaign(stack, seed) as campaign:
        tally = campaign.tally
        while (left := inputs - tally.inputs) > 0:
            await campaign.round(min(_ROUND, left), advance)
            if not console.is_terminal:  # where a bar cannot move
                console.print(f"{tally.inputs} of {inputs}: {_shown(tally.vitals[-1][1])}")
        if len(tally.vitals) >= _ENOUGH:
            _check_growth([vitals for _, vitals in tally.vitals])
        return tally


def _check_growth(rounds: list[Vitals]) -> None:
    """Compare the last quarter's least with the second quarter's most.

    Caches have filled by then, and a round's end may fall between a large body and the moment
    its memory is given back. gRPC's library keeps about a kilobyte of a call that was cancelled,
    also without anything of ours; what a leak of our own would cost once a request is more.
    """
    quarter = len(rounds) // 4
    before = rounds[quarter : 2 * quarter]
    after = rounds[-quarter:]
    inputs = 2 * quarter * _ROUND
    grown = min(it.rss for it in after) - max(it.rss for it in before)
    files = min(it.files for it in after) - max(it.files for it in before)
    if grown > _GROWTH + inputs * _GROWTH_EACH or files > _UPSTREAM:
        shown = "; ".join(_shown(it) for it in rounds[::quarter])
        raise Violation(f"memory or open files have grown: {shown}")


def _shown(vitals: Vitals) -> str:
    return f"{vitals.rss / 2**20:.0f} MiB, {vitals.files} open files, {vitals.series} series"


if __name__ == "__main__":
    main()
