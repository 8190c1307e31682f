"""Garbage of any size that a broker takes: the workers put it aside and count what follows."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from contracts.partitioning import partition_of
from contracts.settings import CommonSettings
from contracts.topic_admin import check_topics, ensure_topics
from medallero.doctor.checks import check_rejected, read_notes
from medallero.embedded import kafka as embedded
from medallero.embedded.kafka import EmbeddedKafka
from medallero.embedded.processes import Command
from olympics.catalogue import load_catalogue
from olympics.result import parse_result
from streams.rejects import KEPT_OF_KEY, KEPT_OF_VALUE
from tests.support.oracle import (
    assert_standings_equal_the_oracle,
    topic_records,
    write_results,
)
from tests.support.ports import free_port
from tests.support.servers import class_path, running
from tests.support.stack import StackFactory, unique_settings
from tests.support.waiting import wait_until
from tests.support.weather import some_reports
from tests.support.weather_system import WeatherSystem, send_to_kafka, weather_settings
from weather.recount import recount
from weather.report import RECORD_LENGTH, encode

#: The broker's limit for a record batch, and what a batch of one record needs beside its value.
_LARGEST: Final = 10 * 1024 * 1024
_OVERHEAD: Final = 200
#: Kafka's default limit, which the topics that workers write to have.
_DEFAULT: Final = 1_048_588


@dataclass(frozen=True, slots=True)
class _GenerousKafka(EmbeddedKafka):
    def prepare(self) -> Command:
        command = EmbeddedKafka.prepare(self)
        with (self.directory / "server.properties").open("a", encoding="utf-8") as properties:
            properties.write(f"message.max.bytes={_LARGEST}\n")
        return command


@pytest.fixture(scope="module")
def generous(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A broker whose topics take records of 10 MiB."""
    directory = tmp_path_factory.mktemp("generous")
    jars = class_path()

    def make() -> Any:
        broker = _GenerousKafka(
            directory / "kafka",
            jars,
            "127.0.0.1",
            free_port(),
            controller_port=free_port(),
            log=directory / "kafka.log",
        )
        return (
            broker.bootstrap,
            broker.prepare,
            lambda: embedded.answers(broker.host, broker.port),
        )

    with running(make) as server:
        yield server.address


