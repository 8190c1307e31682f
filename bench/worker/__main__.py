"""``python -m bench.worker``: the worker beside its peers; how it scales, recovers and lags."""

from __future__ import annotations

import shlex
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console

from bench.command import (
    HELP,
    Say,
    among,
    console_of_bench,
    header,
    out_option,
    quick_option,
    saying,
)
from bench.stack import Stack, started_stack
from bench.worker import report
from bench.worker.compare import Sizes, compare
from bench.worker.latency import measure_latency
from bench.worker.peers import OURS, peers
from bench.worker.recovery import measure_recovery
from bench.worker.scaling import measure_scaling
from bench.worker.workloads import WORKLOADS
from olympics.catalogue import load_catalogue

_SECTIONS: Final = ("compare", "scaling", "recovery", "latency")
_FULL: Final = Sizes(count=1_000_000, medium=300_000, slow=20_000, rounds=3)
_QUICK: Final = Sizes(count=400_000, medium=16_000, slow=3_000, rounds=1)


@click.command(context_settings=HELP)
@quick_option("within five minutes: fewer records, one run")
@click.option(
    "--only",
    "sections",
    multiple=True,
    type=click.Choice(_SECTIONS),
    help="Only this section, repeatable; the others keep what an earlier run has found. "
    "Without it: all of them, or with --quick the comparison.",
)
@click.option("--peer", "chosen", multiple=True, help="Compare only this peer, repeatable.")
@click.option(
    "--workload", "workloads", multiple=True, type=click.Choice(tuple(WORKLOADS)), help="Only this."
)
@click.option("--count", type=click.IntRange(min=1_000), help="Records of a workload.")
@click.option("--rounds", type=click.IntRange(min=1), help="Runs of each peer and workload.")
@out_option
def main(
    quick: bool,
    sections: tuple[str, ...],
    chosen: tuple[str, ...],
    workloads: tuple[str, ...],
    count: int | None,
    rounds: int | None,
    out: Path,
) -> None:
    """Measure the worker beside its peers, on a Kafka and a Redis that are started for it.

    Writes worker.json, worker.txt and worker.png. docs/bench.md says what the figures mean.
    """
    console = console_of_bench()
    base = _QUICK if quick else _FULL
    sizes = replace(base, count=count or base.count, rounds=rounds or base.rounds)
    sections = sections or (("compare",) if quick else _SECTIONS)
    every = peers(out.absolute() / "build")
    wanted = among(every, chosen)
    found = report.load(out / "worker.json")
    found |= header("bench.worker") | {"quick": quick}
    say = saying(console)
    with started_stack(console) as stack:
        if "compare" in sections:
            comparison = compare(
                stack,
                wanted,
                [WORKLOADS[name] for name in workloads or WORKLOADS],
                sizes=sizes,
                catalogue=load_catalogue(),
                say=say,
            )
            found["commands"] = {peer.name: shlex.join(peer.argv()) for peer in wanted}
            found["workloads"] = {name: WORKLOADS[name].title for name in comparison.workloads}
            found["sizes"] = asdict(sizes)
            found["peers"] = {
                peer.name: {
                    "title": peer.title,
                    "kind": peer.kind,
                    "does": peer.does,
                    **comparison.to_json(peer.name),
                }
                for peer in wanted
            }
            found["ratios"] = comparison.ratios()
            found["warm_ratios"] = comparison.ratios("warm_rate")
            report.save(out, found)
        _other_sections(stack, sections, found, quick=quick, out=out, say=say)
    report.save(out, found)
    report.show(console, found)
    files = ["worker.json", "worker.txt", *_plot(out, found, console)]
    console.print(f"Written to {out}: {', '.join(files)}")
    if problems := _problems(found):
        console.print("\n".join(problems), style="red", markup=False)
        sys.exit(1)


def _other_sections(
    stack: Stack,
    sections: tuple[str, ...],
    found: dict[str, Any],
    *,
    quick: bool,
    out: Path,
    say: Say,
) -> None:
    for name, measure in (
        ("scaling", measure_scaling),
        ("recovery", measure_recovery),
        ("latency", measure_latency),
    ):
        if name in sections:
            found[name] = {"when": found["when"], "quick": quick, **measure(stack, quick, say)}
            report.save(out, found)


def _plot(out: Path, found: dict[str, Any], console: Console) -> list[str]:
    """Draw the plot if there is something to draw and to draw with; return the file's name."""
    if not found.get("peers"):
        return []
    try:
        report.plot(out, found)
    except ImportError:
        console.print(
            "No plot: matplotlib is missing; pip install 'medallero[bench]'.", markup=False
        )
        return []
    return ["worker.png"]


def _problems(found: dict[str, Any]) -> list[str]:
    """Return what makes the comparison worthless: our own worker failed or was wrong."""
    own = found.get("peers", {}).get(OURS, {"workloads": {}})
    return [
        f"workload {name}: {measured['problem']}"
        for name, measured in own["workloads"].items()
        if measured["problem"] is not None
    ]


if __name__ == "__main__":
    main()
