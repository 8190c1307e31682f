"""What `correct` and `withdraw` take alike: an identity or a file of them, and how to go on."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Final

import click

from medallero.corrections.changes import Manner

_NAMES: Final = ("SPORT", "UNIT", "COMPETITOR")


def changing_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add arguments and options; the command gets ``identity``, ``source`` and ``manner``."""

    @wraps(command)
    def with_options(
        sport: str | None,
        unit: str | None,
        competitor: str | None,
        source: str | None,
        yes: bool,
        dry_run: bool,
        close_up: bool,
        **given: Any,
    ) -> Any:
        identity = (sport, unit, competitor)
        if source is not None and any(identity):
            raise click.UsageError("Give --from, or SPORT UNIT COMPETITOR, but not both.")
        if source == "-" and not (yes or dry_run):
            raise click.UsageError("--from - cannot ask: add --yes or --dry-run.")
        return command(
            identity=identity, source=source, manner=Manner(yes, dry_run, close_up), **given
        )

    options = (
        *(click.argument(name.lower(), required=False) for name in _NAMES),
        click.option(
            "--from",
            "source",
            metavar="FILE",
            help="Take many from a file, CSV or JSON; - is standard input.",
        ),
        click.option(
            "--close-up",
            is_flag=True,
            help="Move officials' ranks up that stand behind who leaves the ranking.",
        ),
        click.option("--dry-run", is_flag=True, help="Show what would change; send nothing."),
        click.option("--yes", "-y", is_flag=True, help="Do not ask."),
    )
    wrapped: Callable[..., Any] = with_options
    for option in reversed(options):
        wrapped = option(wrapped)
    return wrapped


def identity_of(identity: tuple[str | None, str | None, str | None]) -> tuple[str, str, str]:
    """Return the identity; end the command if a part of it was not given."""
    for name, value in zip(_NAMES, identity, strict=True):
        if value is None:
            raise click.UsageError(f"Missing argument '{name}' (or give --from FILE).")
    sport, unit, competitor = identity
    assert sport is not None
    assert unit is not None
    assert competitor is not None
    return sport, unit, competitor