def _sizes() -> list[int]:
    """Sizes around every limit between nothing and the broker's own."""
    limits = (
        *(1, KEPT_OF_KEY, KEPT_OF_VALUE, 512 * 1024),
        # what base64 makes too large for a batch of 512 KiB, and for a topic of 1 MiB
        *(512 * 1024 * 3 // 4, _DEFAULT * 3 // 4, RECORD_LENGTH, _DEFAULT),
        # what a fetch of a partition asks for
        4 * 1024 * 1024,
        _LARGEST - _OVERHEAD,
    )
    around = {size + more for size in limits for more in (-1, 0, 1)}
    return sorted(size for size in around if 0 <= size <= _LARGEST - _OVERHEAD)


def _filling(size: int) -> bytes:
    # Not compressible, not JSON, not UTF-8.
    return hashlib.shake_128(b"%d" % size).digest(size)


Raw = tuple[bytes | None, bytes | None, Sequence[tuple[str, bytes]]]


def _garbage() -> list[Raw]:
    large = 5 * 1024 * 1024
    records: list[Raw] = [(b"swimming/x", _filling(size), ()) for size in _sizes()]
    records += [
        (_filling(size), b"{}", ())
        for size in (KEPT_OF_KEY, KEPT_OF_KEY + 1, _DEFAULT, _LARGEST - _OVERHEAD)
    ]
    records += [
        (_filling(large), _filling(large - _OVERHEAD), ()),
        (b"swimming/x", b"no result", [("large", _filling(2 * large - _OVERHEAD))]),
        (b"", None, [(f"h{number}", b"x" * 100) for number in range(10_000)]),
        (b"swimming/x", b"[" * large, ()),
        # What is said about it quotes a name of its own.
        (b"swimming/x", b'{"' + b"n" * large + b'":1}', ()),
    ]
    return records


async def _write(kafka: str, topic: str, records: Sequence[Raw], partition: int) -> None:
    async with AIOKafkaProducer(
        bootstrap_servers=kafka, acks="all", max_request_size=2 * _LARGEST
    ) as producer:
        for key, value, headers in records:
            await producer.send_and_wait(topic, value, key, partition, headers=list(headers))


def test_garbage_of_any_size_is_put_aside_and_stops_nothing(
    stack: StackFactory, generous: str
) -> None:
    # given garbage of every size, in front of results
    running_stack = stack(gateways=0, kafka=generous, partitions=2)
    settings = running_stack.settings
    catalogue = load_catalogue()
    result = parse_result(
        {
            "sport": "swimming",
            "unit": "x",
            "phase": "final",
            "competitor": {"id": "1"},
            "faculty": "engineering",
            "mark": "51.2",
        },
        catalogue,
    )
    garbage = _garbage()
    home = partition_of(b"swimming/x", settings.partitions)
    asyncio.run(_write(generous, settings.results_topic, garbage, home))
    write_results(settings, [result])
    # when
    snapshot = running_stack.settled()
    # then the result counts, and every piece of garbage is noted
    assert running_stack.workers[0].running
    assert_standings_equal_the_oracle(running_stack, snapshot)
    assert snapshot.meta["results"] == 1
    notes = topic_records(settings, settings.rejected_topic, 1)
    assert len(notes) == len(garbage) == snapshot.meta["rejected"]
    for (key, value, _headers), record in zip(garbage, notes, strict=True):
        note = json.loads(record.value or b"")
        _assert_noted(note["key"], key, KEPT_OF_KEY)
        _assert_noted(note["value"], value, KEPT_OF_VALUE)
        assert note["error"]
    # and doctor says of the last ones how much was cut
    noted = asyncio.run(read_notes(settings, catalogue, 5))
    (finding,) = check_rejected(settings, noted, None, same_rules=True)
    assert "of its value's 5,242,880 bytes the note has the first 262,144" in finding.facts
    # when a worker begins anew, nothing is counted or noted again
    assert running_stack.workers[0].stop() == 0
    running_stack.workers[0].start()
    running_stack.wait_ready()
    assert running_stack.settled().meta["rejected"] == len(garbage)


def _assert_noted(note: dict[str, Any] | None, data: bytes | None, limit: int) -> None:
    if data is None:
        assert note is None
        return
    assert note is not None
    assert base64.b64decode(note["base64"]) == data[:limit]
    assert note["text"] == data.decode(errors="replace")[:500]
    if len(data) > limit:
        assert note["length"] == len(data)
        assert note["sha256"] == hashlib.sha256(data).hexdigest()
    else:
        assert "length" not in note


def test_the_weathers_garbage_of_any_size_stops_nothing(
    generous: str, redis_url: str, tmp_path: Path
) -> None:
    settings = weather_settings(kafka=generous, redis=redis_url, weather_partitions=1)
    system = WeatherSystem(settings, tmp_path)
    system.prepare()
    reports = [encode(report) for report in some_reports(20)]
    # A report with an extra field, as large as is read, and one that is larger.
    largest, larger = (_padded(reports[0], RECORD_LENGTH + more) for more in (0, 1))
    garbage: list[Raw] = [(b"x", _filling(size), ()) for size in _sizes()]
    garbage.append((json.loads(larger)["id"].encode(), larger, ()))
    topic = settings.weather_reports_topic
    try:
        system.add("worker").wait_ready()
        asyncio.run(_write(generous, topic, garbage, 0))
        asyncio.run(send_to_kafka(settings, [largest, *reports[1:]]))
        system.wait_for("kafka", recount([largest, *reports[1:]]).summary)
        counts = system.counts("kafka")
        assert counts is not None
        assert counts.meta["rejected"] == str(len(garbage))
    finally:
        system.stop()
    notes = topic_records(settings, settings.weather_rejected_topic, 1)
    assert len(notes) == len(garbage)


def _padded(report: bytes, size: int) -> bytes:
    empty = report[:-1] + b',"extra":""}'
    return report[:-1] + b',"extra":"' + b"x" * (size - len(empty)) + b'"}'


def test_topics_are_made_with_a_limit_of_their_own_and_a_lower_one_is_told(
    generous: str, redis_url: str
) -> None:
    settings = unique_settings(generous, redis_url)

    async def work() -> dict[str, str]:
        await ensure_topics(settings)
        found = {
            topic: await _limit(settings, topic)
            for topic in (settings.results_topic, settings.rejected_topic)
        }
        admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka)
        await admin.start()
        try:
            lower = {"max.message.bytes": "100000"}
            topic = ConfigResource(ConfigResourceType.TOPIC, settings.rejected_topic, lower)
            await admin.alter_configs([topic])
        finally:
            await admin.close()
        return found

    limits = asyncio.run(work())
    # The broker's, and ours.
    assert limits == {
        settings.results_topic: str(_LARGEST),
        settings.rejected_topic: str(_DEFAULT),
    }
    # A broker learns of another setting a moment after it was made.
    told = (
        f"topic {settings.rejected_topic!r}: max.message.bytes is 100000, needed: 1048588 or more"
    )
    wait_until(
        lambda: told in [str(it) for it in asyncio.run(check_topics(settings))],
        what=lambda: asyncio.run(check_topics(settings)),
    )


async def _limit(settings: CommonSettings, topic: str) -> str:
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka)
    await admin.start()
    try:
        (response,) = await admin.describe_configs(
            [ConfigResource(ConfigResourceType.TOPIC, topic)]
        )
    finally:
        await admin.close()
    (resource,) = response.resources
    return str(next(entry[1] for entry in resource[4] if entry[0] == "max.message.bytes"))
