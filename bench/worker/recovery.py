"""How long a worker that starts again takes until it processes results."""

from __future__ import annotations

import itertools
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from statistics import median
from typing import Any, Final

from bench.command import Say
from bench.kafka import Record, delete_topics, fill
from bench.stack import Stack
from bench.worker.compare import PARTITIONS
from bench.worker.peers import Run, peers
from bench.worker.watching import snapshot_progress, watch
from bench.worker.workers import fresh_run, running, start_worker
from bench.worker.workloads import B
from medallero.embedded.processes import Command, Process

#: New results that tell when a restarted process works again; a few for each partition.
_NEW: Final = 40
_START_TIMEOUT: Final = 900.0
#: Starts differ by some tenths of a second whatever they restore.
_TELLING: Final = 0.5

Start = Callable[[Run], Process]


def measure_recovery(stack: Stack, quick: bool, say: Say) -> dict[str, Any]:
    """Return the figures of this section, by name."""
    restored = 30_000 if quick else 200_000
    killed = 50_000 if quick else 1_000_000
    starts = 1 if quick else 3
    ours = _restore_rate(stack, "ours", start_worker, restored, starts, say)
    stock = _restore_rate(stack, "stock", _start_stock, restored, 1, say)
    large = _restore_rate(stack, "large", start_worker, killed, starts, say)
    return {
        "results_restored": restored,
        "ours": ours,
        "stock_faust": stock,
        "ours_over_stock_faust": _ratio(ours, stock),
        f"ours_with_{killed}": large,
        f"ours_with_{killed}_over_stock_faust": _ratio(large, stock),
        **_killed(stack, killed, say),
    }


def _ratio(ours: Mapping[str, float | None], stock: Mapping[str, float | None]) -> float | None:
    one, other = ours["results_a_second"], stock["results_a_second"]
    return one / other if one and other else None


def _restore_rate(
    stack: Stack, name: str, start: Start, count: int, starts: int, say: Say
) -> dict[str, float | None]:
    """Return the results restored a second, seen from outside; the seconds are medians of starts.

    That is, *count* over the time that a start takes longer with so many results in the
    changelog than with next to none. None if that is too short a time to tell.
    """
    say(f"Recovery: {name}: building the state of {count:,} results")
    run = fresh_run(stack, f"restore-{name}")
    there = 0
    with_none = []
    for _ in range(starts):
        with_none.append(_time_to_work(run, start, already=there))
        there += _NEW
    fill(stack.kafka, run.topic, PARTITIONS, _skipped(there, count))
    there += count
    with running(start(run)) as process:
        goal = count if start is _start_stock else there
        watch(process, snapshot_progress(stack.redis, run.prefix), goal, stall=60.0)
    with_all = []
    for _ in range(starts):
        say(f"Recovery: {name}: restoring {count:,} results")
        with_all.append(_time_to_work(run, start, already=there))
        there += _NEW
    delete_topics(stack.kafka, run.name)
    longer = median(with_all) - median(with_none)
    return {
        "results_a_second": count / longer if longer >= _TELLING else None,
        "seconds_to_start_with_none": median(with_none),
        "seconds_to_start_with_all": median(with_all),
    }


def _killed(stack: Stack, count: int, say: Say) -> dict[str, float]:
    """Return seconds from the start after a SIGKILL until new results are counted.

    Once with a worker id, as `medallero up` gives it: then its partitions are its own again at
    once. And once without: then the group waits for the dead member's session to end.
    """
    seconds = {}
    for name, worker_id in (("with_worker_id", "worker-1"), ("without_worker_id", None)):
        say(f"Recovery: killing a worker {name.replace('_', ' ')} and {count:,} results")
        run = fresh_run(stack, f"killed-{name.replace('_', '-')}")
        fill(stack.kafka, run.topic, PARTITIONS, _skipped(0, count))
        process = start_worker(run, worker_id)
        try:
            watch(process, snapshot_progress(stack.redis, run.prefix), count)
        finally:
            process.kill()

        def start(of: Run, id_: str | None = worker_id) -> Process:
            return start_worker(of, id_)

        seconds[name] = _time_to_work(run, start, already=count)
    return {f"killed_{name}_with_{count}_seconds": value for name, value in seconds.items()}


def _time_to_work(run: Run, start: Start, *, already: int) -> float:
    """Write a few new results, start, and return the seconds until they are counted."""
    stack = run.stack
    fill(stack.kafka, run.topic, PARTITIONS, _skipped(already, _NEW))
    stack.redis.flushdb()
    # Stock Faust's peer counts what it has processed itself, ours what the table stands for.
    goal = _NEW if start is _start_stock else already + _NEW
    began = time.monotonic()
    with running(start(run)) as process:
        samples = watch(
            process,
            snapshot_progress(stack.redis, run.prefix),
            goal,
            start_timeout=_START_TIMEOUT,
        )
        return samples[-1].at - began


def _start_stock(run: Run) -> Process:
    peer = next(peer for peer in peers(Path()) if peer.name == "faust_take")
    # Faust leaves nothing there that a restart needs: its table is in memory.
    shutil.rmtree(run.directory, ignore_errors=True)
    run.directory.mkdir(parents=True)
    return Process(Command(peer.argv(), log=run.log, environment=run.environment()))


def _skipped(already: int, count: int) -> Iterator[Record]:
    """Yield the *count* results that come after the first *already* ones."""
    return itertools.islice(B.endless(), already, already + count)
