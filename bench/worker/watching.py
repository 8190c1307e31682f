"""A peer at work, seen from outside: its progress in Redis, its memory and processor time."""

from __future__ import annotations

import time
from collections.abc import Callable

from redis import Redis

from bench.proc import cpu_of, memory_of
from bench.worker.rates import Sample
from bench.worker.workloads import COUNTED, Row, Table
from medallero.embedded.processes import Process, describe_exit

#: Seconds between two looks: small beside the 50 to 100 ms between two reports of a peer.
PERIOD = 0.01
_PROCESS_PERIOD = 0.04

#: Returns how many records the peer says it has processed.
Progress = Callable[[], int]


class PeerFailed(RuntimeError):
    """The peer ended, or stood still, before it had done its work."""


def snapshot_progress(redis: Redis, prefix: str) -> Progress:
    """Progress of peers that mirror whole tables: the snapshot number in their meta hash."""
    key = f"{prefix}meta"
    return lambda: int(redis.hget(key, "snapshot") or 0)


def counter_progress(redis: Redis, prefix: str) -> Progress:
    """Progress of peers that increment: the sum of their counters."""
    key = f"{prefix}entries"
    return lambda: sum(map(int, redis.hvals(key)))


def read_table(redis: Redis, prefix: str) -> Table:
    """Return the counts that a peer has mirrored."""
    table: Table = {}
    for key in redis.scan_iter(f"{prefix}sport:*:faculty:*", count=1_000):
        _, sport, _, faculty = key.removeprefix(prefix).split(":")
        counts = redis.hgetall(key)
        row: Row = tuple(int(counts[name]) for name in COUNTED)  # type: ignore[assignment]
        table[sport, faculty] = row
    return table


def watch(
    process: Process,
    progress: Progress,
    until: int,
    *,
    start_timeout: float = 60.0,
    stall: float = 20.0,
) -> list[Sample]:
    """Watch *process* until it has processed *until* records; return a sample for each report.

    :raises PeerFailed: it ended, reported nothing for *start_timeout* seconds, or nothing new
        for *stall* seconds.
    """
    samples: list[Sample] = []
    known = 0
    last_news = time.monotonic()
    looked_at = 0.0
    memory, cpu = None, None
    while known < until:
        now = time.monotonic()
        records = progress()
        if records > known:
            # Reading /proc costs a little; not at every look, but at the first and the last.
            if not samples or now - looked_at >= _PROCESS_PERIOD or records >= until:
                memory, cpu = memory_of(process.pid), cpu_of(process.pid)
                looked_at = now
            samples.append(Sample(now, records, memory, cpu))
            known, last_news = records, now
        elif process.exit_code is not None:
            raise PeerFailed(_story(process, f"ended with {describe_exit(process.exit_code)}"))
        elif now - last_news > (stall if samples else start_timeout):
            raise PeerFailed(_story(process, f"stood still at {known:,} of {until:,} records"))
        time.sleep(PERIOD)
    return samples


def _story(process: Process, what: str) -> str:
    return f"{what}; the end of its log:\n{process.log_tail(15)}"
