"""Reports of a benchmark: JSON for programs, tables as text for people. What all of them share."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from rich.console import Console

#: Columns of the text files.
WIDTH: Final = 132

#: Prints every section that a report has.
Show = Callable[[Console, Mapping[str, Any]], None]


def load(file: Path) -> dict[str, Any]:
    """Return what an earlier run has written; sections that are not run again keep it."""
    if not file.exists():
        return {}
    content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return content


def save(directory: Path, name: str, report: Mapping[str, Any], show: Show) -> None:
    """Write *name*.json and *name*.txt."""
    directory.mkdir(parents=True, exist_ok=True)
    text = json.dumps(report, indent=1, ensure_ascii=False)
    (directory / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    out = io.StringIO()
    show(Console(file=out, width=WIDTH), report)
    (directory / f"{name}.txt").write_text(out.getvalue(), encoding="utf-8")


def machine_line(report: Mapping[str, Any]) -> str:
    """Return processor, cores, memory and the time of the report, and if nothing was compiled."""
    machine = report["machine"]
    return (
        f"{machine['processor']}, {machine['cores']} cores, "
        f"{machine['memory_bytes'] / 2**30:.0f} GiB; {report['when']}"
        + ("" if machine.get("worker_compiled", True) else "; our worker without compiled code")
    )


def number(value: float | None, digits: int = 0, unit: float = 1) -> str:
    """Return *value* in *unit*s with so many digits; empty if there is none."""
    return "" if value is None else f"{value / unit:,.{digits}f}"


def shown(value: object) -> str:
    """Return a figure of any kind as text."""
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "not measured"}[value]
    if isinstance(value, int | float):
        return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:,.3g}"
    return str(value)
