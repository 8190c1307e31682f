"""Programs that are measured and are not ours: what they need, and how they are built."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_BUILD_SECONDS: Final = 900.0


class Missing(RuntimeError):
    """A peer cannot be had on this machine: what is missing."""


class PythonBuild:
    """A virtual environment for a peer of other or older libraries than ours."""

    def __init__(self, directory: Path, name: str, requirements: tuple[str, ...]) -> None:
        mark = hashlib.sha256("\n".join(requirements).encode()).hexdigest()[:12]
        self._directory = directory / f"{name}-{mark}"
        self._name = name
        self._requirements = requirements

    @property
    def python(self) -> Path:
        """The environment's interpreter."""
        return self._directory / "bin" / "python"

    def __call__(self) -> None:
        done = self._directory / "installed"
        if done.exists():
            return
        shutil.rmtree(self._directory, ignore_errors=True)
        build((sys.executable, "-m", "venv", str(self._directory)), "its virtual environment")
        pip = (str(self.python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
        build((*pip, *self._requirements), self._name)
        done.touch()


class GoBuild:
    """A program in Go, from a module's directory or a package below it."""

    def __init__(self, module: Path, binary: Path, package: str = ".") -> None:
        self._module = module
        self._package = package
        self.binary = binary

    def __call__(self) -> None:
        need({"go": "golang"})
        build(
            ("go", "build", "-o", str(self.binary.absolute()), self._package),
            f"{self._module.name} {self._package}",
            directory=self._module,
        )


def need(programs: Mapping[str, str]) -> None:
    """Raise Missing unless all *programs* (name → Debian's package) are on the PATH."""
    absent = {name: package for name, package in programs.items() if shutil.which(name) is None}
    if absent:
        packages = " ".join(sorted(set(absent.values())))
        raise Missing(f"not on the PATH: {', '.join(absent)} (Debian: apt-get install {packages})")


def build(argv: tuple[str, ...], what: str, directory: Path | None = None) -> None:
    """Run a build's command; raise Missing with the end of its output if it fails."""
    try:
        done = subprocess.run(
            argv,
            capture_output=True,
            text=True,
            timeout=_BUILD_SECONDS,
            check=False,
            cwd=directory,
        )
    except subprocess.TimeoutExpired:
        raise Missing(f"{what} was not ready after {_BUILD_SECONDS:.0f} s") from None
    if done.returncode != 0:
        tail = " · ".join((done.stdout + done.stderr).strip().splitlines()[-5:])
        raise Missing(f"{what} could not be built or installed: {tail}")
