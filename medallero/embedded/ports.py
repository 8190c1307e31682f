"""Which TCP ports are free."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

# Below the range from which Linux and macOS take the local ports of outgoing connections:
# otherwise somebody's connection can take the port between our look and the server's bind.
_FREE_PORTS: Final = range(20_000, 32_000)


@dataclass(frozen=True, slots=True)
class Listener:
    """A port that a server is going to listen on, and the flag that moves it."""

    what: str
    host: str
    port: int
    flag: str


class PortsTaken(RuntimeError):
    """Somebody else listens on ports that are needed."""

    def __init__(self, taken: list[Listener]) -> None:
        super().__init__(", ".join(f"{it.host}:{it.port} ({it.what})" for it in taken))
        self.taken = taken


def check_free(listeners: Iterable[Listener]) -> None:
    """Raise PortsTaken if a port cannot be listened on, or is wanted twice."""
    taken: list[Listener] = []
    wanted: set[tuple[str, int]] = set()
    for listener in listeners:
        address = (listener.host, listener.port)
        if address in wanted or not is_free(*address):
            taken.append(listener)
        wanted.add(address)
    if taken:
        raise PortsTaken(taken)


def is_free(host: str, port: int) -> bool:
    """Tell whether a server could listen there now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As servers do: a port whose last connections are only lingering is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def free_port(host: str = "127.0.0.1") -> int:
    """Return a port that nobody listens on now; somebody may before it is used."""
    for _ in range(200):
        port = random.choice(_FREE_PORTS)
        if is_free(host, port):
            return port
    raise RuntimeError(f"no free port on {host} in {_FREE_PORTS}")
