"""Free ports that no other test, of this run or of one beside it, is given too."""

from __future__ import annotations

import socket
from collections import deque
from typing import Final

from medallero.embedded import ports

_HOST: Final = "127.0.0.1"

# Between the choice of a port and the server's bind lie seconds. For as long, and longer, the
# UDP port of the same number is ours: every process of tests asks for that first.
_held: Final[deque[socket.socket]] = deque()
_HELD_AT_MOST: Final = 64


def free_port() -> int:
    """Return a TCP port of this machine that nobody listens on and no other test is given."""
    for _ in range(200):
        port = ports.free_port(_HOST)
        reservation = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            reservation.bind((_HOST, port))
        except OSError:
            reservation.close()
            continue
        _held.append(reservation)
        if len(_held) > _HELD_AT_MOST:
            _held.popleft().close()
        # Whoever had it before us may have let the reservation go because its server listens.
        if ports.is_free(_HOST, port):
            return port
    raise RuntimeError(f"no free port on {_HOST}")
