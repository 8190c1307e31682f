"""`medallero doctor`: is everything reachable and configured, and what to do if not."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

import click
from rich import box
from rich.table import Table
from rich.text import Text

from medallero.checks import DoctorSettings, Finding, State, examine
from medallero.terminal import echo_json, quiet_libraries, read_settings, reading_bar, stdout

FAILED: Final = 1

_SIGNS: Final[dict[State, tuple[str, str]]] = {
    "ok": ("ok", "green"),
    "warn": ("warn", "yellow"),
    "fail": ("FAIL", "bold red"),
}


@click.command(name="doctor")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as a JSON array.")
def command(as_json: bool) -> None:
    """Check what is reachable and configured, and say what to do about what is not.

    It looks at the catalogue, Kafka and its topics, the gateway (HTTP and gRPC), Redis, the
    standings in it, each worker, how far the workers are behind, conflicts (one version of a
    result with two contents), and records on the topic that are no results.

    Addresses are taken from the same environment variables that the processes themselves read
    (MEDALLERO_KAFKA, MEDALLERO_REDIS, MEDALLERO_HTTP_PORT, MEDALLERO_GRPC_PORT …).

    \b
    Examples:
      medallero doctor
      MEDALLERO_KAFKA=kafka:9092 medallero doctor --json | jq '.[] | select(.state != "ok")'

    \b
    Exit code: 0 nothing failed (there may be warnings), 1 something failed.
    """
    quiet_libraries()
    settings = read_settings(DoctorSettings)
    findings = asyncio.run(_examine(settings))
    if as_json:
        echo_json([it._asdict() for it in findings], indent=2)
    else:
        _show(findings)
    raise SystemExit(FAILED if any(it.state == "fail" for it in findings) else 0)


async def _examine(settings: DoctorSettings) -> list[Finding]:
    with reading_bar("examining") as progress:
        return [finding async for finding in examine(settings, progress)]


def _show(findings: Sequence[Finding]) -> None:
    table = Table(box=box.SIMPLE_HEAD, show_header=False)
    for _ in range(3):
        table.add_column(overflow="fold")
    for it in findings:
        sign, style = _SIGNS[it.state]
        facts = Text(it.facts)
        if it.remedy:
            facts.append(f"\n→ {it.remedy}", style=style)
        table.add_row(Text(sign, style=style), Text(it.name), facts)
    out = stdout(wide=True)
    out.print(table)
    failed = sum(it.state == "fail" for it in findings)
    warned = sum(it.state == "warn" for it in findings)
    if failed:
        out.print(f"{failed} failed, {warned} warnings.", style="red")
    elif warned:
        out.print(f"Nothing failed, {warned} warnings.", style="yellow")
    else:
        out.print("All is well.", style="green")
