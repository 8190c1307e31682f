"""Everything of a run that can be hurt: brokers, Redis, the network, gateways, workers."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.soak.clocks import Clocks
from tests.soak.compaction import make_compacted_soon
from tests.soak.greedy import LIMITS
from tests.soak.schedule import LATE, Plan
from tests.soak.topic import REPLICAS
from tests.support.cluster import Cluster, running_cluster
from tests.support.servers import Server, running_redis
from tests.support.stack import Member, Stack, unique_settings
from tests.support.tcp_proxy import TcpProxy


@dataclass
class System:
    """Everything that can be hurt."""

    cluster: Cluster
    redis: Server
    redis_proxy: TcpProxy
    stack: Stack
    directory: Path
    #: of its processes, where they may be wrong
    clocks: Clocks | None = None
    #: workers that have left, and may join again
    away: list[Member] = field(default_factory=list)

    @property
    def workers(self) -> list[Member]:
        """The workers that have not left."""
        return [it for it in self.stack.workers if it not in self.away]

    @property
    def members(self) -> list[Member]:
        """Gateways and workers that have not left."""
        return [*self.stack.gateways, *self.workers]

    def gateway_ports(self) -> list[int]:
        return [it.port for it in self.stack.gateways]


@contextmanager
def started_system(
    plan: Plan, directory: Path, others: tuple[str, ...] | None = None
) -> Iterator[System]:
    """Start the brokers, Redis, gateways and workers of *plan*, and wait until all are ready.

    *others* is a program that runs in the place of our workers; nobody waits for it.
    """
    with (
        running_cluster(directory, users=plan.hostile) as cluster,
        running_redis(directory) as redis,
        TcpProxy(_host_and_port(redis.address)) as redis_proxy,
    ):
        names = directory / "names"  # where they are, an earlier run is resumed
        settings = unique_settings(
            cluster.address,
            f"redis://{redis_proxy.address}/0",
            name=names.read_text() if names.exists() else None,
            replication=REPLICAS,
            partitions=plan.partitions,
            **cluster.credentials,
        )
        names.write_text(settings.topic_prefix.removesuffix("-"))
        limits = LIMITS if plan.hostile else {}
        stack = Stack(
            settings, directory, {"session_timeout": "6", "kafka_timeout": "10", **limits}
        )
        if plan.without is not None:
            unsafe = (sys.executable, "-m", "tests.soak.unsafe", plan.without)
            stack.worker_program = stack.gateway_program = unsafe
        if others is not None:
            stack.worker_program = others
        clocks = Clocks(directory) if plan.hostile else None
        if clocks is not None:
            stack.beside = clocks.environment
        system = System(cluster, redis, redis_proxy, stack, directory, clocks)
        try:
            if LATE in plan.kinds:
                make_compacted_soon(settings)
            stack.create_topics()
            for _ in range(plan.workers):
                stack.add_worker()
            for _ in range(plan.gateways):
                stack.add_gateway()
            for member in stack.members if others is None else stack.gateways:
                member.wait_ready(plan.patience)
            yield system
        finally:
            stack.stop()


def _host_and_port(url: str) -> tuple[str, int]:
    host, _, port = url.removeprefix("redis://").partition("/")[0].rpartition(":")
    return host, int(port)
