"""`medallero backup` and `medallero restore` on a real Kafka."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
import stat
import subprocess
import threading
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete
from click.testing import CliRunner, Result

from contracts.partitioning import partition_of
from contracts.raw_topic import open_topic
from contracts.settings import CommonSettings
from contracts.snapshot import Snapshot
from contracts.topic_admin import ensure_topics
from medallero.backup.restore import CannotRestore, examine, restore
from medallero.cli import main
from medallero.up.endpoints import as_environment
from tests.support.oracle import assert_standings_equal_the_oracle, garbage
from tests.support.stack import Stack, StackFactory, unique_settings

pytestmark = pytest.mark.integration

SEED: Final = "the games' own 7f3a"
#: Enough for a restore to be interrupted.
MANY: Final = 100_000


class Lying(NamedTuple):
    """A record as it lies on a topic."""

    partition: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]

    @property
    def content(self) -> tuple[Any, ...]:
        """All but the place."""
        return self[1:]


@pytest.fixture
def old(kafka: str, redis_url: str) -> CommonSettings:
    """Settings of a system whose topics are there and empty."""
    settings = unique_settings(kafka, redis_url, partitions=4, seed=SEED)
    asyncio.run(ensure_topics(settings))
    return settings


@pytest.fixture
def new(old: CommonSettings) -> CommonSettings:
    """Settings of the system that is to be restored: three partitions, the next epoch."""
    return newer(old)


def newer(old: CommonSettings, partitions: int = 3) -> CommonSettings:
    settings = unique_settings(
        old.kafka, old.redis, partitions=partitions, seed=SEED, epoch=old.epoch + 1
    )
    asyncio.run(ensure_topics(settings))
    return settings


def run(settings: CommonSettings, *arguments: str | Path, **more: str) -> Result:
    environment = {**as_environment(settings, secrets=True), "COLUMNS": "200", **more}
    return CliRunner(env=environment).invoke(main, [str(it) for it in arguments])


def done(ran: Result) -> str:
    assert ran.exit_code == 0, ran.output
    return ran.output


def refused(ran: Result) -> str:
    assert ran.exit_code == 2, ran.output
    return ran.output


def swim(
    number: int, competitor: str, name: str | None = None, **fields: Any
) -> tuple[bytes, bytes]:
    unit = f"race {number}"
    document = {
        "sport": "swimming",
        "unit": unit,
        "phase": "final",
        "competitor": {"id": competitor, "name": name or f"Name {competitor}", "age": 20},
        "faculty": ("engineering", "agronomy")[number % 2],
        "status": "official",
        "version": 1,
        "mark": f"{50 + (number * 7 + len(competitor)) % 9}.{number % 1000:03}",
        **fields,
    }
    text = json.dumps(document, separators=(",", ":"))
    return f"swimming/{unit}".encode(), text.encode()


Raw = tuple[int, bytes | None, bytes | None, int | None, Sequence[tuple[str, bytes | None]]]


def write(settings: CommonSettings, records: Iterable[Raw]) -> None:
    """Put records (partition, key, value, timestamp, headers) onto the results topic."""

    async def work() -> None:
        async with AIOKafkaProducer(
            bootstrap_servers=settings.kafka, acks="all", linger_ms=5, max_batch_size=256 * 1024
        ) as producer:
            for partition, key, value, timestamp, headers in records:
                batch = producer.create_batch()
                batch.append(key=key, value=value, timestamp=timestamp, headers=list(headers))
                batch.close()
                await (
                    await producer.send_batch(batch, settings.results_topic, partition=partition)
                )

    asyncio.run(work())


def write_many(settings: CommonSettings, records: Iterable[tuple[bytes, bytes]]) -> None:
    """Put records where their keys belong, in large batches."""

    async def work() -> None:
        async with AIOKafkaProducer(
            bootstrap_servers=settings.kafka, acks="all", linger_ms=5, max_batch_size=256 * 1024
        ) as producer:
            for key, value in records:
                home = partition_of(key, settings.partitions)
                await producer.send(settings.results_topic, value, key, partition=home)
            await producer.flush()

    asyncio.run(work())


def lying(settings: CommonSettings) -> list[Lying]:
    """Read the whole results topic."""
    places = [TopicPartition(settings.results_topic, it) for it in range(settings.partitions)]

    async def read() -> list[Lying]:
        found: list[Lying] = []
        async with AIOKafkaConsumer(
            bootstrap_servers=settings.kafka, auto_offset_reset="earliest"
        ) as consumer:
            consumer.assign(places)
            ends = await consumer.end_offsets(places)
            await consumer.seek_to_beginning(*places)
            while any([await consumer.position(it) < end for it, end in ends.items()]):
                for place, records in (await consumer.getmany(timeout_ms=500)).items():
                    found += [
                        Lying(place.partition, it.timestamp, it.key, it.value, tuple(it.headers))
                        for it in records
                    ]
        return found

    return asyncio.run(read())


def home(settings: CommonSettings, key: bytes) -> int:
    return partition_of(key, settings.partitions)


def a_log(settings: CommonSettings) -> list[Raw]:
    """Results, corrections, conflicts, and garbage of every kind, with headers and times."""
    moments = itertools.count(1_690_000_000_000, 1_000)
    records: list[Raw] = []
    for number in range(40):
        for competitor in ("1", "22", "333"):
            key, value = swim(number, competitor)
            headers = [("traceparent", b"00-%d" % number)] if number % 3 else []
            records.append((home(settings, key), key, value, next(moments), headers))
            if number % 10 == 0:
                again = (
                    swim(number, competitor, version=2, mark="49.000"),
                    # A conflict, in which names differ, too.
                    swim(number, competitor, "Another", version=2, mark="48.000"),
                    swim(number, competitor, version=2, mark="49.000"),
                )
                records += [(home(settings, key), *it, next(moments), ()) for it in again]
    # Results that lie where they do not belong are none.
    key, value = swim(7, "4444")
    wrong = (home(settings, key) + 1) % settings.partitions
    records.append((wrong, key, value, next(moments), ()))
    records.append((0, None, value, next(moments), [("a", None), ("a", b"")]))
    for bad_key, bad_value in garbage():
        records += [
            (partition, bad_key, bad_value, next(moments), ())
            for partition in range(settings.partitions)
        ]
    return records


def numbers(snapshot: Snapshot) -> dict[str, Any]:
    """Return all that a log's records decide."""
    return {
        **{it: snapshot.meta[it] for it in ("results", "provisional", "rejected", "conflicts")},
        "sports": snapshot.sports,
        "faculties": snapshot.faculties,
        "pairs": snapshot.pairs,
    }


