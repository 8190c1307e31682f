"""``python -m bench.backup``: a back-up of a million results, and its restore elsewhere."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console
from rich.table import Table

from bench.command import HELP, Say, console_of_bench, header, out_option, quick_option, saying
from bench.kafka import fill
from bench.proc import cpu_of, peak_memory_of
from bench.report import machine_line, save, shown
from bench.stack import Stack, started_stack
from bench.worker.workloads import A
from contracts.settings import CommonSettings
from contracts.snapshot import Snapshot
from medallero.up.provision import provide_topics
from tests.support import stack as members
from tests.support.environment import forget_settings
from tests.support.stack import unique_settings

_RESULTS: Final = 1_000_000
_QUICK_RESULTS: Final = 100_000
_OLD_PARTITIONS: Final = 4
_NEW_PARTITIONS: Final = 3
_COUNTING: Final = 600.0
#: How often to look at a command's memory, seconds.
_LOOK: Final = 0.02


@click.command(context_settings=HELP)
@quick_option(f"with {_QUICK_RESULTS:,} results")
@click.option("--results", type=click.IntRange(min=8), help=f"How many; default {_RESULTS:,}.")
@out_option
def main(quick: bool, results: int | None, out: Path) -> None:
    """Back up results from four partitions and restore them into three.

    A Kafka and a Redis are started for it. A worker counts the topic before and another one what
    was restored: both must come to the same numbers, and `medallero audit` must find no difference.
    Writes backup.json and backup.txt. Ends with 1 if the numbers differ.
    """
    forget_settings()
    console = console_of_bench()
    count = A.size(results or (_QUICK_RESULTS if quick else _RESULTS))
    with started_stack(console) as stack:
        report = header("bench.backup") | measure(stack, count, saying(console))
    save(out, "backup", report, show)
    show(console, report)
    if not report["same_numbers"]:
        sys.exit(1)


def measure(stack: Stack, count: int, say: Say) -> dict[str, Any]:
    """Return what each step took, and whether the numbers are the same afterwards."""
    file, ids = stack.directory / "games.backup", stack.directory / "ids.txt"
    ids.write_text("".join(f"c{number}\n" for number in range(100)), "utf-8")
    old = unique_settings(stack.kafka, stack.redis_url, partitions=_OLD_PARTITIONS)
    say(f"Filling {count:,} results into {_OLD_PARTITIONS} partitions")
    provide_topics(old)
    fill(stack.kafka, old.results_topic, _OLD_PARTITIONS, A.records(count))
    before = _counted(old, stack, say)
    found: dict[str, Any] = {"results": count, "steps": {}}
    found["steps"]["backup"] = _timed(old, stack, say, "backup", str(file))
    found["bytes"] = file.stat().st_size
    found["steps"]["restore --check"] = _timed(old, stack, say, "restore", "--check", str(file))
    agree = []
    for step in (("restore",), ("restore", "--forget", str(ids))):
        new = unique_settings(
            stack.kafka, stack.redis_url, partitions=_NEW_PARTITIONS, epoch=old.epoch + 1
        )
        provide_topics(new)
        name = " ".join(step[:2])
        found["steps"][name] = _timed(new, stack, say, *step, str(file))
        found["steps"][f"{name}, again"] = _timed(new, stack, say, *step, str(file))
        agree.append(_numbers(_counted(new, stack, say)) == _numbers(before))
    return found | {"same_numbers": all(agree)}


def _timed(settings: CommonSettings, stack: Stack, say: Say, *arguments: str) -> dict[str, float]:
    """Run a command; return its seconds, those of a processor, and the most memory it had."""
    running = members.Stack(settings, stack.directory, {})
    began = time.monotonic()
    memory, cpu = 0, 0.0
    with subprocess.Popen(
        running.command(*arguments), env={**os.environ, **running.shell_environment()}
    ) as process:
        while process.poll() is None:
            memory = max(memory, peak_memory_of(process.pid) or 0)
            cpu = max(cpu, cpu_of(process.pid) or 0.0)
            time.sleep(_LOOK)
    if process.returncode:
        raise RuntimeError(f"medallero {' '.join(arguments)} ended with {process.returncode}")
    seconds = time.monotonic() - began
    say(f"medallero {' '.join(arguments)}: {seconds:.1f} s")
    return {"seconds": seconds, "cpu_seconds": cpu, "memory_bytes": memory}


def _counted(settings: CommonSettings, stack: Stack, say: Say) -> Snapshot:
    """Let a worker count the topic, and audit it."""
    directory = stack.directory / settings.topic_prefix
    directory.mkdir()
    running = members.Stack(settings, directory, {})
    running.add_worker()
    try:
        running.wait_ready()
        snapshot = running.settled(timeout=_COUNTING)
    finally:
        running.stop()
    _timed(settings, stack, say, "audit")
    return snapshot


def _numbers(snapshot: Snapshot) -> list[Any]:
    names = ("results", "provisional", "rejected", "conflicts")
    meta = [snapshot.meta[it] for it in names]
    return [meta, snapshot.sports, snapshot.faculties, snapshot.pairs]


def show(console: Console, report: Mapping[str, Any]) -> None:
    """Print the figures."""
    console.print(machine_line(report), markup=False)
    results = report["results"]
    table = Table(title=f"{results:,} results, {_OLD_PARTITIONS} to {_NEW_PARTITIONS} partitions")
    for title in ("Command", "Seconds", "Of a processor", "Results a second", "Memory, MiB"):
        table.add_column(title, justify="left" if title == "Command" else "right")
    for name, step in report["steps"].items():
        seconds = step["seconds"]
        figures = (
            seconds,
            step["cpu_seconds"],
            results / seconds,
            step["memory_bytes"] / 2**20,
        )
        table.add_row(name, *map(shown, figures))
    console.print(table)
    console.print(
        f"The file: {report['bytes']:,} bytes, {report['bytes'] / results:.1f} a result. "
        f"The same numbers afterwards, audit equal: {shown(report['same_numbers'])}."
    )


if __name__ == "__main__":
    main()
