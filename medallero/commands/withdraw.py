"""`medallero withdraw`: a higher version that counts for nothing."""

from __future__ import annotations

import asyncio

import click

from medallero.client.connect import GatewayAddress
from medallero.client.lookup import HELP_OF_ARGUMENTS
from medallero.client.options import gateway_options
from medallero.corrections.changes import Manner, Wanted, change_result, change_results
from medallero.corrections.files import IDENTITY, read_corrections, withdrawn
from medallero.corrections.options import changing_options, identity_of
from medallero.terminal import quiet_libraries


@click.command(
    name="withdraw",
    help=f"""Withdraw a competitor's result: it stays on the topic and counts for nothing.

    It finds the version that counts now, shows what will change in the unit, asks, and sends the
    next version. To bring the result back: medallero correct … --status official.

    {HELP_OF_ARGUMENTS}

    With --from it takes many from a file, CSV or JSON with an object a line: {", ".join(IDENTITY)}.

    \b
    Examples:
      medallero withdraw swimming "100m final" 7
      medallero withdraw boxing "final 71kg" 12 --yes
      medallero withdraw --from withdrawn.csv --dry-run
    """,
)
@changing_options
@gateway_options
def command(
    identity: tuple[str | None, str | None, str | None],
    source: str | None,
    manner: Manner,
    gateway: GatewayAddress,
) -> None:
    quiet_libraries()
    if source is not None:
        wanted = read_corrections(source, withdraw=True)
        asyncio.run(change_results(wanted, gateway, manner))
        return
    asyncio.run(change_result(Wanted(*identity_of(identity), withdrawn), gateway, manner))
