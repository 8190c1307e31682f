"""What the commands of all benchmarks have in common: their flags, and how they tell of a run."""

from __future__ import annotations

import os
import shlex
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

import click
from rich.console import Console
from rich.markup import escape

from bench.machine import describe_machine
from bench.report import WIDTH

#: Tells people how far a benchmark is.
Say = Callable[[str], None]


class _Named(Protocol):
    @property
    def name(self) -> str: ...


_Command = TypeVar("_Command", bound=Callable[..., Any])
_Peer = TypeVar("_Peer", bound=_Named)

HELP: Final = {"help_option_names": ["-h", "--help"]}


def quick_option(what: str) -> Callable[[_Command], _Command]:
    """Return the flag for a rough answer; *what* says how rough."""
    return click.option(
        "--quick",
        is_flag=True,
        default=lambda: os.environ.get("QUICK", "") not in ("", "0"),
        help=f"A rough answer {what}; also by QUICK=1.",
    )


out_option: Final = click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(__file__).parent / "out",
    show_default=True,
    help="Where the reports go.",
)


def console_of_bench() -> Console:
    """Return a terminal, or what writes lines as wide as the text reports."""
    console = Console()
    return console if console.is_terminal else Console(width=WIDTH)


def header(module: str) -> dict[str, Any]:
    """Return what each report begins with: the machine, the time, and the command."""
    return {
        "machine": describe_machine(),
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": shlex.join(["python", "-m", module, *sys.argv[1:]]),
    }


def saying(console: Console) -> Say:
    """Return what prints lines with the time that has passed since now."""
    began = time.monotonic()

    def say(line: str) -> None:
        console.print(f"{time.monotonic() - began:6.1f} s  {escape(line)}", highlight=False)

    return say


def among(peers: Sequence[_Peer], chosen: Sequence[str]) -> list[_Peer]:
    """Return those of *peers* whose names were *chosen*, all of them if none was.

    :raises click.BadParameter: a name is nobody's.
    """
    if unknown := set(chosen) - {peer.name for peer in peers}:
        known = ", ".join(peer.name for peer in peers)
        raise click.BadParameter(f"{', '.join(sorted(unknown))}; known: {known}", param_hint="peer")
    return [peer for peer in peers if not chosen or peer.name in chosen]
