"""`medallero events`: races, bouts and heats, with who leads or has a medal."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import click
from rich.text import Text

from medallero.client.connect import GatewayAddress
from medallero.client.options import gateway_options
from medallero.client.reading import read_list
from medallero.formatting_events import event_name, placed, tell_missing
from medallero.terminal import echo_json, quiet_libraries, stderr, stdout


@click.command(name="events")
@click.argument("words", nargs=-1)
@click.option("--sport", help="Name, code, number or alias of a sport.")
@click.option("--phase", help="final, bronze, semifinal, round or other.")
@click.option("--state", help="official, provisional or running.")
@click.option(
    "--limit",
    type=click.IntRange(1),
    default=30,
    show_default=True,
    help="So many events at most.",
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object an event, a line each.")
@gateway_options
def command(
    words: tuple[str, ...],
    sport: str | None,
    phase: str | None,
    state: str | None,
    limit: int,
    as_json: bool,
    gateway: GatewayAddress,
) -> None:
    """Find races, bouts and heats, finals first: who leads, and who has which medal.

    Each of WORDS begins a word of the event's title, code or sport, or of a competitor's name;
    case, accents and order do not matter.

    \b
    Examples:
      medallero events 50 free men
      medallero events --sport swimming --phase final
      medallero events --state provisional --json
    """
    quiet_libraries()
    query = {"text": " ".join(words), "sport": sport, "phase": phase, "state": state}
    asyncio.run(_tell(gateway, query, limit, as_json))


async def _tell(
    gateway: GatewayAddress, query: Mapping[str, str | None], limit: int, as_json: bool
) -> None:
    out = stdout(wide=True)
    shown = total = 0
    missing: list[int] = []
    async for answer in read_list(gateway, "/v1/events", "events", query, limit):
        for event in answer["events"]:
            if as_json:
                echo_json(event)
            else:
                out.print(_heading(event), soft_wrap=True)
                for leader in event["leaders"]:
                    out.print(Text("  ").append(placed(leader)), soft_wrap=True)
            shown += 1
        total, missing = answer["total"], answer["missing"]
    if shown < total or not total:
        stderr().print(f"{shown} of {total} events.", style="dim")
    tell_missing(missing)


def _heading(event: Mapping[str, Any]) -> Text:
    heading = Text(event_name(event), style="bold")
    if event["state"] != "official":
        heading.append(f" ({event['state']})", style="yellow")
    return heading
