"""How each fault is done."""

from __future__ import annotations

import resource
import shutil
import signal
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from redis import Redis

from faust_bulk.fatal import EXIT_CODE
from tests.soak.compaction import changelog_ends, is_compacted
from tests.soak.faults import NotRight
from tests.soak.parts import System
from tests.soak.schedule import LATE, Fault
from tests.soak.verifier import View, Watcher
from tests.support.cluster import Broker
from tests.support.stack import Member
from tests.support.waiting import wait_until

#: Longer than a broker's, and a worker's, session: a frozen one has lost what it had.
_SESSION: Final = 8.0
#: Within so long a worker that has woken has spoken with its group.
_HEARTBEAT: Final = 6.0
#: Longest time for a process to end in order, seconds.
_GRACE: Final = 60.0
_LOOK: Final = 1.0
#: No file of a broker with a full disk can grow beyond so many bytes: every log is longer at once.
_FULL: Final = 64 * 2**10
#: For so long requests are stranded, seconds: batches of changes are among them.
_STRANDED: Final = 1.0

#: What was hurt, and the records that were undone then: of a worker, those of its partitions that
#: were not committed; else those that the mirror did not count; None where it cannot be asked.
Done = tuple[str, int | None]


class Hurting(ABC):
    """Does faults to a system, and starts whatever ends, as a supervisor would.

    *patience* is how long each recovery may take, seconds; *says* is told who had ended, and why.
    """

    def __init__(self, system: System, patience: float, says: Callable[[str], None]) -> None:
        self._system = system
        self._patience = patience
        self._says = says
        #: how often each process ended by itself: workers must not go on where they are not sure
        self.ended: Counter[str] = Counter()

    def do(self, fault: Fault) -> Done | None:
        """Do it and undo it; None if there is nothing to do it to.

        :raises NotRight: a process does not come back, or stops badly.
        """
        parts: dict[str, Callable[[Fault], Done | None]] = {
            "worker": self._worker,
            "gateway": self._gateway,
            "broker": self._broker,
            "redis": self._redis,
            "network": self._network,
        }
        return parts[fault.kind.partition("-")[0]](fault)

    def revive(self) -> None:
        """Start every process that has ended.

        A worker that finds itself replaced, or its records undeliverable, ends so that whoever
        watches over it starts it again; here that is us.
        """
        for member in self._system.stack.members:
            if member.running or member in self._system.away:
                continue
            self._says(
                f"    {member.name} had ended ({member.process.exit_code}): {member.log(1)[-200:]}"
            )
            self.ended[member.name] += 1
            member.start()

    def wait_ready(self, member: Member) -> None:
        """Wait until *member* says that it is ready, and start whatever ends meanwhile."""

        def ready() -> bool:
            self.revive()
            return self.is_ready(member)

        wait_until(
            ready,
            timeout=self._patience,
            what=lambda: f"{member.name} is ready: {member.problem()}\n{member.log()}",
        )

    # What is known of the workers, which depends on their kind.

    @abstractmethod
    def is_ready(self, member: Member) -> bool:
        """Whether it says that it is ready."""

    @abstractmethod
    def owned(self, worker: Member) -> Sequence[int]:
        """Return the partitions that *worker* owns; wait until it has any."""

    @abstractmethod
    def wait_replaced(self, worker: Member) -> None:
        """Wait until others own what *worker*, which is frozen, has had."""

    @abstractmethod
    def undone(self) -> int | None:
        """Return the records that are not counted yet, None if that cannot be asked now."""

    @abstractmethod
    def uncommitted(self, partitions: Sequence[int]) -> int | None:
        """Return the records of *partitions* that the group has not committed, or None."""

    @abstractmethod
    def stop(self, member: Member) -> None:
        """Stop it in order."""

    # The parts that can be hurt.

    def _worker(self, fault: Fault) -> Done | None:
        system = self._system
        if fault.kind == "worker-join":
            if not system.away:
                return None
            joining = system.away.pop()
            joining.start()
            self.wait_ready(joining)
            return joining.name, self.undone()
        workers = system.workers
        if fault.kind == "worker-leave" and len(workers) < 2:
            return None
        worker = workers[fault.target % len(workers)]
        owned = self.owned(worker)
        match fault.kind:
            case "worker-kill":
                worker.kill()
                undone = self.uncommitted(owned)
                worker.start()
            case "worker-term":
                undone = self.uncommitted(owned)
                self.stop(worker)
                worker.start()
            case "worker-leave":
                undone = self.uncommitted(owned)
                self.stop(worker)
                system.away.append(worker)
                return worker.name, undone
            case _:
                worker.pause()
                undone = self.uncommitted(owned)
                try:
                    self.wait_replaced(worker)
                finally:
                    worker.resume()
                # The group may not know it any more. Then it ends, a heartbeat after it has woken;
                # until then it says that it is ready, as it was when it was frozen.
                worker.process.wait(_HEARTBEAT)
        self.wait_ready(worker)
        return worker.name, undone

    def _gateway(self, fault: Fault) -> Done:
        gateways = self._system.stack.gateways
        gateway = gateways[fault.target % len(gateways)]
        match fault.kind:
            case "gateway-kill":
                gateway.kill()
                gateway.start()
            case "gateway-term":
                self.stop(gateway)
                gateway.start()
            case _:
                gateway.pause()
                time.sleep(fault.seconds)
                gateway.resume()
        self.wait_ready(gateway)
        return gateway.name, None

    def _broker(self, fault: Fault) -> Done:
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
            case "broker-full":
                self._fill(broker)
            case "broker-controller":
                broker = cluster.controller()
                broker.server.kill()
            case _:
                broker.server.kill()
        time.sleep(fault.seconds)
        broker.server.start()
        return broker.name, None

    def _fill(self, broker: Broker) -> None:
        """Let it write no more, as on a full disk: it gives its partitions up and ends itself."""
        pid = broker.server.process.pid
        hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)[1]
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (_FULL, hard))
        if broker.server.process.wait(self._patience) is None:
            raise NotRight(f"{broker.name} cannot write, and goes on")

    def _redis(self, fault: Fault) -> Done:
        server = self._system.redis
        undone = self.undone()
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

    def _network(self, fault: Fault) -> Done:
        system = self._system
        if fault.kind == LATE:
            return self._late(fault)
        if fault.kind == "network-redis":
            proxy, target = system.redis_proxy, "to redis"
        else:
            broker: Broker = system.cluster.brokers[fault.target % len(system.cluster.brokers)]
            proxy, target = broker.proxy, f"to {broker.number}"
            if fault.kind == "network-replicas":
                proxy, target = broker.replicas, f"replicas {broker.number}"
        try:
            match fault.kind:
                case "network-cut" | "network-replicas":
                    proxy.cut()
                case "network-delay":
                    proxy.delay = 0.2
                case _:
                    proxy.hold()
            time.sleep(fault.seconds)
        finally:
            proxy.heal()
        return target, self.undone() if fault.kind == "network-redis" else None

    def _late(self, fault: Fault) -> Done:
        """Let requests come after their successors; then only the compacted changelog is left."""
        system = self._system
        proxies = [broker.proxy for broker in system.cluster.brokers]
        for proxy in proxies:
            proxy.strand(_STRANDED)
        time.sleep(_STRANDED + fault.seconds)
        for proxy in proxies:
            proxy.heal()
        self._wait(lambda: not any(it.stranded for it in proxies), "what was stranded comes")
        settings = system.stack.settings
        ends = changelog_ends(settings)
        self._wait(
            lambda: is_compacted(settings, system.directory, ends), f"{ends} is compacted", 0.5
        )
        undone = self.undone()
        for worker in system.workers:
            worker.kill()
        for worker in system.workers:
            worker.start()
        for worker in system.workers:
            self.wait_ready(worker)
        return "brokers", undone

    def _wait(self, condition: Callable[[], bool], what: str, pause: float = 0.05) -> None:
        """Wait for it, and start whatever ends meanwhile."""

        def met() -> bool:
            self.revive()
            return condition()

        try:
            wait_until(met, timeout=self._patience, pause=pause, what=what)
        except AssertionError as failure:
            raise NotRight(str(failure)) from None


