"""The scripts that count, on a real Redis and on a real Valkey."""

from __future__ import annotations

import asyncio
import random
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import pytest
from msgspec.structs import replace
from redis import Redis
from redis.exceptions import NoPermissionError

from contracts.partitioning import partition_of
from contracts.weather_store import StoredCounts
from streams.weather.store import PartitionStore, PartitionWrite, ReportStore, connect
from tests.support.servers import running_redis
from tests.support.valkey import running_valkey
from tests.support.weather import as_the_net_brings_them, check_tables, some_reports, stored
from weather.recount import recount
from weather.report import Report, decode, encode, parse_report
from weather.survivors import Survivors

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("weather stores")]

PARTITIONS = 3
PAGE = Path(__file__).parents[3] / "docs" / "guide" / "weather.md"


@pytest.fixture(scope="module")
def urls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    directory = tmp_path_factory.mktemp("stores")
    with running_redis(directory) as redis, running_valkey(directory) as valkey:
        yield {"redis": redis.address, "valkey": valkey.address}


@pytest.fixture(params=["redis", "valkey"])
def url(urls: dict[str, str], request: pytest.FixtureRequest) -> str:
    return urls[request.param]


@pytest.fixture
def prefix() -> str:
    return f"{uuid4().hex[:8]}:"


@dataclass
class Partitioned:
    """Partitions of a topic, as a worker keeps and writes them."""

    url: str
    prefix: str
    epoch: int = 1
    revision: int = 1
    name: str = field(default_factory=lambda: uuid4().hex)
    states: list[Survivors] = field(
        default_factory=lambda: [Survivors() for _ in range(PARTITIONS)]
    )
    offsets: list[int] = field(default_factory=lambda: [0] * PARTITIONS)
    writes: int = 0

    def take(self, values: list[bytes]) -> None:
        for value in values:
            report = decode(value)
            partition = partition_of(report.id.encode(), PARTITIONS)
            self.states[partition].put(report, value)
            self.offsets[partition] += 1

    async def write(self, *, full: bool = False, only: int | None = None) -> dict[int, str]:
        expects = f"{self.name}:{self.writes}"
        self.writes += 1
        writes = {}
        for partition, state in enumerate(self.states):
            if only is not None and partition != only:
                continue
            changed = state.counts.take_changed()
            writes[partition] = PartitionWrite(
                offset=self.offsets[partition],
                rejected=partition,
                cells=dict(state.counts.cells) if full else changed,
                full=full,
                token=f"{self.name}:{self.writes}",
                expects=expects,
            )
        async with connect(self.url) as redis:
            store = PartitionStore(redis, self.prefix, epoch=self.epoch, revision=self.revision)
            return await store.write(writes)


ALL = dict.fromkeys(range(PARTITIONS), "written")


async def test_partitions_add_up_to_what_the_oracle_says(url: str, prefix: str) -> None:
    values = as_the_net_brings_them(some_reports(600))
    worker = Partitioned(url, prefix)

    assert await worker.write(full=True) == ALL
    for some in batched_list(values, 50):
        worker.take(some)
        assert await worker.write() == ALL

    counts = await read(url, prefix)
    assert counts.summary() == recount(values).summary
    assert {it: fence.offset for it, fence in counts.fences.items()} == dict(
        enumerate(worker.offsets)
    )
    assert counts.meta["rejected"] == "3"
    await asyncio.to_thread(check_tables, url, prefix, recount(values).summary, "kafka")


async def test_a_worker_that_fell_behind_changes_nothing(url: str, prefix: str) -> None:
    values = as_the_net_brings_them(some_reports(300))
    zombie, owner = Partitioned(url, prefix), Partitioned(url, prefix)
    zombie.take(values[:100])
    await zombie.write(full=True)
    owner.take(values)
    await owner.write(full=True)
    before = await read(url, prefix)

    late = await zombie.write(full=True)

    assert all(outcome.startswith("behind: offset ") for outcome in late.values())
    assert (await read(url, prefix)).cells == before.cells


