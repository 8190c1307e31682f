"""The same faults for a worker of ours and for others: what they lost, and what counted twice.

Every result is the first and only one of its unit and its competitor, so whoever counts records
counts right. Those that a client sent again, because it could not know what had become of them,
are on the topic twice: they are told apart by reading it.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from redis import Redis

from contracts.kafka import kafka_options
from contracts.settings import CommonSettings
from olympics.catalogue import Catalogue, load_catalogue
from olympics.result import Competitor, Result, encode, key_of
from tests.soak.games import Record
from tests.soak.hurting import Hurting
from tests.soak.parts import System, started_system
from tests.soak.schedule import KINDS, LOSES_MIRROR, Fault, Plan, schedule
from tests.soak.senders import Senders
from tests.soak.textbook import CHANGELOG, ENTRIES
from tests.soak.topic import in_sync
from tests.soak.verifier import Reader
from tests.soak.worker import Progress
from tests.support.stack import Member
from tests.support.waiting import wait_until

#: Who counts: the textbook's worker with either guarantee of Faust's, and ours.
GUARANTEES: Final = {"textbook": "at_least_once", "exactly-once": "exactly_once"}
WORKERS: Final = (*GUARANTEES, "ours")

#: Whoever adds to what Redis has can never be right again once that is gone; no need to try.
FAULTS: Final = tuple(kind for kind in KINDS if kind not in LOSES_MIRROR)

_FROZEN: Final = 15.0  # longer than the session of any of them
_PERIOD: Final = 0.5
_AT_REST: Final = 10.0
_READ: Final = 120.0


class Strike(NamedTuple):
    """A fault that was done.

    :param at: seconds after the first request.
    :param waiting: results in requests without an answer when it struck.
    :param undone: records on the topic that the group had not committed, if that could be asked.
    :param right: seconds from the strike until all that was on the topic when it was over was
        committed; None if that never was, so that all workers were started anew.
    """

    number: int
    kind: str
    target: str
    at: float
    waiting: int
    undone: int | None
    right: float | None

    @property
    def in_flight(self) -> bool:
        """Whether it hit work."""
        return self.waiting > 0 or bool(self.undone)


class TopicRecord(NamedTuple):
    """A record of any topic of a run; all have both."""

    partition: int
    offset: int
    key: bytes
    value: bytes


class Counts(NamedTuple):
    """What is shown, and how far each number of it is off, added up.

    What is not committed is not lost, and may be shown or not.
    """

    shown: int
    lost: int
    doubled: int


class Report(NamedTuple):
    """What a run has shown.

    ``records`` of ``identities`` are on the topic. What is right is the identities for ours, and
    the records for the others. ``table`` is what Faust's table has, None for ours. ``unread``
    records were not committed in the end. ``anew`` is how often all workers were started anew,
    because they did not get right by themselves.
    """

    worker: str
    seed: int
    rate: int
    seconds: float
    accepted: int
    records: int
    identities: int
    redis: Counts
    table: Counts | None
    unread: int
    anew: int
    refused: dict[str, int]
    ended: dict[str, int]
    strikes: tuple[Strike, ...]

    def as_json(self) -> dict[str, Any]:
        strikes = [{**it._asdict(), "in_flight": it.in_flight} for it in self.strikes]
        counts = {
            "redis": self.redis._asdict(),
            "table": self.table and self.table._asdict(),
        }
        return {**self._asdict(), **counts, "strikes": strikes}


def compare(worker: str, plan: Plan, directory: Path, progress: Progress) -> Report:
    """Run *plan* with these workers; servers' data and logs go to *directory*.

    ``plan.patience`` is how long they may commit nothing although there is something; when that is
    over all workers are killed and started again, as somebody would who is called, and the run
    goes on.
    """
    others = None
    if worker in GUARANTEES:
        program = (sys.executable, "-m", "tests.soak.textbook", GUARANTEES[worker])
        others = (*program, "--datadir", str(directory / "faust"))
    with started_system(plan, directory, others) as system:
        return _Run(worker, plan, system, progress).through()


def sent_once(seed: int, catalogue: Catalogue) -> Iterator[Record]:
    """Yield results without end, each the only one of its unit and of its competitor."""
    chance = random.Random(seed)
    sports, faculties = tuple(catalogue.sports), tuple(catalogue.faculties)
    for number in itertools.count():
        sport, unit = sports[number % len(sports)], f"solo-{number:08d}"
        result = Result(
            sport=sport,
            unit=unit,
            phase="other",
            competitor=Competitor(f"c{number}", f"Ñandú {number}", 18 + number % 10),
            faculty=chance.choice(faculties),
            status="official",
            version=1,
            mark=f"{chance.randrange(5_000, 6_000) / 100:.2f}0",
        )
        yield Record(key_of(sport, unit), encode(result))


def difference(
    committed: Mapping[str, int], written: Mapping[str, int], shown: Mapping[str, int]
) -> Counts:
    """Compare number by number, so that what is lost does not hide what is doubled.

    What is *shown* of each must lie between what is *committed* and what is *written* of it.
    """
    return Counts(
        sum(shown.values()),
        sum(max(0, count - shown.get(it, 0)) for it, count in committed.items()),
        sum(max(0, count - written.get(it, 0)) for it, count in shown.items()),
    )


def describe(strike: Strike) -> str:
    """Return a line for people."""
    undone = "" if strike.undone is None else f", {strike.undone:,} records uncommitted"
    after = "never right again" if strike.right is None else f"right after {strike.right:.1f} s"
    return (
        f"{strike.number:3} {strike.kind:17} {strike.target:10} at {strike.at:6.1f} s: "
        f"{strike.waiting:,} results waiting{undone}; {after}"
    )


def summary(report: Report) -> str:
    """Return the whole story in a few lines."""
    hit = sum(it.in_flight for it in report.strikes)
    ended = ", ".join(f"{it}: {count}" for it, count in sorted(report.ended.items()))
    lines = [
        f"{report.worker}, seed {report.seed}: {report.records:,} records of "
        f"{report.identities:,} identities in {report.seconds:.0f} s; {len(report.strikes)} "
        f"faults, {hit} of them struck work in flight.",
        _line("Redis", report.redis),
    ]
    if report.table is not None:
        lines.append(_line("Faust's table", report.table))
    lines += [
        f"Not committed in the end: {report.unread:,}. All workers had to be started anew: "
        f"{report.anew} times.",
        f"Ended by themselves and were started again: {ended or 'none'}.",
    ]
    return "\n".join(lines)


def _line(where: str, counts: Counts) -> str:
    return (
        f"{where} shows {counts.shown:,}: {counts.lost:,} are lost, {counts.doubled:,} count "
        "more than once."
    )


class _HurtingAny(Hurting):
    """Hurts a system of whose workers only Kafka knows how far they are."""

    def __init__(self, system: System, patience: float, says: Callable[[str], None]) -> None:
        super().__init__(system, patience, says)
        self._stack = system.stack

    def is_ready(self, member: Member) -> bool:
        return member not in self._stack.gateways or member.problem() is None

    def owned(self, worker: Member) -> Sequence[int]:
        return range(self._stack.settings.partitions)

    def wait_replaced(self, worker: Member) -> None:
        time.sleep(_FROZEN)

    def undone(self) -> int | None:
        return self.uncommitted(self.owned(self._stack.workers[0]))

    def uncommitted(self, partitions: Sequence[int]) -> int | None:
        with contextlib.suppress(KafkaError, OSError):  # brokers come and go
            ends = self._stack.topic_end()
            return self.behind({it: ends[it] for it in partitions})
        return None

    def behind(self, ends: Mapping[int, int]) -> int | None:
        """Return the records below *ends* that the group has not committed, if it says so."""
        with contextlib.suppress(KafkaError, OSError):
            committed = self._stack.committed()
            return sum(max(0, end - committed.get(it, 0)) for it, end in ends.items())
        return None

    def stop(self, member: Member) -> None:
        member.stop()


class _Run:
    def __init__(self, worker: str, plan: Plan, system: System, progress: Progress) -> None:
        self._worker = worker
        self._plan = plan
        self._system = system
        self._says = progress.says
        # The mirror is read from Redis itself: what the network does must not blind us.
        self._settings = system.stack.settings.model_copy(update={"redis": system.redis.address})
        self._senders = Senders(
            sent_once(plan.seed, load_catalogue(None)),
            *(system.gateway_ports, system.directory, plan.rate),
        )
        self._hurting = _HurtingAny(system, plan.patience, progress.says)
        self._began = 0.0
        self._anew = 0

    def through(self) -> Report:
        strikes: list[Strike] = []
        assert self._plan.seconds is not None
        self._wait_members()
        with self._senders as senders:
            self._began = time.monotonic()
            self._wait_first()
            for fault in schedule(self._plan.seed, self._plan.faults, self._plan.kinds):
                strike = self._strike(fault)
                if strike is None:
                    continue
                strikes.append(strike)
                self._says(describe(strike))
                if time.monotonic() - self._began > self._plan.seconds:
                    break
                time.sleep(self._plan.pause)
            senders.stop()
            self._says("Clients stop; the workers may finish.")
            ends = self._system.stack.topic_end()
            if not self._caught_up(ends):
                self._start_anew()
                self._caught_up(ends)
            seconds = time.monotonic() - self._began
        self._check_senders()
        # What is committed may need a moment to be shown.
        time.sleep(2 * self._plan.pause)
        committed = self._system.stack.committed()
        redis, table, identities = self._count(ends, committed)
        return Report(
            worker=self._worker,
            seed=self._plan.seed,
            rate=self._plan.rate,
            seconds=seconds,
            accepted=senders.accepted,
            records=sum(ends.values()),
            identities=identities,
            redis=redis,
            table=table,
            unread=sum(max(0, end - committed.get(it, 0)) for it, end in ends.items()),
            anew=self._anew,
            refused=dict(senders.refused),
            ended=dict(self._hurting.ended),
            strikes=tuple(strikes),
        )

    def _wait_members(self) -> None:
        """Wait until all workers are in the group: results come when it is at rest."""
        stack = self._system.stack
        workers = len(stack.workers)
        self._until(
            lambda: asyncio.run(_members(self._settings, stack.app_id)) == workers,
            f"{workers} workers are in the group",
        )
        time.sleep(_AT_REST)

    def _wait_first(self) -> None:
        """Wait until results are read, before anything is hurt."""
        self._until(lambda: self._senders.accepted > self._plan.rate, "results are accepted")
        if not self._caught_up(self._system.stack.topic_end()):
            self._start_anew()

    def _strike(self, fault: Fault) -> Strike | None:
        self._until(lambda: self._senders.waiting > 0, "requests wait for answers", pause=0.002)
        waiting = self._senders.waiting
        at = time.monotonic()
        done = self._hurting.do(fault)
        if done is None:
            return None
        target, undone = done
        self._until(lambda: asyncio.run(in_sync(self._settings)), "all replicas are in sync")
        right: float | None = None
        if self._caught_up(self._system.stack.topic_end()):
            right = time.monotonic() - at
        else:
            self._start_anew()
            # The next fault comes in any case, but it shall not be blamed for this one.
            self._caught_up(self._system.stack.topic_end())
        return Strike(*(fault.number, fault.kind, target, at - self._began, waiting, undone, right))

    def _caught_up(self, ends: Mapping[int, int]) -> bool:
        """Wait until all below *ends* is committed; return false if they do not go on.

        To be slow is not to stop: they have the patience for each step.
        """
        least, since = sum(ends.values()) + 1, time.monotonic()
        while (behind := self._hurting.behind(ends)) != 0:
            if behind is not None and behind < least:
                least, since = behind, time.monotonic()
            elif time.monotonic() > since + self._plan.patience:
                return False
            self._check_senders()
            self._hurting.revive()
            time.sleep(_PERIOD)
        return True

    def _start_anew(self) -> None:
        self._says("    They do not go on: all workers are killed and started again.")
        self._anew += 1
        for worker in self._system.workers:
            worker.kill()
            worker.start()

    def _check_senders(self) -> None:
        if self._senders.problem is not None:
            raise self._senders.problem

    def _until(self, condition: Callable[[], bool], what: str, pause: float = _PERIOD) -> None:
        def met_or_failed() -> bool:
            self._check_senders()
            self._hurting.revive()
            return condition()

        wait_until(met_or_failed, timeout=2 * self._plan.patience, pause=pause, what=what)

    # What it has come to.

    def _count(
        self, ends: Mapping[int, int], committed: Mapping[int, int]
    ) -> tuple[Counts, Counts | None, int]:
        """Return what Redis shows, what Faust's table has, and how many identities there are."""
        settings = self._settings
        written: Counter[str] = Counter()
        done: Counter[str] = Counter()
        places: dict[str, str] = {}
        for it in asyncio.run(_read(settings, settings.results_topic, ends)):
            unit = it.key.decode()
            written[unit] += 1
            done[unit] += it.offset < committed.get(it.partition, 0)
            places[unit] = f"{unit.partition('/')[0]}/{json.loads(it.value)['faculty']}"
        if self._worker not in GUARANTEES:
            # Each identity counts once, and is shown by sport and faculty.
            due = Counter(places[unit] for unit, count in done.items() if count)
            return difference(due, Counter(places.values()), _mirror(settings)), None, len(written)
        with Redis.from_url(settings.redis, decode_responses=True) as redis:
            shown = redis.hgetall(f"{settings.redis_prefix}{ENTRIES}")
        topic = self._system.stack.app_id + CHANGELOG
        changes = asyncio.run(_read(settings, topic, asyncio.run(_ends(settings, topic))))
        # The last one of each unit stays, as after a compaction.
        table = {json.loads(it.key): int(it.value) for it in changes}
        return (
            difference(done, written, {unit: int(count) for unit, count in shown.items()}),
            difference(done, written, table),
            len(written),
        )