class HurtingOurs(Hurting):
    """Hurts a system whose workers write the mirror, which *watcher* sees."""

    def __init__(
        self, system: System, watcher: Watcher, patience: float, says: Callable[[str], None]
    ) -> None:
        super().__init__(system, patience, says)
        self._watcher = watcher

    def view(self, condition: Callable[[View], bool], what: str) -> View:
        """Return the first view of the mirror that meets *condition*."""
        give_up = time.monotonic() + self._patience
        while time.monotonic() < give_up:
            view = self._watcher.wait(condition, _LOOK)
            if view is not None:
                return view
            self.revive()
        latest = self._watcher.latest
        raise NotRight(
            f"not within {self._patience:g} s: {what}; it is at "
            f"{latest.offsets if latest else 'nothing'}"
        )

    def is_ready(self, member: Member) -> bool:
        return member.problem() is None

    def owned(self, worker: Member) -> Sequence[int]:
        """Return the partitions that *worker* owns; wait until it has any."""
        view = self.view(lambda it: worker.url in it.owners.values(), f"{worker.name} owns any")
        return [partition for partition, url in view.owners.items() if url == worker.url]

    def wait_replaced(self, worker: Member) -> None:
        """Wait until others own what *worker*, which is frozen, has had."""
        self.view(
            lambda view: worker.url not in view.owners.values(),
            f"{worker.name}, which is frozen, has lost its partitions",
        )

    def undone(self) -> int | None:
        """Return the records that the mirror does not count yet."""
        view = self._watcher.latest
        ends = sum(self._system.stack.topic_end().values())
        return ends - (view.snapshot if view else 0)

    def uncommitted(self, partitions: Sequence[int]) -> int | None:
        """Return the records of *partitions* that the group has not committed."""
        stack = self._system.stack
        ends, committed = stack.topic_end(), stack.committed()
        return sum(max(0, ends[it] - committed.get(it, 0)) for it in partitions)

    def stop(self, member: Member) -> None:
        """Stop it in order."""
        # To be killed does no harm; but who has not ended by then hangs, on a busy machine too.
        code = member.stop(grace=_GRACE)
        if code == EXIT_CODE:
            self.ended[member.name] += 1  # by itself, just before
        elif code != 0:
            raise NotRight(f"{member.name} was told to stop, and ended with {code}")
