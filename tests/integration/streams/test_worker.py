"""Workers on real Kafka and Redis: right after every fault, consistent in every view."""

from __future__ import annotations

import asyncio
import base64
import json
import random
import re
import signal
from collections.abc import Iterator

from aiokafka import AIOKafkaConsumer, TopicPartition
from redis import Redis

from contracts.settings import CommonSettings
from contracts.snapshot import Snapshot
from contracts.topics import another_log
from olympics.catalogue import load_catalogue
from olympics.result import Result, parse_result
from streams.standings import COMPILED
from tests.support.oracle import (
    Watcher,
    assert_standings_equal_the_oracle,
    garbage,
    offsets_behind,
    topic_records,
    write_records,
    write_results,
)
from tests.support.recreate import recreate_topics
from tests.support.stack import Stack, StackFactory
from tests.support.waiting import wait_until

CATALOGUE = load_catalogue()


def games(size: int, seed: int) -> Iterator[Result]:
    """Results of every kind, of which many concern the same competitor again."""
    chance = random.Random(seed)
    for _ in range(size):
        evidence: dict[str, object] = chance.choice(
            [
                {"mark": f"{chance.randrange(5000, 6000) / 100:.2f}"},
                {"mark": f"{chance.randrange(50, 53)}"},
                {"outcome": chance.choice(["won", "lost", "tied"])},
                {"rank": chance.randrange(1, 5)},
                {"irm": chance.choice(["DNS", "DNF", "DSQ", "W/O"]), "mark": "51"},
                {"medal": chance.choice(["gold", "none"])},
            ]
        )
        yield parse_result(
            {
                "sport": chance.choice(list(CATALOGUE.sports)),
                "unit": f"unit-{chance.randrange(size // 20 + 1)}",
                "phase": chance.choice(["round", "semifinal", "final", "bronze"]),
                "competitor": {"id": f"c{chance.randrange(8)}", "name": "Ñandú Pérez"},
                "faculty": chance.choice(list(CATALOGUE.faculties)),
                "version": chance.choice([1, 1, 1, 2, 3]),
                "status": chance.choice(["official"] * 8 + ["unofficial", "withdrawn"]),
                **evidence,
            },
            CATALOGUE,
        )


def committed(settings: CommonSettings, group: str) -> dict[int, int | None]:
    """Return what the group has committed of each partition."""

    async def ask() -> dict[int, int | None]:
        async with AIOKafkaConsumer(
            bootstrap_servers=settings.kafka, group_id=group, enable_auto_commit=False
        ) as consumer:
            tps = [TopicPartition(settings.results_topic, p) for p in range(settings.partitions)]
            consumer.assign(tps)
            return {tp.partition: await consumer.committed(tp) for tp in tps}

    return asyncio.run(ask())


def rejected_records(settings: CommonSettings) -> list[dict[str, object]]:
    """Return what the topic of rejected records holds."""

    async def read() -> list[dict[str, object]]:
        tp = TopicPartition(settings.rejected_topic, 0)
        found: list[dict[str, object]] = []
        async with AIOKafkaConsumer(
            bootstrap_servers=settings.kafka, auto_offset_reset="earliest"
        ) as consumer:
            consumer.assign([tp])
            end = (await consumer.end_offsets([tp]))[tp]
            await consumer.seek_to_beginning(tp)
            while await consumer.position(tp) < end:
                records = (await consumer.getmany(timeout_ms=500)).get(tp, [])
                found += [json.loads(record.value) for record in records]
        return found

    return asyncio.run(read())


def mirror_of(stack: Stack) -> Redis:
    return Redis.from_url(stack.settings.redis, decode_responses=True)


def owners(stack: Stack) -> set[str]:
    """Return the workers that own partitions, as the mirror says."""
    snapshot = stack.snapshot()
    return set(snapshot.owners.values()) if snapshot else set()


