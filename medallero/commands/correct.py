"""`medallero correct`: a higher version of a competitor's result."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import click

from medallero.changing import change_result
from medallero.client.connect import GatewayAddress
from medallero.client.options import gateway_options
from medallero.finding import HELP_OF_ARGUMENTS
from medallero.terminal import CannotDo, quiet_libraries

_EVIDENCE: Final = ("mark", "outcome", "rank", "irm", "medal")


@click.command(
    name="correct",
    help=f"""Replace a competitor's result by a higher version of it.

    It finds the version that counts now, shows what will change, asks, and sends the next one.
    What is not named stays as it is.

    {HELP_OF_ARGUMENTS}

    \b
    Examples:
      medallero correct swimming "100m final" 7 --mark 58.20
      medallero correct boxing "final 71kg" 12 --outcome won --yes
      medallero correct athletics "100m final" 3 --irm DSQ --clear rank
      medallero correct swimming "heat 2" 4 --status official
    """,
)
@click.argument("sport")
@click.argument("unit")
@click.argument("competitor")
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
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@gateway_options
def command(
    sport: str,
    unit: str,
    competitor: str,
    name: str | None,
    clear: tuple[str, ...],
    yes: bool,
    gateway: GatewayAddress,
    **fields: str | None,
) -> None:
    given = {field: value for field, value in fields.items() if value is not None}
    if not given and not clear and name is None:
        raise click.UsageError("Say what to correct, for example --mark 58.20.")
    if both := sorted(given.keys() & set(clear)):
        raise click.UsageError(f"--{both[0]} and --clear {both[0]} contradict each other.")

    def change(result: dict[str, Any]) -> dict[str, Any]:
        if result["status"] == "withdrawn" and "status" not in given:
            raise CannotDo(
                f"The result is withdrawn (version {result['version']}).",
                "Add --status official to bring it back.",
            )
        wanted = {field: value for field, value in result.items() if field not in clear}
        if name is not None:
            wanted["competitor"] = {**wanted["competitor"], "name": name}
        return {**wanted, **given}

    quiet_libraries()
    asyncio.run(change_result(sport, unit, competitor, change, gateway=gateway, sure=yes))
