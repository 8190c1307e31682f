"""One number of gateways and workers under one load, measured from the clients to Redis."""

from __future__ import annotations

import os
import re
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.request import urlopen

from bench.gateway.generators import wrk
from bench.gateway.workloads import write_bodies
from bench.kafka import count_records, delete_topics
from bench.proc import cpu_of, memory_of, tree_of
from bench.replicas.balancer import start_balancer
from bench.replicas.report import PARTS
from bench.stack import Stack
from bench.worker.peers import Run, worker_environment
from bench.worker.watching import snapshot_progress
from bench.worker.workers import fresh_run
from medallero.embedded.ports import free_port
from medallero.embedded.processes import Command, Process, describe_exit, stop_all
from medallero.up.services import unreadiness

_READY_SECONDS: Final = 90.0
_DRAIN_SECONDS: Final = 300.0
_GRACE: Final = 20.0
_METRIC: Final = re.compile(r"^(\w+)(?:\{[^}]*\})? (\S+)$", re.MULTILINE)
_SERVERS: Final = {"java": "kafka", "redis-server": "redis", "valkey-server": "redis"}


@dataclass(frozen=True, slots=True)
class Load:
    """Requests of ``batch`` results over ``connections``; so many bodies, of other results each."""

    name: str
    title: str
    batch: int
    connections: int
    bodies: int


LOADS: Final = (
    Load("singles", "one result a request, 64 connections", 1, 64, 100_000),
    Load("batches", "500 results a request, 16 connections", 500, 16, 1_000),
)


class SystemFailed(RuntimeError):
    """A process ended, or what was accepted did not become visible; the end of a log."""


class System:
    """So many gateways behind a balancer and so many workers, on topics of their own."""

    def __init__(self, run: Run, gateways: int, workers: int) -> None:
        self.run = run
        self.gateway_ports = [free_port() for _ in range(gateways)]
        self.worker_ports = [free_port() for _ in range(workers)]
        self.port = free_port()
        self.gateways: list[Process] = []
        self.workers: list[Process] = []
        self.balancer: Process | None = None

    def start(self) -> None:
        """Start everything and wait until it is ready; raise SystemFailed if it is not."""
        directory = self.run.directory
        for number, port in enumerate(self.worker_ports):
            environment = {
                **worker_environment(self.run, port),
                "MEDALLERO_WORKER_ID": f"w{number}",
            }
            self.workers.append(_started("worker", directory / f"worker{number}.log", environment))
        for number, port in enumerate(self.gateway_ports):
            environment = {
                **worker_environment(self.run, 0),
                "MEDALLERO_HTTP_PORT": str(port),
                "MEDALLERO_GRPC_PORT": str(free_port()),
            }
            log = directory / f"gateway{number}.log"
            self.gateways.append(_started("gateway", log, environment))
        for process, port in zip(
            self.workers + self.gateways, self.worker_ports + self.gateway_ports, strict=True
        ):
            _wait_ready(process, port)
        self.balancer = start_balancer(directory, self.port, self.gateway_ports)

    def stop(self) -> None:
        """Stop everything, gracefully if it lets us."""
        balancer = [] if self.balancer is None else [self.balancer]
        stop_all([*balancer, *self.gateways], _GRACE)
        stop_all(self.workers, _GRACE)

    def accepted(self) -> list[int]:
        """Return how many results each gateway has accepted."""
        name = "medallero_gateway_records_accepted_total"
        return [round(_metric(port, name)) for port in self.gateway_ports]

    def applied(self) -> list[int]:
        """Return how many results each worker has applied."""
        return [
            round(_metric(port, "medallero_worker_records_total")) for port in self.worker_ports
        ]

    def cpu(self) -> dict[str, float]:
        """Return the processor seconds of each part so far; of the clients, since their end."""
        found = dict.fromkeys(PARTS, 0.0)
        for part, processes in (("gateways", self.gateways), ("workers", self.workers)):
            found[part] = sum(cpu_of(it.pid) or 0.0 for it in processes)
        if self.balancer is not None:
            found["balancer"] = cpu_of(self.balancer.pid) or 0.0
        for pid in tree_of(os.getpid()):
            program = _program(pid)
            if program in _SERVERS:
                found[_SERVERS[program]] += cpu_of(pid) or 0.0
        found["clients"] = sum(os.times()[2:4])  # of the children that have ended
        return found

    def memory(self) -> int:
        """Return the resident bytes of all workers."""
        return sum(memory_of(it.pid) or 0 for it in self.workers)


