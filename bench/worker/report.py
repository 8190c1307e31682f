"""Figures for people and programs: tables on the screen and in a file, JSON, a plot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.report import load as load
from bench.report import machine_line, number, shown
from bench.report import save as save_report


def save(directory: Path, report: Mapping[str, Any]) -> None:
    """Write worker.json and worker.txt."""
    save_report(directory, "worker", report, show)


def show(console: Console, report: Mapping[str, Any]) -> None:
    """Print every section that the report has."""
    console.print(machine_line(report))
    for name, title in report.get("workloads", {}).items():
        console.print(_workload_table(report, name, title))
    for section in ("scaling", "recovery", "latency"):
        if section in report:
            console.print(_section_table(section, report[section]))


def plot(directory: Path, report: Mapping[str, Any]) -> None:
    """Draw the rates of all peers, a panel a workload, to worker.png."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    workloads = report["workloads"]
    peers = report["peers"]
    colours = {"full": "#2b6cb0", "less": "#b7791f", "limit": "#a0aec0"}
    figure, panels = pyplot.subplots(
        1,
        len(workloads),
        figsize=(5.2 * len(workloads), 4.4),
        squeeze=False,
        sharex=True,
        sharey=True,
    )
    names = list(reversed(peers))
    for panel, (workload, title) in zip(panels[0], workloads.items(), strict=True):
        values = [_rate(peers[name], workload) or 0.0 for name in names]
        bars = panel.barh(
            [peers[name]["title"] for name in names],
            values,
            color=["#2f855a" if n == "ours" else colours[peers[n]["kind"]] for n in names],
        )
        labels = [
            f"{value:,.0f}" if value else _why_not(peers[name], workload, short=True)
            for name, value in zip(names, values, strict=True)
        ]
        panel.bar_label(bars, labels=labels, padding=3, fontsize=8)
        panel.set_title(f"{workload}: {title}", fontsize=10)
        panel.set_xlabel("records a second")
        panel.xaxis.set_major_formatter("{x:,.0f}")
        panel.tick_params(axis="x", labelsize=7)
        panel.margins(x=0.25)
        panel.spines[["top", "right"]].set_visible(False)
    machine = report["machine"]
    figure.suptitle(
        "One process each, full peers doing the same work (blue), less (brown), limits (grey)\n"
        f"{machine['processor']}, {machine['cores']} cores, {report['when']}",
        fontsize=9,
    )
    figure.tight_layout()
    figure.savefig(directory / "worker.png", dpi=120)
    pyplot.close(figure)


def _workload_table(report: Mapping[str, Any], workload: str, title: str) -> Table:
    table = Table(title=f"Workload {workload}: {title}", title_justify="left")
    table.add_column("peer")
    table.add_column("does")
    for name in ("records/s", "lowest–highest", "second half", "ours is", "µs CPU", "MiB"):
        table.add_column(name, justify="right")
    ratios = report["ratios"].get(workload, {})
    for name, peer in report["peers"].items():
        measured = peer["workloads"].get(workload)
        if measured is None and peer["missing"] is None:
            continue
        rate = _rate(peer, workload)
        if rate is None:
            table.add_row(peer["title"], peer["kind"], _why_not(peer, workload), *[""] * 5)
            continue
        runs = measured["runs"]
        each = [run["rate"] for run in runs]
        ratio = ratios.get(f"ours/{name}")
        table.add_row(
            peer["title"],
            peer["kind"],
            f"{rate:,.0f}",
            f"{min(each):,.0f}–{max(each):,.0f}",
            number(measured["warm_rate"]),
            "" if ratio is None else f"{ratio:.2f} ×",
            number(_lowest(runs, "cpu_us_per_record"), 1),
            number(_highest(runs, "peak_memory_bytes"), 0, 2**20),
        )
    return table


def _section_table(section: str, figures: Mapping[str, Any]) -> Table:
    table = Table(title=section.capitalize(), title_justify="left")
    table.add_column("what")
    table.add_column("measured", justify="right")
    for name, value in figures.items():
        if isinstance(value, Mapping):
            for inner, figure in value.items():
                table.add_row(f"{name}: {inner}".replace("_", " "), shown(figure))
        else:
            table.add_row(name.replace("_", " "), shown(value))
    return table


def _rate(peer: Mapping[str, Any], workload: str) -> float | None:
    measured = peer["workloads"].get(workload)
    return None if measured is None else measured["rate"]


def _why_not(peer: Mapping[str, Any], workload: str, *, short: bool = False) -> str:
    if peer["missing"] is not None:
        return "missing" if short else f"missing: {peer['missing']}"
    measured = peer["workloads"].get(workload)
    if measured is None:
        return "not its work"
    return "wrong or failed" if short else f"not counted: {measured['problem']}"


def _lowest(runs: Sequence[Mapping[str, Any]], name: str) -> float | None:
    return min((run[name] for run in runs if run[name] is not None), default=None)


def _highest(runs: Sequence[Mapping[str, Any]], name: str) -> float | None:
    return max((run[name] for run in runs if run[name] is not None), default=None)
