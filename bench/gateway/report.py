"""Figures for people and programs: tables on the screen, in a file and for the docs; a plot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from bench.report import machine_line, number
from bench.report import save as save_report

_COLOURS: Final = {"ours": "#2f855a", "peer": "#2b6cb0", "limit": "#a0aec0"}
_OVERLOAD: Final = (
    ("offered", "offered, results/s", 0, 1.0),
    ("goodput", "goodput, results/s", 0, 1.0),
    ("best", "best without overload, results/s", 0, 1.0),
    ("goodput_of_best", "goodput of the best", 2, 1.0),
    ("accepted_p50_ms", "accepted, p50 ms", 0, 1.0),
    ("accepted_p99_ms", "accepted, p99 ms", 0, 1.0),
    ("accepted_max_ms", "accepted, longest ms", 0, 1.0),
    ("refused_p99_ms", "refused, p99 ms", 0, 1.0),
    ("memory_bytes_most", "most memory, MiB", 0, 2.0**20),
    ("memory_growth", "memory, last quarter of the time over the second", 2, 1.0),
)
_TOPIC: Final = (
    ("acknowledged", "records acknowledged"),
    ("records", "records on the topic"),
    ("unacknowledged", "of them unacknowledged (503, no answer)"),
    ("lost", "acknowledged and not there"),
    ("refused", "refused with 429 and there"),
    ("twice", "more often there than sent"),
)


def save(directory: Path, report: Mapping[str, Any]) -> None:
    """Write gateway.json, gateway.txt and gateway.md, the tables of docs/bench-gateway.md."""
    save_report(directory, "gateway", report, show)
    (directory / "gateway.md").write_text(markdown(report), encoding="utf-8")


def show(console: Console, report: Mapping[str, Any]) -> None:
    """Print every section that the report has."""
    console.print(machine_line(report))
    for title, head, rows in _tables(report):
        table = Table(title=title, title_justify="left")
        table.add_column(head[0])
        for name in head[1:]:
            table.add_column(name, justify="right")
        for row in rows:
            table.add_row(*row)
        console.print(table, markup=False)


def markdown(report: Mapping[str, Any]) -> str:
    """Return the same tables in Markdown."""
    parts = [f"{machine_line(report)}{'; a quick run' if report['quick'] else ''}.\n"]
    for title, head, rows in _tables(report):
        lines = [
            f"| {' | '.join(head)} |",
            f"| --- |{' ---: |' * (len(head) - 1)}",
            *(f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in rows),
        ]
        parts.append(f"**{title}**\n\n" + "\n".join(lines) + "\n")
    return "\n".join(parts)


def plot(directory: Path, report: Mapping[str, Any]) -> None:
    """Draw the rates of all peers, a panel a workload, to gateway.png."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    workloads, peers = report["workloads"], report["peers"]
    figure, panels = pyplot.subplots(
        1, len(workloads), figsize=(5.2 * len(workloads), 4.4), squeeze=False, sharey=True
    )
    names = list(reversed(peers))
    for panel, (workload, title) in zip(panels[0], workloads.items(), strict=True):
        values = [_of(peers[name], workload, "rate") or 0.0 for name in names]
        bars = panel.barh(
            [peers[name]["title"] for name in names],
            values,
            color=[_COLOURS[peers[name]["kind"]] for name in names],
        )
        labels = [
            f"{value:,.0f}" if value else _why_not(peers[name], workload, short=True)
            for name, value in zip(names, values, strict=True)
        ]
        panel.bar_label(bars, labels=labels, padding=3, fontsize=8)
        panel.set_title(title, fontsize=10)
        panel.set_xlabel("results a second")
        panel.xaxis.set_major_formatter("{x:,.0f}")
        panel.tick_params(axis="x", labelsize=7)
        panel.margins(x=0.25)
        panel.spines[["top", "right"]].set_visible(False)
    figure.suptitle(
        "Gateways with acks=all: ours (green), peers (blue), limits (grey)\n"
        + machine_line(report),
        fontsize=9,
    )
    figure.tight_layout()
    figure.savefig(directory / "gateway.png", dpi=120)
    pyplot.close(figure)


def broken(report: Mapping[str, Any]) -> list[str]:
    """Return what makes the report worthless: a run of ours that was wrong, a promise broken."""
    found = []
    for section in ("peers", "grpc"):
        for name, measured in report.get(section, {}).get("ours", {}).get("workloads", {}).items():
            if measured["problem"] is not None:
                found.append(f"{name}: {measured['problem']}")
    for name, overload in report.get("overload", {}).get("kinds", {}).items():
        found += [f"overload, {name}: {problem}" for problem in overload["problems"]]
    return found


