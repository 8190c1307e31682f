"""`medallero correct`: a higher version of a competitor's result."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import click

from medallero.client.connect import GatewayAddress
from medallero.client.lookup import HELP_OF_ARGUMENTS
from medallero.client.options import gateway_options
from medallero.corrections.changes import Manner, Wanted, change_result, change_results
from medallero.corrections.files import CLEAR, FIELDS, IDENTITY, corrected, read_corrections
from medallero.corrections.options import changing_options, identity_of
from medallero.terminal import quiet_libraries

_EVIDENCE: Final = ("mark", "outcome", "rank", "irm", "medal")


@click.command(
    name="correct",
    help=f"""Replace a competitor's result by a higher version of it.

    It finds the version that counts now, shows what will change, asks, and sends the next one.
    What is not named stays as it is.

    {HELP_OF_ARGUMENTS}

    Ranks from marks close up by themselves when somebody is disqualified. Officials' ranks stay
    until they are changed: --close-up moves those behind up in the same correction. Without it the
    command says what stays open, and asks.

    With --from it takes many corrections from a file: CSV, or JSON with an object a line. Each has
    {", ".join(IDENTITY)}, and of these the fields that change: {", ".join(FIELDS)}. What is empty
    or absent stays as it is. {CLEAR!r} in CSV, null in JSON, takes a field away. All are looked up
    and shown before anything is sent; to run it again changes nothing.

    \b
    Examples:
      medallero correct swimming "100m final" 7 --mark 58.20
      medallero correct boxing "final 71kg" 12 --outcome won --yes
      medallero correct athletics "100m final" 3 --irm DSQ --close-up
      medallero correct swimming "heat 2" 4 --status official
      medallero correct --from corrections.csv --dry-run
    """,
)
@changing_options
@click.option("--mark", metavar="MARK", help="Time or points: 58.20, 3:10.61, 2:06:26.")
@click.option("--outcome", type=click.Choice(["won", "lost", "tied"]), help="Of a bout or match.")
@click.option("--rank", metavar="RANK", help="The officials' rank, from 1; it beats marks.")
@click.option("--irm", metavar="CODE", help="Invalid-result mark: DNS, DNF, DSQ, DQB …")
@click.option(
    "--medal",
    type=click.Choice(["gold", "silver", "bronze", "none"]),
    help="The officials' word on the medal.",
)
@click.option("--faculty", metavar="NAME", help="For which faculty the competitor stands.")
@click.option("--name", metavar="NAME", help="The competitor's name.")
@click.option(
    "--phase",
    type=click.Choice(["round", "semifinal", "final", "bronze", "other"]),
    help="What the unit decides; all official results of a unit should agree on it.",
)
@click.option(
    "--status",
    type=click.Choice(["official", "unofficial", "withdrawn"]),
    help="Whether it counts; official brings a withdrawn result back.",
)
@click.option(
    "--clear",
    type=click.Choice(_EVIDENCE),
    multiple=True,
    help="Take this field away; may be given several times.",
)
@gateway_options
def command(
    identity: tuple[str | None, str | None, str | None],
    source: str | None,
    manner: Manner,
    clear: tuple[str, ...],
    gateway: GatewayAddress,
    **fields: str | None,
) -> None:
    given = {field: value for field, value in fields.items() if value is not None}
    quiet_libraries()
    if source is not None:
        if given or clear:
            option = next(iter(given), "clear")
            raise click.UsageError(f"--from takes the fields from the file: leave out --{option}.")
        asyncio.run(change_results(read_corrections(source), gateway, manner))
        return
    sport, unit, competitor = identity_of(identity)
    if not given and not clear:
        raise click.UsageError("Say what to correct, for example --mark 58.20.")
    if both := sorted(given.keys() & set(clear)):
        raise click.UsageError(f"--{both[0]} and --clear {both[0]} contradict each other.")
    changed: dict[str, Any] = {**given, **dict.fromkeys(clear)}
    wanted = Wanted(sport, unit, competitor, lambda result: corrected(result, changed))
    asyncio.run(change_result(wanted, gateway, manner))