def test_the_mirror_equals_the_oracle_and_garbage_stops_nothing(stack: StackFactory) -> None:
    # given garbage in every partition, among results
    running = stack(gateways=0)
    settings = running.settings
    with Watcher(running) as watcher:
        write_results(settings, games(2_000, seed=1))
        for partition in range(settings.partitions):
            write_records(settings, garbage(), partition)
        write_results(settings, games(2_000, seed=2))
        snapshot = running.settled()
    # then
    assert_standings_equal_the_oracle(running, snapshot)
    assert snapshot.meta["rejected"] == len(garbage()) * settings.partitions
    assert watcher.views > 3
    # and each refused record can be read again, with its place and the reason
    refused = rejected_records(settings)
    by_place = {(r.partition, r.offset): r for r in topic_records(settings)}
    assert len(refused) == len(garbage()) * settings.partitions
    for record in refused:
        original = by_place[int(str(record["partition"])), int(str(record["offset"]))]
        assert record["error"]
        for name, data in (("key", original.key), ("value", original.value)):
            kept = record[name]
            assert kept is None if data is None else isinstance(kept, dict)
            if isinstance(kept, dict):
                assert base64.b64decode(kept["base64"]) == data


def test_a_worker_killed_in_the_middle_loses_nothing_and_counts_nothing_twice(
    stack: StackFactory,
) -> None:
    # given results that are all there before the worker, which takes them in small bites
    running = stack(gateways=0, workers=0, environment={"batch_records": "20"})
    settings = running.settings
    write_results(settings, games(30_000, seed=3))
    ends = running.topic_end()
    struck = 0
    with Watcher(running):
        worker = running.add_worker()
        for _ in range(3):
            _wait_until_it_counts(running, ends)
            worker.kill(signal.SIGKILL)
            struck += offsets_behind(running.snapshot(), ends) > 0
            worker.start()
        snapshot = running.settled()
    # then the kills struck while results were under way, and left no trace
    assert struck >= 2
    assert_standings_equal_the_oracle(running, snapshot)


def test_when_a_worker_dies_for_good_the_others_take_over(stack: StackFactory) -> None:
    running = stack(gateways=0, workers=2, environment={"session_timeout": "6"})
    settings = running.settings
    with Watcher(running):
        write_results(settings, games(3_000, seed=4))
        running.settled()
        running.workers[0].kill(signal.SIGKILL)
        write_results(settings, games(3_000, seed=5))
        snapshot = running.settled()
    assert_standings_equal_the_oracle(running, snapshot)
    assert set(snapshot.owners.values()) == {running.workers[1].url}


def test_a_worker_that_was_thought_dead_and_wakes_up_harms_nothing(stack: StackFactory) -> None:
    # given a worker that is frozen until its partitions have moved
    running = stack(
        gateways=0, workers=2, environment={"session_timeout": "6", "batch_records": "100"}
    )
    settings = running.settings
    with Watcher(running):
        write_results(settings, games(8_000, seed=6))
        frozen, other = running.workers
        frozen.pause()
        write_results(settings, games(4_000, seed=7))
        wait_until(
            lambda: owners(running) == {other.url},
            what="the other worker owns all partitions",
        )
        # when it wakes up, with batches in its hands that are the other's now
        frozen.resume()
        write_results(settings, games(4_000, seed=8))
        snapshot = running.settled()
        assert_standings_equal_the_oracle(running, snapshot)
        # and when the next owners restore from what both have written
        for worker in running.workers:
            worker.kill(signal.SIGKILL)
        for worker in running.workers:
            worker.start()
        running.wait_ready()
        again = running.settled()
    assert_standings_equal_the_oracle(running, again)


