"""All peers under the same load, in turns."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from bench import figures
from bench.builds import Missing
from bench.command import Say
from bench.gateway.generators import GeneratorFailed, Load, need_wrk, wrk
from bench.gateway.peers import NOTHING, OURS, PRODUCER, Peer
from bench.gateway.serving import PeerFailed, Server, empty_topic, serving
from bench.gateway.workloads import Calls, Workload, write_bodies, write_messages
from bench.stack import Stack

_PRODUCER_BATCH: Final = 500


@dataclass(frozen=True, slots=True)
class Measured:
    """One run. ``rate`` in results a second, ``cpu`` in processor seconds a thousand results.

    ``acknowledged`` records by what the client saw, ``on_topic`` by Kafka. ``problem``: why it
    does not count; None if all is well.
    """

    rate: float | None = None
    p50_ms: float | None = None
    p99_ms: float | None = None
    cpu: float | None = None
    memory_bytes: int | None = None
    acknowledged: int = 0
    on_topic: int | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Sizes:
    """Seconds of a measurement and of the warm-up before it; runs of each peer and workload."""

    seconds: float
    warm_up: float
    rounds: int


@dataclass(slots=True)
class Comparison:
    """What was measured: peer → workload → runs; and which peers are missing, and why."""

    runs: dict[str, dict[str, list[Measured]]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)

    def add(self, peer: str, workload: str, measured: Measured) -> None:
        """Take note of a run."""
        self.runs.setdefault(peer, {}).setdefault(workload, []).append(measured)

    def middle(self, peer: str, workload: str, figure: str = "rate") -> float | None:
        """Return the median of a figure over the runs; None if any of them has a problem."""
        runs = self.runs.get(peer, {}).get(workload, [])
        if any(run.problem for run in runs):
            return None
        return figures.middle(getattr(run, figure) for run in runs)

    def ratios(self, of: str = OURS) -> dict[str, dict[str, float]]:
        """Return workload → ``ours/peer`` → how many times as fast."""
        names = {name: None for its in self.runs.values() for name in its}
        return {
            name: figures.ratios({peer: self.middle(peer, name) for peer in self.runs}, of)
            for name in names
        }

    def to_json(self, peer: str) -> dict[str, Any]:
        """Return everything about one peer."""
        kinds = ("rate", "p50_ms", "p99_ms", "cpu")
        return {
            "missing": self.missing.get(peer),
            "workloads": {
                name: {
                    **{kind: self.middle(peer, name, kind) for kind in kinds},
                    "problem": next((run.problem for run in runs if run.problem), None),
                    "runs": [asdict(run) for run in runs],
                }
                for name, runs in self.runs.get(peer, {}).items()
            },
        }


def compare(
    stack: Stack, peers: Sequence[Peer], workloads: Sequence[Workload], sizes: Sizes, say: Say
) -> Comparison:
    """Build the peers, then run them in turns, another one first in every round."""
    need_wrk()
    comparison = Comparison()
    there = [peer for peer in peers if _is_ready(peer, comparison, say)]
    for turn in range(sizes.rounds):
        start = turn % max(1, len(there))
        for peer in there[start:] + there[:start]:
            if peer.name == PRODUCER:
                _feed(stack, peer, workloads, turn, sizes, comparison, say)
            else:
                _serve(stack, peer, workloads, turn, sizes, comparison, say)
    return comparison


def call(
    stack: Stack, ours: Peer, load: Load, every: Sequence[Calls], sizes: Sizes, say: Say
) -> Comparison:
    """Measure our gateway over gRPC."""
    comparison = Comparison()
    for turn in range(sizes.rounds):
        with serving(ours, stack, f"grpc-{turn}") as server:
            for calls in every:
                measured = _called(server, load, calls, sizes)
                comparison.add(OURS, calls.name, measured)
                say(f"gRPC, {calls.title}: {_in_words(measured)}")
    return comparison


def _serve(
    stack: Stack,
    peer: Peer,
    workloads: Sequence[Workload],
    turn: int,
    sizes: Sizes,
    comparison: Comparison,
    say: Say,
) -> None:
    """Run *peer* once, under one workload after the other."""
    try:
        with serving(peer, stack, f"{peer.name}-{turn}") as server:
            for workload in workloads:
                measured = _loaded(server, peer, workload, sizes)
                comparison.add(peer.name, workload.name, measured)
                say(f"{peer.title}, {workload.title}: {_in_words(measured)}")
    except PeerFailed as failure:
        for workload in workloads:
            comparison.add(peer.name, workload.name, Measured(problem=str(failure)))
        say(f"{peer.title}: FAILED: {failure}")


def _loaded(server: Server, peer: Peer, workload: Workload, sizes: Sizes) -> Measured:
    bodies = write_bodies(server.run.stack.directory, workload.batch)

    def post(seconds: float) -> Any:
        return wrk(
            server.url,
            bodies,
            connections=workload.connections,
            seconds=seconds,
            token=server.token,
        )

    try:
        if sizes.warm_up:
            post(sizes.warm_up)
        before, told_before, cpu = server.records(), server.accepted(), server.cpu()
        answers = post(sizes.seconds)
        cpu = server.cpu() - cpu
        on_topic = server.records() - before
        told = server.accepted()
    except (GeneratorFailed, PeerFailed) as failure:
        return Measured(problem=str(failure))
    acknowledged = answers.requests * workload.batch
    problem = None
    if answers.errors:
        problem = "wrk saw " + ", ".join(f"{n} × {kind}" for kind, n in answers.errors.items())
    elif peer.name != NOTHING:
        # wrk hangs up on those that are being served when its time is over.
        cut = workload.connections * workload.batch
        if not acknowledged <= on_topic <= acknowledged + cut:
            problem = f"{on_topic:,} records on the topic for {acknowledged:,} acknowledged"
        elif told is not None and told_before is not None and told - told_before > on_topic:
            problem = f"says that it accepted {told - told_before:,}, but {on_topic:,} are there"
    return Measured(
        rate=acknowledged / answers.seconds,
        p50_ms=answers.p50_ms,
        p99_ms=answers.p99_ms,
        cpu=cpu / acknowledged * 1_000 if acknowledged else None,
        memory_bytes=server.memory(),
        acknowledged=acknowledged,
        on_topic=on_topic,
        problem=problem,
    )


def _called(server: Server, load: Load, calls: Calls, sizes: Sizes) -> Measured:
    messages = write_messages(server.run.stack.directory, calls.batch)

    def send(seconds: float) -> dict[str, Any]:
        return load.grpc(
            f"127.0.0.1:{server.run.grpc_port}",
            messages,
            calls=calls.calls,
            stream=calls.stream,
            seconds=seconds,
            token=server.token,
        )

    try:
        if sizes.warm_up:
            send(sizes.warm_up)
        before, cpu = server.records(), server.cpu()
        found = send(sizes.seconds)
        cpu = server.cpu() - cpu
        on_topic = server.records() - before
    except (GeneratorFailed, PeerFailed) as failure:
        return Measured(problem=str(failure))
    accepted = found["accepted"]
    problem = None
    if found["failures"]:
        problem = f"calls failed: {found['failures']}"
    elif on_topic != accepted:
        problem = f"{on_topic:,} records on the topic for {accepted:,} acknowledged"
    return Measured(
        rate=accepted / found["seconds"],
        p50_ms=found["p50_ms"],
        p99_ms=found["p99_ms"],
        cpu=cpu / accepted * 1_000 if accepted else None,
        memory_bytes=server.memory(),
        acknowledged=accepted,
        on_topic=on_topic,
        problem=problem,
    )


def _feed(
    stack: Stack,
    peer: Peer,
    workloads: Sequence[Workload],
    turn: int,
    sizes: Sizes,
    comparison: Comparison,
    say: Say,
) -> None:
    """Run the producer, which is no server; it stands beside the workload with batches."""
    beside = [workload for workload in workloads if workload.batch == _PRODUCER_BATCH]
    if not beside:
        return
    with empty_topic(stack, f"{peer.name}-{turn}") as run:
        more = {
            "BENCH_BODIES": str(write_bodies(stack.directory, _PRODUCER_BATCH)),
            "BENCH_SECONDS": str(sizes.seconds),
        }
        command = peer.prepare(run)
        done = subprocess.run(
            command.argv,
            capture_output=True,
            text=True,
            timeout=sizes.seconds + 60,
            check=False,
            env={**os.environ, **command.environment, **more},
        )
        if done.returncode:
            measured = Measured(problem=done.stderr.strip()[-300:])
        else:
            found = json.loads(done.stdout)
            measured = Measured(
                rate=found["accepted"] / found["seconds"],
                cpu=found["cpu"] / found["accepted"] * 1_000,
                acknowledged=found["accepted"],
            )
    for workload in beside:
        comparison.add(peer.name, workload.name, measured)
    say(f"{peer.title}: {_in_words(measured)}")


def _is_ready(peer: Peer, comparison: Comparison, say: Say) -> bool:
    try:
        peer.build()
    except Missing as missing:
        comparison.missing[peer.name] = str(missing)
        say(f"MISSING: {peer.title}: {missing}")
        return False
    return True


def _in_words(measured: Measured) -> str:
    if measured.problem is not None:
        return f"NOT COUNTED: {measured.problem}"
    return f"{measured.rate:,.0f} results/s"
