"""`medallero history`: every version of a unit's results, when and where they arrived."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import click
import msgspec
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from contracts.unit_log import UnitLog, Version
from medallero.client.connect import GatewayAddress
from medallero.client.lookup import HELP_OF_ARGUMENTS, find_competitor, find_unit
from medallero.client.options import gateway_options
from medallero.formatting import evidence, when, who
from medallero.terminal import (
    echo_json,
    quiet_libraries,
    read_catalogue,
    read_settings,
    stdout,
)

_STYLES: Final = {"counts": "green", "conflict": "red", "replaced": "dim"}


#: Columns of a terminal in which everything fits in one line.
_WIDE: Final = 110
#: Below this a table would lose whole columns.
_NARROW: Final = 80
_TO_THE_SECOND: Final = len("2024-08-04 21:55:00")


@click.command(
    name="history",
    help=f"""List every version of each result of a unit: what it said, when it arrived, who sent it
    (the name of the token), at which place of the topic (partition/offset), and which one survives.

    {HELP_OF_ARGUMENTS}

    \b
    Examples:
      medallero history swimming "100m final"
      medallero history SWM SWMM100MBA------------FNL-000100-- --competitor 1901276
    """,
)
@click.argument("sport")
@click.argument("unit")
@click.option("--competitor", metavar="ID", help="Only this competitor.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object a version, a line each.")
@gateway_options
def command(
    sport: str, unit: str, competitor: str | None, as_json: bool, gateway: GatewayAddress
) -> None:
    quiet_libraries()
    log = asyncio.run(find_unit(gateway, read_catalogue(read_settings()), sport, unit))
    chosen = list(log.competitors) if competitor is None else [find_competitor(log, competitor)]
    if as_json:
        for row in _rows(log, chosen):
            echo_json(row)
        return
    _show(log, chosen, with_refused=competitor is None)


def _rows(log: UnitLog, competitors: list[str]) -> list[dict[str, Any]]:
    return [
        {
            "result": msgspec.to_builtins(version.result),
            "fate": _fate(version),
            "records": msgspec.to_builtins(version.records),
        }
        for competitor in competitors
        for version in reversed(log.competitors[competitor])
    ]


def _fate(version: Version) -> str:
    """Return what became of a version, in a word or two."""
    if not version.conflict:
        return version.fate
    return "conflict, gave way" if version.fate == "replaced" else f"{version.fate}, conflict"


def _show(log: UnitLog, competitors: list[str], *, with_refused: bool) -> None:
    out = stdout(wide=True)
    out.print(f"{log.sport}: {log.unit}", style="bold", soft_wrap=True)
    if out.width < _NARROW:
        _show_lines(out, log, competitors)
    else:
        out.print(_table(log, competitors, wide=out.width >= _WIDE))
    refused = log.refused if with_refused else ()
    for it in refused:
        at = f"{it.place.partition}/{it.place.offset} at {when(it.place.timestamp)}"
        out.print(Text(f"not a result: {at}: {it.error}", style="red"))
    if any(log.conflicting(it) for it in competitors):
        out.print(
            "Conflict: one version with different contents. The greater digest counts; a new "
            "version (medallero correct) settles it.",
            style="red",
            soft_wrap=True,
        )


def _table(log: UnitLog, competitors: list[str], *, wide: bool) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    details = ("Status", "Phase", "Faculty") if wide else ()
    for title in ("Competitor", "Version", "Result", *details):
        table.add_column(title, justify="right" if title == "Version" else "left", overflow="fold")
    table.add_column("When", no_wrap=True)
    table.add_column("Place", no_wrap=True)
    table.add_column("")
    for competitor in competitors:
        # In the order in which they replaced one another; the one that survives is the last.
        versions = list(reversed(log.competitors[competitor]))
        for number, version in enumerate(versions):
            table.add_row(*_cells(version, first=number == 0, wide=wide))
            if sender := version.records[0].sender:
                table.add_row("", "", Text(f"by {sender}", style="dim"))
        table.add_section()
    return table


def _show_lines(out: Console, log: UnitLog, competitors: list[str]) -> None:
    """Show a few short lines a version, where a table has no room."""
    for competitor in competitors:
        versions = list(reversed(log.competitors[competitor]))
        out.print(f"\n{who(versions[-1].result.competitor)}", style="bold")
        for version in versions:
            _, number, said, moment, place, note = _cells(version, first=False, wide=False)
            out.print(Text.assemble(f" {number}: ", said))
            out.print(f"    {moment}, {place}", style="dim")
            if sender := version.records[0].sender:
                out.print(Text(f"    by {sender}", style="dim"))
            out.print(Text.assemble("    ", note))


def _cells(version: Version, *, first: bool, wide: bool) -> list[str | Text]:
    result = version.result
    fate = _fate(version)
    style = next((style for word, style in _STYLES.items() if word in fate), "yellow")
    if "conflict" in fate:
        style = _STYLES["conflict"]
    earliest, *others = version.records
    note = Text(fate, style=style)
    if others:
        offsets = ", ".join(str(it.offset) for it in others[:3])
        more = f" and {len(others) - 3} more" if len(others) > 3 else ""
        note.append(f", again at {offsets}{more}", style="dim")
    moment = when(earliest.timestamp)
    return [
        Text(who(result.competitor) if first else ""),
        str(result.version),
        Text(evidence(result)),
        *((result.status, result.phase, Text(result.faculty)) if wide else ()),
        moment if wide else moment[:_TO_THE_SECOND],
        f"{earliest.partition}/{earliest.offset}",
        note,
    ]
