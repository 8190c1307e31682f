"""The embedded Kafka and Redis, which ask nobody who he is, hear nobody but this machine."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.support.servers import Server

pytestmark = pytest.mark.integration

_LISTENS: Final = "0A"


@pytest.mark.parametrize("name", ["kafka_server", "redis_server"])
def test_it_listens_on_loopback_alone(request: pytest.FixtureRequest, name: str) -> None:
    server: Server = request.getfixturevalue(name)

    found = list(listens_on(server.pid))

    assert found
    assert [str(it) for it in found if not it.is_loopback] == []


def listens_on(pid: int) -> Iterator[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    """Yield the addresses of the TCP sockets on which a process listens, as the kernel says."""
    sockets = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        try:
            sockets |= set(re.findall(r"^socket:\[(\d+)\]$", str(descriptor.readlink())))
        except FileNotFoundError:  # closed meanwhile
            continue
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text("ascii").splitlines()[1:]:
            _, local, _, state, *_, inode = line.split()[:10]
            if state == _LISTENS and inode in sockets:
                yield _address(local.partition(":")[0])


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    # Words of four bytes, each in the order of the processor.
    words = [bytes.fromhex(text[at : at + 8])[::-1] for at in range(0, len(text), 8)]
    address = ipaddress.ip_address(b"".join(words))
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
