"""Far more than our gateway can take: what it does with the excess, and to its memory."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

from bench.command import Say
from bench.gateway.generators import Load
from bench.gateway.peers import Peer
from bench.gateway.serving import Server, serving
from bench.stack import Stack

_PERIOD: Final = 0.5
#: Goodput under overload, as a share of the best: what is promised.
WANTED_SHARE: Final = 0.8


@dataclass(frozen=True, slots=True)
class Kind:
    """Requests of ``batch`` results: the connections at which it does best, and far too many."""

    name: str
    batch: int
    best: int
    overload: int


#: Ten times the connections for singles. Of batches, so many that their bytes do not fit.
KINDS: Final = (
    Kind("singles", batch=1, best=256, overload=2_560),
    Kind("batches", batch=500, best=16, overload=1_024),
)


def measure_overload(
    stack: Stack, ours: Peer, load: Load, *, seconds: float, best_seconds: float, say: Say
) -> dict[str, Any]:
    """Return the figures of each kind, by name; ``problems`` says which promises were broken."""
    found = {}
    for kind in KINDS:
        with serving(ours, stack, f"overload-{kind.name}") as server:
            found[kind.name] = _overload(server, load, kind, seconds, best_seconds)
            say(f"Overload, {kind.name}: {_in_words(found[kind.name])}")
    return found


def _overload(
    server: Server, load: Load, kind: Kind, seconds: float, best_seconds: float
) -> dict[str, Any]:
    address = f"127.0.0.1:{server.run.port}"

    def send(connections: int, lasting: float, topic: str = "") -> dict[str, Any]:
        return load.overload(
            address,
            connections=connections,
            batch=kind.batch,
            seconds=lasting,
            token=server.token,
            kafka=server.run.stack.kafka if topic else "",
            topic=topic,
        )

    send(kind.best, 1.0)
    before = send(kind.best, best_seconds)
    server.records()  # Nothing of it may arrive later: the topic is compared from here on.
    with Memory(server) as memory:
        found = send(kind.overload, seconds, server.run.topic)
    after = send(kind.best, best_seconds)
    best = max(before["goodput"], after["goodput"])
    found |= {
        "best": best,
        "best_before": before["goodput"],
        "best_after": after["goodput"],
        "goodput_of_best": found["goodput"] / best if best else None,
        "offered_of_best": found["offered"] / best if best else None,
        "connections_of_best": kind.overload / kind.best,
        **memory.figures(seconds),
    }
    found["problems"] = problems(found)
    return found


class Memory:
    """Watches the resident memory while a block runs."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._began = time.monotonic()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.samples: list[tuple[float, int]] = []

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def figures(self, seconds: float) -> dict[str, Any]:
        """Return the most, and the growth from the second quarter of so many seconds to the last.

        The first quarter is left out: pools and buffers fill then.
        """
        quarters: list[list[int]] = [[], [], [], []]
        for at, size in self.samples:
            if at < seconds:
                quarters[min(3, int(at / seconds * 4))].append(size)
        grown = median(quarters[3]) / median(quarters[1]) if quarters[1] and quarters[3] else None
        return {
            "memory_bytes_most": max((size for _, size in self.samples), default=None),
            "memory_growth": grown,
            "memory_bytes": [[round(at, 1), size] for at, size in self.samples],
        }

    def _watch(self) -> None:
        while not self._over.wait(_PERIOD):
            self.samples.append((time.monotonic() - self._began, self._server.memory()))


def problems(found: dict[str, Any]) -> list[str]:
    """Return the promises that were broken, in words."""
    topic = found["topic"]
    told = {
        "acknowledged records are not on the topic": topic["lost"],
        "records of requests refused with 429 are on the topic": topic["refused"],
        "records are there more often than sent": topic["twice"],
        "records on the topic were not sent": topic["strange"],
        "refusals had no Retry-After": found["refused_without_retry_after"],
        "requests got no answer": found["broken"],
        "answers were neither 202 nor 429 nor 503": sum(
            count for status, count in found["statuses"].items() if status not in _EXPECTED
        ),
    }
    broken = [f"{count:,} {what}" for what, count in told.items() if count]
    share = found["goodput_of_best"]
    if share is None or share < WANTED_SHARE:
        broken.append(f"goodput is {share or 0:.0%} of the best, {WANTED_SHARE:.0%} are promised")
    return broken


_EXPECTED: Final = frozenset(("202", "429", "503"))


def _in_words(found: dict[str, Any]) -> str:
    return (
        f"{found['goodput']:,.0f} results/s of {found['offered']:,.0f} offered "
        f"({found['goodput_of_best'] or 0:.0%} of the best), "
        f"p99 {found['accepted_p99_ms']:,.0f} ms, {found['statuses']}"
    )
