"""Command-line options made of settings: one description for the flag and for the environment."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from contracts.settings import SECRETS, CommonSettings
from medallero.terminal import CannotDo

_PREFIX = "MEDALLERO_"

AnyCallable = TypeVar("AnyCallable", bound=Callable[..., Any])
AnySettings = TypeVar("AnySettings", bound=CommonSettings)


def settings_options(model: type[CommonSettings]) -> Callable[[AnyCallable], AnyCallable]:
    """Return a decorator that adds an option for every setting of the model.

    Values arrive as the text that was given, None where none was; `read` checks them.
    """

    def decorate(function: AnyCallable) -> AnyCallable:
        # Decorators apply from the last to the first; the help should show the model's order.
        own_first = sorted(
            model.model_fields.items(), key=lambda it: it[0] in CommonSettings.model_fields
        )
        for name, field in reversed(own_first):
            function = _option(name, field)(function)
        return function

    return decorate


def data_dir_option(function: AnyCallable) -> AnyCallable:
    """Add ``--data-dir``, which names the `up` that is meant."""
    return click.option(
        "--data-dir",
        type=click.Path(file_okay=False, path_type=Path),
        envvar=variable("data_dir"),
        default=Path(".medallero"),
        show_default=True,
        show_envvar=True,
        help="Directory of its data.",
    )(function)


def read(model: type[AnySettings], given: Mapping[str, str | None]) -> AnySettings:
    """Return the settings of flags, environment and defaults, in this order, or end the command."""
    values: dict[str, Any] = {name: it for name, it in given.items() if it is not None}
    try:
        return model(**values)
    except ValidationError as error:
        raise CannotDo("\n".join(_problems(error))) from None


def export(given: Mapping[str, str | None]) -> None:
    """Put given flags into the environment, where the process that is about to run reads them."""
    for name, value in given.items():
        if value is not None:
            os.environ[variable(name)] = value


def variable(name: str) -> str:
    """Return the name of a setting's environment variable."""
    return f"{_PREFIX}{name.upper()}"


def flag(name: str) -> str:
    """Return the name of a setting's flag."""
    return f"--{name.replace('_', '-')}"


def _option(name: str, field: FieldInfo) -> Callable[[AnyCallable], AnyCallable]:
    notes = [variable(name)]
    if field.default not in (None, ""):
        notes.append(f"default: {field.default}")
    return click.option(
        flag(name),
        name,
        metavar=_metavar(field),
        help=f"{_as_sentence(field.description or name.replace('_', ' '))} [{'; '.join(notes)}]",
    )


def _metavar(field: FieldInfo) -> str:
    choices = getattr(field.annotation, "__args__", ())
    if choices and all(isinstance(choice, str) for choice in choices):
        return "|".join(choices)
    text = str(field.annotation)
    if "int" in text or "float" in text:
        return "N"
    return "PATH" if "Path" in text else "TEXT"


def _as_sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _problems(error: ValidationError) -> list[str]:
    problems = []
    for it in error.errors():
        message = it["msg"].removeprefix("Value error, ")
        if it["loc"]:
            name = str(it["loc"][0])
            message = f"{flag(name)} ({variable(name)}): {message}"
            if name not in SECRETS:
                message += f"; got {str(it['input'])[:80]!r}"
        problems.append(message)
    return problems