async def _members(settings: CommonSettings, group: str) -> int:
    """Return how many members *group* has, 0 while they are being given their partitions."""
    admin = AIOKafkaAdminClient(**kafka_options(settings))
    try:
        await admin.start()
        (answer,) = await admin.describe_consumer_groups([group])
    except KafkaError:
        return 0
    finally:
        await admin.close()
    _error, _group, state, _type, _protocol, members, *_rest = answer.groups[0]
    return len(members) if state == "Stable" else 0


def _mirror(settings: CommonSettings) -> dict[str, int]:
    reader = Reader(settings)
    try:
        view = reader.read()
    finally:
        reader.close()
    pairs = view.pairs if view else {}
    return {f"{sport}/{faculty}": it["entries"] for (sport, faculty), it in pairs.items()}


async def _ends(settings: CommonSettings, topic: str) -> dict[int, int]:
    places = [TopicPartition(topic, it) for it in range(settings.partitions)]
    async with AIOKafkaConsumer(
        **kafka_options(settings), isolation_level="read_committed"
    ) as consumer:
        return {it.partition: end for it, end in (await consumer.end_offsets(places)).items()}


async def _read(settings: CommonSettings, topic: str, ends: Mapping[int, int]) -> list[TopicRecord]:
    """Return the records below *ends*, each partition's in its order."""
    found: list[TopicRecord] = []
    async with AIOKafkaConsumer(
        **kafka_options(settings), auto_offset_reset="earliest", isolation_level="read_committed"
    ) as consumer:
        for partition, end in ends.items():
            place = TopicPartition(topic, partition)
            consumer.assign([place])
            # A transaction's mark has an offset and is no record, so the position tells the end.
            give_up = time.monotonic() + _READ
            while await consumer.position(place) < end:
                if time.monotonic() > give_up:
                    raise TimeoutError(f"{topic}/{partition} cannot be read to its end {end}")
                for records in (await consumer.getmany(place, timeout_ms=1000)).values():
                    found += [TopicRecord(partition, it.offset, it.key, it.value) for it in records]
    return found
