"""`medallero withdraw`: a higher version that counts for nothing."""

from __future__ import annotations

import asyncio
from typing import Any

import click

from medallero.changing import change_result
from medallero.client.connect import GatewayAddress
from medallero.client.options import gateway_options
from medallero.finding import HELP_OF_ARGUMENTS
from medallero.terminal import CannotDo, quiet_libraries


@click.command(
    name="withdraw",
    help=f"""Withdraw a competitor's result: it stays on the topic and counts for nothing.

    It finds the version that counts now, shows what will change in the unit, asks, and sends the
    next version. To bring the result back: medallero correct … --status official.

    {HELP_OF_ARGUMENTS}

    \b
    Examples:
      medallero withdraw swimming "100m final" 7
      medallero withdraw boxing "final 71kg" 12 --yes
    """,
)
@click.argument("sport")
@click.argument("unit")
@click.argument("competitor")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@gateway_options
def command(sport: str, unit: str, competitor: str, yes: bool, gateway: GatewayAddress) -> None:
    def change(result: dict[str, Any]) -> dict[str, Any]:
        if result["status"] == "withdrawn":
            raise CannotDo(f"The result is withdrawn already (version {result['version']}).")
        return {**result, "status": "withdrawn"}

    quiet_libraries()
    asyncio.run(change_result(sport, unit, competitor, change, gateway=gateway, sure=yes))
