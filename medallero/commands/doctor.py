"""`medallero doctor`: is everything reachable and configured, and what to do if not."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click
from rich import box
from rich.table import Table
from rich.text import Text

from contracts.raw_topic import TopicUnavailable
from medallero.doctor.checks import (
    MOST_NOTES,
    DoctorSettings,
    Finding,
    State,
    examine,
    read_notes,
    scan_results,
    sendable_of,
)
from medallero.terminal import (
    CannotDo,
    echo_json,
    quiet_libraries,
    read_catalogue,
    read_settings,
    reading_bar,
    stdout,
)

FAILED: Final = 1

_SIGNS: Final[dict[State, tuple[str, str]]] = {
    "ok": ("ok", "green"),
    "warn": ("warn", "yellow"),
    "fail": ("FAIL", "bold red"),
}


@click.command(name="doctor")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as a JSON array.")
@click.option("--quick", is_flag=True, help="Do not read the results topic.")
@click.option(
    "--rejected",
    "rejected",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the rejected records that the gateway would take to this file, for `send`.",
)
def command(as_json: bool, quick: bool, rejected: Path | None) -> None:
    """Check what is reachable and configured, and say what to do about what is not.

    It looks at the catalogue, Kafka and its topics, the gateway (HTTP and gRPC), Redis, the
    standings in it, each worker, how far the workers are behind, and then, unless --quick is
    given, at every result: conflicts (one version of a result with two contents), two spellings
    of one event, events that the catalogue does not know, several finals of one event or several
    medals of one faculty in it, results that contradict each other, medals that nobody takes, and
    records that are no results.

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
    if rejected is not None:
        _write_rejected(settings, rejected)
        return
    findings = asyncio.run(_examine(settings, quick=quick))
    if as_json:
        echo_json([it._asdict() for it in findings], indent=2)
    else:
        _show(findings)
    raise SystemExit(FAILED if any(it.state == "fail" for it in findings) else 0)


async def _examine(settings: DoctorSettings, *, quick: bool) -> list[Finding]:
    with reading_bar("reading the results") as progress:
        return [finding async for finding in examine(settings, progress, quick=quick)]


def _write_rejected(settings: DoctorSettings, path: Path) -> None:
    catalogue = read_catalogue(settings)

    async def read() -> list[bytes]:
        notes = await read_notes(settings, catalogue, MOST_NOTES)
        with reading_bar("reading the results") as progress:
            found, _ = await scan_results(settings, catalogue, notes, progress)
        return sendable_of(notes, found)

    try:
        values = asyncio.run(read())
    except TopicUnavailable as error:
        raise CannotDo(error.problem, error.remedy) from None
    if not values:
        stdout().print("The gateway would take none of the rejected records; nothing was written.")
        return
    try:
        path.write_bytes(b"".join(value + b"\n" for value in values))
    except OSError as error:
        raise CannotDo(f"{path} cannot be written: {error.strerror or error}.") from None
    stdout().print(
        f"{len(values):,} records written. Look at them, then: medallero send {path}",
        soft_wrap=True,
    )


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
    warnings = "1 warning" if warned == 1 else f"{warned} warnings"
    if failed:
        out.print(f"{failed} failed, {warnings}.", style="red")
    elif warned:
        out.print(f"Nothing failed, {warnings}.", style="yellow")
    else:
        out.print("All is well.", style="green")
