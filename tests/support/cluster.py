"""A Kafka of three brokers, each behind two proxies, to be hurt broker by broker."""

from __future__ import annotations

import re
import subprocess
import time
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from medallero.embedded import kafka
from medallero.embedded.kafka import EmbeddedKafka, KafkaNotPrepared
from medallero.embedded.processes import Command, Process, stop_all
from tests.support.ports import free_port
from tests.support.servers import Server, class_path
from tests.support.tcp_proxy import TcpProxy
from tests.support.waiting import wait_until

BROKERS: Final = 3
#: All of them at once start within so many seconds, even on a busy machine.
_START: Final = 180.0
#: Clients of a cluster with users.
USER: Final = "medallero"
_PASSWORD: Final = "medallero"
_ACTIVE: Final = re.compile(r"id=(\d) *\] Becoming the active controller at epoch (\d+)")


@dataclass(frozen=True, slots=True)
class _Node(EmbeddedKafka):
    """One of the brokers; every one is a controller too."""

    number: int = 0
    advertised: int = 0
    replication: int = 0
    replicated: int = 0
    voters: str = ""
    cluster: str = ""
    users: bool = False

    def prepare(self) -> Command:
        self.directory.mkdir(parents=True, exist_ok=True)
        (self.directory / "log4j2.xml").write_text(kafka._LOG4J2, encoding="utf-8")
        properties = self.directory / "server.properties"
        properties.write_text(
            _SERVER.format(
                number=self.number,
                host=self.host,
                port=self.port,
                advertised=self.advertised,
                replication=self.replication,
                replicated=self.replicated,
                controller=self.controller_port,
                voters=self.voters,
                data=self.directory / "data",
            )
            + (_USERS if self.users else ""),
            encoding="utf-8",
        )
        if not (self.directory / "data").exists():
            done = subprocess.run(
                self._java(
                    main="kafka.tools.StorageTool",
                    args=("format", "-t", self.cluster, "-c", str(properties)),
                ),
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode:
                raise KafkaNotPrepared((done.stdout + done.stderr).strip())
        argv = self._java(f"-Xmx{self.heap}", main="kafka.Kafka", args=(str(properties),))
        return Command(argv, log=self.log)


class Broker:
    """One of the brokers.

    Clients reach it through ``proxy`` alone, and those that replicate what it leads through
    ``replicas``; the controllers speak with each other without.
    """

    def __init__(self, node: _Node, proxy: TcpProxy, replicas: TcpProxy) -> None:
        self.number = node.number
        self.proxy = proxy
        self.replicas = replicas
        self.log = node.log
        self.server = Server(
            proxy.address,
            node.prepare,
            # To those without a password the other listener says nothing.
            lambda: kafka.answers(node.host, node.replication),
            Process(node.prepare()),
        )

    @property
    def name(self) -> str:
        return f"broker {self.number}"


class Cluster:
    """The brokers; topics with three replicas of which two must have a record."""

    def __init__(self, brokers: list[Broker], *, users: bool = False) -> None:
        self.brokers = brokers
        self._users = users

    @property
    def credentials(self) -> dict[str, Any]:
        """The settings by which a client says who it is, if the brokers ask."""
        if not self._users:
            return {}
        return {
            "kafka_security": "SASL_PLAINTEXT",
            "kafka_mechanism": "PLAIN",
            "kafka_user": USER,
            "kafka_password": _PASSWORD,
        }

    @property
    def address(self) -> str:
        """What clients begin with."""
        return ",".join(broker.server.address for broker in self.brokers)

    def wait_serves(self, timeout: float = _START) -> None:
        """Wait until every broker answers."""
        wait_until(
            lambda: all(broker.server.answers() for broker in self.brokers),
            timeout=timeout,
            what=lambda: "\n".join(it.server.process.log_tail(10) for it in self.brokers),
        )

    def controller(self) -> Broker:
        """Return the broker that is the active controller, as the logs tell."""
        found = [
            (int(epoch), int(number))
            for broker in self.brokers
            for number, epoch in _ACTIVE.findall(broker.log.read_text(errors="replace"))
        ]
        number = max(found)[1]
        return next(broker for broker in self.brokers if broker.number == number)


@contextmanager
def running_cluster(directory: Path, *, users: bool = False) -> Iterator[Cluster]:
    """Run three brokers with their data in *directory*.

    With *users* clients are one user with a password, from whom rights can be taken.
    """
    jars = class_path()
    # A leading "-" would be read as a flag.
    identity = "m" + urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")[1:]
    controllers = [free_port() for _ in range(BROKERS)]
    voters = ",".join(f"{n}@127.0.0.1:{port}" for n, port in enumerate(controllers, 1))
    brokers: list[Broker] = []
    with ExitStack() as proxies:
        try:
            for number, controller in enumerate(controllers, 1):
                port = free_port()
                replication = free_port()
                proxy = proxies.enter_context(TcpProxy(("127.0.0.1", port)))
                replicas = proxies.enter_context(TcpProxy(("127.0.0.1", replication)))
                node = _Node(
                    directory / f"kafka-{number}",
                    jars,
                    "127.0.0.1",
                    port,
                    controller,
                    directory / f"kafka-{number}.log",
                    "384m",
                    number,
                    proxy.port,
                    replication,
                    replicas.port,
                    voters,
                    identity,
                    users,
                )
                brokers.append(Broker(node, proxy, replicas))
            cluster = Cluster(brokers, users=users)
            cluster.wait_serves()
            # The first metadata of a young cluster names one or two brokers only.
            time.sleep(1.0)
            yield cluster
        finally:
            stop_all((broker.server.process for broker in brokers), grace=20.0)


_SERVER: Final = """\
process.roles=broker,controller
node.id={number}
listeners=CLIENT://{host}:{port},BROKER://{host}:{replication},CONTROLLER://{host}:{controller}
advertised.listeners=CLIENT://{host}:{advertised},BROKER://{host}:{replicated}
listener.security.protocol.map=CLIENT:PLAINTEXT,BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=BROKER
controller.listener.names=CONTROLLER
controller.quorum.voters={voters}
log.dirs={data}
auto.create.topics.enable=false
default.replication.factor=3
min.insync.replicas=2
unclean.leader.election.enable=false
offsets.topic.replication.factor=3
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=3
transaction.state.log.min.isr=2
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=3
share.coordinator.state.topic.min.isr=2
share.coordinator.state.topic.num.partitions=4
group.initial.rebalance.delay.ms=0
# A broker that is gone is noticed within seconds, so that a run sees many of them go.
broker.session.timeout.ms=6000
broker.heartbeat.interval.ms=1000
replica.lag.time.max.ms=6000
controller.quorum.election.timeout.ms=1500
controller.quorum.fetch.timeout.ms=3000
leader.imbalance.check.interval.seconds=20
# Small enough that changelogs are compacted while a long run goes on.
log.segment.bytes=33554432
"""

# Brokers and controllers are nobody for each other, and may do everything. So may a user with
# everything that no rule is about.
_USERS: Final = f"""
listener.security.protocol.map=CLIENT:SASL_PLAINTEXT,BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT
sasl.enabled.mechanisms=PLAIN
listener.name.client.plain.sasl.jaas.config=\
org.apache.kafka.common.security.plain.PlainLoginModule required user_{USER}="{_PASSWORD}";
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
allow.everyone.if.no.acl.found=true
"""
