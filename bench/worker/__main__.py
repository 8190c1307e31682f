"""``python -m bench.worker``: the worker beside its peers; how it scales, recovers and lags."""

from __future__ import annotations

import os
import shlex
import sys
import time
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console
from rich.markup import escape

from bench.machine import describe_machine
from bench.report import WIDTH
from bench.stack import Stack, started_stack
from bench.worker import report
from bench.worker.compare import Say, Sizes, compare
from bench.worker.latency import measure_latency
from bench.worker.peers import OURS, peers
from bench.worker.recovery import measure_recovery
from bench.worker.scaling import measure_scaling
from bench.worker.workloads import WORKLOADS
from olympics.catalogue import load_catalogue

_SECTIONS: Final = ("compare", "scaling", "recovery", "latency")
_OUT: Final = Path(__file__).parent.parent / "out"


_FULL: Final = Sizes(count=300_000, medium=300_000, slow=20_000, rounds=3)
_QUICK: Final = Sizes(count=200_000, medium=16_000, slow=3_000, rounds=1)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--quick",
    is_flag=True,
    default=lambda: os.environ.get("QUICK", "") not in ("", "0"),
    help="A rough answer within five minutes: fewer records, one run; also by QUICK=1.",
)
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
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), default=_OUT, show_default=True
)
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
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH)
    base = _QUICK if quick else _FULL
    sizes = replace(base, count=count or base.count, rounds=rounds or base.rounds)
    sections = sections or (("compare",) if quick else _SECTIONS)
    every = peers(out.absolute() / "build")
    if unknown := set(chosen) - {peer.name for peer in every}:
        known = ", ".join(peer.name for peer in every)
        raise click.BadParameter(f"{', '.join(sorted(unknown))}; known: {known}", param_hint="peer")
    found = report.load(out / "worker.json")
    found.update(
        machine=describe_machine(),
        when=datetime.now(UTC).isoformat(timespec="seconds"),
        command=shlex.join(["python", "-m", "bench.worker", *sys.argv[1:]]),
        quick=quick,
    )
    began = time.monotonic()

    def say(line: str) -> None:
        console.print(f"{time.monotonic() - began:6.1f} s  {escape(line)}", highlight=False)

    with started_stack(console) as stack:
        if "compare" in sections:
            comparison = compare(
                stack,
                [peer for peer in every if not chosen or peer.name in chosen],
                [WORKLOADS[name] for name in workloads or WORKLOADS],
                sizes=sizes,
                catalogue=load_catalogue(),
                say=say,
            )
            found["commands"] = {
                peer.name: shlex.join(peer.argv())
                for peer in every
                if not chosen or peer.name in chosen
            }
            found["workloads"] = {name: WORKLOADS[name].title for name in comparison.workloads}
            found["sizes"] = asdict(sizes)
            found["peers"] = {
                peer.name: {
                    "title": peer.title,
                    "kind": peer.kind,
                    "does": peer.does,
                    **comparison.to_json(peer.name),
                }
                for peer in every
                if not chosen or peer.name in chosen
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
