"""All peers on the same topics, in turns."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

from redis import Redis

from bench import figures
from bench.builds import Missing
from bench.command import Say
from bench.kafka import create_topic, fill
from bench.proc import peak_memory_of
from bench.stack import Stack
from bench.worker import rates
from bench.worker.peers import OURS, Peer, Run
from bench.worker.rates import Sample
from bench.worker.watching import PeerFailed, read_table, watch
from bench.worker.workloads import C, Table, Workload, difference, expected
from medallero.embedded.processes import Process, stop_all
from olympics.catalogue import Catalogue

PARTITIONS: Final = 4
_GRACE: Final = 20.0
_AGREE_SECONDS: Final = 3.0


@dataclass(frozen=True, slots=True)
class Measured:
    """One run of one peer. Rates are records a second; ``warm_rate`` is that of the second half.

    ``problem``: why it does not count; None if all is well.
    """

    rate: float | None = None
    warm_rate: float | None = None
    records: int = 0
    cpu_us_per_record: float | None = None
    peak_memory_bytes: int | None = None
    changelog_records: int | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured.

    :param count: records of a workload's topic.
    :param medium: the same for the topic of peers of medium pace.
    :param slow: how many records of that topic the slow ones are watched for.
    :param rounds: runs of each peer on each workload.
    """

    count: int
    medium: int
    slow: int
    rounds: int

    def topic(self, peer: Peer) -> int:
        """Return how many records the topic has that *peer* reads."""
        return self.count if peer.pace == "fast" else min(self.count, self.medium)

    def watched(self, peer: Peer, job: Job) -> int:
        """Return up to how many records *peer* is watched."""
        return min(job.records, self.slow) if peer.pace == "slow" else job.records


@dataclass(frozen=True, slots=True)
class Job:
    """A filled topic, ``<topics>results`` with so many records, and what must come out."""

    workload: Workload
    records: int
    topics: str
    wanted: Table


@dataclass(slots=True)
class Comparison:
    """What was measured: peer → workload → runs; and which peers are missing, and why."""

    runs: dict[str, dict[str, list[Measured]]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)

    def middle(self, peer: str, workload: str, figure: str = "rate") -> float | None:
        """Return the median of a figure over the runs; None if any of them has a problem."""
        runs = self.runs.get(peer, {}).get(workload, [])
        if any(run.problem for run in runs):
            return None
        return figures.middle(getattr(run, figure) for run in runs)

    @property
    def workloads(self) -> list[str]:
        """The workloads that any peer was measured on."""
        return sorted({name for by_workload in self.runs.values() for name in by_workload})

    def ratios(self, figure: str = "rate") -> dict[str, dict[str, float]]:
        """Return workload → ``ours/peer`` → how many times as fast."""
        return {
            name: figures.ratios(
                {peer: self.middle(peer, name, figure) for peer in self.runs}, OURS
            )
            for name in self.workloads
        }

    def to_json(self, peer: str) -> dict[str, Any]:
        """Return everything about one peer."""
        return {
            "missing": self.missing.get(peer),
            "workloads": {
                name: {
                    "rate": self.middle(peer, name),
                    "warm_rate": self.middle(peer, name, "warm_rate"),
                    "problem": next((run.problem for run in runs if run.problem), None),
                    "runs": [asdict(run) for run in runs],
                }
                for name, runs in self.runs.get(peer, {}).items()
            },
        }


def compare(
    stack: Stack,
    peers: Sequence[Peer],
    workloads: Sequence[Workload],
    *,
    sizes: Sizes,
    catalogue: Catalogue,
    say: Say,
) -> Comparison:
    """Run every peer on every workload, in turns."""
    comparison = Comparison()
    ready = [peer for peer in peers if _is_ready(peer, comparison, say)]
    jobs: dict[tuple[str, int], Job] = {}
    for workload in workloads:
        for count in sorted({sizes.topic(peer) for peer in ready if takes_part(peer, workload)}):
            say(f"Filling the topic of workload {workload.name}: {workload.size(count):,} records")
            jobs[workload.name, count] = make_job(stack, workload, count, catalogue)
    for turn in range(sizes.rounds):
        for workload in workloads:
            # Another one begins each time, so that no peer always runs on the warmest machine.
            first = turn % max(1, len(ready))
            for peer in ready[first:] + ready[:first]:
                if not takes_part(peer, workload):
                    continue
                job = jobs[workload.name, sizes.topic(peer)]
                measured = measure(stack, peer, job, turn, sizes.watched(peer, job))
                by_workload = comparison.runs.setdefault(peer.name, {})
                by_workload.setdefault(workload.name, []).append(measured)
                say(f"  {workload.name} run {turn + 1}: {peer.title}: {_in_words(measured)}")
    return comparison


