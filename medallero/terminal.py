"""What the commands share towards people: consoles, settings, and errors without tracebacks."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar, overload

import click
from pydantic import ValidationError
from rich.console import Console, ConsoleOptions, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.segment import Segment

from contracts.settings import SECRETS, CommonSettings
from medallero.formatting import is_shown, plain
from olympics.catalogue import Catalogue, CatalogueError, load_catalogue

_Settings = TypeVar("_Settings", bound=CommonSettings)

#: Exit code of a command that could not do what it was asked for.
CANNOT: Final = 2
#: … of one that was interrupted before its end.
INTERRUPTED: Final = 130


class CannotDo(click.ClickException):
    """The command cannot go on: what is wrong, and what to do about it."""

    exit_code = CANNOT

    def __init__(self, problem: str, remedy: str = "") -> None:
        super().__init__(f"{problem}\n{remedy}" if remedy else problem)


class PlainConsole(Console):
    """A console that writes texts as they are: not as markup, emoji codes or escape sequences.

    Only its own styles and movements of the cursor reach the terminal as escape sequences.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, emoji=False, highlight=False, **options)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Render as the base class does, with every text made plain."""
        for segment in super().render(renderable, options):
            if segment.control:
                yield segment
            else:
                yield Segment(plain(segment.text, lines=True), segment.style)


def echo_json(value: Any, *, indent: int | None = None) -> None:
    """Print *value* as JSON on standard output; what is not printable is escaped."""
    echo_json_text(json.dumps(value, ensure_ascii=False, indent=indent))


def echo_json_text(text: str) -> None:
    """Print a text of JSON on standard output; what is not printable is escaped."""
    # JSON has no controls below U+0020 but line breaks. What is left stands inside of strings.
    click.echo(
        "".join(it if is_shown(it) or it == "\n" else json.dumps(it)[1:-1] for it in text)
        if not text.isprintable()
        else text
    )


def stdout(*, wide: bool = False) -> Console:
    """The console for what was asked for. Made when used: tests and pipes replace the stream.

    *wide*: tables are not squeezed into 80 columns where no terminal limits them.
    """
    console = PlainConsole()
    if wide and not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = 200
    return console


def stderr() -> Console:
    """The console for progress and notes, so that pipes carry only what was asked for."""
    return PlainConsole(stderr=True)


@overload
def read_settings() -> CommonSettings: ...
@overload
def read_settings(kind: type[_Settings]) -> _Settings: ...
def read_settings(kind: type[CommonSettings] = CommonSettings) -> CommonSettings:
    """Return the settings of the environment, or end the command."""
    try:
        return kind()
    except ValidationError as error:
        wrong = []
        for it in error.errors():
            problem = it["msg"].removeprefix("Value error, ")
            if it["loc"]:
                name = "_".join(map(str, it["loc"])).upper()
                problem = f"MEDALLERO_{name}: {problem}"
                if name.lower() not in SECRETS:
                    problem += f", got {str(it['input'])[:80]!r}"
            # Else it is about settings together: the input would be all of them, passwords too.
            wrong.append(problem)
        raise CannotDo("The environment is not as needed: " + "; ".join(wrong)) from None


def read_catalogue(settings: CommonSettings) -> Catalogue:
    """Return the catalogue that the settings name, or end the command."""
    try:
        return load_catalogue(settings.catalogue)
    except CatalogueError as error:
        raise CannotDo(
            f"The catalogue cannot be used: {error}",
            "Correct the file (medallero catalogue check lists everything that is wrong), or unset "
            "MEDALLERO_CATALOGUE for the packaged one.",
        ) from None


def quiet_libraries() -> None:
    """Keep the libraries' own log lines off the terminal: their errors reach us as exceptions."""
    for name in ("aiokafka", "kafka", "asyncio", "grpc", "aiohttp"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


@contextmanager
def reading_bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show how far a reading is, on a terminal; yields what to call with (read, total)."""
    console = stderr()
    if not console.is_terminal:
        yield lambda read, total: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(what, total=None)
        yield lambda read, total: progress.update(task, completed=read, total=total)