def test_workers_that_join_and_leave_in_the_middle_change_nothing(stack: StackFactory) -> None:
    running = stack(gateways=0, environment={"session_timeout": "6", "batch_records": "100"})
    settings = running.settings
    with Watcher(running):
        write_results(settings, games(6_000, seed=9))
        joined = running.add_worker()
        write_results(settings, games(6_000, seed=10))
        joined.wait_ready()
        assert running.workers[0].stop() == 0
        write_results(settings, games(6_000, seed=11))
        snapshot = running.settled()
    assert_standings_equal_the_oracle(running, snapshot)


def test_after_a_clean_stop_nothing_has_to_be_read_again(stack: StackFactory) -> None:
    running = stack(gateways=0)
    write_results(running.settings, games(3_000, seed=12))
    running.settled()
    assert running.workers[0].stop() == 0
    group = f"{running.settings.topic_prefix}app"
    assert committed(running.settings, group) == running.topic_end()


def test_a_wiped_redis_is_whole_again_within_seconds(stack: StackFactory) -> None:
    running = stack(gateways=0)
    write_results(running.settings, games(1_000, seed=13))
    before = running.settled()
    redis = mirror_of(running)
    keys = redis.keys(f"{running.settings.redis_prefix}*")
    redis.delete(*keys)
    after = wait_until(running.snapshot, what="the mirror is there again")
    assert after.pairs == before.pairs
    assert after.offsets == before.offsets


def test_a_redis_that_was_rolled_back_moves_forward_again(stack: StackFactory) -> None:
    running = stack(gateways=0)
    redis = mirror_of(running)
    write_results(running.settings, games(500, seed=14))
    running.settled()
    dump = {key: redis.dump(key) for key in _keys(running)}
    write_results(running.settings, games(500, seed=15))
    now = running.settled()
    for key, value in dump.items():
        redis.restore(key, 0, value, replace=True)  # type: ignore[arg-type]

    def caught_up() -> Snapshot | None:
        found = running.snapshot()
        return found if found is not None and found.offsets == now.offsets else None

    healed = wait_until(caught_up, what="the mirror is up to date again")
    assert healed.pairs == now.pairs


def test_a_snapshot_that_is_behind_in_one_partition_is_refused_whole(stack: StackFactory) -> None:
    # given a mirror that is ahead in a single partition, though behind in the sum
    running = stack(gateways=0)
    write_results(running.settings, games(1_000, seed=16))
    snapshot = running.settled()
    redis = mirror_of(running)
    fence = {str(p): [0, pair[1]] for p, pair in snapshot.offsets.items()}
    fence["0"] = [snapshot.offsets[0][0] + 1, snapshot.offsets[0][1]]
    meta = f"{running.settings.redis_prefix}meta"
    redis.hset(meta, mapping={"offsets": json.dumps(fence), "marker": "untouched"})
    # when the worker writes its heartbeats
    worker = running.workers[0]
    wait_until(
        lambda: "refused" in str(worker.request("GET", "/readyz")[1]["mirror_problem"]),
        what="the mirror is refused",
    )
    assert redis.hget(meta, "marker") == "untouched"
    # and a result that brings it there is accepted
    write_results(running.settings, games(1_000, seed=20))
    assert running.topic_end()[0] > snapshot.offsets[0][0]
    assert_standings_equal_the_oracle(running, running.settled())
    assert redis.hget(meta, "marker") is None


def test_a_lower_epoch_is_refused_and_a_higher_one_always_wins(stack: StackFactory) -> None:
    # given a mirror of epoch 1 that is far ahead
    running = stack(gateways=0)
    write_results(running.settings, games(500, seed=17))
    ahead = running.settled()
    # when the topics are recreated and a worker of epoch 2 begins with less
    second = stack(gateways=0, epoch=2, redis_prefix=running.settings.redis_prefix)
    write_results(second.settings, games(100, seed=18))
    # then its snapshot takes the place of the other, which has more
    wait_until(
        lambda: (seen := second.snapshot()) is not None and seen.meta["epoch"] == 2,
        what="the mirror is of epoch 2",
    )
    # and epoch 1, which still writes every second, is refused
    snapshot = second.settled()
    assert snapshot.meta["epoch"] == 2
    assert snapshot.meta["snapshot"] < ahead.meta["snapshot"]
    wait_until(
        lambda: "epoch 1 is lower" in str(running.workers[0].request("GET", "/readyz")[1]),
        what="the worker of epoch 1 is refused",
    )
    assert_standings_equal_the_oracle(second, second.settled())


