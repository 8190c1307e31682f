"""The whole system under faults: three brokers, Redis, gateways and workers, judged from outside.

Faults come one after the other, each while work is in flight; the next one comes when the mirror
counts all that was on the topic when the last one was over. In the end every accepted result must
be on the topic, and every number must be that of the topic's recount.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from array import array
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final, NamedTuple

from olympics.catalogue import load_catalogue
from tests.soak.crowd import Crowd
from tests.soak.faults import NotRight
from tests.soak.games import Games
from tests.soak.hostile import HurtingAll
from tests.soak.hurting import Done
from tests.soak.parts import System, started_system
from tests.soak.schedule import LOSES_MIRROR, REMADE, Fault, Plan, schedule
from tests.soak.senders import Senders
from tests.soak.topic import Foreigner, digests, in_sync, missing_of
from tests.soak.verifier import View, Violation, Watcher, save
from tests.soak.worker import Progress, audit
from tests.support.waiting import wait_until

#: Never reached: the run ends by its faults.
_ENDLESS: Final = 10**9


class Strike(NamedTuple):
    """A fault that was done.

    :param at: seconds after the first request.
    :param waiting: results in requests without an answer when it struck.
    :param undone: records on the topic that were not committed (of a worker: of its partitions), or
        not in the mirror yet; None where that could not be asked.
    :param right: seconds from the strike until the mirror counted all that was on the topic when
        the fault was over.
    """

    number: int
    kind: str
    target: str
    at: float
    waiting: int
    undone: int | None
    right: float

    @property
    def in_flight(self) -> bool:
        """Whether it hit work: else it proves nothing."""
        if self.kind.startswith("worker"):
            return bool(self.undone)
        return self.waiting > 0 or bool(self.undone)


class Report(NamedTuple):
    """What a run has shown.

    ``refused`` counts requests that were to be sent again, by what they were answered with;
    ``ended`` how often each process ended by itself and was started again.
    """

    seed: int
    seconds: float
    accepted: int
    records: int
    foreign: int
    identities: int
    lost: int
    numbers: int
    views: int
    snapshots: int
    refused: dict[str, int]
    ended: dict[str, int]
    strikes: tuple[Strike, ...]
    crowd: dict[str, Any] | None = None

    def as_json(self) -> dict[str, Any]:
        strikes = [{**it._asdict(), "in_flight": it.in_flight} for it in self.strikes]
        return {**self._asdict(), "strikes": strikes}


def run(plan: Plan, directory: Path, progress: Progress) -> Report:
    """Run *plan* with its servers' data and logs in *directory*. Call it in the main thread.

    :raises Violation: a view of the mirror was wrong; it is saved beside the logs.
    :raises NotRight: something did not recover, was lost or counted wrongly, a process ended that
        nobody had hurt, or most faults hit nothing.
    """
    faults = schedule(plan.seed, plan.faults, plan.kinds)
    (directory / "schedule.json").write_text(json.dumps([it._asdict() for it in faults], indent=1))
    with started_system(plan, directory) as system:
        try:
            return _Run(plan, system, progress).through(faults)
        except Violation as violation:
            save(violation, directory / "violation.json")
            raise


def describe(strike: Strike) -> str:
    """Return a line for people."""
    undone = "" if strike.undone is None else f", {strike.undone:,} records undone"
    return (
        f"{strike.number:3} {strike.kind:17} {strike.target:10} at {strike.at:6.1f} s: "
        f"{strike.waiting:,} results waiting{undone}; right after {strike.right:.1f} s"
        + ("" if strike.in_flight else " (nothing was in flight)")
    )


def summary(report: Report) -> str:
    """Return the whole story in a few lines."""
    hit = [it for it in report.strikes if it.in_flight]
    refused = ", ".join(f"{it}: {count:,}" for it, count in sorted(report.refused.items()))
    ended = ", ".join(f"{it}: {count}" for it, count in sorted(report.ended.items()))
    lines = [
        f"Seed {report.seed}: {report.accepted:,} results accepted of {report.identities:,} "
        f"identities in {report.seconds:.0f} s, {report.records:,} records on the topic "
        f"({report.foreign:,} of a foreign producer); requests sent again: {refused or 'none'}.",
        f"{len(report.strikes)} faults, {len(hit)} of them struck work in flight. Lost: "
        f"{report.lost}. {report.numbers:,} numbers are those of the recount.",
        f"{report.views:,} views of the mirror ({report.snapshots:,} with news): all consistent, "
        "none went back.",
        f"Ended by themselves and were started again: {ended or 'none'}.",
    ]
    if report.crowd is not None:
        lines.append(
            "Readiness was asked {looks:,} times, {ready:,} times it was yes, and {probes:,} "
            "results were accepted; longest time of yes without one accepted: {untrue:.1f} s. "
            "Pages of another site tried to send {tried:,} results: none counts. Greedy clients "
            "were told {greedy}; no honest one was refused for their sake.".format(**report.crowd)
        )
    for kind in sorted({it.kind for it in report.strikes}):
        right = [it.right for it in report.strikes if it.kind == kind]
        lines.append(
            f"  {kind:17} {len(right):3}; right again after {statistics.median(right):5.1f} s "
            f"(median), {max(right):5.1f} s (worst)"
        )
    return "\n".join(lines)


class _Run:
    def __init__(self, plan: Plan, system: System, progress: Progress) -> None:
        self._plan = plan
        self._system = system
        self._progress = progress
        stack = system.stack
        games, others = (
            Games(_ENDLESS, seed, plan.partitions, load_catalogue(None), plan.each)
            for seed in (plan.seed, plan.seed + 1)
        )
        self._foreigner = Foreigner(stack.settings, others.records())
        # The watcher looks at Redis itself: what the network does must not blind it.
        own = stack.settings.model_copy(update={"redis": system.redis.address})
        self._watcher = Watcher(own, patient=True)
        self._senders = Senders(games.records(), system.gateway_ports, system.directory, plan.rate)
        self._hurting = HurtingAll(system, self._watcher, plan.patience, progress.says)
        self._crowd = Crowd(stack.gateways) if plan.hostile else None
        #: records on the topic that was made again since
        self._gone = 0
        self._began = 0.0

    def through(self, faults: Sequence[Fault]) -> Report:
        strikes: list[Strike] = []
        with self._watcher, self._foreigner, self._senders as senders, ExitStack() as others:
            self._began = time.monotonic()
            if self._crowd is not None:
                others.enter_context(self._crowd)
            begin = senders.accepted + self._plan.rate
            self._until(lambda: senders.accepted > begin, "results are accepted")
            for fault in faults:
                strike = self._strike(fault)
                if strike is None:
                    continue
                strikes.append(strike)
                self._progress.says(describe(strike))
                if self._long_enough():
                    break
                self._pause()
            self._progress.says("Clients stop; the topic is compared with their logs.")
            senders.stop()
            self._foreigner.stop()
            if self._crowd is not None:
                self._crowd.check()
                self._crowd.readiness.stop()
            self._check_senders()
            promised = self._promised()
            ends = self._system.stack.topic_end()
            last = self._counted(ends)
            seconds = time.monotonic() - self._began
        lost = self._lost(promised, ends)
        numbers = audit(self._system.stack)
        hit = sum(strike.in_flight for strike in strikes)
        if hit * 2 < len(strikes):
            raise NotRight(f"only {hit} of {len(strikes)} faults struck work in flight")
        return Report(
            seed=self._plan.seed,
            seconds=seconds,
            accepted=senders.accepted,
            records=self._gone + sum(ends.values()),
            foreign=self._foreigner.written,
            identities=last.totals["results"],
            lost=lost,
            numbers=numbers,
            views=self._watcher.views,
            snapshots=self._watcher.snapshots,
            refused=dict(senders.refused),
            ended=dict(self._hurting.ended),
            strikes=tuple(strikes),
            crowd=None if self._crowd is None else self._crowd.figures(),
        )

    def _promised(self) -> array[int]:
        """Return the digests of all results accepted in this epoch, in order."""
        promised = self._senders.promised()
        if self._crowd is not None:
            promised = array("Q", sorted(promised + self._crowd.readiness.promised()))
        return promised

    def _lost(self, promised: array[int], ends: dict[int, int]) -> int:
        """Return how many accepted results are not on the topic; if it is not 0, raise."""
        lost = missing_of(promised, digests(self._system.stack.settings, ends))
        if lost:
            raise NotRight(f"{lost:,} accepted results are not on the topic")
        return lost

    # One fault.

    def _strike(self, fault: Fault) -> Strike | None:
        """Do it, wait until it has left no trace; None if there is nothing to do it to."""
        if fault.kind in LOSES_MIRROR:
            self._watcher.forgive(True)
        # A moment at which requests wait for their answers.
        self._until(lambda: self._senders.waiting > 0, "requests wait for answers", pause=0.002)
        waiting = self._senders.waiting
        at = time.monotonic()
        done = self._remake(fault) if fault.kind == REMADE else self._hurting.do(fault)
        if done is None:
            return None
        target, undone = done
        self._check_senders()
        ends = self._system.stack.topic_end()
        right = self._counted(ends).at
        self._whole()
        if fault.kind in LOSES_MIRROR:
            self._watcher.forgive(False)
        if self._plan.without is not None:
            audit(self._system.stack)  # the sooner it is seen the better
        return Strike(
            fault.number,
            fault.kind,
            target,
            at - self._began,
            waiting,
            undone,
            max(right, at) - at,
        )

    def _remake(self, fault: Fault) -> Done:
        """Make the topic again: all that was promised goes with it, and the next epoch begins."""
        stack, senders = self._system.stack, self._senders
        senders.hold()
        if self._crowd is not None:
            self._crowd.check()
        promised = self._promised()
        ends = stack.topic_end()
        self._counted(ends)
        self._lost(promised, ends)
        audit(stack)
        self._gone += sum(ends.values())
        senders.go_on()
        self._until(lambda: senders.waiting > 0, "requests wait for answers", pause=0.002)
        undone = self._hurting.undone()
        self._hurting.remake()
        accepted = self._accepted()
        self._hurting.stays_still(fault.seconds)
        if self._accepted() != accepted:
            raise NotRight(
                f"{self._accepted() - accepted:,} results were accepted into another log"
            )
        senders.begin_epoch()
        if self._crowd is not None:
            self._crowd.readiness.begin_epoch()
        self._hurting.raise_epoch()
        return "results", undone

    def _accepted(self) -> int:
        crowd = self._crowd
        return self._senders.accepted + (crowd.readiness.accepted if crowd is not None else 0)

    def _long_enough(self) -> bool:
        limit = self._plan.seconds
        return (
            limit is not None
            and time.monotonic() - self._began > limit
            and self._senders.accepted >= self._plan.results
        )

    # What is asked of the system.

    def _counted(self, ends: dict[int, int]) -> View:
        return self._hurting.view(lambda view: view.reaches(ends), f"the mirror reaches {ends}")

    def _whole(self) -> None:
        """Wait until every replica of every topic is in sync: the next broker may be hurt."""
        settings = self._system.stack.settings
        wait_until(
            lambda: asyncio.run(in_sync(settings)),
            timeout=self._plan.patience,
            pause=0.3,
            what="all replicas are in sync",
        )

    def _check_senders(self) -> None:
        if self._senders.problem is not None:
            raise NotRight(f"a client has failed: {self._senders.problem!r}")
        if self._crowd is not None:
            self._crowd.check_running()
            if self._senders.refused.get("429"):
                raise NotRight("an honest client was refused, as greedy ones had taken all")

    def _pause(self) -> None:
        """Let results flow for a while, at least one list of them."""
        accepted = self._senders.accepted
        time.sleep(self._plan.pause)
        self._until(lambda: self._senders.accepted > accepted, "results are accepted")

    def _until(self, condition: Callable[[], bool], what: str, pause: float = 0.05) -> None:
        def met_or_failed() -> bool:
            self._check_senders()
            self._hurting.revive()
            self._watcher.wait(lambda _view: True, 0)
            return condition()

        wait_until(met_or_failed, timeout=self._plan.patience, pause=pause, what=what)
