"""`medallero latest`: what has just changed, and why."""

from __future__ import annotations

import asyncio
from typing import Final

import click
import msgspec
from rich.text import Text

from contracts.latest import LATEST, ShownChange, told
from medallero.client.connect import GatewayAddress
from medallero.client.options import gateway_options
from medallero.client.reading import NotNow, read_latest
from medallero.formatting import plain, when
from medallero.formatting_events import event_name
from medallero.terminal import echo_json, quiet_libraries, stderr, stdout

#: Seconds between two questions.
_INTERVAL: Final = 1.0


@click.command(name="latest")
@click.option(
    "--follow",
    is_flag=True,
    help="Go on, and print what changes, until interrupted; while the gateway is away, wait.",
)
@click.option(
    "--limit",
    type=click.IntRange(1, LATEST),
    default=20,
    show_default=True,
    help="So many changes at first.",
)
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object a change, a line each.")
@gateway_options
def command(follow: bool, limit: int, as_json: bool, gateway: GatewayAddress) -> None:
    """Tell which events changed last, and why; the newest at the end.

    \b
    Examples:
      medallero latest
      medallero latest --follow
    """
    quiet_libraries()
    asyncio.run(_tell(gateway, follow, limit, as_json))


async def _tell(gateway: GatewayAddress, follow: bool, limit: int, as_json: bool) -> None:
    seen: set[tuple[int, int]] = set()
    problem = ""
    while True:
        try:
            changes = await read_latest(gateway)
        except NotNow as error:
            if not follow:
                raise
            if problem != error.message:
                problem = error.message
                stderr().print(f"{problem}\nThis goes on when there is an answer.", soft_wrap=True)
            await asyncio.sleep(_INTERVAL)
            continue
        problem = ""
        if not (changes or follow):
            stderr().print("No result has come yet.", style="dim")
        for change in reversed(changes[:limit]):
            if (change.partition, change.offset) not in seen:
                _print(change, as_json)
        seen = {(it.partition, it.offset) for it in changes}
        if not follow:
            return
        limit = LATEST
        await asyncio.sleep(_INTERVAL)


def _print(change: ShownChange, as_json: bool) -> None:
    if as_json:
        echo_json(msgspec.to_builtins(change))
        return
    line = Text(when(round(change.at * 1000)), style="dim")
    line.append(f"  {plain(event_name(msgspec.to_builtins(change)))}", style="bold")
    line.append(f"  {plain(told(change, {}))}")
    stdout(wide=True).print(line, soft_wrap=True)
