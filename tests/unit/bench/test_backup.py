"""The report of the bench of back-ups."""

from __future__ import annotations

import io
from typing import Any

from rich.console import Console

from bench.backup import show

_STEP = {"seconds": 20.0, "cpu_seconds": 8.0, "memory_bytes": 64 * 2**20}

REPORT: dict[str, Any] = {
    "machine": {"processor": "P", "cores": 2, "memory_bytes": 2**34},
    "when": "now",
    "results": 1_000_000,
    "bytes": 14_000_000,
    "steps": {"backup": _STEP, "restore": _STEP | {"seconds": 40.0}},
    "same_numbers": True,
}


def shown(report: dict[str, Any]) -> str:
    out = io.StringIO()
    show(Console(file=out, width=132), report)
    return out.getvalue()


def test_the_report_says_what_each_command_took_and_what_the_file_has() -> None:
    text = shown(REPORT)

    cells = [[it.strip() for it in line.split("│")[1:-1]] for line in text.splitlines()]
    lines = {row[0]: row[1:] for row in cells if row}
    assert lines["backup"] == ["20", "8", "50,000", "64"]
    assert lines["restore"] == ["40", "8", "25,000", "64"]
    assert "14,000,000 bytes, 14.0 a result" in text
    assert "audit equal: yes" in text


def test_the_report_says_when_the_numbers_are_others() -> None:
    assert "audit equal: no" in shown(REPORT | {"same_numbers": False})
