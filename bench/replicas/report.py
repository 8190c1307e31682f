"""The figures as a table, as a plot, and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from bench.report import machine_line, number
from bench.report import save as save_report

_HEAD: Final = (
    *("gateways", "workers", "accepted/s", "of 1×1", "p50 ms", "p99 ms"),
    *("visible/s", "of 1×1", "visible after s", "gateways' shares", "workers' shares"),
)
#: What takes processor time, in a result's order.
PARTS: Final = ("clients", "balancer", "gateways", "kafka", "workers", "redis")


def save(directory: Path, report: Mapping[str, Any]) -> None:
    """Write replicas.json, replicas.txt and replicas.md, the tables of docs/replicas.md."""
    save_report(directory, "replicas", report, show)
    (directory / "replicas.md").write_text(markdown(report), encoding="utf-8")


def show(console: Console, report: Mapping[str, Any]) -> None:
    """Print the tables."""
    console.print(machine_line(report))
    for title, head, rows in _tables(report):
        table = Table(title=title, title_justify="left")
        for name in head:
            table.add_column(name, justify="right")
        for row in rows:
            table.add_row(*row)
        console.print(table, markup=False)


def markdown(report: Mapping[str, Any]) -> str:
    """Return the same tables in Markdown."""
    parts = [f"{machine_line(report)}; `{report['command']}`.\n"]
    for title, head, rows in _tables(report):
        lines = [
            f"| {' | '.join(head)} |",
            f"|{' ---: |' * len(head)}",
            *(f"| {' | '.join(row)} |" for row in rows),
        ]
        parts.append(f"**{title}**\n\n" + "\n".join(lines) + "\n")
    return "\n".join(parts)


def plot(directory: Path, report: Mapping[str, Any]) -> None:
    """Draw accepted and visible results a second, a panel a load, to replicas.png."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    loads = report["loads"]
    figure, panels = pyplot.subplots(1, len(loads), figsize=(5.2 * len(loads), 3.8), squeeze=False)
    for panel, (name, title) in zip(panels[0], loads.items(), strict=True):
        places = range(len(report["systems"]))
        found = [system["loads"][name] for system in report["systems"]]
        panel.bar([it - 0.2 for it in places], [it["rate"] for it in found], 0.4, label="accepted")
        panel.bar(
            [it + 0.2 for it in places], [it["visible_rate"] for it in found], 0.4, label="visible"
        )
        labels = [f"{it['gateways']}×{it['workers']}" for it in report["systems"]]
        panel.set_xticks(list(places), labels)
        panel.set_title(title, fontsize=10)
        panel.set_xlabel("gateways × workers")
    panels[0][0].set_ylabel("results a second")
    panels[0][-1].legend()
    figure.tight_layout()
    figure.savefig(directory / "replicas.png", dpi=110)
    pyplot.close(figure)


def _tables(
    report: Mapping[str, Any],
) -> Iterator[tuple[str, tuple[str, ...], list[tuple[str, ...]]]]:
    systems = report["systems"]
    for name, title in report["loads"].items():
        first = systems[0]["loads"][name]
        yield (
            f"{title[:1].upper()}{title[1:]}; {report['partitions']} partitions",
            _HEAD,
            [_row(system, system["loads"][name], first) for system in systems],
        )
    yield (
        "Processor time a result, µs",
        ("load", "gateways", "workers", *PARTS),
        [
            (
                name,
                str(system["gateways"]),
                str(system["workers"]),
                *(number(system["loads"][name]["cpu_us"][part], 1) for part in PARTS),
            )
            for name in report["loads"]
            for system in systems
        ],
    )
    sizes = report["bytes"]
    yield ("Bytes a result", tuple(sizes), [tuple(number(it, 0) for it in sizes.values())])


def _row(
    system: Mapping[str, Any], found: Mapping[str, Any], first: Mapping[str, Any]
) -> tuple[str, ...]:
    return (
        str(system["gateways"]),
        str(system["workers"]),
        number(found["rate"]),
        f"{found['rate'] / first['rate']:.2f}",
        number(found["p50_ms"], 1),
        number(found["p99_ms"], 1),
        number(found["visible_rate"]),
        f"{found['visible_rate'] / first['visible_rate']:.2f}",
        number(found["visible_after"], 1),
        " ".join(f"{it:.2f}" for it in found["gateway_shares"]),
        " ".join(f"{it:.2f}" for it in found["worker_shares"]),
    )
