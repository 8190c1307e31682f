"""How each fault is done."""

from __future__ import annotations

import resource
import shutil
import signal
import time
from collections.abc import Callable, Sequence
from typing import Final

from redis import Redis

from tests.soak.faults import NotRight
from tests.soak.parts import System
from tests.soak.schedule import Fault
from tests.soak.verifier import View, Watcher
from tests.support.cluster import Broker
from tests.support.stack import Member

#: Longer than a broker's, and a worker's, session: a frozen one has lost what it had.
_SESSION: Final = 8.0
#: Within so long a worker that has woken has spoken with its group.
_HEARTBEAT: Final = 6.0
#: No file of a broker with a full disk can grow beyond so many bytes: every log is longer at once.
_FULL: Final = 64 * 2**10

#: What was hurt, and the records that were undone then: of a worker, those of its partitions that
#: were not committed; else those that the mirror did not count; None where it cannot be asked.
Done = tuple[str, int | None]


class Hurting:
    """Does faults to a system; *patience* is how long each recovery may take, seconds."""

    def __init__(self, system: System, watcher: Watcher, patience: float) -> None:
        self._system = system
        self._watcher = watcher
        self._patience = patience

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

    def view(self, condition: Callable[[View], bool], what: str) -> View:
        """Return the first view of the mirror that meets *condition*."""
        view = self._watcher.wait(condition, self._patience)
        if view is None:
            latest = self._watcher.latest
            raise NotRight(
                f"not within {self._patience:g} s: {what}; it is at "
                f"{latest.offsets if latest else 'nothing'}"
            )
        return view

    def _worker(self, fault: Fault) -> Done | None:
        system = self._system
        if fault.kind == "worker-join":
            if not system.away:
                return None
            joining = system.away.pop()
            joining.start()
            joining.wait_ready(self._patience)
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
                    self.view(
                        lambda view: worker.url not in view.owners.values(),
                        f"{worker.name}, which is frozen, has lost its partitions",
                    )
                finally:
                    worker.resume()
                self._wait_heard(worker)
        worker.wait_ready(self._patience)
        return worker.name, undone

    def _wait_heard(self, worker: Member) -> None:
        """Wait until a worker that was frozen has heard from the group; start it if it has ended.

        The group may not know it any more. Then it ends, a heartbeat after it has woken, and is
        started again by whoever watches over it: here that is us. Until then it says that it is
        ready, as it was when it was frozen.
        """
        if worker.process.wait(_HEARTBEAT) is not None:
            worker.start()

    def _gateway(self, fault: Fault) -> Done:
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
        gateway.wait_ready(self._patience)
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

    def _network(self, fault: Fault) -> Done:
        system = self._system
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
        return target, self._undone() if fault.kind == "network-redis" else None

    def _owned(self, worker: Member) -> list[int]:
        view = self.view(lambda it: worker.url in it.owners.values(), f"{worker.name} owns any")
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

    def _stop(self, member: Member) -> None:
        code = member.stop()
        if code != 0:
            raise NotRight(f"{member.name} was told to stop, and ended with {code}")