@contextmanager
def started_system(stack: Stack, gateways: int, workers: int, partitions: int) -> Iterator[System]:
    """Start a system on empty topics; stop it and remove its topics at the end."""
    run = fresh_run(stack, f"replicas-{gateways}-{workers}", partitions)
    system = System(run, gateways, workers)
    try:
        system.start()
        yield system
    finally:
        system.stop()
        delete_topics(stack.kafka, run.topics)
        shutil.rmtree(run.directory, ignore_errors=True)


def measure(system: System, load: Load, directory: Path, seconds: float) -> dict[str, Any]:
    """Send for so many seconds, wait until all of it is visible, and return the figures.

    ``rate``: results accepted a second. ``visible_rate``: results a second from the first request
    until the last accepted result is in Redis. ``gateway_shares``, ``worker_shares``: of the
    results, each one's part. ``cpu_us``: processor microseconds a result, by part. Of a load that
    comes first on fresh topics, ``bytes``: what a result takes in each place.
    """
    run = system.run
    bodies = write_bodies(directory, load.batch, load.bodies)
    visible = snapshot_progress(run.stack.redis, run.prefix)
    url = f"http://127.0.0.1:{system.port}/v1/results"
    wrk(url, bodies, connections=load.connections, seconds=1.0)
    _drain(system, visible)
    before = (system.accepted(), system.applied(), system.cpu(), system.memory())
    already = visible()
    began = time.monotonic()
    answers = wrk(url, bodies, connections=load.connections, seconds=seconds)
    ended = time.monotonic()
    count = _drain(system, visible) - already
    drained = time.monotonic()
    accepted = _differences(before[0], system.accepted())
    applied = _differences(before[1], system.applied())
    cpu = system.cpu()
    return {
        "results": count,
        "rate": sum(accepted) / answers.seconds,
        "visible_rate": count / (drained - began),
        "visible_after": drained - ended,
        "p50_ms": answers.p50_ms,
        "p99_ms": answers.p99_ms,
        "errors": answers.errors,
        "gateway_shares": _shares(accepted),
        "worker_shares": _shares(applied),
        "cpu_us": {part: (cpu[part] - before[2][part]) / count * 1e6 for part in PARTS},
        "worker_memory_bytes_a_result": (system.memory() - before[3]) / count,
    }


def measure_bytes(system: System, load: Load, directory: Path) -> dict[str, float]:
    """Return the bytes that a result takes as a request's body, and on each topic."""
    run = system.run
    body = write_bodies(directory, load.batch, load.bodies).stat().st_size
    found = {"request": body / load.bodies / load.batch}
    count = count_records(run.stack.kafka, run.topic, run.topic)
    for place, ending in (("results", "results"), ("changelog", "-latest-changelog")):
        files = run.stack.directory.rglob(f"{run.topics}*{ending}-*/*.log")
        found[place] = sum(it.stat().st_size for it in files) / count
    found["redis_in_all"] = run.stack.redis.info("memory")["used_memory"]
    return found


def _started(what: str, log: Path, environment: Mapping[str, str]) -> Process:
    argv = (sys.executable, "-m", "medallero", what)
    return Process(Command(argv, log=log, environment=environment))


def _wait_ready(process: Process, port: int) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while problem := unreadiness("127.0.0.1", port):
        code = process.exit_code
        if code is not None or time.monotonic() > deadline:
            what = f"not ready: {problem}" if code is None else f"ended with {describe_exit(code)}"
            raise SystemFailed(f"{what}; the end of its log:\n{process.log_tail(15)}")
        time.sleep(0.05)


def _drain(system: System, visible: Any) -> int:
    """Wait until all results on the topic are visible; return how many they are."""
    run = system.run
    count = count_records(run.stack.kafka, run.topic, run.topic)
    deadline = time.monotonic() + _DRAIN_SECONDS
    while (seen := visible()) < count:
        if time.monotonic() > deadline:
            logs = "\n".join(it.log_tail(8) for it in system.workers)
            raise SystemFailed(f"{seen:,} of {count:,} results are visible:\n{logs}")
        time.sleep(0.02)
    return count


def _metric(port: int, name: str) -> float:
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    return sum(float(value) for found, value in _METRIC.findall(text) if found == name)


def _program(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def _differences(before: Sequence[int], after: Sequence[int]) -> list[int]:
    return [now - then for then, now in zip(before, after, strict=True)]


def _shares(counts: Sequence[int]) -> list[float]:
    total = sum(counts)
    return [count / total if total else 0.0 for count in counts]
