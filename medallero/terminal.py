"""What the commands share towards people: consoles, settings, and errors without tracebacks."""

from __future__ import annotations

import logging
from typing import Final, NoReturn

import click
from pydantic import ValidationError
from rich.console import Console

from contracts.settings import CommonSettings
from olympics.catalogue import Catalogue, CatalogueError, load_catalogue

#: Exit code of a command that could not do what it was asked for.
CANNOT: Final = 2


class CannotDo(click.ClickException):
    """The command cannot go on: what is wrong, and what to do about it."""

    exit_code = CANNOT

    def __init__(self, problem: str, remedy: str = "") -> None:
        super().__init__(f"{problem}\n{remedy}" if remedy else problem)


def stdout() -> Console:
    """The console for what was asked for. Made when used: tests and pipes replace the stream."""
    return Console(highlight=False)


def stderr() -> Console:
    """The console for progress and notes, so that pipes carry only what was asked for."""
    return Console(stderr=True, highlight=False)


def read_settings() -> CommonSettings:
    """Return the settings of the environment, or end the command."""
    try:
        return CommonSettings()
    except ValidationError as error:
        wrong = [
            f"MEDALLERO_{'_'.join(map(str, it['loc'])).upper()}: {it['msg']}, "
            f"got {str(it['input'])[:80]!r}"
            for it in error.errors()
        ]
        raise CannotDo("The environment is not as needed: " + "; ".join(wrong)) from None


def read_catalogue(settings: CommonSettings) -> Catalogue:
    """Return the catalogue that the settings name, or end the command."""
    try:
        return load_catalogue(settings.catalogue)
    except CatalogueError as error:
        raise CannotDo(
            f"The catalogue cannot be used: {error}",
            "Correct the file, or unset MEDALLERO_CATALOGUE for the packaged one.",
        ) from None


def quiet_libraries() -> None:
    """Keep the libraries' own log lines off the terminal: their errors reach us as exceptions."""
    for name in ("aiokafka", "kafka", "asyncio", "grpc", "aiohttp"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def no_such(kind: str, text: str, near: list[str]) -> NoReturn:
    """End the command: *text* names nothing; *near* are names like it."""
    remedy = "Did you mean: " + ", ".join(near) + "?" if near else ""
    raise CannotDo(f"There is no {kind} {text!r}.", remedy)