def audited(stack: Stack) -> None:
    ran = subprocess.run(
        stack.command("audit", "--json"),
        env={**os.environ, **stack.shell_environment()},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert json.loads(ran.stdout)["differences"] == []


@pytest.mark.parametrize("partitions", [3, 1])
def test_a_restored_system_comes_to_the_same_numbers(
    stack: StackFactory, tmp_path: Path, partitions: int
) -> None:
    # given a system with results and garbage
    first = stack(gateways=0, partitions=4)
    write(first.settings, a_log(first.settings))
    before = first.settled()
    assert before.meta["conflicts"] == 12
    assert before.meta["rejected"] == 2 + 4 * len(garbage())
    file = tmp_path / "games.backup"

    # when it is backed up, and restored with another number of partitions
    done(run(first.settings, "backup", file))
    second = stack(gateways=0, partitions=partitions, epoch=2)
    done(run(second.settings, "restore", file))

    # then everything is there, and as it was
    old, new = lying(first.settings), lying(second.settings)
    contents = {it.content for it in old}
    keyless = [it for it in new if it.content not in contents]
    assert {it.key for it in keyless} == ({None} if partitions == 1 else set())
    wrong = [
        it for it in old if it.key is not None and home(first.settings, it.key) != it.partition
    ]
    assert len(keyless) == (len(wrong) if partitions == 1 else 0)
    assert Counter(it.value for it in old) == Counter(it.value for it in new)
    of_key: list[defaultdict[Any, list[Any]]] = [defaultdict(list), defaultdict(list)]
    for records, by_key in zip((old, new), of_key, strict=True):
        for it in records:
            by_key[it.key].append(it.content)
    for key, records in of_key[0].items():
        if key is not None and key.startswith(b"swimming/race") and key != b"swimming/race 7":
            assert of_key[1][key] == records, key
    after = second.settled()
    assert numbers(after) == numbers(before)
    assert_standings_equal_the_oracle(second, after)
    audited(second)


def test_forgotten_competitors_leave_the_numbers_as_they_are(
    stack: StackFactory, tmp_path: Path
) -> None:
    first = stack(gateways=0, partitions=4)
    write(first.settings, a_log(first.settings))
    before = first.settled()
    file, ids = tmp_path / "games.backup", tmp_path / "ids.txt"
    ids.write_text("22\n\n  333 \nnobody\n", "utf-8")
    done(run(first.settings, "backup", file))
    first.stop()
    # The Redis is the one of before, with the standings of the old log.
    second = stack(gateways=0, partitions=3, epoch=2, redis_prefix=first.settings.redis_prefix)

    output = done(run(second.settings, "restore", "--forget", ids, file))

    assert "ages of 2 competitors" in output
    assert "1 of the ids have no record: nobody" in output
    values = [it.value or b"" for it in lying(second.settings)]
    assert not [it for it in values if b'"id":"22"' in it and (b"name" in it or b'"age"' in it)]
    assert not [it for it in values if b"Name 333" in it]
    assert [it for it in values if b"Name 1" in it]
    after = second.settled()
    assert after.meta["epoch"] == 2
    assert numbers(after) == numbers(before)
    audited(second)


def test_a_restore_that_was_killed_goes_on_where_it_was(
    old: CommonSettings, new: CommonSettings, tmp_path: Path
) -> None:
    records = [swim(number % 500, str(number)) for number in range(MANY)]
    write_many(old, records)
    file = tmp_path / "games.backup"
    done(run(old, "backup", file))
    arguments = ("restore", str(file))
    environment = {**os.environ, **as_environment(new, secrets=True)}

    present = []
    for wanted in (1, MANY // 3):
        process = subprocess.Popen(
            Stack(new, tmp_path, {}).command(*arguments),
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        reach(new, wanted)
        process.kill()
        process.communicate(timeout=60)
        assert process.returncode == -signal.SIGKILL
        present.append(reach(new, 0))
    output = done(run(new, *arguments))
    again = done(run(new, *arguments))

    assert 0 < present[0] <= present[1] < MANY
    assert f"{MANY - present[1]:,} records written" in output
    assert "0 records written" in again
    assert f"{MANY:,} were there already" in again
    assert Counter((it.key, it.value) for it in lying(new)) == Counter(records)
    in_order = defaultdict(list)
    for it in lying(new):
        in_order[it.key].append(it.value)
    wanted_order = defaultdict(list)
    for key, value in records:
        wanted_order[key].append(value)
    assert in_order == wanted_order


def reach(settings: CommonSettings, wanted: int) -> int:
    """Wait until the results topic has so many records; return how many it has."""
    places = [TopicPartition(settings.results_topic, it) for it in range(settings.partitions)]

    async def work() -> int:
        async with AIOKafkaConsumer(bootstrap_servers=settings.kafka) as consumer:
            while True:
                ends: dict[TopicPartition, int] = await consumer.end_offsets(places)
                if sum(ends.values()) >= wanted:
                    return sum(ends.values())

    return asyncio.run(work())


def test_what_is_not_the_beginning_of_this_restore_is_refused(
    old: CommonSettings, new: CommonSettings, tmp_path: Path
) -> None:
    write(old, a_log(old))
    file, ids = tmp_path / "games.backup", tmp_path / "ids.txt"
    ids.write_text("22\n", "utf-8")
    done(run(old, "backup", file))
    key, value = swim(1, "1")
    write(new, [(home(new, key), key, value, None, ())])

    other = refused(run(new, "restore", file))
    done(run(newest := newer(old), "restore", file))
    forgetting = refused(run(newest, "restore", "--forget", ids, file))
    write(newest, [(home(newest, key), key, value, None, ())])
    longer = refused(run(newest, "restore", file))

    assert "are not those of this restore" in other
    assert "the same --forget" in forgetting
    assert "are not those of this restore" in longer
    assert len(lying(new)) == 1
    assert len(lying(newest)) == len(a_log(old)) + 1


def test_a_damaged_back_up_is_refused_before_anything_is_written(
    old: CommonSettings, new: CommonSettings, tmp_path: Path
) -> None:
    write(old, a_log(old))
    file, bad = tmp_path / "games.backup", tmp_path / "bad.backup"
    done(run(old, "backup", file))
    content = file.read_bytes()
    outputs = []

    for at in (0, 40, len(content) // 3, len(content) // 2, len(content) - 60, len(content) - 1):
        bad.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        outputs.append(refused(run(new, "restore", bad)))
        bad.write_bytes(content[:at])
        outputs.append(refused(run(new, "restore", bad)))
        outputs.append(refused(run(new, "restore", "--check", bad)))

    assert all("cannot be used" in it and "Nothing was written" in it for it in outputs)
    assert lying(new) == []


def test_another_epoch_than_a_higher_one_is_refused(
    old: CommonSettings, new: CommonSettings, tmp_path: Path
) -> None:
    write(old, a_log(old))
    file = tmp_path / "games.backup"
    done(run(old, "backup", file, MEDALLERO_EPOCH="5"))

    same = refused(run(new, "restore", file, MEDALLERO_EPOCH="5"))
    lower = refused(run(new, "restore", file))

    assert "Set MEDALLERO_EPOCH to 6 or higher" in same
    assert "Set MEDALLERO_EPOCH to 6 or higher" in lower
    assert lying(new) == []
    done(run(new, "restore", file, MEDALLERO_EPOCH="6"))


def test_topics_that_are_not_there_or_were_emptied_are_refused(
    old: CommonSettings, new: CommonSettings, tmp_path: Path
) -> None:
    write(old, a_log(old))
    write(new, a_log(new))
    file = tmp_path / "games.backup"
    done(run(old, "backup", file))
    asyncio.run(_empty(new))

    emptied = refused(run(new, "restore", file))
    absent = refused(run(new, "restore", file, MEDALLERO_TOPIC_PREFIX="nobodys-"))

    assert "had records before, which are gone" in emptied
    assert "`medallero topics` creates it" in absent


async def _empty(settings: CommonSettings, before: int | None = None) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka)
    await admin.start()
    try:
        await admin.delete_records(
            {
                TopicPartition(settings.results_topic, it): RecordsToDelete(before or -1)
                for it in range(settings.partitions)
            }
        )
    finally:
        await admin.close()


def test_older_records_that_are_gone_are_told(
    old: CommonSettings, new: CommonSettings, tmp_path: Path
) -> None:
    write(old, a_log(old))
    asyncio.run(_empty(old, before=1))
    older = tmp_path / f"{old.results_topic}-20200101T000000Z.backup"
    older.write_bytes(b"all that has them")

    backed_up = run(old, "backup", "--keep", "1", tmp_path)
    (file,) = set(tmp_path.iterdir()) - {older}
    restored = done(run(new, "restore", file))

    assert backed_up.exit_code == 1
    assert older.exists()
    assert "older records are gone" in backed_up.output
    assert "oldest records were gone" in restored
    assert len(lying(new)) == len(a_log(old)) - old.partitions


def test_another_who_writes_meanwhile_is_noticed(
    old: CommonSettings, new: CommonSettings, tmp_path: Path
) -> None:
    write_many(old, (swim(number % 500, str(number)) for number in range(20_000)))
    file = tmp_path / "games.backup"
    done(run(old, "backup", file))
    written: list[int] = []

    def intrude(finished: int, total: int) -> None:
        if not written:
            written.append(finished)
            key, value = swim(1, "1")
            raw: list[Raw] = [(it, key, value, None, ()) for it in range(new.partitions)]
            thread = threading.Thread(target=write, args=(new, raw))
            thread.start()
            thread.join()

    async def work() -> None:
        async with open_topic(new) as topic:
            contents = examine(file, None, lambda read, total: None)
            await restore(contents, topic, new, None, intrude)

    with pytest.raises(CannotRestore, match="somebody else writes"):
        asyncio.run(work())
    assert written
    # At once, and not only when it counts in the end.
    assert reach(new, 0) < 20_000


def test_a_record_that_the_new_topic_does_not_take_is_told_before_anything_is_written(
    old: CommonSettings, new: CommonSettings, tmp_path: Path
) -> None:
    key, value = swim(1, "1")
    write(old, [(home(old, key), key, value, None, ()), (0, b"x", b"g" * 900_000, None, ())])
    file = tmp_path / "games.backup"
    done(run(old, "backup", file))
    small = unique_settings(new.kafka, new.redis, partitions=2, epoch=2, seed=SEED)
    asyncio.run(_create(small, {"max.message.bytes": "500000"}))

    output = refused(run(small, "restore", file))

    assert "raise max.message.bytes" in output
    assert lying(small) == []
    done(run(new, "restore", file))


def test_batches_are_no_larger_than_the_topic_takes(old: CommonSettings, tmp_path: Path) -> None:
    write_many(old, (swim(number % 5, str(number)) for number in range(3_000)))
    file = tmp_path / "games.backup"
    done(run(old, "backup", file))
    small = unique_settings(old.kafka, old.redis, partitions=2, epoch=2, seed=SEED)
    asyncio.run(_create(small, {"max.message.bytes": "2000"}))

    done(run(small, "restore", file))

    assert len(lying(small)) == 3_000


async def _create(settings: CommonSettings, config: dict[str, str]) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka)
    await admin.start()
    try:
        topic = NewTopic(settings.results_topic, settings.partitions, 1, topic_configs=config)
        await admin.create_topics([topic])
    finally:
        await admin.close()


def test_what_belongs_to_the_records_comes_along_and_the_seed_is_not_shown(
    old: CommonSettings, new: CommonSettings, tmp_path: Path
) -> None:
    write(old, a_log(old))
    catalogue = tmp_path / "catalogue.toml"
    catalogue.write_text(
        'revision = 9\n[sports.chess]\ncode = "CHE"\norder = "head-to-head"\n[faculties.law]\n',
        "utf-8",
    )
    file = tmp_path / "games.backup"
    outputs = [done(run(old, "backup", file, MEDALLERO_CATALOGUE=str(catalogue)))]
    outputs.append(done(run(old, "restore", "--check", "--extract", tmp_path / "it", file)))
    outputs.append(done(run(new, "restore", file, MEDALLERO_SEED="another")))

    assert (tmp_path / "it" / "catalogue.toml").read_text("utf-8") == catalogue.read_text("utf-8")
    assert (tmp_path / "it" / "seed").read_text("utf-8") == SEED
    assert "another catalogue" in outputs[-1]
    assert "holds the games' seed, and it is not the one" in outputs[-1]
    assert SEED not in "".join(outputs)
    for path in (file, tmp_path / "it" / "seed"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    # What is there is not overwritten, and no obstacle if it is the same.
    done(run(old, "restore", "--check", "--extract", tmp_path / "it", file))
    (tmp_path / "it" / "seed").write_text("mine", "utf-8")
    assert "exists" in refused(run(old, "restore", "--check", "--extract", tmp_path / "it", file))


def test_the_seed_that_everybody_knows_is_not_kept(old: CommonSettings, tmp_path: Path) -> None:
    file = tmp_path / "games.backup"

    output = done(run(old, "backup", file, MEDALLERO_SEED="medallero"))
    done(run(old, "restore", "--check", "--extract", tmp_path / "it", file))

    assert "seed is not in it" in output
    assert not (tmp_path / "it" / "seed").exists()


def test_a_directory_gets_a_file_a_time_and_keeps_the_newest(
    old: CommonSettings, new: CommonSettings, tmp_path: Path
) -> None:
    write(old, a_log(old))
    directory = tmp_path / "backups"
    directory.mkdir()
    topic = old.results_topic
    for name in (f"{topic}-20200101T000000Z.backup", f"{topic}-20210101T000000Z.backup"):
        (directory / name).write_bytes(b"old")
    (directory / f"{topic}-notes.backup").write_bytes(b"mine")
    abandoned = directory / f".{topic}-20210101T000000Z.backup.x.unfinished"
    abandoned.write_bytes(b"")
    os.utime(abandoned, (0, 0))

    done(run(old, "backup", "--keep", "2", directory))

    names = sorted(it.name for it in directory.iterdir())
    assert names[0] == f"{topic}-20210101T000000Z.backup"
    assert names[1].startswith(f"{topic}-20")
    assert names[2:] == [f"{topic}-notes.backup"]
    # The newest is meant, of the topic that the settings name.
    assert "There is no back-up of topic" in refused(run(new, "restore", directory))
    assert names[1] in done(run(old, "restore", "--check", directory))


def test_a_back_up_overwrites_nothing_and_leaves_nothing_half(
    old: CommonSettings, tmp_path: Path
) -> None:
    file = tmp_path / "games.backup"
    file.write_bytes(b"precious")

    there = refused(run(old, "backup", file))
    nowhere = refused(run(old, "backup", tmp_path / "no" / "directory"))
    absent = refused(run(old, "backup", tmp_path / "it", MEDALLERO_TOPIC_PREFIX="nobodys-"))
    unreachable = refused(run(old, "backup", tmp_path / "it", MEDALLERO_KAFKA="127.0.0.1:1"))

    assert "is there already" in there
    assert "No such file or directory" in nowhere
    assert "does not exist" in absent
    assert "does not answer" in unreachable
    assert [it.name for it in tmp_path.iterdir()] == ["games.backup"]
    assert file.read_bytes() == b"precious"


def test_partitions_that_were_added_by_accident_lose_nothing(
    old: CommonSettings, new: CommonSettings, tmp_path: Path
) -> None:
    # The topic had two partitions, and has four.
    key, value = next(
        it for it in (swim(number, "1") for number in range(100)) if home(old, it[0]) >= 2
    )
    write(old, [(partition_of(key, 2), key, value, None, ())])
    files = tmp_path / "before.backup", tmp_path / "now.backup"
    told = done(run(old, "backup", files[0], MEDALLERO_PARTITIONS="2"))
    warned = done(run(old, "backup", files[1]))
    other = newer(old)

    done(run(new, "restore", files[0]))
    done(run(other, "restore", files[1]))

    assert "the settings say 2" in told
    assert "do not lie in the partition" not in told
    assert "do not lie in the partition of their key: 1." in warned
    assert [it.partition for it in lying(new)] == [home(new, key)]
    # For a topic that always had four it is no result, and stays none.
    assert [it.partition == home(other, key) for it in lying(other)] == [False]
