"""`medallero medallists`: who won the medals of the medal table."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import click

from medallero.client.connect import GatewayAddress
from medallero.client.options import gateway_options
from medallero.client.reading import read_list
from medallero.formatting_events import event_name, placed, tell_missing
from medallero.terminal import echo_json, quiet_libraries, stderr, stdout
from olympics.events import MEDALS


@click.command(name="medallists")
@click.option("--sport", help="Name, code, number or alias of a sport.")
@click.option("--faculty", help="Name or alias of a faculty.")
@click.option(
    "--limit",
    type=click.IntRange(1),
    default=1_000_000,
    help="So many medallists at most; all if not said.",
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object a medal, a line each.")
@gateway_options
def command(
    sport: str | None, faculty: str | None, limit: int, as_json: bool, gateway: GatewayAddress
) -> None:
    """List who won the medals of the medal table, gold first.

    \b
    Examples:
      medallero medallists --faculty engineering
      medallero medallists --sport swimming --json
    """
    quiet_libraries()
    asyncio.run(_tell(gateway, {"sport": sport, "faculty": faculty}, limit, as_json))


async def _tell(
    gateway: GatewayAddress, query: Mapping[str, str | None], limit: int, as_json: bool
) -> None:
    out = stdout(wide=True)
    entries = dict.fromkeys(MEDALS, 0)
    missing: list[int] = []
    found = 0
    async for answer in read_list(gateway, "/v1/medallists", "medallists", query, limit):
        found += len(answer["medallists"])
        for medallist in answer["medallists"]:
            if as_json:
                echo_json(medallist)
            else:
                line = placed(medallist).append(f"  {event_name(medallist)}", style="dim")
                out.print(line, soft_wrap=True)
        entries = {it: sum(row[it] for row in answer["entries"]) for it in MEDALS}
        missing = answer["missing"]
    if any(entries.values()):
        told = ", ".join(f"{count} {medal}" for medal, count in entries.items())
        stderr().print(f"Beside these, entries of the course won {told}.", style="dim")
    elif not found:
        stderr().print("No medallists.", style="dim")
    tell_missing(missing)
