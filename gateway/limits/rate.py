"""How fast one client may send: a token bucket for its requests and one for its records."""

import asyncio
import math
import time
from collections.abc import Callable
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import Final

from gateway.errors import Reason, Refused
from gateway.settings import GatewaySettings

#: Clients that are remembered; who has been silent for longest is forgotten first.
_CLIENTS: Final = 10_000


class Rate:
    """Counts what each client sends.

    A client is the name of a token, or ``network_of`` a peer without one. Every process counts
    for itself.

    Each bucket is kept as the time at which it would be full again (the generic cell rate
    algorithm): one number, which needs no refilling.
    """

    def __init__(
        self, settings: GatewaySettings, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """*clock* tells the time in seconds."""
        self._requests = _Limit("requests", settings.rate_requests, settings.rate_burst)
        self._records = _Limit("records", settings.rate_records, settings.rate_burst)
        self._off = not settings.rate_requests and not settings.rate_records
        self._clock = clock
        #: By client, who was active last at the end.
        self._clients: dict[str, _Client] = {}

    def take(self, client: str) -> None:
        """Count one request.

        Its records are counted once they are known, so a client may exceed the limit by the
        records of one request, and then has to wait for as long as they are worth.

        :raises Refused: too busy; the client has to wait.
        """
        if self._off:
            return
        now = self._clock()
        found = self._clients.pop(client, None) or _Client()
        self._clients[client] = found
        if len(self._clients) > _CLIENTS:
            del self._clients[next(iter(self._clients))]
        self._records.check(found.records, now)
        self._requests.check(found.requests, now)
        found.requests = self._requests.after(found.requests, now, 1)

    def charge(self, client: str, records: int) -> float:
        """Count *records*; return how many seconds the client should wait before it sends more."""
        if self._off:
            return 0.0
        found = self._clients.get(client)
        if found is None:
            return 0.0
        now = self._clock()
        found.records = self._records.after(found.records, now, records)
        return self._records.wait(found.records, now)


def network_of_peer(transport: asyncio.BaseTransport) -> str:
    """Return ``network_of`` the other end of a connection; "" if it has no address."""
    peer = transport.get_extra_info("peername")
    return network_of(peer[0]) if peer else ""


@lru_cache(maxsize=_CLIENTS)
def network_of(address: str) -> str:
    """Return the client that *address* stands for.

    An IPv6 host has as many addresses as it likes, so a network of 64 bits is one client.
    """
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(IPv6Address(int(parsed) >> 64 << 64))
    return address


class _Client:
    """When the buckets of a client are full again, by the clock."""

    __slots__ = ("records", "requests")

    def __init__(self) -> None:
        self.requests = 0.0
        self.records = 0.0


class _Limit:
    """So many a second, and *burst* seconds' worth at once, but always one."""

    def __init__(self, what: str, rate: float, burst: float) -> None:
        self._what = what
        self._rate = rate
        self._burst = max(burst, 1 / rate) if rate else 0.0

    def check(self, full_at: float, now: float) -> None:
        """Raises Refused if the bucket has not one left."""
        # One more must fit. What is left out by rounding is no reason to refuse.
        if self._rate and full_at + 1 / self._rate > now + self._burst + 1e-9:
            wait = full_at + 1 / self._rate - now - self._burst
            raise Refused(
                Reason.TOO_BUSY,
                f"more than {self._rate:g} {self._what} a second came from this client",
                retry_after=max(1, math.ceil(wait)),
            )

    def after(self, full_at: float, now: float, number: int) -> float:
        """Return when the bucket is full again once *number* more are taken."""
        return max(full_at, now) + number / self._rate if self._rate else 0.0

    def wait(self, full_at: float, now: float) -> float:
        """Return the seconds until the bucket is no longer overdrawn."""
        return max(0.0, full_at - now - self._burst)
