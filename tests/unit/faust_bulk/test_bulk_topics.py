"""Which log stands behind a name, where brokers tell different things of it."""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple

import pytest
from aiokafka.errors import KafkaConnectionError, KafkaError

from faust_bulk import topics
from faust_bulk.topics import TopicProblem, find

OLD, NEW = bytes(15) + b"o", bytes(15) + b"n"
#: A broker that does not answer, one that never will, one that knows no topic, and one that may
#: not tell.
AWAY, FROZEN, NONE, FORBIDDEN = b"away", b"frozen", b"none", b"forbidden"


class Response(NamedTuple):
    brokers: list[tuple[Any, ...]]
    cluster_id: str
    topics: list[tuple[Any, ...]]


class Brokers:
    """A client of brokers, each of which tells one id of the topic `t`; they may learn more.

    *gone*: brokers that the client knows, and no broker takes for alive any more.
    """

    def __init__(
        self, *told: bytes, later: tuple[bytes, ...] = (), gone: frozenset[int] = frozenset()
    ) -> None:
        self.told = list(told)
        self.later = list(later)
        self.gone = gone
        self.operations = 0
        self.asked: list[int] = []
        self.cluster = self

    def brokers(self) -> list[Any]:
        class Broker(NamedTuple):
            nodeId: int  # noqa: N815  # as aiokafka calls it

        return [Broker(node) for node in range(len(self.told))]

    def get_random_node(self) -> int:
        return 0

    async def send(self, node: int, _request: Any) -> Response:
        self.asked.append(node)
        told = self.told[node]
        if len(self.asked) % len(self.told) == 0 and self.later:
            self.told = self.later
        if told == AWAY:
            raise KafkaConnectionError
        if told == FROZEN:
            await asyncio.Event().wait()
        code = {NONE: 3, FORBIDDEN: 29}.get(told, 0)
        partition: Any = (0, 0, node, 0, [0, 1, 2], [0, 1], [], {})
        alive: list[tuple[Any, ...]] = [
            (it, "", 0, None, {}) for it in range(len(self.told)) if it not in self.gone
        ]
        return Response(alive, "c", [(code, "t", told, False, [partition], self.operations, {})])


async def id_of(
    *told: bytes, later: tuple[bytes, ...] = (), gone: frozenset[int] = frozenset()
) -> str | None:
    client: Any = Brokers(*told, later=later, gone=gone)
    found = await find(client, ("t",))
    return found["t"].id if found else None


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topics, "_PAUSE", 0.0)


@pytest.mark.parametrize(
    ("told", "right"),
    [
        ((NEW,), NEW),
        ((OLD, NEW, NEW), NEW),
        ((NEW, OLD, NEW), NEW),
        ((NEW, NEW, OLD), NEW),
        ((NONE, NEW, NEW), NEW),
        ((NEW, NONE, NONE), None),
        ((NONE, NONE, NONE), None),
        ((AWAY, NEW, NEW), NEW),
    ],
)
async def test_most_of_the_brokers_are_believed(
    told: tuple[bytes, ...], right: bytes | None
) -> None:
    assert await id_of(*told) == (right and right.hex())


async def test_a_broker_that_is_behind_for_a_moment_is_asked_again() -> None:
    assert await id_of(OLD, NEW, later=(NEW, NEW)) == NEW.hex()


@pytest.mark.parametrize("told", [(AWAY, AWAY, OLD), (OLD, AWAY), (AWAY, NONE, AWAY)])
async def test_a_broker_that_is_cut_off_from_the_others_decides_nothing(
    told: tuple[bytes, ...],
) -> None:
    with pytest.raises(KafkaError, match=r"only 1 of . brokers answers"):
        await id_of(*told)


async def test_brokers_that_are_known_to_be_gone_have_no_voice() -> None:
    assert await id_of(AWAY, AWAY, NEW, gone=frozenset((0, 1))) == NEW.hex()
    with pytest.raises(KafkaError, match=r"only 1 of . brokers answers"):
        await id_of(AWAY, AWAY, NEW, gone=frozenset((0,)))


@pytest.mark.parametrize("told", [(OLD, NEW), (OLD, NEW, NONE), (NONE, NEW), (AWAY, OLD, NEW)])
async def test_where_brokers_differ_nothing_is_said(told: tuple[bytes, ...]) -> None:
    with pytest.raises(KafkaError, match="the brokers differ about topic 't'"):
        await id_of(*told)


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("told", "right"), [((FROZEN, NEW, NEW), NEW), ((NONE, FROZEN, NONE), None)]
)
async def test_where_two_of_three_agree_nobody_waits_for_the_third(
    told: tuple[bytes, ...], right: bytes | None
) -> None:
    assert await id_of(*told) == (right and right.hex())
    # And it is not waited for behind anybody's back.
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize(
    ("operations", "may"),
    # READ is 3 and WRITE 4; a broker that does not tell says the smallest number there is.
    [(1 << 3 | 1 << 4, True), (1 << 3, False), (0, False), (-(2**31), True)],
)
async def test_the_brokers_tell_who_may_write(operations: int, may: bool) -> None:
    client: Any = Brokers(NEW, NEW)
    client.operations = operations
    assert (await find(client, ("t",)))["t"].may_write == may


async def test_what_no_broker_tells_is_raised() -> None:
    with pytest.raises(KafkaConnectionError):
        await id_of(AWAY, AWAY, AWAY)
    with pytest.raises(TopicProblem, match="TopicAuthorizationFailedError"):
        await id_of(NEW, FORBIDDEN, NEW)


async def test_three_brokers_are_asked_and_named_if_they_say_so() -> None:
    client: Any = Brokers(*[NEW] * 9)
    found = await find(client, ("t",))
    assert len(client.asked) == 3
    assert found["t"].told_by == set(client.asked)
    client = Brokers(OLD, NEW, NEW)
    found = await find(client, ("t",))
    assert found["t"].told_by == {1, 2}
    (partition,) = found["t"].described
    assert (partition.replicas, partition.in_sync) == ([0, 1, 2], [0, 1])
    assert partition.leader in {1, 2}
