"""A soak of the worker: results flow, workers die, and every number must be right in the end."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from medallero.commands.audit import DIFFERENT
from olympics.catalogue import load_catalogue
from tests.soak.faults import Kind, NotRight, Strike, Striker
from tests.soak.feeder import Feeder
from tests.soak.games import Games
from tests.soak.verifier import Violation, Watcher, save
from tests.support.stack import Stack, unique_settings

_AUDIT_TIMEOUT: Final = 3_600.0


@dataclass(frozen=True)
class Plan:
    """What a soak is to do: *results* records at *rate* a second, a fault every *every* seconds.

    The seconds are those of feeding at that rate. So the faults are as many on a slow machine, and
    strike in the same places: there the feeding waits for a recovery that takes longer.

    :param kinds: the faults, in rotation.
    :param patience: seconds that each recovery may take.
    """

    results: int
    rate: int
    every: float
    seed: int
    kinds: Sequence[Kind] = ("kill",)
    workers: int = 2
    partitions: int = 4
    patience: float = 300.0

    @property
    def records_a_fault(self) -> int:
        """After so many records comes the next fault."""
        return int(self.rate * self.every)

    @property
    def faults(self) -> int:
        """How many faults there will be; records come after the last one too."""
        return (self.results - 1) // self.records_a_fault


class WrongNumbers(NotRight):
    """What the mirror shows is not what a recount of the topic gives."""


class Report(NamedTuple):
    """What a soak has shown.

    ``records``: on the topic, all of them acknowledged. ``seconds``: from the first record until
    the mirror counted the last. ``views``: reads of the mirror, each checked; ``snapshots``: of
    these, those with news. ``numbers``: compared with the recount in the end. ``restored``:
    seconds until the mirror was written again after all workers were killed at once in the end.
    """

    records: int
    seconds: float
    views: int
    snapshots: int
    strikes: tuple[Strike, ...]
    numbers: int
    identities: int
    restored: float

    def as_json(self) -> dict[str, Any]:
        strikes = [{**it._asdict(), "in_flight": it.in_flight} for it in self.strikes]
        return {**self._asdict(), "strikes": strikes}


class Progress:
    """Is told how a soak goes; this one does nothing with it."""

    def says(self, text: str) -> None:
        """Something has happened."""

    def stands(self, acknowledged: int, counted: int) -> None:
        """So many records are on the topic, and in the mirror."""


def soak(plan: Plan, kafka: str, redis: str, directory: Path, progress: Progress) -> Report:
    """Run the soak on this Kafka and Redis; logs go to *directory*.

    Call it in the main thread: the workers end with the thread that starts them.

    :raises Violation: a view of the mirror was wrong; it is saved beside the logs.
    :raises NotRight: the mirror did not recover, a number is not the oracle's, or no fault struck
        work in flight.
    """
    settings = unique_settings(kafka, redis, partitions=plan.partitions)
    stack = Stack(settings, directory, {"session_timeout": "6"})
    try:
        stack.create_topics()
        for _ in range(plan.workers):
            stack.add_worker()
        stack.wait_ready(plan.patience)
        return _run(plan, stack, progress)
    except Violation as violation:
        save(violation, directory / "violation.json")
        raise
    finally:
        stack.stop()


def _run(plan: Plan, stack: Stack, progress: Progress) -> Report:
    games = Games(
        plan.results, plan.seed, plan.partitions, load_catalogue(stack.settings.catalogue)
    )
    with (
        Watcher(stack.settings) as watcher,
        Feeder(stack.settings, games.records(), plan.rate) as feeder,
    ):
        began = time.monotonic()
        striker = Striker(stack, watcher, feeder.acknowledged, plan.patience)

        def show() -> None:
            latest = watcher.latest
            progress.stands(sum(feeder.acknowledged().values()), latest.snapshot if latest else 0)

        strikes: list[Strike] = []
        for number in range(1, plan.faults + 1):
            _wait_fed(number * plan.records_a_fault, feeder, watcher, show)
            # The next fault must find work in flight, so the last second before it is kept.
            feeder.hold((number + 1) * plan.records_a_fault - plan.rate)
            kind = plan.kinds[(number - 1) % len(plan.kinds)]
            strike = striker.strike(number, kind, began)
            feeder.go_on()
            strikes.append(strike)
            progress.says(describe(strike))
        _wait_fed(plan.results, feeder, watcher, show)
        ends = feeder.acknowledged()
        last = watcher.wait(lambda view: view.reaches(ends), plan.patience)
        if last is None:
            raise NotRight(f"the mirror does not reach the topic's end {ends}")
        show()
        _check_topic(plan, stack, ends)
        progress.says("All is counted; the topic is recounted.")
        numbers = audit(stack)
        progress.says(f"All {numbers:,} numbers are the oracle's. All workers are killed at once.")
        restored = _restart_all(stack, striker, watcher, plan.patience)
    if not any(strike.in_flight for strike in strikes):
        raise NotRight("no fault has struck work in flight: this run proves nothing")
    return Report(
        records=sum(ends.values()),
        seconds=last.at - began,
        views=watcher.views,
        snapshots=watcher.snapshots,
        strikes=tuple(strikes),
        numbers=numbers,
        identities=last.totals["results"],
        restored=restored,
    )


def audit(stack: Stack) -> int:
    """Have the topic recounted; return how many numbers were compared.

    :raises WrongNumbers: some differ.
    """
    done = subprocess.run(
        stack.command("audit", "--json"),
        env={**os.environ, **stack.shell_environment()},
        capture_output=True,
        text=True,
        timeout=_AUDIT_TIMEOUT,
        check=False,
    )
    if done.returncode == DIFFERENT:
        raise WrongNumbers(f"the audit says {done.stdout[-4_000:]}")
    if done.returncode != 0:
        raise NotRight(f"the audit says {done.stdout[-4_000:]}{done.stderr[-2_000:]}")
    return int(json.loads(done.stdout)["numbers"])


def describe(strike: Strike) -> str:
    """Return a line for people."""
    held = f"{strike.uncommitted:,} uncommitted, {strike.uncounted:,} uncounted"
    return (
        f"{strike.number:3} {strike.kind:6} {strike.worker} at {strike.at:6.1f} s, {held}: "
        f"right after {strike.right:.1f} s, still for {strike.still:.1f} s"
        + ("" if strike.in_flight else " (nothing was in flight)")
    )


def summary(report: Report) -> str:
    """Return the whole story in a few lines."""
    hit = [it for it in report.strikes if it.in_flight]
    lines = [
        f"{report.records:,} records of {report.identities:,} identities in "
        f"{report.seconds:.0f} s; {len(report.strikes)} faults, {len(hit)} of them struck work in "
        "flight.",
        f"{report.numbers:,} numbers are the oracle's; {report.views:,} views of the mirror "
        f"({report.snapshots:,} with news) were consistent, and none went back.",
    ]
    for kind in sorted({it.kind for it in hit}):
        right = [it.right for it in hit if it.kind == kind]
        lines.append(
            f"{kind}: {len(right)}; the mirror was right again after "
            f"{statistics.median(right):.1f} s (median), {max(right):.1f} s (worst)."
        )
    lines.append(
        "All workers killed at once in the end: the same numbers again after "
        f"{report.restored:.1f} s."
    )
    return "\n".join(lines)


def _wait_fed(records: int, feeder: Feeder, watcher: Watcher, show: Callable[[], None]) -> None:
    """Wait until so many records are acknowledged; raise what anybody has found wrong."""
    while sum(feeder.acknowledged().values()) < records:
        running = feeder.running
        if feeder.problem is not None:
            raise feeder.problem
        if not running and sum(feeder.acknowledged().values()) < records:
            raise NotRight(f"the feeding has ended before {records:,} records")
        watcher.wait(lambda _view: True, 0)
        show()
        time.sleep(0.05)


def _check_topic(plan: Plan, stack: Stack, acknowledged: dict[int, int]) -> None:
    found = stack.topic_end()
    if found != acknowledged or sum(found.values()) != plan.results:
        raise NotRight(
            f"of {plan.results:,} records {acknowledged} were acknowledged, the topic has {found}"
        )


def _restart_all(stack: Stack, striker: Striker, watcher: Watcher, patience: float) -> float:
    """Kill all workers and start them again: what they restore must give the same numbers.

    The watcher sees to that: the offsets are the same, so the numbers must be.
    """
    began = time.monotonic()
    for worker in stack.workers:
        worker.kill()
    down = watcher.latest
    assert down is not None
    for worker in stack.workers:
        worker.start()
    striker.all_ready()
    written = watcher.wait(
        lambda view: (
            view.updated_at > down.updated_at
            and set(view.owners.values()) <= {worker.url for worker in stack.workers}
        ),
        patience,
    )
    if written is None:
        raise NotRight("the mirror is not written after all workers were started again")
    return written.at - began
