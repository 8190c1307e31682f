"""The whole system under faults: three brokers, Redis, gateways and workers, judged from outside.

Faults come one after the other, each while work is in flight; the next one comes when the mirror
counts all that was on the topic when the last one was over. In the end every accepted result must
be on the topic, and every number must be that of the topic's recount.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import statistics
import subprocess
import time
from array import array
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from redis import Redis

from contracts.kafka import kafka_options
from contracts.settings import CommonSettings
from olympics.catalogue import load_catalogue
from tests.soak.faults import NotRight
from tests.soak.games import Games
from tests.soak.schedule import KINDS, LOSES_MIRROR, Fault, schedule
from tests.soak.senders import Senders, digest
from tests.soak.verifier import View, Violation, Watcher, save
from tests.soak.worker import Progress
from tests.support.cluster import Broker, Cluster, running_cluster
from tests.support.oracle import garbage
from tests.support.servers import Server, running_redis
from tests.support.stack import Member, Stack, unique_settings
from tests.support.tcp_proxy import TcpProxy
from tests.support.waiting import wait_until

_REPLICAS: Final = 3
_AUDIT_TIMEOUT: Final = 3_600.0
#: Longer than a broker's, and a worker's, session: a frozen one has lost what it had.
_SESSION: Final = 8.0
#: Never reached: the run ends by its faults.
_ENDLESS: Final = 10**9


@dataclass(frozen=True)
class Plan:
    """What a run does.

    :param rate: results a second that clients send at most.
    :param pause: seconds between two faults, from the moment that all is right again.
    :param patience: seconds that each recovery may take.
    :param seconds: end after the first fault that is over so late; None: after all *faults*.
    """

    seed: int
    faults: int
    kinds: Sequence[str] = KINDS
    rate: int = 2_500
    pause: float = 3.0
    gateways: int = 2
    workers: int = 3
    partitions: int = 6
    patience: float = 240.0
    seconds: float | None = None


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
    """What a run has shown; ``refused`` counts requests that were to be sent again."""

    seed: int
    seconds: float
    accepted: int
    records: int
    identities: int
    lost: int
    numbers: int
    views: int
    snapshots: int
    refused: dict[str, int]
    strikes: tuple[Strike, ...]

    def as_json(self) -> dict[str, Any]:
        strikes = [{**it._asdict(), "in_flight": it.in_flight} for it in self.strikes]
        return {**self._asdict(), "strikes": strikes}


@dataclass
class System:
    """Everything that can be hurt."""

    cluster: Cluster
    redis: Server
    redis_proxy: TcpProxy
    stack: Stack
    directory: Path
    #: workers that have left, and may join again
    away: list[Member] = field(default_factory=list)

    @property
    def workers(self) -> list[Member]:
        """The workers that have not left."""
        return [it for it in self.stack.workers if it not in self.away]

    def gateway_ports(self) -> list[int]:
        return [it.port for it in self.stack.gateways]


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


@contextmanager
def started_system(plan: Plan, directory: Path) -> Iterator[System]:
    """Start the brokers, Redis, gateways and workers of *plan*, and wait until all are ready."""
    with (
        running_cluster(directory) as cluster,
        running_redis(directory) as redis,
        TcpProxy(_host_and_port(redis.address)) as redis_proxy,
    ):
        settings = unique_settings(
            cluster.address,
            f"redis://{redis_proxy.address}/0",
            replication=_REPLICAS,
            partitions=plan.partitions,
        )
        stack = Stack(settings, directory, {"session_timeout": "6", "kafka_timeout": "10"})
        system = System(cluster, redis, redis_proxy, stack, directory)
        try:
            stack.create_topics()
            for _ in range(plan.workers):
                stack.add_worker()
            for _ in range(plan.gateways):
                stack.add_gateway()
            stack.wait_ready(plan.patience)
            yield system
        finally:
            stack.stop()


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
    lines = [
        f"Seed {report.seed}: {report.accepted:,} results accepted of {report.identities:,} "
        f"identities in {report.seconds:.0f} s, {report.records:,} records on the topic; requests "
        f"sent again: {refused or 'none'}.",
        f"{len(report.strikes)} faults, {len(hit)} of them struck work in flight. Lost: "
        f"{report.lost}. {report.numbers:,} numbers are those of the recount.",
        f"{report.views:,} views of the mirror ({report.snapshots:,} with news): all consistent, "
        "none went back.",
    ]
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
        games = Games(_ENDLESS, plan.seed, plan.partitions, load_catalogue(None))
        # The watcher looks at Redis itself: what the network does must not blind it.
        own = stack.settings.model_copy(update={"redis": system.redis.address})
        self._watcher = Watcher(own, patient=True)
        self._senders = Senders(games.records(), system.gateway_ports, system.directory, plan.rate)
        self._began = 0.0

    def through(self, faults: Sequence[Fault]) -> Report:
        strikes: list[Strike] = []
        _send_garbage(self._system.stack.settings)
        with self._watcher, self._senders as senders:
            self._began = time.monotonic()
            self._until(lambda: senders.accepted > self._plan.rate, "results are accepted")
            for fault in faults:
                strike = self._strike(fault)
                if strike is None:
                    continue
                strikes.append(strike)
                self._progress.says(describe(strike))
                limit = self._plan.seconds
                if limit is not None and time.monotonic() - self._began > limit:
                    break
                self._pause()
            self._progress.says("Clients stop; the topic is compared with their logs.")
            senders.stop()
            self._check_senders()
            _send_garbage(self._system.stack.settings)
            ends = self._system.stack.topic_end()
            last = self._counted(ends)
            seconds = time.monotonic() - self._began
        promised = senders.promised()
        found = _digests(self._system.stack.settings, ends)
        lost = _missing(promised, found)
        if lost:
            raise NotRight(f"{lost:,} accepted results are not on the topic")
        numbers = self._audit()
        hit = sum(strike.in_flight for strike in strikes)
        if hit * 2 < len(strikes):
            raise NotRight(f"only {hit} of {len(strikes)} faults struck work in flight")
        return Report(
            seed=self._plan.seed,
            seconds=seconds,
            accepted=senders.accepted,
            records=sum(ends.values()),
            identities=last.totals["results"],
            lost=lost,
            numbers=numbers,
            views=self._watcher.views,
            snapshots=self._watcher.snapshots,
            refused=dict(senders.refused),
            strikes=tuple(strikes),
        )

    # One fault.

    def _strike(self, fault: Fault) -> Strike | None:
        """Do it, wait until it has left no trace; None if there is nothing to do it to."""
        part = fault.kind.partition("-")[0]
        do = {
            "worker": self._hurt_worker,
            "gateway": self._hurt_gateway,
            "broker": self._hurt_broker,
            "redis": self._hurt_redis,
            "network": self._hurt_network,
        }[part]
        if fault.kind in LOSES_MIRROR:
            self._watcher.forgive(True)
        # A moment at which requests wait for their answers.
        self._until(lambda: self._senders.waiting > 0, "requests wait for answers", pause=0.002)
        waiting = self._senders.waiting
        at = time.monotonic()
        done = do(fault)
        if done is None:
            return None
        target, undone = done
        self._check_running()
        self._whole()
        ends = self._system.stack.topic_end()
        right = self._counted(ends).at
        if fault.kind in LOSES_MIRROR:
            self._watcher.forgive(False)
        return Strike(
            fault.number,
            fault.kind,
            target,
            at - self._began,
            waiting,
            undone,
            max(right, at) - at,
        )

    def _hurt_worker(self, fault: Fault) -> tuple[str, int | None] | None:
        system = self._system
        if fault.kind == "worker-join":
            if not system.away:
                return None
            joining = system.away.pop()
            joining.start()
            joining.wait_ready(self._plan.patience)
            return joining.name, self._undone()
        workers = system.workers
        if fault.kind == "worker-leave" and len(workers) < 2:
            return None
        worker = workers[fault.target % len(workers)]
        owned = self._owned(worker)
        match fault.kind:
            case "worker-kill":
                worker.kill()
                undone = self._uncommitted(owned)
                worker.start()
            case "worker-term":
                undone = self._uncommitted(owned)
                self._stop(worker)
                worker.start()
            case "worker-leave":
                undone = self._uncommitted(owned)
                self._stop(worker)
                system.away.append(worker)
                return worker.name, undone
            case _:
                worker.pause()
                undone = self._uncommitted(owned)
                try:
                    self._view(
                        lambda view: worker.url not in view.owners.values(),
                        f"{worker.name}, which is frozen, has lost its partitions",
                    )
                finally:
                    worker.resume()
        worker.wait_ready(self._plan.patience)
        return worker.name, undone

    def _hurt_gateway(self, fault: Fault) -> tuple[str, int | None]:
        gateways = self._system.stack.gateways
        gateway = gateways[fault.target % len(gateways)]
        match fault.kind:
            case "gateway-kill":
                gateway.kill()
                gateway.start()
            case "gateway-term":
                self._stop(gateway)
                gateway.start()
            case _:
                gateway.pause()
                time.sleep(fault.seconds)
                gateway.resume()
        gateway.wait_ready(self._plan.patience)
        return gateway.name, None

    def _hurt_broker(self, fault: Fault) -> tuple[str, int | None]:
        cluster = self._system.cluster
        broker = cluster.brokers[fault.target % len(cluster.brokers)]
        match fault.kind:
            case "broker-freeze":
                broker.server.process.send(signal.SIGSTOP)
                time.sleep(_SESSION + fault.seconds)
                broker.server.process.send(signal.SIGCONT)
                return broker.name, None
            case "broker-term":
                broker.server.stop()
            case "broker-controller":
                broker = cluster.controller()
                broker.server.kill()
            case _:
                broker.server.kill()
        time.sleep(fault.seconds)
        broker.server.start()
        return broker.name, None

    def _hurt_redis(self, fault: Fault) -> tuple[str, int | None]:
        server = self._system.redis
        undone = self._undone()
        with Redis.from_url(server.address, socket_timeout=10) as redis:
            match fault.kind:
                case "redis-kill":
                    server.kill()
                    time.sleep(fault.seconds)
                    server.start()
                case "redis-empty":
                    server.kill()
                    shutil.rmtree(self._system.directory / "redis")
                    time.sleep(fault.seconds)
                    server.start()
                case "redis-freeze":
                    server.process.send(signal.SIGSTOP)
                    time.sleep(fault.seconds)
                    server.process.send(signal.SIGCONT)
                case "redis-flush":
                    redis.flushall()
                case "redis-full":
                    redis.config_set("maxmemory", "1")
                    time.sleep(fault.seconds)
                    redis.config_set("maxmemory", "0")
                case "redis-readonly":
                    redis.replicaof("127.0.0.1", "1")
                    time.sleep(fault.seconds)
                    redis.replicaof("NO", "ONE")
                case _:
                    redis.client_pause(int(fault.seconds * 1000), all=True)
                    time.sleep(fault.seconds)
        return "redis", undone

    def _hurt_network(self, fault: Fault) -> tuple[str, int | None]:
        system = self._system
        if fault.kind == "network-redis":
            proxy, target = system.redis_proxy, "to redis"
        else:
            broker: Broker = system.cluster.brokers[fault.target % len(system.cluster.brokers)]
            proxy, target = broker.proxy, f"to {broker.number}"
        try:
            match fault.kind:
                case "network-cut":
                    proxy.cut()
                case "network-delay":
                    proxy.delay = 0.2
                case _:
                    proxy.hold()
            time.sleep(fault.seconds)
        finally:
            proxy.heal()
        return target, self._undone() if fault.kind == "network-redis" else None

    # What is asked of the system.

    def _owned(self, worker: Member) -> list[int]:
        view = self._view(lambda it: worker.url in it.owners.values(), f"{worker.name} owns any")
        return [partition for partition, url in view.owners.items() if url == worker.url]

    def _uncommitted(self, partitions: Sequence[int]) -> int:
        """Return the records of *partitions* that the group has not committed."""
        stack = self._system.stack
        ends, committed = stack.topic_end(), stack.committed()
        return sum(max(0, ends[it] - committed.get(it, 0)) for it in partitions)

    def _undone(self) -> int:
        """Return the records that the mirror does not count yet."""
        view = self._watcher.latest
        ends = sum(self._system.stack.topic_end().values())
        return ends - (view.snapshot if view else 0)

    def _counted(self, ends: dict[int, int]) -> View:
        return self._view(lambda view: view.reaches(ends), f"the mirror reaches {ends}")

    def _view(self, condition: Callable[[View], bool], what: str) -> View:
        view = self._watcher.wait(condition, self._plan.patience)
        if view is None:
            latest = self._watcher.latest
            raise NotRight(
                f"not within {self._plan.patience:g} s: {what}; it is at "
                f"{latest.offsets if latest else 'nothing'}"
            )
        return view

    def _whole(self) -> None:
        """Wait until every replica of every topic is in sync: the next broker may be hurt."""
        settings = self._system.stack.settings
        wait_until(
            lambda: asyncio.run(_in_sync(settings)),
            timeout=self._plan.patience,
            pause=0.3,
            what="all replicas are in sync",
        )

    def _check_running(self) -> None:
        self._check_senders()
        for member in self._system.stack.members:
            if member.running or member in self._system.away:
                continue
            # A worker that finds itself replaced, or its records undeliverable, ends so that
            # whoever watches over it starts it again; here that is us.
            said = member.log(1)
            self._progress.says(
                f"    {member.name} had ended ({member.process.exit_code}): {said[-200:]}"
            )
            member.start()
            member.wait_ready(self._plan.patience)

    def _check_senders(self) -> None:
        if self._senders.problem is not None:
            raise NotRight(f"a client has failed: {self._senders.problem!r}")

    def _stop(self, member: Member) -> None:
        code = member.stop()
        if code != 0:
            raise NotRight(f"{member.name} was told to stop, and ended with {code}")

    def _pause(self) -> None:
        """Let results flow for a while, at least one list of them."""
        accepted = self._senders.accepted
        time.sleep(self._plan.pause)
        self._until(lambda: self._senders.accepted > accepted, "results are accepted")

    def _until(self, condition: Callable[[], bool], what: str, pause: float = 0.05) -> None:
        def met_or_failed() -> bool:
            self._check_senders()
            self._watcher.wait(lambda _view: True, 0)
            return condition()

        wait_until(met_or_failed, timeout=self._plan.patience, pause=pause, what=what)

    def _audit(self) -> int:
        """Have the topic recounted; return how many numbers were compared."""
        stack = self._system.stack
        audit = subprocess.run(
            stack.command("audit", "--json"),
            env={**os.environ, **stack.shell_environment()},
            capture_output=True,
            text=True,
            timeout=_AUDIT_TIMEOUT,
            check=False,
        )
        if audit.returncode != 0:
            raise NotRight(f"the audit says {audit.stdout[-4_000:]}{audit.stderr[-2_000:]}")
        return int(json.loads(audit.stdout)["numbers"])


async def _in_sync(settings: CommonSettings) -> bool:
    admin = AIOKafkaAdminClient(**kafka_options(settings))
    try:
        await admin.start()
        names = [it for it in await admin.list_topics() if not it.startswith("__share")]
        topics = await admin.describe_topics(names)
    except Exception:  # brokers come and go
        return False
    finally:
        await admin.close()
    return all(
        len(partition["isr"]) == len(partition["replicas"]) == _REPLICAS
        for topic in topics
        for partition in topic["partitions"]
    )


def _send_garbage(settings: CommonSettings) -> None:
    """Write records that no rule can read, as a foreign producer would, to every partition."""

    async def send() -> None:
        async with AIOKafkaProducer(**kafka_options(settings), acks="all") as producer:
            for number, (key, value) in enumerate(garbage()):
                await producer.send_and_wait(
                    settings.results_topic,
                    value,
                    key=key,
                    partition=number % settings.partitions,
                )

    asyncio.run(send())


def _digests(settings: CommonSettings, ends: dict[int, int]) -> array[int]:
    """Return the digest of every record of the topic, in order."""

    async def read() -> array[int]:
        found: array[int] = array("Q")
        async with AIOKafkaConsumer(
            **kafka_options(settings),
            auto_offset_reset="earliest",
            fetch_max_bytes=16 * 2**20,
            max_partition_fetch_bytes=4 * 2**20,
        ) as consumer:
            for partition, end in ends.items():
                place = TopicPartition(settings.results_topic, partition)
                consumer.assign([place])
                position = 0
                while position < end:
                    for records in (await consumer.getmany(place, timeout_ms=1000)).values():
                        found.frombytes(b"".join(digest(it.value or b"") for it in records))
                        position = records[-1].offset + 1
        return found

    return array("Q", sorted(asyncio.run(read())))


def _missing(promised: array[int], found: array[int]) -> int:
    """Return how many of *promised* are not in *found*; both are sorted."""
    place = missing = 0
    for one in promised:
        while place < len(found) and found[place] < one:
            place += 1
        if place == len(found) or found[place] != one:
            missing += 1
    return missing


def _host_and_port(url: str) -> tuple[str, int]:
    host, _, port = url.removeprefix("redis://").partition("/")[0].rpartition(":")
    return host, int(port)
