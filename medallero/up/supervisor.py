"""Starts services, waits until each is ready, starts again what dies, stops all in order.

What a service that has ended said last, and what one that is not ready says, is told once.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from medallero.embedded.exit_reasons import last_words, remedy_of
from medallero.embedded.processes import Command, Process, describe_exit, stop_all
from medallero.stop_flag import StopFlag

_TICK: Final = 0.1
_FIRST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 30.0
_HEALTHY_AFTER: Final = 60.0
_EXITS_AT_START: Final = 3
#: How often a running service is asked whether it is ready, seconds, and how many times in a row
#: it must say no before that is told: a busy machine answers late.
_ASK: Final = 5.0
_STRIKES: Final = 3
_NUMBER: Final = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Service:
    """Something that must run.

    :param prepare: returns the command of the next run; called before each.
    :param problem: asks the running service; quick; None when it is ready, else why it is not.
    :param stop_rank: those with the lowest are stopped first, equal ones together.
    :param grace: seconds between SIGTERM and SIGKILL.
    """

    name: str
    prepare: Callable[[], Command]
    problem: Callable[[], str | None]
    stop_rank: int
    grace: float = 10.0


class ServiceFailed(RuntimeError):
    """A service did not become ready: which, why, and the end of its log."""

    def __init__(self, name: str, reason: str, log: Path, tail: str) -> None:
        super().__init__(f"{name} {reason}")
        self.name = name
        self.reason = reason
        self.log = log
        self.tail = tail


class StopAsked(Exception):
    """The stop flag was set while services were being started."""


@dataclass(slots=True)
class Supervisor:
    """All services of one machine, driven by one thread.

    :param say: takes one line for people.
    :param stop: set from anywhere to end `start` and `watch`.
    """

    say: Callable[[str], None]
    stop: StopFlag
    start_timeout: float = 120.0
    _runs: list[_Run] = field(default_factory=list)

    def start(self, services: Sequence[Service]) -> None:
        """Start the services together and wait until all are ready.

        :raises ServiceFailed: one ends again and again, or takes too long.
        :raises StopAsked: the stop flag was set.
        """
        fresh = [_Run(service, self.say) for service in services]
        self._runs += fresh
        deadline = time.monotonic() + self.start_timeout
        while not all(run.ready for run in fresh):
            self._tick()
            for run in fresh:
                if run.exits >= _EXITS_AT_START:
                    raise run.failure(f"ended {run.exits} times before it was ready")
                if not run.ready and time.monotonic() > deadline:
                    raise run.failure(f"is not ready after {self.start_timeout:g} seconds")
            if self.stop.wait(_TICK):
                raise StopAsked

    @property
    def runs_anything(self) -> bool:
        """Whether there is something to stop."""
        return any(run.process and run.process.exit_code is None for run in self._runs)

    def watch(self) -> None:
        """Start again what ends, until the stop flag is set."""
        while not self.stop.wait(_TICK):
            self._tick()

    def stop_all(self) -> None:
        """Stop everything, rank by rank; what does not end in its grace is killed."""
        for rank in sorted({run.service.stop_rank for run in self._runs}):
            runs = [run for run in self._runs if run.service.stop_rank == rank]
            processes = {run.process: run for run in runs if run.process}
            grace = max(run.service.grace for run in runs)
            for process in stop_all(processes, grace):
                self.say(f"{processes[process].service.name} did not end in time and was killed")

    def kill_all(self) -> None:
        """End everything at once."""
        for run in self._runs:
            if run.process:
                run.process.kill()

    def _tick(self) -> None:
        for run in self._runs:
            run.tick(time.monotonic())


class _Run:
    """A service's current process, and what is known about its past ones."""

    def __init__(self, service: Service, say: Callable[[str], None]) -> None:
        self.service = service
        self.process: Process | None = None
        self.ready = False
        #: Ends in a row without a healthy time between them.
        self.exits = 0
        self._say = say
        self._start_at = time.monotonic()
        self._again = False
        self._last: Process | None = None
        self._problem: str | None = None
        self._ask_at = 0.0
        #: How often in a row it has said that it is not ready.
        self._strikes = 0
        #: What was told last, without numbers: the same is not told again.
        self._told = ""

    def tick(self, now: float) -> None:
        """Look at the process once, and do what is due."""
        if self.process is None:
            if now >= self._start_at:
                self.process = self._last = Process(self.service.prepare())
            return
        code = self.process.exit_code
        if code is not None:
            self._ended(code, now)
        elif not self.ready:
            self._problem = self.service.problem()
            self.ready = self._problem is None
            if self.ready:
                self._strikes = 0
                self._ask_at = now + _ASK
                if self._again:
                    self._say(f"{self.service.name} is ready again")
        else:
            if now - self.process.started > _HEALTHY_AFTER:
                self.exits = 0
            if now >= self._ask_at:
                self._ask(self.process.command.log)
                self._ask_at = time.monotonic() + _ASK

    def failure(self, reason: str) -> ServiceFailed:
        """Return the error that tells why the service does not run."""
        if self._problem:
            reason = f"{reason}: {self._problem}"
        if self._last is None:
            return ServiceFailed(self.service.name, reason, Path(os.devnull), "")
        return ServiceFailed(
            self.service.name, reason, self._last.command.log, self._last.log_tail()
        )

    def _ask(self, log: Path) -> None:
        """Ask a service that was ready whether it still is, and tell what has changed."""
        problem = self.service.problem()
        if problem is None:
            if self._strikes >= _STRIKES:
                self._say(f"{self.service.name} is ready again")
                self._told = ""
            self._strikes = 0
            return
        self._strikes += 1
        if self._strikes >= _STRIKES:
            self._tell(f"{self.service.name} is not ready: {problem}", problem, log)

    def _tell(self, line: str, words: str, log: Path) -> None:
        """Say *line*; and what can be done about *words*, and where *log* is, if they are new."""
        bare = _NUMBER.sub("", words)
        if bare == self._told:
            return
        self._told = bare
        self._say(line)
        remedy = remedy_of(words)
        if remedy:
            self._say(f"  → {remedy}")
        self._say(f"  Its log: {log}")

    def _ended(self, code: int, now: float) -> None:
        assert self.process
        pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**self.exits)
        self._say(
            f"{self.service.name} ended ({describe_exit(code)}); starting it again in {pause:g} s"
        )
        words = last_words(self.process.log_tail())
        if words:
            self._tell(f"  It said: {words}", words, self.process.command.log)
        self.exits += 1
        self.process = None
        self.ready = False
        self._again = True
        self._start_at = now + pause