async def test_changes_that_build_on_what_the_store_has_not_are_not_applied(
    url: str, prefix: str
) -> None:
    values = as_the_net_brings_them(some_reports(300))
    worker = Partitioned(url, prefix)
    worker.take(values[:200])
    await worker.write(full=True)
    with Redis.from_url(url) as redis:
        for key in redis.scan_iter(f"{prefix}*"):
            redis.delete(key)
    worker.take(values[200:])

    assert await worker.write() == dict.fromkeys(range(PARTITIONS), "full")
    assert await worker.write(full=True) == ALL

    assert (await read(url, prefix)).summary() == recount(values).summary


async def test_two_owners_in_turn_come_to_the_same(url: str, prefix: str) -> None:
    values = as_the_net_brings_them(some_reports(200))
    one, other = Partitioned(url, prefix), Partitioned(url, prefix)
    one.take(values[:150])
    await one.write(full=True)
    other.take(values)

    # Not what the other one wrote before, so its changes would not fit.
    assert await other.write() == dict.fromkeys(range(PARTITIONS), "full")
    await other.write(full=True)
    one.take(values[150:])
    assert await one.write() == dict.fromkeys(range(PARTITIONS), "full")
    assert await one.write(full=True) == ALL

    assert (await read(url, prefix)).summary() == recount(values).summary


async def test_sums_that_another_hand_has_changed_are_healed(url: str, prefix: str) -> None:
    values = as_the_net_brings_them(some_reports(200))
    worker = Partitioned(url, prefix)
    worker.take(values)
    await worker.write(full=True)
    with Redis.from_url(url) as redis:
        redis.hset(f"{prefix}total", "reports", 7)
        redis.hset(f"{prefix}place", "country\tXX", 7)
        redis.delete(f"{prefix}order:temperature.tenth:municipality:mixco")

    await worker.write(full=True, only=0)

    await asyncio.to_thread(check_tables, url, prefix, recount(values).summary, "kafka")


async def test_a_higher_epoch_begins_anew_and_a_lower_one_is_refused(url: str, prefix: str) -> None:
    values = as_the_net_brings_them(some_reports(200))
    old, new = Partitioned(url, prefix), Partitioned(url, prefix, epoch=2)
    old.take(values)
    await old.write(full=True)
    new.take(values[:20])

    await new.write(full=True, only=1)

    in_one = [it for it in values[:20] if partition_of(decode(it).id.encode(), PARTITIONS) == 1]
    assert (await read(url, prefix)).summary() == recount(in_one).summary
    refused = await old.write(full=True)
    assert set(refused.values()) == {"epoch 1 is lower than 2"}


async def test_other_rules_at_the_same_offset_win_only_if_they_are_newer(
    url: str, prefix: str
) -> None:
    newer, older = Partitioned(url, prefix, revision=2), Partitioned(url, prefix)
    values = as_the_net_brings_them(some_reports(20))
    newer.take(values)
    older.take(values)

    assert await newer.write(full=True) == ALL
    assert all(it.startswith("behind") for it in (await older.write(full=True)).values())


@pytest.mark.parametrize("batch", [1, 7, 100])
async def test_a_queue_comes_to_what_the_oracle_says(url: str, prefix: str, batch: int) -> None:
    values = as_the_net_brings_them(some_reports(150, seed=batch))
    chance = random.Random(batch)

    async with connect(url) as redis:
        store = ReportStore(redis, prefix)
        for some in batched_list(values, batch):
            await store.count([(decode(it), it) for it in some])
            if chance.random() < 0.2:  # delivered again
                assert await store.count([(decode(it), it) for it in some]) == (0, 0)

    counts = await read(url, prefix)
    assert counts.summary() == recount(values).summary
    await asyncio.to_thread(check_tables, url, prefix, recount(values).summary, "rabbitmq")


async def test_a_report_of_umlauts_and_quotes_comes_back_byte_by_byte(
    url: str, prefix: str
) -> None:
    (report,) = some_reports(1)
    report = replace(report, description='"ñ\\ 𝄞 </é>', place="CÔTE D'IVOIRE", place_kind="country")
    async with connect(url) as redis:
        store = ReportStore(redis, prefix)
        assert await store.count([(report, encode(report))]) == (1, 0)
        assert await store.count([(report, encode(report))]) == (0, 0)
        earlier = replace(report, at=report.at - 1)
        assert await store.count([(earlier, encode(earlier))]) == (0, 1)
        assert await redis.hget(f"{prefix}reports", report.id) == encode(earlier).decode()