_Rows = list[tuple[str, ...]]


def _tables(report: Mapping[str, Any]) -> list[tuple[str, tuple[str, ...], _Rows]]:
    """Return title, head and rows of each table."""
    tables: list[tuple[str, tuple[str, ...], _Rows]] = []
    costs = ("p50 ms", "p99 ms", "CPU s/1000")
    for workload, title in report.get("workloads", {}).items():
        head: tuple[str, ...] = ("gateway", "results/s", "lowest–highest", "ours is", *costs)
        tables.append((_capital(title), head, _peer_rows(report, workload)))
    if "grpc" in report:
        head = ("ours, by gRPC", "results/s", "of HTTP's", *costs)
        tables.append(("gRPC beside HTTP", head, _grpc_rows(report)))
    if "overload" in report:
        missing, kinds = report["overload"]["missing"], report["overload"]["kinds"]
        rows: _Rows = (
            [(f"missing: {missing}",)] if missing else _overload_rows(list(kinds.values()))
        )
        tables.append(("Overload", ("under overload", *kinds), rows))
    return tables


def _peer_rows(report: Mapping[str, Any], workload: str) -> _Rows:
    ratios = report["ratios"].get(workload, {})
    rows: _Rows = []
    for name, peer in report["peers"].items():
        if workload not in peer["workloads"] and peer["missing"] is None:
            continue
        rate = _of(peer, workload, "rate")
        if rate is None:
            rows.append((peer["title"], _why_not(peer, workload), *[""] * 5))
            continue
        each = [run["rate"] for run in peer["workloads"][workload]["runs"]]
        ratio = ratios.get(f"ours/{name}")
        rows.append(
            (
                peer["title"],
                number(rate),
                f"{min(each):,.0f}–{max(each):,.0f}",
                "" if ratio is None else f"{ratio:.2f} ×",
                number(_of(peer, workload, "p50_ms"), 1),
                number(_of(peer, workload, "p99_ms"), 1),
                number(_of(peer, workload, "cpu"), 4),
            )
        )
    return rows


def _grpc_rows(report: Mapping[str, Any]) -> _Rows:
    grpc = report["grpc"]
    if grpc["missing"] is not None:
        return [("all", f"missing: {grpc['missing']}", *[""] * 4)]
    rows: _Rows = []
    for name, title in grpc["workloads"].items():
        rate = _of(grpc["ours"], name, "rate")
        if rate is None:
            rows.append((title, _why_not(grpc["ours"], name), *[""] * 4))
            continue
        ratio = grpc["ratios"].get(name)
        rows.append(
            (
                title,
                number(rate),
                "" if ratio is None else f"{ratio:.2f} ×",
                number(_of(grpc["ours"], name, "p50_ms"), 1),
                number(_of(grpc["ours"], name, "p99_ms"), 1),
                number(_of(grpc["ours"], name, "cpu"), 4),
            )
        )
    return rows


def _overload_rows(kinds: Sequence[Mapping[str, Any]]) -> _Rows:
    rows: _Rows = [
        ("results a request", *(f"{kind['batch']:,}" for kind in kinds)),
        ("connections, none of which ever waits", *(f"{kind['connections']:,}" for kind in kinds)),
        ("seconds", *(number(kind["seconds"]) for kind in kinds)),
    ]
    rows += [
        (title, *(number(kind[name], digits, unit) for kind in kinds))
        for name, title, digits, unit in _OVERLOAD
    ]
    rows.append(("answers", *(_statuses(kind) for kind in kinds)))
    rows.append(
        ("refusals without Retry-After", *(f"{k['refused_without_retry_after']:,}" for k in kinds))
    )
    rows += [(title, *(f"{kind['topic'][name]:,}" for kind in kinds)) for name, title in _TOPIC]
    return rows


def _statuses(kind: Mapping[str, Any]) -> str:
    answers = {**kind["statuses"], **({"none": kind["broken"]} if kind["broken"] else {})}
    return ", ".join(f"{count:,} × {status}" for status, count in sorted(answers.items()))


def _of(peer: Mapping[str, Any], workload: str, figure: str) -> float | None:
    measured = peer["workloads"].get(workload)
    return None if measured is None else measured[figure]


def _why_not(peer: Mapping[str, Any], workload: str, *, short: bool = False) -> str:
    if peer.get("missing") is not None:
        return "missing" if short else f"missing: {peer['missing']}"
    measured = peer["workloads"].get(workload)
    if measured is None:
        return "not its work"
    return "wrong or failed" if short else f"not counted: {measured['problem']}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
