"""What a run does to the system: faults as data, the same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from tests.soak.games import RECORDS_AN_IDENTITY

#: What a fault is done to; the part of the name before the first hyphen.
WORKER: Final = ("worker-kill", "worker-term", "worker-freeze", "worker-leave", "worker-join")
GATEWAY: Final = ("gateway-kill", "gateway-term", "gateway-freeze")
BROKER: Final = (
    *("broker-kill", "broker-term", "broker-freeze", "broker-controller"),
    "broker-full",
)
REDIS: Final = (
    *("redis-kill", "redis-freeze", "redis-flush", "redis-empty"),
    *("redis-full", "redis-readonly", "redis-slow"),
)
NETWORK: Final = (
    *("network-cut", "network-delay", "network-hold", "network-redis"),
    "network-replicas",
)

#: Only where it is asked for: what Kafka refuses, clocks that are wrong, and a topic that somebody
#: deletes and makes again.
REFUSED: Final = ("refused-times", "refused-sizes", "refused-rights", "refused-replicas")
CLOCK: Final = (
    *("clock-gateway-ahead", "clock-gateway-behind"),
    *("clock-worker-ahead", "clock-worker-behind"),
)
REMADE: Final = "log-remade"
HOSTILE: Final = (*REFUSED, *CLOCK, REMADE)

KINDS: Final = (*WORKER, *GATEWAY, *BROKER, *REDIS, *NETWORK)

#: Aimed at one safety, and only done where it is asked for: requests to the brokers come late,
#: after what was said after them; then the changelog is compacted, and all workers begin anew.
LATE: Final = "network-late"
AIMED: Final = (LATE,)

#: Faults after which the mirror may begin anew: Redis has lost what it had.
LOSES_MIRROR: Final = frozenset(("redis-flush", "redis-empty"))


class Fault(NamedTuple):
    """One fault: what, to which of its kind (counted round), and for how many seconds it lasts."""

    number: int
    kind: str
    target: int
    seconds: float


@dataclass(frozen=True)
class Plan:
    """What a run does.

    :param rate: results a second that clients send at most.
    :param pause: seconds between two faults, from the moment that all is right again.
    :param patience: seconds that each recovery may take.
    :param seconds: end after the first fault that is over so late; None: after all *faults*.
    :param results: … and not before so many results are accepted.
    :param each: of so many results about one is the first of its identity.
    :param without: workers and gateways lack this safety (see ``unsafe``).
    :param hostile: greedy clients and browsers are there all the time, clocks can be set wrong, and
        readiness is held against what a gateway takes.
    """

    seed: int
    faults: int
    kinds: Sequence[str] = KINDS
    rate: int = 2_500
    pause: float = 3.0
    gateways: int = 2
    workers: int = 3
    partitions: int = 6
    patience: float = 240.0
    seconds: float | None = None
    results: int = 0
    each: int = RECORDS_AN_IDENTITY
    without: str | None = None
    hostile: bool = False


def schedule(seed: int, faults: int, kinds: Sequence[str] = KINDS) -> list[Fault]:
    """Return so many faults; every kind comes up before any comes up again."""
    chance = random.Random(seed)
    found: list[Fault] = []
    bag: list[str] = []
    for number in range(1, faults + 1):
        if not bag:
            bag = list(kinds)
            chance.shuffle(bag)
            # One worker leaves before another joins, and every one that left is replaced.
            if "worker-leave" in bag and "worker-join" in bag:
                leave, join = bag.index("worker-leave"), bag.index("worker-join")
                if leave > join:
                    bag[leave], bag[join] = bag[join], bag[leave]
        found.append(
            Fault(number, bag.pop(0), chance.randrange(60), round(chance.uniform(1.0, 6.0), 1))
        )
    return found