def station(report_id: str, temperature: float, at: int) -> Report:
    raw = {"municipality": "mixco", "temperature": temperature, "weather": "sunny"}
    return parse_report(raw, report_id=report_id, at=at)


async def test_an_extreme_that_was_replaced_is_one_no_more(url: str, prefix: str) -> None:
    # given a wrong report, and at last the one that was made before it
    reports = [station("a", 99, 90_000), station("b", 20, 1), station("a", 25, 3)]
    values = [encode(it) for it in reports]
    worker = Partitioned(url, f"{prefix}kafka:")
    await worker.write(full=True)
    async with connect(url) as redis:
        store = ReportStore(redis, f"{prefix}rabbitmq:")
        for number, value in enumerate(values, start=1):
            # when each of them is counted by itself
            worker.take([value])
            assert await worker.write() == ALL
            await store.count([(decode(value), value)])

            # then the tables say at each step what the oracle says
            summary = recount(values[:number]).summary
            for path in ("kafka", "rabbitmq"):
                await asyncio.to_thread(check_tables, url, f"{prefix}{path}:", summary, path)


async def test_valkey_says_when_it_is_durable_and_an_old_redis_cannot(
    urls: dict[str, str], prefix: str
) -> None:
    report = some_reports(1)[0]
    for kind, url in urls.items():
        async with connect(url) as redis:
            info = await redis.info("server")
            store = ReportStore(redis, prefix)
            await store.count([(report, encode(report))])
            knows = kind == "valkey" or tuple(map(int, info["redis_version"].split("."))) >= (7, 2)
            assert await store.durable() is knows
            assert await store.durable() is knows


async def read(url: str, prefix: str) -> StoredCounts:
    counts = await asyncio.to_thread(stored, url, prefix)
    assert counts is not None
    return counts


def batched_list(values: list[bytes], size: int) -> list[list[bytes]]:
    return [values[at : at + size] for at in range(0, len(values), size)]


@pytest.fixture
def users(urls: dict[str, str], prefix: str) -> Iterator[dict[str, str]]:
    """Create the users of the guide; yield their URLs by name. Their keys have the prefix."""
    lines = [
        shlex.split(line)[2:]
        for line in PAGE.read_text("utf-8").splitlines()
        if line.startswith("ACL SETUSER")
    ]
    made = {}
    with Redis.from_url(urls["redis"]) as redis, Redis.from_url(urls["valkey"]) as valkey:
        for name, *rules in lines:
            server = redis if name.endswith("worker") else valkey
            own = [it.replace("~weather:", f"~{prefix}") for it in rules]
            server.execute_command("ACL", "SETUSER", f"{name}-{prefix}", "reset", *own)
            url = urls["redis" if server is redis else "valkey"]
            password = next(it[1:] for it in rules if it.startswith(">"))
            made[name] = url.replace("redis://", f"redis://{name}-{prefix[:-1]}%3A:{password}@")
        yield made
        for server in (redis, valkey):
            users = [it for it in server.acl_users() if it.endswith(prefix)]
            server.execute_command("ACL", "DELUSER", *users)


async def test_the_users_of_the_guide_can_do_their_work_and_no_more(
    users: dict[str, str], prefix: str
) -> None:
    values = as_the_net_brings_them(some_reports(60))

    worker = Partitioned(users["medallero-weather-worker"], prefix)
    worker.take(values[:40])
    assert await worker.write(full=True) == ALL
    worker.take(values[40:])
    assert await worker.write() == ALL
    assert await worker.write(full=True) == ALL
    async with connect(users["medallero-weather-consumer"]) as redis:
        store = ReportStore(redis, prefix)
        await store.count([(decode(it), it) for it in values])
        assert await store.durable()

    seen = await read(users["medallero-weather-reader"], prefix)
    assert seen.summary() == recount(values).summary
    for url in users.values():
        with Redis.from_url(url) as redis:
            for command in ("FLUSHALL", "GET other", "CONFIG GET *", f"RENAME {prefix}meta x"):
                with pytest.raises(NoPermissionError):
                    redis.execute_command(*command.split())
    with (
        Redis.from_url(users["medallero-weather-reader"]) as redis,
        pytest.raises(NoPermissionError),
    ):
        redis.hset(f"{prefix}meta", "reports", 0)
