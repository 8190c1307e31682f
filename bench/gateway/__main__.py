"""``python -m bench.gateway``: the gateway beside its peers, over gRPC, and under overload."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console

from bench.builds import Missing
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
from bench.gateway import report
from bench.gateway.compare import Comparison, Sizes, call, compare
from bench.gateway.generators import Load
from bench.gateway.overload import measure_overload
from bench.gateway.peers import OURS, Peer, peers
from bench.gateway.workloads import CALLS, WORKLOADS, Workload
from bench.report import load
from bench.stack import Stack, started_stack

_SECTIONS: Final = ("compare", "grpc", "overload")
_FULL: Final = Sizes(seconds=10.0, warm_up=2.0, rounds=3)
_QUICK: Final = Sizes(seconds=2.0, warm_up=1.0, rounds=1)
_OVERLOAD_MINUTES: Final = 3.0
_OVERLOAD_QUICK: Final = 0.2


@click.command(context_settings=HELP)
@quick_option("within five minutes: short runs, one of each")
@click.option(
    "--only",
    "sections",
    multiple=True,
    type=click.Choice(_SECTIONS),
    help="Only this section, repeatable; the others keep what an earlier run has found.",
)
@click.option("--peer", "chosen", multiple=True, help="Compare only this peer, repeatable.")
@click.option(
    "--workload",
    "names",
    multiple=True,
    type=click.Choice([it.name for it in WORKLOADS]),
    help="Compare under this workload only, repeatable.",
)
@click.option("--seconds", type=click.FloatRange(min=1), help="Length of a measurement.")
@click.option("--rounds", type=click.IntRange(min=1), help="Runs of each peer and workload.")
@click.option(
    "--overload-minutes",
    type=click.FloatRange(min=0.05),
    help=f"Length of each overload; default {_OVERLOAD_MINUTES:g}, "
    f"with --quick {_OVERLOAD_QUICK:g}.",
)
@out_option
def main(
    quick: bool,
    sections: tuple[str, ...],
    chosen: tuple[str, ...],
    names: tuple[str, ...],
    seconds: float | None,
    rounds: int | None,
    overload_minutes: float | None,
    out: Path,
) -> None:
    """Measure the gateway beside its peers, on a Kafka and a Redis that are started for it.

    Needs wrk and Go (`make deps-bench`). Writes gateway.json, gateway.txt, gateway.md and
    gateway.png. docs/bench-gateway.md says what the figures mean.
    """
    console = console_of_bench()
    base = _QUICK if quick else _FULL
    sizes = Sizes(seconds or base.seconds, base.warm_up, rounds or base.rounds)
    minutes = overload_minutes or (_OVERLOAD_QUICK if quick else _OVERLOAD_MINUTES)
    build_dir = out.absolute() / "build"
    every = peers(build_dir)
    wanted = among(every, chosen)
    under = [it for it in WORKLOADS if not names or it.name in names]
    found = load(out / "gateway.json")
    found |= header("bench.gateway") | {"quick": quick}
    say = saying(console)
    with started_stack(console) as stack:
        if "compare" in (sections or _SECTIONS):
            try:
                _compare(stack, wanted, under, sizes, found, say)
            except Missing as missing:
                raise click.ClickException(str(missing)) from None
            report.save(out, found)
        generator = Load(build_dir)
        if "grpc" in (sections or _SECTIONS):
            _grpc(stack, every[0], generator, sizes, found, say)
            report.save(out, found)
        if "overload" in (sections or _SECTIONS):
            _overload(stack, every[0], generator, sizes, minutes * 60, found, say)
    report.save(out, found)
    report.show(console, found)
    files = ["gateway.json", "gateway.txt", "gateway.md", *_plot(out, found, console)]
    console.print(f"Written to {out}: {', '.join(files)}")
    if broken := report.broken(found):
        console.print("\n".join(broken), style="red", markup=False)
        sys.exit(1)


def _compare(
    stack: Stack,
    wanted: Sequence[Peer],
    under: Sequence[Workload],
    sizes: Sizes,
    found: dict[str, Any],
    say: Say,
) -> None:
    comparison = compare(stack, wanted, under, sizes, say)
    found["workloads"] = {it.name: it.title for it in under}
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


def _grpc(
    stack: Stack, ours: Peer, generator: Load, sizes: Sizes, found: dict[str, Any], say: Say
) -> None:
    """Measure gRPC; its ratios are to HTTP with as many results a request, of the same report."""
    titles = {it.name: it.title for it in CALLS}
    try:
        generator.build()
        comparison, missing = call(stack, ours, generator, CALLS, sizes, say), None
    except Missing as without:
        comparison, missing = Comparison(), str(without)
        say(f"MISSING: gRPC: {missing}")
    http = found.get("peers", {}).get(OURS, {}).get("workloads", {})
    ratios = {}
    for it in CALLS:
        own, other = comparison.middle(OURS, it.name), http.get(it.beside, {}).get("rate")
        if own and other:
            ratios[it.name] = own / other
    found["grpc"] = {
        "missing": missing,
        "workloads": titles,
        "ours": comparison.to_json(OURS),
        "ratios": ratios,
    }


def _overload(
    stack: Stack,
    ours: Peer,
    generator: Load,
    sizes: Sizes,
    seconds: float,
    found: dict[str, Any],
    say: Say,
) -> None:
    best_seconds = max(3.0, sizes.seconds)
    try:
        generator.build()
        measured, missing = (
            measure_overload(
                stack, ours, generator, seconds=seconds, best_seconds=best_seconds, say=say
            ),
            None,
        )
    except Missing as without:
        measured, missing = {}, str(without)
        say(f"MISSING: overload: {missing}")
    found["overload"] = {"missing": missing, "kinds": measured}


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
    return ["gateway.png"]


if __name__ == "__main__":
    main()
