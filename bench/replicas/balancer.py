"""The balancer before the gateways: HAProxy, connection by connection, as a Service does it."""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bench.builds import need
from medallero.embedded.processes import Command, Process, describe_exit

_READY_SECONDS: Final = 20.0
_CONFIG: Final = """\
global
    maxconn 2000
defaults
    mode tcp
    timeout connect 5s
    timeout client 60s
    timeout server 60s
frontend clients
    bind 127.0.0.1:{port}
    default_backend gateways
backend gateways
    balance roundrobin
{servers}
"""


class BalancerFailed(RuntimeError):
    """HAProxy does not serve; the end of its log."""


def need_balancer() -> None:
    """Raise Missing if HAProxy is not there."""
    need({"haproxy": "haproxy"})


def start_balancer(directory: Path, port: int, gateways: Sequence[int]) -> Process:
    """Start it on *port* before the gateways on these ports; return when it takes connections.

    :raises BalancerFailed: it ended, or takes none.
    """
    config = directory / "haproxy.cfg"
    config.write_text(configuration(port, gateways))
    process = Process(Command(("haproxy", "-db", "-f", str(config)), log=directory / "haproxy.log"))
    deadline = time.monotonic() + _READY_SECONDS
    while not _takes_connections(port):
        code = process.exit_code
        if code is not None or time.monotonic() > deadline:
            what = "takes no connections" if code is None else f"ended with {describe_exit(code)}"
            process.kill()
            raise BalancerFailed(f"HAProxy {what}:\n{process.log_tail(10)}")
        time.sleep(0.05)
    return process


def configuration(port: int, gateways: Sequence[int]) -> str:
    """Return HAProxy's configuration: each new connection goes to the next gateway."""
    servers = "\n".join(f"    server gateway{it} 127.0.0.1:{it}" for it in gateways)
    return _CONFIG.format(port=port, servers=servers)


def _takes_connections(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1.0).close()
    except OSError:
        return False
    return True
