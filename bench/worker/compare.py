"""All peers on the same topics, in turns."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from redis import Redis

from bench.worker import rates
from bench.worker.kafka import create_topic, fill
from bench.worker.peers import OURS, Missing, Peer, Run
from bench.worker.rates import Sample
from bench.worker.stack import Stack
from bench.worker.watching import PeerFailed, peak_memory_of, read_table, watch
from bench.worker.workloads import C, Table, Workload, difference, expected
from medallero.embedded.processes import Process, stop_all
from olympics.catalogue import Catalogue

PARTITIONS: Final = 4
_GRACE: Final = 20.0
_AGREE_SECONDS: Final = 3.0

Say = Callable[[str], None]


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
        return rates.middle(getattr(run, figure) for run in runs)

    @property
    def workloads(self) -> list[str]:
        """The workloads that any peer was measured on."""
        return sorted({name for by_workload in self.runs.values() for name in by_workload})

    def ratios(self, figure: str = "rate") -> dict[str, dict[str, float]]:
        """Return workload → ``ours/peer`` → how many times as fast."""
        return {
            name: rates.ratios({peer: self.middle(peer, name, figure) for peer in self.runs}, OURS)
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
    count: int,
    most: int,
    rounds: int,
    catalogue: Catalogue,
    say: Say,
) -> Comparison:
    """Run every peer *rounds* times on every workload of *count* records, in turns.

    :param most: how many of the records the slow peers are watched for.
    """
    comparison = Comparison()
    ready = [peer for peer in peers if _is_ready(peer, comparison, say)]
    wanted: dict[str, Table] = {}
    for workload in workloads:
        say(f"Filling the topic of workload {workload.name}: {workload.size(count):,} records")
        wanted[workload.name] = expected(workload, count, catalogue)
        topic = f"{topics_of(workload)}results"
        create_topic(stack.kafka, topic, PARTITIONS)
        fill(stack.kafka, topic, PARTITIONS, workload.records(count))
    for turn in range(rounds):
        for workload in workloads:
            # Another one begins each time, so that no peer always runs on the warmest machine.
            first = turn % max(1, len(ready))
            for peer in ready[first:] + ready[:first]:
                if not takes_part(peer, workload):
                    continue
                measured = measure(
                    stack,
                    peer,
                    workload,
                    name=f"{peer.name}-{workload.name}-{turn}".lower(),
                    count=min(workload.size(count), most if peer.most else count),
                    wanted=wanted[workload.name],
                )
                by_workload = comparison.runs.setdefault(peer.name, {})
                by_workload.setdefault(workload.name, []).append(measured)
                say(f"  {workload.name} run {turn + 1}: {peer.title}: {_in_words(measured)}")
    return comparison


def takes_part(peer: Peer, workload: Workload) -> bool:
    """Whether the workload means anything to the peer: counters know no corrections."""
    return peer.kind != "less" or workload is not C


def topics_of(workload: Workload) -> str:
    """Return what comes before the names of the workload's topics."""
    return f"bench-{workload.name.lower()}-"


def measure(
    stack: Stack, peer: Peer, workload: Workload, *, name: str, count: int, wanted: Table | None
) -> Measured:
    """Run *peer* once, from its start until it has processed *count* records.

    Full peers must have mirrored *wanted* then, and written every unit to their changelog.
    """
    stack.redis.flushdb()
    run = Run(
        stack,
        topics=topics_of(workload),
        partitions=PARTITIONS,
        name=f"run-{name}",
        prefix="bench:",
        directory=stack.directory / name,
    )
    try:
        process = Process(peer.prepare(run))
        try:
            samples = watch(process, peer.progress(stack.redis, run.prefix), count)
            problem = _disagreement(stack.redis, run.prefix, wanted) if _is_full(peer) else None
            peak = peak_memory_of(process.pid)
        finally:
            stop_all([process], _GRACE)
        changelog = peer.changelog_records(run)
        if problem is None and _is_full(peer):
            problem = _gap(changelog, workload, count)
        return _measured(samples, peak, changelog, problem)
    except PeerFailed as failure:
        return Measured(problem=str(failure))
    finally:
        peer.clean(run)


def _is_full(peer: Peer) -> bool:
    return peer.kind == "full"


def _is_ready(peer: Peer, comparison: Comparison, say: Say) -> bool:
    try:
        peer.build()
    except Missing as missing:
        comparison.missing[peer.name] = str(missing)
        say(f"MISSING: {peer.title}: {missing}")
        return False
    return True


def _disagreement(redis: Redis, prefix: str, wanted: Table | None) -> str | None:
    """Say what is wrong with the mirrored counts; the last report may take a moment to arrive."""
    if wanted is None:
        return None
    deadline = time.monotonic() + _AGREE_SECONDS
    while problem := difference(read_table(redis, prefix), wanted):
        if time.monotonic() > deadline:
            return f"wrong numbers: {problem}"
        time.sleep(0.05)
    return None


def _gap(changelog: int | None, workload: Workload, count: int) -> str | None:
    units = -(-(count // workload.versions) // workload.competitors)
    if changelog is not None and changelog < units:
        return f"{changelog:,} records in the changelog for {units:,} units"
    return None


def _measured(
    samples: list[Sample], peak: int | None, changelog: int | None, problem: str | None
) -> Measured:
    cpu = rates.cpu_per_record(samples)
    rate = rates.rate(samples)
    if rate is None and problem is None:
        problem = "done between two reports: too few records to time"
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