def takes_part(peer: Peer, workload: Workload) -> bool:
    """Whether the workload means anything to the peer: counters know no corrections."""
    return peer.kind != "less" or workload is not C


def make_job(stack: Stack, workload: Workload, count: int, catalogue: Catalogue) -> Job:
    """Fill a topic with *count* records of the workload."""
    size = workload.size(count)
    job = Job(workload, size, f"bench-{workload.name.lower()}-{size}-", Table())
    create_topic(stack.kafka, f"{job.topics}results", PARTITIONS)
    records = list(workload.records(count))
    fill(stack.kafka, f"{job.topics}results", PARTITIONS, records)
    return replace(job, wanted=expected(records, catalogue))


def measure(
    stack: Stack, peer: Peer, job: Job, turn: int = 0, watched: int | None = None
) -> Measured:
    """Run *peer* once, from its start until it has processed the job, or *watched* records of it.

    Full peers must have mirrored what is wanted then, and written every unit to their changelog.
    """
    stack.redis.flushdb()
    name = f"{peer.name}-{job.topics}{turn}"
    run = Run(
        stack,
        topics=job.topics,
        partitions=PARTITIONS,
        name=f"run-{name}",
        prefix="bench:",
        directory=stack.directory / name,
    )
    try:
        process = Process(peer.prepare(run))
        try:
            progress = peer.progress(stack.redis, run.prefix)
            samples = watch(process, progress, watched or job.records)
            full = peer.kind == "full"
            problem = _disagreement(stack.redis, run.prefix, job.wanted) if full else None
            peak = peak_memory_of(process.pid)
        finally:
            stop_all([process], _GRACE)
        changelog = peer.changelog_records(run)
        if problem is None and full:
            problem = _gap(changelog, job)
        return _measured(samples, peak, changelog, problem)
    except PeerFailed as failure:
        return Measured(problem=str(failure))
    finally:
        peer.clean(run)


def _is_ready(peer: Peer, comparison: Comparison, say: Say) -> bool:
    try:
        peer.build()
    except Missing as missing:
        comparison.missing[peer.name] = str(missing)
        say(f"MISSING: {peer.title}: {missing}")
        return False
    return True


def _disagreement(redis: Redis, prefix: str, wanted: Table) -> str | None:
    """Say what is wrong with the mirrored counts; the last report may take a moment to arrive."""
    deadline = time.monotonic() + _AGREE_SECONDS
    while problem := difference(read_table(redis, prefix), wanted):
        if time.monotonic() > deadline:
            return f"wrong numbers: {problem}"
        time.sleep(0.05)
    return None


def _gap(changelog: int | None, job: Job) -> str | None:
    units = -(-(job.records // job.workload.versions) // job.workload.competitors)
    if changelog is not None and changelog < units:
        return f"{changelog:,} records in the changelog for {units:,} units"
    return None


def _measured(
    samples: list[Sample], peak: int | None, changelog: int | None, problem: str | None
) -> Measured:
    cpu = rates.cpu_per_record(samples)
    rate = rates.rate(samples)
    if problem is None and not rates.is_enough(samples):
        problem = f"done within {len(samples)} reports: too few records to time"
    return Measured(
        rate=rate,
        warm_rate=rates.rate_between(samples, samples[-1].records // 2, samples[-1].records),
        records=samples[-1].records,
        cpu_us_per_record=None if cpu is None else cpu * 1e6,
        peak_memory_bytes=peak,
        changelog_records=changelog,
        problem=problem,
    )


def _in_words(measured: Measured) -> str:
    if measured.problem is not None:
        return f"NOT COUNTED: {measured.problem}"
    return f"{measured.rate:,.0f} records/s"
