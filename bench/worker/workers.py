"""Workers of ours at work, for the questions that no peer is asked."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from bench.kafka import create_topic, delete_topics
from bench.stack import Stack
from bench.worker.compare import PARTITIONS
from bench.worker.peers import Run, renew_topics, worker_environment
from medallero.embedded.ports import free_port
from medallero.embedded.processes import Command, Process, stop_all

_GRACE: Final = 20.0


def fresh_run(stack: Stack, name: str, partitions: int = PARTITIONS) -> Run:
    """Return a run with topics of its own, all of them empty."""
    stack.redis.flushdb()
    run = Run(stack, f"bench-{name}-", partitions, f"run-{name}", "bench:", stack.directory / name)
    run.directory.mkdir(parents=True)
    delete_topics(stack.kafka, run.topics)
    create_topic(stack.kafka, run.topic, partitions)
    renew_topics(run)
    return run


def start_worker(run: Run, worker_id: str | None = None) -> Process:
    """Start a worker with its normal settings."""
    environment = dict(worker_environment(run, free_port()))
    if worker_id is not None:
        environment["MEDALLERO_WORKER_ID"] = worker_id
    argv = (sys.executable, "-m", "medallero", "worker")
    return Process(Command(argv, log=run.log, environment=environment))


@contextmanager
def running(process: Process) -> Iterator[Process]:
    """Stop the process at the end: gracefully, if it lets us."""
    try:
        yield process
    finally:
        stop_all([process], _GRACE)
