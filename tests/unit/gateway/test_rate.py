"""How fast one client may send."""

from __future__ import annotations

import asyncio
import gc
import weakref

import pytest

from gateway.errors import Reason, Refused
from gateway.limits.rate import Rate, network_of, network_of_peer
from gateway.settings import GatewaySettings


class Clock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def rate(clock: Clock, **fields: float) -> Rate:
    return Rate(GatewaySettings.model_validate(fields), clock)


def taken(limits: Rate, client: str = "a") -> int:
    """Return how many requests get through until one is refused."""
    for number in range(1000):
        try:
            limits.take(client)
        except Refused:
            return number
    raise AssertionError("nothing was refused")


def test_without_settings_there_is_no_limit() -> None:
    limits = rate(Clock())

    for _ in range(10_000):
        limits.take("a")

    assert limits.charge("a", 10**9) == 0.0


def test_a_burst_gets_through_and_then_as_many_as_the_rate_allows() -> None:
    clock = Clock()
    limits = rate(clock, rate_requests=10, rate_burst=2)

    assert taken(limits) == 20
    clock.now += 0.5
    assert taken(limits) == 5
    clock.now += 3600
    assert taken(limits) == 20


def test_one_request_gets_through_however_low_the_rate() -> None:
    clock = Clock()
    limits = rate(clock, rate_requests=0.1, rate_burst=1)

    assert taken(limits) == 1
    with pytest.raises(Refused) as refused:
        limits.take("a")
    assert refused.value.reason is Reason.TOO_BUSY
    assert refused.value.retry_after == 10
    clock.now += 10
    assert taken(limits) == 1


def test_records_of_a_large_request_are_owed_and_the_refusal_says_for_how_long() -> None:
    clock = Clock()
    limits = rate(clock, rate_records=100, rate_burst=1)

    limits.take("a")
    owed = limits.charge("a", 1000)

    assert owed == pytest.approx(9.0)
    with pytest.raises(Refused) as refused:
        limits.take("a")
    assert refused.value.retry_after == 10
    clock.now += refused.value.retry_after
    limits.take("a")


def test_clients_do_not_count_for_each_other() -> None:
    limits = rate(Clock(), rate_requests=1, rate_burst=3)

    assert taken(limits, "a") == 3
    assert taken(limits, "b") == 3


def test_only_so_many_clients_are_remembered_and_the_silent_are_forgotten_first() -> None:
    limits = rate(Clock(), rate_requests=1, rate_burst=1)

    for number in range(15_000):
        limits.take(f"client {number}")
        if number % 1000 == 0:
            assert taken(limits, "busy") == (1 if number == 0 else 0)

    assert len(limits._clients) == 10_000


@pytest.mark.parametrize(
    ("address", "client"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2::9", "2001:db8:1:2::"),
        ("fe80::1%eth0", "fe80::"),
        ("", ""),
        ("@socket", "@socket"),
    ],
)
def test_an_address_stands_for_its_network(address: str, client: str) -> None:
    assert network_of(address) == client


def test_a_connection_that_is_over_is_not_remembered() -> None:
    class Transport(asyncio.BaseTransport):
        pass

    transport = Transport({"peername": ("192.0.2.7", 80)})
    assert network_of_peer(transport) == "192.0.2.7"
    remembered = weakref.ref(transport)

    del transport

    gc.collect()
    assert remembered() is None
