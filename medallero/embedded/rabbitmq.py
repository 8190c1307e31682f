"""A RabbitMQ of one node, from the operating system's package, beside any other on the machine.

Everything that it would keep in places of its own (data, logs, cookie, plugins) lies in one
directory. Erlang's port mapper, epmd, is a process too: left to itself RabbitMQ would start one
that outlives it and that all nodes of the machine share.
"""

from __future__ import annotations

import shutil
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from medallero.embedded.processes import Command

#: Where packages put the script that runs the server as whoever calls it; those on the PATH of
#: Debian change the user first.
_SCRIPTS: Final = (
    Path("/usr/lib/rabbitmq/bin/rabbitmq-server"),
    Path("/opt/homebrew/sbin/rabbitmq-server"),
    Path("/usr/local/sbin/rabbitmq-server"),
)
_PROTOCOL: Final = b"AMQP\x00\x00\x09\x01"


class NoRabbitMq(RuntimeError):
    """There is no RabbitMQ on this machine."""


@dataclass(frozen=True, slots=True)
class EmbeddedRabbitMq:
    """Where one RabbitMQ keeps its files and where it listens."""

    directory: Path
    host: str
    port: int
    #: ports of Erlang itself; on 127.0.0.1 only
    dist_port: int
    epmd_port: int
    log: Path

    @property
    def url(self) -> str:
        """The address for clients."""
        return f"amqp://guest:guest@{self.host}:{self.port}/"

    def prepare_epmd(self) -> Command:
        """Return the command of the port mapper, which has to run first.

        :raises NoRabbitMq: there is none.
        """
        binary = shutil.which("epmd")
        if binary is None:
            raise NoRabbitMq("there is no Erlang (epmd) on the PATH")
        argv = (binary, "-port", str(self.epmd_port), "-address", "127.0.0.1")
        return Command(argv=argv, log=self.log.with_suffix(".epmd.log"))

    def prepare(self) -> Command:
        """Write the configuration and return the command.

        :raises NoRabbitMq: there is no RabbitMQ to start.
        """
        script = server_script()
        base = self.directory
        (base / "home").mkdir(parents=True, exist_ok=True)
        (base / "enabled_plugins").write_text("[].\n", encoding="utf-8")
        (base / "rabbitmq.conf").write_text(
            f"listeners.tcp.1 = {self.host}:{self.port}\n"
            "disk_free_limit.absolute = 64MB\n"
            "log.console.level = warning\n",
            encoding="utf-8",
        )
        environment = {
            "HOME": str(base / "home"),  # of the cookie
            "ERL_EPMD_PORT": str(self.epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": f"rabbit-{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": self.host,
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self.dist_port),
            "RABBITMQ_MNESIA_BASE": str(base / "data"),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_LOG_BASE": str(base / "log"),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_CONFIG_FILE": str(base / "rabbitmq"),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(base / "config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(base / "enabled_plugins"),
            "RABBITMQ_PID_FILE": str(base / "pid"),
            # Its script then becomes the server, where it would else wait for it as a child: what
            # ends with us is the process that we have started, and no child of it.
            "RUNNING_UNDER_SYSTEMD": "true",
            # No busy waiting: others work on this machine too.
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+sbwt none +sbwtdcpu none +sbwtdio none"
            " -kernel inet_dist_use_interface {127,0,0,1}",
        }
        return Command(argv=(str(script),), log=self.log, environment=environment)


def server_script() -> Path:
    """Return the script that starts a RabbitMQ.

    :raises NoRabbitMq: there is none.
    """
    for script in _SCRIPTS:
        if script.is_file():
            return script
    if on_path := shutil.which("rabbitmq-server"):
        return Path(on_path)
    raise NoRabbitMq("there is no RabbitMQ on this machine (Debian: rabbitmq-server)")


def answers(host: str, port: int) -> bool:
    """Whether somebody there speaks AMQP: greets with a method of the connection class."""
    try:
        with socket.create_connection((host, port), timeout=1.0) as connection:
            connection.sendall(_PROTOCOL)
            return connection.recv(1) == b"\x01"
    except OSError:
        return False
