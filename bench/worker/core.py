"""What a result costs the worker's counting core in several checkouts, in turns.

``python bench/worker/core.py OTHER .``: the first checkout is the measure of the others. Each turn
is a process of its own with one checkout on its path, where the code must be compiled. It applies
the records of a workload from memory, in batches as fetches bring them, and tells the processor
time that this took; of all figures that suffers least from what else the machine does.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Final, NamedTuple

import click

_BATCH: Final = 4_000
_WORKLOADS: Final = ("A", "B", "C", "large")


class _Record(NamedTuple):
    key: bytes
    value: bytes
    offset: int


@click.command()
@click.argument("checkouts", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--workload", "workloads", multiple=True, type=click.Choice(_WORKLOADS))
@click.option("--count", default=200_000, show_default=True, help="Records of a turn.")
@click.option("--rounds", default=9, show_default=True, help="Turns of each checkout.")
@click.option("--catalogue", default="", help="A catalogue for all, in place of each one's own.")
def main(
    checkouts: tuple[Path, ...],
    workloads: tuple[str, ...],
    count: int,
    rounds: int,
    catalogue: str,
) -> None:
    """Print microseconds of processor time a record: the lowest and the median of the turns."""
    for workload in workloads or _WORKLOADS:
        found: dict[Path, list[float]] = {it: [] for it in checkouts}
        for turn in range(rounds):
            order = checkouts if turn % 2 == 0 else checkouts[::-1]
            for checkout in order:
                found[checkout].append(_turn(checkout, workload, count, catalogue))
        first = found[checkouts[0]]
        for checkout, costs in found.items():
            click.echo(
                f"{workload:6} {min(costs):6.3f} {statistics.median(costs):6.3f} µs a record, "
                f"{min(costs) / min(first):5.3f} {_ratio(costs, first):5.3f} times  {checkout}"
            )


def _ratio(costs: list[float], first: list[float]) -> float:
    """Return the median of the turns' ratios: what disturbs a turn disturbs its neighbour too."""
    return statistics.median(one / other for one, other in zip(costs, first, strict=True))


def _turn(checkout: Path, workload: str, count: int, catalogue: str) -> float:
    done = subprocess.run(
        [sys.executable, "-P", __file__, workload, str(count), catalogue],
        env={**os.environ, "PYTHONPATH": str(checkout.resolve()), _MEASURING: "1"},
        stdout=subprocess.PIPE,
        check=True,
    )
    return float(done.stdout)


def _measure(workload: str, count: int, catalogue: str) -> None:
    from bench.worker.workloads import LARGE_UNITS, WORKLOADS
    from olympics.catalogue import load_catalogue
    from olympics.tally import COMPILED
    from streams.standings import Standings

    assert COMPILED, "this checkout has no compiled code"
    work = LARGE_UNITS if workload == "large" else WORKLOADS[workload]
    records = [_Record(key, value, at) for at, (key, value) in enumerate(work.records(count))]
    standings = Standings(0, 1, load_catalogue(Path(catalogue) if catalogue else None))
    begin = time.process_time()
    for start in range(0, len(records), _BATCH):
        standings.apply(records[start : start + _BATCH])
    print((time.process_time() - begin) / len(records) * 1e6)
    assert standings.tally.results == len(records) // work.versions


_MEASURING: Final = "MEDALLERO_BENCH_CORE"

if __name__ == "__main__":
    if _MEASURING in os.environ:
        _measure(sys.argv[1], int(sys.argv[2]), sys.argv[3])
    else:
        main()
