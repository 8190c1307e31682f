"""What is done to workers: kills, orderly stops, and freezing until their partitions have moved."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from typing import Final, Literal, NamedTuple

from tests.soak.verifier import View, Watcher
from tests.support.stack import Member, Stack

Kind = Literal["kill", "term", "freeze"]

#: What rotates; `kill` alone is the default.
KINDS: Final[tuple[Kind, ...]] = ("kill", "term", "freeze")


class Strike(NamedTuple):
    """One fault: what it hit, and how long until it had left no trace.

    :param at: seconds after the first record.
    :param partitions: those that the worker owned.
    :param uncommitted: records of these partitions, on the topic, whose offset the group had not
        committed: work that was lost with the worker, and had to be done again.
    :param uncounted: records of these partitions that the mirror did not count yet.
    :param right: seconds until the mirror counted all that was on the topic at the strike.
    :param still: for how many of these the mirror counted nothing new of these partitions, at a
        stretch.
    :param views: how many views of the mirror were checked meanwhile.
    """

    number: int
    kind: Kind
    worker: str
    at: float
    partitions: tuple[int, ...]
    uncommitted: int
    uncounted: int
    right: float
    still: float
    views: int

    @property
    def in_flight(self) -> bool:
        """Whether the worker had work in its hands: else the fault proves nothing."""
        return self.uncommitted > 0


class NotRight(AssertionError):
    """The mirror did not recover in time, or a process ended that nobody had hurt."""


class Striker:
    """Hurts one worker after the other, each only when it has work, and watches the recovery."""

    def __init__(
        self,
        stack: Stack,
        watcher: Watcher,
        ends: Callable[[], dict[int, int]],
        patience: float,
    ) -> None:
        self._stack = stack
        self._watcher = watcher
        self._ends = ends
        self._patience = patience
        self._turn = 0

    def strike(self, number: int, kind: Kind, began: float) -> Strike:
        """Hurt the next worker in turn; return when the mirror is right again."""
        worker, partitions = self._next()
        views = self._watcher.views
        if kind == "term":  # it commits while it stops: what it has in its hands is asked before
            committed = self._committed()
            at = time.monotonic()
            before = self._watcher.latest
            ends = self._ends()
            code = worker.stop()
            if code != 0:
                raise NotRight(f"{worker.name} was told to stop, and ended with {code}")
        else:
            at = time.monotonic()
            worker.kill(signal.SIGKILL if kind == "kill" else signal.SIGSTOP)
            before = self._watcher.latest
            ends = self._ends()
            committed = self._committed()
        assert before is not None
        if kind != "freeze":
            worker.start()
        reached = {it: offset for it, (offset, _) in before.offsets.items()}
        uncommitted = sum(max(0, ends[it] - committed.get(it, 0)) for it in partitions)
        uncounted = sum(max(0, ends[it] - reached.get(it, 0)) for it in partitions)
        right = max(at, self._wait(lambda view: view.reaches(ends), "is right again"))
        if kind == "freeze":
            self._wait(lambda view: worker.url not in view.owners.values(), "has other owners")
            worker.resume()
        self.all_ready()
        return Strike(
            number,
            kind,
            worker.name,
            at - began,
            partitions,
            uncommitted,
            uncounted,
            right - at,
            self._watcher.longest_still(partitions, at, right),
            self._watcher.views - views,
        )

    def all_ready(self) -> None:
        """Wait until every worker is ready; raise NotRight if one has ended by itself."""
        for worker in self._stack.workers:
            try:
                worker.wait_ready(self._patience)
            except AssertionError as failure:
                raise NotRight(str(failure)) from None

    def _next(self) -> tuple[Member, tuple[int, ...]]:
        """Return the next worker in turn that owns partitions, and these."""

        def owned(view: View) -> bool:
            return any(self._partitions(view))

        view = self._watcher.wait(owned, self._patience)
        if view is None:
            raise NotRight(f"no worker owns partitions after {self._patience:g} s")
        workers = self._stack.workers
        owners = list(self._partitions(view))
        turn = next(
            turn
            for turn in range(self._turn, self._turn + len(workers))
            if owners[turn % len(workers)]
        )
        self._turn = turn + 1
        return workers[turn % len(workers)], owners[turn % len(workers)]

    def _partitions(self, view: View) -> Iterator[tuple[int, ...]]:
        for worker in self._stack.workers:
            yield tuple(sorted(it for it, url in view.owners.items() if url == worker.url))

    def _committed(self) -> dict[int, int]:
        return self._stack.committed()

    def _wait(self, condition: Callable[[View], bool], what: str) -> float:
        """Return when the view that met *condition* was read."""
        view = self._watcher.wait(condition, self._patience)
        if view is None:
            raise NotRight(f"the mirror {what}: not within {self._patience:g} s")
        return view.at
