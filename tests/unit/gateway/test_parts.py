"""Small parts of the gateway that need no server."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path
from typing import Any

import pytest
from aiokafka.partitioner import murmur2
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from contracts.partitioning import partition_of
from contracts.topics import TopicSpec
from faust_bulk.topics import Partition
from gateway.errors import Reason, Refused
from gateway.http.body import Inflater
from gateway.intake.results import Entries
from gateway.kafka.topic_watch import TopicWatch, replicas_missing
from gateway.limits.budget import Budget, Shares
from gateway.metrics import Metrics
from gateway.outcome import LISTED, Outcome
from gateway.settings import GatewaySettings
from olympics.entry import ENTRY_ID_LENGTH
from protos.generate import MESSAGES, ROOT, generate
from tests.unit.faust_bulk.test_bulk_topics import FORBIDDEN, Brokers


@given(st.binary(max_size=100), st.integers(1, 50))
def test_partitions_are_those_of_kafkas_default_partitioner(key: bytes, partitions: int) -> None:
    assert partition_of(key, partitions) == (murmur2(key) & 0x7FFFFFFF) % partitions


@given(
    st.binary(max_size=300_000), st.integers(1, 70_000), st.sampled_from(["gzip", "zlib", "raw"])
)
def test_what_was_compressed_comes_out_whole_whatever_the_pieces(
    data: bytes, piece: int, way: str
) -> None:
    packed = {
        "gzip": lambda: gzip.compress(data),
        "zlib": lambda: zlib.compress(data),
        "raw": lambda: zlib.compress(data, wbits=-15),
    }[way]()
    inflater = Inflater(raw_allowed=way != "gzip")

    out = [
        inflated
        for start in range(0, len(packed), piece)
        for inflated in inflater.feed(packed[start : start + piece])
    ]

    assert b"".join(out) == data
    assert inflater.complete
    assert all(len(inflated) <= 64 * 1024 for inflated in out)


def test_a_bomb_comes_out_in_small_pieces() -> None:
    inflater = Inflater(raw_allowed=False)

    pieces = inflater.feed(gzip.compress(bytes(100_000_000)))

    assert len(next(pieces)) <= 64 * 1024


def test_what_does_not_fit_into_the_budget_is_refused_and_what_is_given_back_fits_again() -> None:
    budget = Budget(100, Metrics(), largest=100)
    first = budget.lease("a", 60)

    with pytest.raises(Refused) as refused:
        budget.lease("b", 50)
    assert refused.value.reason is Reason.TOO_BUSY
    with pytest.raises(Refused):
        first.grow(101)

    first.end()
    budget.lease("b", 100).end()


def test_a_greedy_client_leaves_room_for_those_who_take_no_more_than_their_share() -> None:
    shares = Shares(80)
    taken = 0
    while shares.fit("greedy"):
        shares.take("greedy")
        taken += 1
    assert taken == 60

    for client in ("honest", "another"):
        for _ in range(10):
            assert shares.fit(client)
            shares.take(client)
        assert not shares.fit(client)
    assert not shares.fit("third")

    shares.give_back("greedy", 60)
    assert (shares.used, shares.held("greedy")) == (20, 0)
    assert shares.fit("third", 40)


def test_the_largest_request_fits_for_whoever_is_alone() -> None:
    assert Shares(24, largest=16).fit("a", 18)
    assert not Shares(24, largest=16).fit("a", 19)
    assert Shares(24, largest=24).fit("a", 24)
    assert not Shares(0).fit("a")


def test_the_outcomes_of_parts_add_up_and_lists_stay_short() -> None:
    total = Outcome()
    for part in range(3):
        outcome = Outcome(accepted=1)
        for index in range(400):
            outcome.reject(part * 1000 + index, None, "mark", "expected a mark")
            outcome.mint(part * 1000 + index, "id")
        total.add(outcome)

    assert (total.accepted, total.rejected_count) == (3, 1200)
    assert len(total.rejected) == len(total.minted) == LISTED
    assert total.rejected[-1].index == 2199


@pytest.mark.parametrize("key", ["k", "k" * 64, "clé", "k" * 1000])
def test_the_id_that_a_key_gives_is_always_short_enough_and_always_the_same(key: str) -> None:
    kind = Entries(key=key, several=True)

    first, second = kind.id_at(0), kind.id_at(999_999_999)

    assert first == kind.id_at(0) != second
    assert second is not None
    assert len(second) <= ENTRY_ID_LENGTH


def test_without_a_key_there_is_no_id() -> None:
    assert Entries().id_at(0) is None


def test_the_generated_modules_are_those_of_the_contract(tmp_path: Path) -> None:
    generate(tmp_path)

    for source in MESSAGES:
        for module in tmp_path.glob(source.replace(".proto", "_pb2*")):
            assert module.read_text() == (ROOT / module.relative_to(tmp_path)).read_text()
    assert len(list(tmp_path.rglob("*_pb2*"))) == 8


@pytest.mark.parametrize(
    ("replicas", "in_sync", "words"),
    [
        ([1, 2, 3], [1, 2, 3], None),
        ([1, 2, 3], [3, 1], None),
        (
            [1, 2, 3],
            [2],
            "has 1 of 3 replicas in sync, and min.insync.replicas is 2; "
            "bring back the brokers that are missing or behind: 1, 3",
        ),
        (
            [1],
            [1],
            "can never have enough replicas in sync: min.insync.replicas is 2, and the replication "
            "factor is 1; lower the one or raise the other",
        ),
    ],
)
def test_who_lacks_replicas_is_told_the_setting_and_the_remedy(
    replicas: list[int], in_sync: list[int], words: str | None
) -> None:
    partition = Partition(4, leader=1, replicas=replicas, in_sync=in_sync)

    told = replicas_missing("results", partition, 2)

    assert told == (words and f"topic 'results': partition 4 {words}")


class AskedForMetadata:
    """A client that answers for one topic, with the error codes that the test gives."""

    def __init__(self, *codes: int) -> None:
        self.codes = list(codes)

    async def send(self, _node: int, _request: Any) -> AskedForMetadata:
        return self

    def to_object(self) -> dict[str, Any]:
        return {"topics": [{"error_code": self.codes.pop(0)}]}


async def test_a_topic_that_may_not_be_described_is_not_a_kafka_that_is_silent() -> None:
    watch = TopicWatch(GatewaySettings(), TopicSpec("t", 1), lambda: None)
    client: Any = Brokers(FORBIDDEN)
    watch._client = client

    assert await watch.problem() == "topic 't' cannot be used: TopicAuthorizationFailedError"


async def test_a_missing_topic_of_heartbeats_is_told_once_and_again_when_it_is_lost() -> None:
    watch = TopicWatch(GatewaySettings(), TopicSpec("results", 1), lambda: None)
    client: Any = AskedForMetadata(3, 3, 0, 3)

    with capture_logs() as logs:
        there = [await watch._has_heartbeats(client, 0) for _ in range(4)]

    assert there == [False, False, True, False]
    assert [it["event"] for it in logs] == ["no_heartbeats"] * 2
