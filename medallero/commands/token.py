"""`medallero token`: a new token for a sender, and the line that lets the gateway know it."""

from __future__ import annotations

from datetime import datetime

import click

from gateway.tokens import KINDS, NAME, digest_of, line_of, new_token
from medallero.terminal import read_catalogue, read_settings
from olympics.catalogue import UnknownName


@click.command(name="token")
@click.option("--name", required=True, help="Who will send with it; shown in logs and metrics.")
@click.option(
    "--faculty",
    "faculties",
    multiple=True,
    metavar="NAME",
    help="It may send for this faculty only; may be repeated.",
)
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    type=click.Choice(KINDS),
    help="It may send only results, or only entries.",
)
@click.option(
    "--expires",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="YYYY-MM-DD",
    help="The last day on which it may send (UTC).",
)
def command(
    name: str, faculties: tuple[str, ...], kinds: tuple[str, ...], expires: datetime | None
) -> None:
    """Make a token for somebody who sends to the gateway.

    The token itself goes to standard error, for the one who will send: it is shown once and
    kept nowhere. The line for the gateway's file of tokens goes to standard output; it holds
    only a digest. The gateway reads the file that MEDALLERO_TOKENS_FILE names, and reads it
    again when it has changed.

    To rotate a token: add a second one under another name, let the sender use it, and remove
    the line of the first.

    \b
    Examples:
      medallero token --name timing >> tokens.toml
      medallero token --name engineering --faculty engineering --kind entry >> tokens.toml
      MEDALLERO_TOKEN=mdl_… medallero send results.ndjson
    """
    if not NAME.fullmatch(name):
        raise click.BadParameter(
            "expected letters, digits, - and _, at most 64", param_hint="--name"
        )
    catalogue = read_catalogue(read_settings())
    try:
        known = sorted({catalogue.faculty(it).name for it in faculties})
    except UnknownName as error:
        raise click.BadParameter(str(error), param_hint="--faculty") from None
    token = new_token()
    line = line_of(
        name,
        digest_of(token),
        faculties=known,
        kinds=sorted(set(kinds)),
        expires=expires.date() if expires else None,
    )
    click.echo(f"The token, which nobody can show again:\n\n  {token}\n", err=True)
    click.echo(line)
