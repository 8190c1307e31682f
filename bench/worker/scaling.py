"""What a result costs as the work grows: more results, larger units, more workers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from bench import figures
from bench.command import Say
from bench.kafka import fill, filler
from bench.stack import Stack
from bench.worker import rates
from bench.worker.compare import PARTITIONS, Job, make_job, measure
from bench.worker.peers import OURS, Peer, Run, peers
from bench.worker.rates import Sample
from bench.worker.watching import PeerFailed, snapshot_progress, watch
from bench.worker.workers import fresh_run, running, start_worker
from bench.worker.workloads import LARGE_UNITS, A, Workload
from medallero.embedded.processes import stop_all
from olympics.catalogue import load_catalogue

_OWNED_SECONDS: Final = 60.0


def measure_scaling(stack: Stack, quick: bool, say: Say) -> dict[str, Any]:
    """Return the figures of this section, by name."""
    return {
        **_growing_table(stack, *((200_000, 200_000) if quick else (1_000_000, 600_000)), say),
        **_large_units(stack, 300_000 if quick else 900_000, 1 if quick else 3, say),
        **_two_workers(stack, 300_000 if quick else 900_000, 1 if quick else 3, say),
    }


def _growing_table(stack: Stack, large: int, stretch: int, say: Say) -> dict[str, Any]:
    """One run over new results: how fast it was with few results in the table, and with many."""
    small = min(10_000, large // 10)
    total = large + stretch
    say(f"Scaling: a table that grows to {total:,} results")
    run = fresh_run(stack, "growing")
    fill(stack.kafka, run.topic, PARTITIONS, A.records(total))
    with running(start_worker(run)) as process:
        samples = watch(process, snapshot_progress(stack.redis, run.prefix), total)
    few = rates.rate_between(samples, small, small + stretch)
    many = rates.rate_between(samples, large, total)
    before, after = _memory_at(samples, small), _memory_at(samples, total)
    return {
        f"rate_with_{small}_results": few,
        f"rate_with_{large}_results": many,
        "large_table_over_small": _ratio(many, few),
        "bytes_of_memory_a_result": (
            None if before is None or after is None else (after - before) / (total - small)
        ),
    }


def _large_units(stack: Stack, count: int, rounds: int, say: Say) -> dict[str, Any]:
    """Runs over units of 8 and of 10,000 competitors, in turns."""
    catalogue = load_catalogue()
    worker = next(peer for peer in peers(Path()) if peer.name == OURS)
    small = Workload("units8", A.title, A.competitors)
    found: dict[str, list[float | None]] = {small.name: [], LARGE_UNITS.name: []}
    jobs = [make_job(stack, workload, count, catalogue) for workload in (small, LARGE_UNITS)]
    for turn in range(rounds):
        for job in jobs:
            say(f"Scaling: {job.workload.title}, run {turn + 1}")
            found[job.workload.name].append(_rate_of(stack, worker, job, turn))
    of_8, of_10_000 = figures.middle(found[small.name]), figures.middle(found[LARGE_UNITS.name])
    return {
        "rate_with_units_of_8": of_8,
        "rate_with_units_of_10000": of_10_000,
        "large_units_over_small": _ratio(of_10_000, of_8),
    }


def _rate_of(stack: Stack, worker: Peer, job: Job, turn: int) -> float | None:
    measured = measure(stack, worker, job, turn)
    if measured.problem is not None:
        raise PeerFailed(measured.problem)
    return measured.rate


def _two_workers(stack: Stack, count: int, rounds: int, say: Say) -> dict[str, Any]:
    """Two workers that have two partitions each, and one that has all four."""
    found: dict[int, list[float | None]] = {1: [], 2: []}
    for turn in range(rounds):
        for workers in (1, 2):
            say(f"Scaling: {workers} worker{'s' * (workers > 1)}, run {turn + 1}")
            run = fresh_run(stack, f"workers{workers}-{turn}")
            samples = asyncio.run(_with_workers(run, workers, count))
            found[workers].append(rates.rate(samples))
    one, two = figures.middle(found[1]), figures.middle(found[2])
    return {
        "rate_of_one_worker": one,
        "rate_of_two_workers": two,
        "two_workers_over_one": _ratio(two, one),
    }


async def _with_workers(run: Run, workers: int, count: int) -> list[Sample]:
    """Start the workers on an empty topic, so that all of them own partitions; then fill it.

    The batches are made before, so that what remains to be done while they run is to send bytes.
    """
    redis = run.stack.redis
    async with filler(run.stack.kafka, run.topic, run.partitions) as fill_now:
        batches = list(fill_now.batches(A.records(count)))
        processes = [start_worker(run) for _ in range(workers)]
        try:
            deadline = time.monotonic() + _OWNED_SECONDS
            while not _all_own(redis.hgetall(f"{run.prefix}owners"), run.partitions, workers):
                if time.monotonic() > deadline:
                    raise PeerFailed(f"{workers} workers did not share the partitions in time")
                await asyncio.sleep(0.1)
            progress = snapshot_progress(redis, run.prefix)
            watching = asyncio.create_task(asyncio.to_thread(watch, processes[0], progress, count))
            await fill_now.send(batches)
            return await watching
        finally:
            await asyncio.to_thread(stop_all, processes, 20.0)


def _all_own(owners: Any, partitions: int, workers: int) -> bool:
    return len(owners) == partitions and len(set(owners.values())) == workers


def _memory_at(samples: Sequence[Sample], records: int) -> int | None:
    seen = (sample.memory for sample in samples if sample.records >= records)
    return next((memory for memory in seen if memory is not None), None)


def _ratio(one: float | None, other: float | None) -> float | None:
    return one / other if one and other else None