def test_a_worker_ends_when_the_topic_has_other_partitions_than_it_was_told(
    stack: StackFactory,
) -> None:
    running = stack(gateways=0, workers=0, partitions=3)
    worker = running.add_worker(partitions="4")
    wait_until(lambda: not worker.running, what="the worker ends")
    assert "has 3 partitions, the settings say 4" in worker.log()
    # And it had said first how it reads.
    assert re.search(rf"worker_begins.*compiled={COMPILED}", worker.log())


def test_a_worker_ends_when_the_log_is_another_one_than_its_state(stack: StackFactory) -> None:
    # given state and commits from a topic that was deleted and created again
    running = stack(gateways=0, environment={"session_timeout": "6"})
    write_results(running.settings, games(300, seed=19))
    running.settled()
    assert running.workers[0].stop() == 0
    recreate_topics(running.settings, running.settings.results_topic)
    # when
    running.workers[0].start()
    # then it says what happened and what helps, and touches nothing
    wait_until(lambda: not running.workers[0].running, what="the worker ends")
    assert another_log(running.settings.results_topic, 1) in running.workers[0].log(60)


def test_the_standings_of_a_unit_are_asked_of_its_owner(stack: StackFactory) -> None:
    running = stack(gateways=0, workers=2)
    results = [
        parse_result(
            {
                "sport": "swimming",
                "unit": "100 m libre / final",
                "phase": "final",
                "competitor": {"id": str(number), "name": f"Swimmer {number}"},
                "faculty": "engineering",
                "mark": mark,
            },
            CATALOGUE,
        )
        for number, mark in enumerate(["1:00.10", "59.99", "1:00.10"])
    ]
    write_results(running.settings, results)
    running.settled()
    path = "/units/swimming/100%20m%20libre%20%2F%20final"
    answers = sorted((w.request("GET", path) for w in running.workers), key=lambda a: a[0])
    assert [status for status, _ in answers] == [200, 421]
    rows = answers[0][1]["rows"]
    assert [(row["rank"], row["competitor"], row["medal"]) for row in rows] == [
        (1, "1", "gold"),
        (2, "0", "silver"),
        (2, "2", "silver"),
    ]
    assert [(row["mark"], row["mark_text"]) for row in rows] == [
        ("59.990", "59.99"),
        ("60.100", "1:00.10"),
        ("60.100", "1:00.10"),
    ]
    told_by_others = ("rows", "offset", "digest")
    about = {key: value for key, value in answers[0][1].items() if key not in told_by_others}
    assert about == {
        "sport": "swimming",
        "unit": "100 m libre / final",
        "title": None,
        "titles": {},
        "event": None,
        "stage": None,
        "stages": {},
        "phase": "final",
        "order": "lower",
        "recognised": True,
        "total": 3,
        "from": 0,
        "next": None,
    }
    unknown = [worker.request("GET", "/units/swimming/nothing")[0] for worker in running.workers]
    assert sorted(unknown) == [404, 421]


def _wait_until_it_counts(stack: Stack, ends: dict[int, int]) -> None:
    before = offsets_behind(stack.snapshot(), ends)
    wait_until(
        lambda: before == 0 or offsets_behind(stack.snapshot(), ends) < before,
        timeout=60,
        pause=0.01,
        what="the worker counts",
    )


def _keys(stack: Stack) -> list[str]:
    prefix = stack.settings.redis_prefix
    return [str(k) for k in mirror_of(stack).scan_iter(f"{prefix}*")]
