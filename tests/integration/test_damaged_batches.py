"""Compressed topics on a real broker, and batches of theirs that are damaged on its disk."""

from __future__ import annotations

import asyncio
import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from click.testing import CliRunner, Result

from contracts.topics import KEPT
from medallero.cli import main
from olympics.catalogue import load_catalogue
from tests.formats.games import games
from tests.support.oracle import assert_standings_equal_the_oracle, latest_of, write_results
from tests.support.servers import Server, running_kafka
from tests.support.stack import Stack, StackFactory
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration

CATALOGUE = load_catalogue()
CODECS = ("gzip", "snappy", "lz4", "zstd")
#: Where a batch's first record is, if nothing is compressed.
_RECORDS = 61


def command(running: Stack, *arguments: str) -> Result:
    environment = {**running.shell_environment(), "COLUMNS": "200"}
    return CliRunner(env=environment).invoke(main, arguments, catch_exceptions=False)


def doctor(running: Stack) -> dict[str, dict[str, Any]]:
    found = json.loads(command(running, "doctor", "--quick", "--json").stdout)
    return {it["name"]: it for it in found}


async def configure(kafka: str, topic: str, config: dict[str, str]) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, config)])
    finally:
        await admin.close()


def flip(directory: Path, topic: str, partition: int, begin: int = 0) -> None:
    """Flip a bit in the batch that begins there in a partition's file; again, it is whole."""
    segment = segment_of(directory, topic, partition)
    data = bytearray(segment.read_bytes())
    data[begin + _RECORDS + 4] ^= 1
    segment.write_bytes(data)


def segment_of(directory: Path, topic: str, partition: int) -> Path:
    (segment,) = directory.glob(f"**/{topic}-{partition}/*0.log")
    return segment


def last_batch(directory: Path, topic: str, partition: int) -> int:
    """Return where the last batch of a partition begins in its file."""
    data = segment_of(directory, topic, partition).read_bytes()
    begin = following = 0
    while following < len(data):
        begin = following
        following += 12 + int.from_bytes(data[begin + 8 : begin + 12], "big")
    return begin


def test_every_codec_is_read_and_a_damaged_batch_stops_its_partition_alone(
    tmp_path: Path, stack: StackFactory
) -> None:
    with running_kafka(tmp_path) as server:
        running = stack(
            kafka=server.address, compression="zstd", partitions=3, gateways=0, workers=0
        )
        tell_the_story(running, server, tmp_path)


def tell_the_story(running: Stack, server: Server, directory: Path) -> None:
    settings = running.settings
    topic, changelog = settings.results_topic, settings.changelog_topic
    for seed, codec in enumerate(CODECS):
        write_results(settings, games(CATALOGUE, 80, seed=seed), codec)
    # given that the disk has damaged one of three partitions
    server.stop()
    flip(directory, topic, 1)
    server.start()
    worker = running.add_worker()

    def ready() -> tuple[int, dict[str, Any]]:
        with contextlib.suppress(ConnectionError):
            return worker.request("GET", "/readyz")
        return 0, {}

    wait_until(lambda: "cannot be read" in str(ready()), timeout=180, what=worker.log)
    # then the others count, also what comes now
    write_results(settings, games(CATALOGUE, 200, seed=8))
    ends = running.topic_end()
    wait_until(
        lambda: (
            {int(it): state["offset"] for it, state in ready()[1].get("partitions", {}).items()}
            == ends | {1: 0}
        ),
        what=worker.log,
    )
    place = f"the batch at offset 0 of {topic}/1 cannot be read (its CRC is wrong)"
    assert ready()[1]["problems"] == [place]
    found = next(it for name, it in doctor(running).items() if name.startswith("worker "))
    assert found["state"] == "fail"
    assert place in found["facts"]
    assert "A batch cannot be read" in found["remedy"]
    asked = command(running, "backup", str(directory / "games.backup"))
    assert asked.exit_code == 2
    assert place in asked.output
    # and when it is whole again, nothing has to be restarted
    assert worker.running
    server.stop()
    flip(directory, topic, 1)
    server.start()
    assert_standings_equal_the_oracle(running, running.settled())
    wait_until(lambda: ready()[0] == 200, what=worker.log)
    assert command(running, "audit").exit_code == 0

    # when somebody lets the topic be compacted while all run, the worker says so until it is undone
    for config, status in (({"cleanup.policy": "compact"}, 503), ({}, 200)):
        asyncio.run(configure(settings.kafka, topic, {**KEPT, **config}))
        wait_until(lambda status=status: ready()[0] == status, what=worker.log)  # type: ignore[misc]
        assert ("cleanup.policy" in str(ready())) == bool(config)

    # given a changelog that is damaged
    assert worker.stop() == 0
    server.stop()
    flip(directory, changelog, 2)
    server.start()
    # then its partition is counted again, and the worker and doctor say so
    write_results(settings, games(CATALOGUE, 100, seed=9))
    worker.start()
    assert_standings_equal_the_oracle(running, running.settled())
    (warning,) = ready()[1]["warnings"]
    assert f"{changelog}/2 cannot be read" in warning
    assert "table_restored" in worker.log(200)
    found = next(it for name, it in doctor(running).items() if name.startswith("worker "))
    assert (found["state"], "counted again" in found["facts"]) == ("warn", True)

    # given that batches are damaged which were counted, and have the latest changes
    assert worker.stop() == 0
    server.stop()
    batches = [(partition, last_batch(directory, topic, partition)) for partition in (0, 1)]
    for partition, begin in batches:
        flip(directory, topic, partition, begin)
    server.start()
    worker.start()
    # then their times cannot be read, and what comes there is counted
    wait_until(lambda: "times_unread" in worker.log(200), timeout=120, what=worker.log)
    write_results(settings, games(CATALOGUE, 1, seed=12))
    running.settled()
    # and the latest changes are told when they are whole again
    server.stop()
    for partition, begin in batches:
        flip(directory, topic, partition, begin)
    server.start()
    wait_until(lambda: latest_of(settings).offsets == running.settled().offsets, what=worker.log)
    assert_standings_equal_the_oracle(running, running.settled())
