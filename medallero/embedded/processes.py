"""A child process: started tied to us, watched, stopped within a bounded time."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

_TETHER: Final = Path(__file__).with_name("parent_watch.py")
_LARGEST_LOG: Final = 20 * 2**20


@dataclass(frozen=True, slots=True)
class Command:
    """What to run, and the file that takes its output. The environment is added to ours."""

    argv: tuple[str, ...]
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    directory: Path | None = None


class Process:
    """One run of a command.

    It has a session of its own, so that Ctrl-C in our terminal reaches us alone and the order
    of stopping is ours; and it ends when we do, even by SIGKILL (see `parent_watch`). "We" is the
    thread that made this object: use the main one.
    """

    def __init__(self, command: Command) -> None:
        self.command = command
        self.log_start = _make_room(command.log)
        with command.log.open("ab") as log:
            self._popen = subprocess.Popen(
                [sys.executable, "-I", "-S", str(_TETHER), str(os.getpid()), *command.argv],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **command.environment},
                cwd=command.directory,
                start_new_session=True,
            )
        self.started = time.monotonic()

    @property
    def pid(self) -> int:
        """The process id, which is also that of its group."""
        return self._popen.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative for the signal that ended it."""
        return self._popen.poll()

    def send(self, signal_number: int) -> None:
        """Send a signal to the process alone; nothing happens when it has ended."""
        # Popen looks first whether it still runs, so the signal cannot hit a stranger.
        self._popen.send_signal(signal_number)

    def kill(self) -> None:
        """End it and all that it may have started, at once."""
        if self.exit_code is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
        self._popen.wait()

    def wait(self, timeout: float) -> int | None:
        """Wait for the end, at most so many seconds; return the exit code, None if it runs."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._popen.wait(timeout)
        return None

    def log_tail(self, lines: int = 20) -> str:
        """Return the last lines that this run has written."""
        with contextlib.suppress(OSError), self.command.log.open("rb") as log:
            log.seek(max(self.log_start, log.seek(0, os.SEEK_END) - 64 * 1024))
            return "\n".join(log.read().decode("utf-8", "replace").splitlines()[-lines:])
        return ""


def stop_all(processes: Iterable[Process], grace: float) -> list[Process]:
    """Ask all of them to end (SIGTERM), kill those that still run after so many seconds.

    Returns those that had to be killed.
    """
    running = [process for process in processes if process.exit_code is None]
    for process in running:
        process.send(signal.SIGTERM)
        process.send(signal.SIGCONT)  # A stopped process does not see SIGTERM.
    deadline = time.monotonic() + grace
    for process in running:
        process.wait(max(0.0, deadline - time.monotonic()))
    stubborn = [process for process in running if process.exit_code is None]
    for process in stubborn:
        process.kill()
    return stubborn


def describe_exit(code: int) -> str:
    """Return `exit code 1` or `signal SIGKILL`."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {signal.Signals(-code).name}"
    except ValueError:
        return f"signal {-code}"


def _make_room(log: Path) -> int:
    """Put a large log aside, and return the offset at which the new run's output begins."""
    log.parent.mkdir(parents=True, exist_ok=True)
    if not log.exists():
        return 0
    size = log.stat().st_size
    if size <= _LARGEST_LOG:
        return size
    log.replace(log.with_name(f"{log.name}.1"))
    return 0
