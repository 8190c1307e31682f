"""Processes whose wall clock is wrong: a preloaded library, and a file that says how far."""

from __future__ import annotations

import os
import struct
import subprocess
from pathlib import Path
from typing import Final

_SOURCE: Final = Path(__file__).with_name("clock.c")


class Clocks:
    """Clocks of processes, each by a name; they are right until ``set`` says otherwise."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory / "clocks"
        self._directory.mkdir(exist_ok=True)
        self._library = self._directory / "clock.so"
        subprocess.run(
            ["gcc", "-O2", "-shared", "-fPIC", "-o", str(self._library), str(_SOURCE)], check=True
        )

    def environment(self, name: str) -> dict[str, str]:
        """Return what a process needs in its environment to have the clock of that name."""
        if not (self._directory / name).exists():
            self.set(name, 0)
        preloaded = os.environ.get("LD_PRELOAD")
        return {
            "LD_PRELOAD": f"{self._library} {preloaded}" if preloaded else str(self._library),
            "CLOCK_OFF_BY": str(self._directory / name),
        }

    def set(self, name: str, seconds: int) -> None:
        """Let the clock be so many seconds ahead, also for processes that run."""
        # Written in place: the processes have the file mapped.
        file = os.open(self._directory / name, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            os.pwrite(file, struct.pack("=q", seconds), 0)
        finally:
            os.close(file)
