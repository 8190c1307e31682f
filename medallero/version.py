"""Which version this is: number, commit, and whether the worker's fast parts are compiled."""

from __future__ import annotations

import importlib.util
import platform
import subprocess
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Final

from medallero import __version__

#: Written by .ci/dist into what it builds of a commit.
COMMIT: Final = Path(__file__).with_name("commit.txt")
_COMPILED: Final = ("olympics.whole", "streams.canonical")


def told() -> str:
    """Return the version in three lines."""
    compiled = [it for it in _COMPILED if _is_compiled(it)]
    return (
        f"medallero {__version__}\n"
        f"commit    {commit() or 'unknown'}\n"
        f"compiled  {', '.join(compiled) or 'nothing: the worker is half as fast'}\n"
        f"Python    {platform.python_version()}"
    )


def commit() -> str | None:
    """Return the commit that this was built of, or that is checked out here; None: not known."""
    try:
        return COMMIT.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return checked_out(Path(__file__).parent.parent)


def checked_out(directory: Path) -> str | None:
    """Return the commit of the repository whose root is *directory*, and whether files differ."""
    if not (directory / ".git").exists():
        return None
    git = ("git", "-C", str(directory), "describe", "--always", "--dirty", "--abbrev=12")
    try:
        run = subprocess.run(
            [*git, "--exclude=*"], capture_output=True, text=True, check=True, timeout=10
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return run.stdout.strip()


def _is_compiled(module: str) -> bool:
    try:
        found = importlib.util.find_spec(module)
    except ModuleNotFoundError:
        return False
    return bool(found and found.origin and found.origin.endswith(tuple(EXTENSION_SUFFIXES)))
