"""Kafka killed, frozen, cut off, mute, slow, or out of space, while clients of every kind send.

Whatever happens: what was acknowledged is on the topic, once; everybody else is told to come back;
readiness says how things stand; and no restart is needed.
"""

from __future__ import annotations

import resource
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.load import Load
from tests.support.servers import Server
from tests.support.stack import Stack, StackFactory
from tests.support.tcp_proxy import TcpProxy
from tests.support.waiting import wait_until

pytestmark = [
    pytest.mark.faults,
    pytest.mark.timeout(600),
    pytest.mark.xdist_group("gateway faults"),
]

KAFKA_TIMEOUT = 3.0
#: Readiness looks at Kafka every second and waits up to three for its answer, twice.
UNREADY = 20.0
ENVIRONMENT = {"kafka_timeout": str(KAFKA_TIMEOUT), "kafka_stall": "1", "log_level": "info"}


class Hurt:
    """The broker, the network before it, and what can be done to them."""

    def __init__(self, broker: Server, proxy: TcpProxy) -> None:
        self.broker = broker
        self.proxy = proxy

    @contextmanager
    def killed(self) -> Iterator[None]:
        self.broker.kill()
        yield
        self.broker.start()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        self.broker.process.send(signal.SIGSTOP)
        yield
        self.broker.process.send(signal.SIGCONT)

    @contextmanager
    def cut_off(self) -> Iterator[None]:
        self.proxy.cut()
        yield
        self.proxy.heal()

    @contextmanager
    def mute(self) -> Iterator[None]:
        """It takes what it is sent, and nobody hears that it does; then the lines are cut."""
        self.proxy.hold_answers()
        yield
        self.proxy.cut()
        self.proxy.heal()

    @contextmanager
    def far_too_slow(self) -> Iterator[None]:
        self.proxy.delay = 2 * KAFKA_TIMEOUT
        yield
        self.proxy.heal()

    @contextmanager
    def out_of_space(self) -> Iterator[None]:
        """No file of it can grow: writing fails as it does on a full disk, without a disk."""
        largest = max(it.stat().st_size for it in _segments(self.broker))
        before = resource.prlimit(self.broker.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(self.broker.pid, resource.RLIMIT_FSIZE, (largest, before[1]))
        yield
        # A broker that cannot write to its only disk ends itself; until then it may linger.
        self.broker.kill()
        self.broker.start()


@pytest.fixture
def hurt(hurt_kafka: tuple[Server, TcpProxy]) -> Hurt:
    return Hurt(*hurt_kafka)


@pytest.fixture
def gateway(stack: StackFactory, hurt: Hurt) -> Stack:
    return stack(workers=0, environment=ENVIRONMENT, kafka=hurt.broker.address)


@pytest.mark.parametrize("fault", ["killed", "frozen", "cut_off", "far_too_slow", "out_of_space"])
def test_what_was_acknowledged_is_there_and_the_way_back_needs_no_restart(
    gateway: Stack, hurt: Hurt, fault: str
) -> None:
    unacknowledged = _strike(gateway, hurt, fault)

    assert unacknowledged >= 0


def test_records_whose_fate_nobody_knows_are_refused_and_not_sent_again(
    gateway: Stack, hurt: Hurt
) -> None:
    unacknowledged = _strike(gateway, hurt, "mute")

    assert unacknowledged > 0


def _strike(gateway: Stack, hurt: Hurt, fault: str) -> int:
    """Let *fault* hit while everybody sends; return how many records came without a 202."""
    member = gateway.gateway
    with Load(gateway) as load:
        load.wait_for_more()
        struck = load.wait_in_flight()
        with getattr(hurt, fault)():
            began = time.monotonic()
            wait_until(member.problem, timeout=UNREADY, what="the gateway is not ready")
            unready_after = time.monotonic() - began
            before = load.refused.total()
            wait_until(lambda: load.refused.total() >= before + 10, timeout=90, what=load.__str__)
            assert member.problem() is not None, "ready again while the fault is in force"
        member.wait_ready()
        load.wait_for_more()
    print(
        f"{fault}: {struck} records in flight when it struck, unready after {unready_after:.1f} s"
    )

    assert load.refused.keys() <= {"503", "UNAVAILABLE"}
    assert {"503", "UNAVAILABLE"} <= load.refused.keys()
    assert not load.not_retryable
    assert not load.cut
    # Nobody waits for longer than for Kafka itself, once for each part of a stream.
    assert load.slowest < 60.0
    return load.check()


def test_a_slow_kafka_makes_answers_late_and_none_wrong(gateway: Stack, hurt: Hurt) -> None:
    with Load(gateway) as load:
        load.wait_for_more()
        hurt.proxy.delay = 0.1
        load.wait_in_flight()
        load.wait_for_more(2000)
        assert gateway.gateway.problem() is None
        hurt.proxy.heal()
        load.wait_for_more()

    assert not load.refused
    assert load.check() == 0


def _segments(broker: Server) -> list[Path]:
    """Return the files that hold the broker's records."""
    properties = next(it for it in broker.prepare().argv if it.endswith("server.properties"))
    return list((Path(properties).parent / "data").glob("*/*.log"))
