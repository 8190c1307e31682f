"""`medallero token`: a new token for a sender, and the line that lets the gateway know it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from gateway.auth.tokens import (
    KINDS,
    NAME,
    NO_RESULTS_BY_FACULTY,
    Token,
    TokenError,
    digest_of,
    line_of,
    new_token,
    tokens_in,
)
from medallero.terminal import read_catalogue, read_settings
from olympics.catalogue import Catalogue, UnknownName


@click.command(name="token")
@click.option("--name", help="Who will send with it; shown in logs and metrics.")
@click.option(
    "--faculty",
    "faculties",
    multiple=True,
    metavar="NAME",
    help="It may send entries of this faculty only, and no results; may be repeated.",
)
@click.option(
    "--sport",
    "sports",
    multiple=True,
    metavar="NAME",
    help="It may send for this sport only; may be repeated.",
)
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    type=click.Choice(KINDS),
    help="It may send only records of this kind; may be repeated.",
)
@click.option(
    "--expires",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="YYYY-MM-DD",
    help="The last day on which it may send (UTC).",
)
@click.option(
    "--check",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Make nothing: list the tokens in FILE and what each may send.",
)
def command(
    name: str | None,
    faculties: tuple[str, ...],
    sports: tuple[str, ...],
    kinds: tuple[str, ...],
    expires: datetime | None,
    check: Path | None,
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
      medallero token --name pool --sport swimming --kind result >> tokens.toml
      medallero token --name engineering --faculty engineering >> tokens.toml
      medallero token --check tokens.toml
      MEDALLERO_TOKEN=mdl_… medallero send results.ndjson
    """
    catalogue = read_catalogue(read_settings())
    if check is not None:
        _check(check, catalogue)
        return
    if name is None:
        raise click.UsageError("Missing option '--name' (or --check FILE).")
    if not NAME.fullmatch(name):
        raise click.BadParameter(
            "expected letters, digits, - and _, at most 64", param_hint="--name"
        )
    if faculties and "result" in kinds:
        raise click.BadParameter(NO_RESULTS_BY_FACULTY, param_hint="--kind")
    try:
        faculty_names = sorted({catalogue.faculty(it).name for it in faculties})
    except UnknownName as error:
        raise click.BadParameter(str(error), param_hint="--faculty") from None
    try:
        sport_names = sorted({catalogue.sport(it).name for it in sports})
    except UnknownName as error:
        raise click.BadParameter(str(error), param_hint="--sport") from None
    token = new_token()
    line = line_of(
        name,
        digest_of(token),
        faculties=faculty_names,
        sports=sport_names,
        # Said in the file too, so that whoever reads it knows.
        kinds=sorted(set(kinds) or ({"entry"} if faculties else set())),
        expires=expires.date() if expires else None,
    )
    click.echo(f"The token, which nobody can show again:\n\n  {token}\n", err=True)
    click.echo(line)


def _check(path: Path, catalogue: Catalogue) -> None:
    try:
        tokens = list(tokens_in(path.read_text("utf-8"), catalogue))
    except (TokenError, UnicodeDecodeError) as error:
        raise click.ClickException(f"{path}: {error}") from None
    if not tokens:
        raise click.ClickException(f"{path}: there is no token in it, so nobody may send.")
    for token in tokens:
        click.echo(f"{token.caller.name}: {_scope(token)}")


def _scope(token: Token) -> str:
    """Return what a token may send, in words."""
    caller = token.caller
    kinds = [it for it in KINDS if caller.may_send(it)]
    words = " and ".join(PLURALS[it] for it in kinds) or "nothing"
    for limit in (caller.sports, caller.faculties):
        if limit is not None:
            words += f" of {', '.join(sorted(limit))}"
    if token.expires is not None:
        end = datetime.fromtimestamp(token.expires, UTC)
        over = "; expired" if end <= datetime.now(UTC) else "; until"
        words += f"{over} {end:%Y-%m-%d %H:%M} UTC"
    return words


PLURALS = {"result": "results", "entry": "entries", "report": "weather reports"}
