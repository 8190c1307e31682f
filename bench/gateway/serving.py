"""A gateway at work, seen from outside: when it is ready, what it costs, what is on the topic."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from urllib.request import urlopen

from bench.gateway.peers import PARTITIONS, Peer, Run
from bench.kafka import count_records, create_topic, delete_topics
from bench.proc import cpu_of, memory_of, tree_of
from bench.stack import Stack
from medallero.embedded.ports import free_port
from medallero.embedded.processes import Process, describe_exit, stop_all
from medallero.up.services import unreadiness

_READY_SECONDS: Final = 90.0
_SETTLE_SECONDS: Final = 30.0
_GRACE: Final = 20.0
_ACCEPTED: Final = re.compile(
    rb"^medallero_gateway_records_accepted_total(?:\{[^}]*\})? (\S+)$", re.MULTILINE
)


class PeerFailed(RuntimeError):
    """The peer does not serve; the end of its log."""


@contextmanager
def empty_topic(stack: Stack, name: str) -> Iterator[Run]:
    """Make a topic and a directory for one run, and remove both afterwards."""
    run = Run(stack, f"bench-{name}-", stack.directory / name, free_port(), free_port())
    run.directory.mkdir(parents=True)
    create_topic(stack.kafka, run.topic, PARTITIONS)
    try:
        yield run
    finally:
        delete_topics(stack.kafka, run.topic)
        shutil.rmtree(run.directory, ignore_errors=True)


class Server:
    """A peer that serves."""

    def __init__(self, peer: Peer, run: Run, process: Process) -> None:
        self.run = run
        self.token = run.token if peer.asks_token else ""
        self._peer = peer
        self._process = process

    @property
    def url(self) -> str:
        """Where results are posted."""
        return f"http://127.0.0.1:{self.run.port}/v1/results"

    def wait_ready(self) -> None:
        """Wait until it answers; raise PeerFailed if it does not."""
        deadline = time.monotonic() + _READY_SECONDS
        while unreadiness("127.0.0.1", self.run.port) is not None:
            code = self._process.exit_code
            if code is not None or time.monotonic() > deadline:
                what = "is not ready" if code is None else f"ended with {describe_exit(code)}"
                raise PeerFailed(f"it {what}; the end of its log:\n{self._process.log_tail(15)}")
            time.sleep(0.05)

    def cpu(self) -> float:
        """Return the processor seconds that all its processes have used so far."""
        return sum(cpu_of(pid) or 0.0 for pid in tree_of(self._process.pid))

    def memory(self) -> int:
        """Return the resident bytes of all its processes."""
        return sum(memory_of(pid) or 0 for pid in tree_of(self._process.pid))

    def records(self) -> int:
        """Return how many records the topic holds, when no more come."""
        deadline = time.monotonic() + _SETTLE_SECONDS
        known = -1
        while time.monotonic() < deadline:
            count = count_records(self.run.stack.kafka, self.run.topic, self.run.topic)
            if count == known:
                return count
            known = count
            time.sleep(0.3)
        raise PeerFailed(f"records still come {_SETTLE_SECONDS:.0f} s after the last request")

    def accepted(self) -> int | None:
        """Return how many records it says it has accepted; None if it does not say."""
        if self._peer.kind != "ours":
            return None
        with urlopen(f"http://127.0.0.1:{self.run.port}/metrics", timeout=10) as answer:
            return round(sum(float(it) for it in _ACCEPTED.findall(answer.read())))


@contextmanager
def serving(peer: Peer, stack: Stack, name: str) -> Iterator[Server]:
    """Start a peer on an empty topic; stop it afterwards and remove what it has left."""
    with empty_topic(stack, name) as run:
        process = Process(peer.prepare(run))
        try:
            server = Server(peer, run, process)
            server.wait_ready()
            yield server
        finally:
            stop_all([process], _GRACE)
