"""The topic of weather reports counted again, and compared with both stores."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from redis.asyncio import Redis
from redis.exceptions import RedisError

from contracts.partitioning import partition_of
from contracts.raw_topic import Bounds, RawRecord, TopicUnavailable, open_topic
from contracts.reasons import reason_of
from contracts.urls import shown_url
from contracts.weather import writers_in
from contracts.weather_store import Path, StoredCounts, WeatherStoreSettings, read_counts
from medallero.snapshot_reader import SnapshotUnavailable
from weather.recount import recount
from weather.report import ReportError, decode
from weather.summary import Summary

if TYPE_CHECKING:
    from contracts.raw_topic import RawTopic

_NAMES: dict[Path, str] = {"kafka": "Redis", "rabbitmq": "Valkey"}


class WeatherDifference(NamedTuple):
    """A number that differs: in which store, whose, which, what the store and the topic say."""

    store: str
    place: str
    number: str
    stored: int
    topic: int


class WeatherOutcome(NamedTuple):
    """What was compared: records counted, numbers compared, and those that differ."""

    records: int
    numbers: int
    differences: list[WeatherDifference]
    #: whether the topic has grown meanwhile: then a store may rightly have more
    grew: bool


def numbers_of(summary: Summary) -> dict[tuple[str, str], int]:
    """Return every number of *summary* by whose and which it is; extremes in tenths."""
    numbers = {("all", "reports"): summary.reports}
    for (kind, place), reports in summary.places.items():
        numbers[f"{kind} {place}", "reports"] = reports
    for weather, reports in summary.weathers.items():
        numbers[f"weather {weather}", "reports"] = reports
    for (kind, weather), reports in summary.conditions.items():
        numbers[f"{kind} × {weather}", "reports"] = reports
    for (kind, place, weather), reports in summary.pairs.items():
        numbers[f"{kind} {place} × {weather}", "reports"] = reports
    for minute, reports in summary.minutes.items():
        numbers[f"minute {minute}", "reports"] = reports
    for (measure, kind, place), it in summary.measured.items():
        for name, number in it._asdict().items():
            numbers[f"{kind} {place}", f"{measure} {name}"] = number
    return numbers


def compare(store: str, stored: Summary, topic: Summary) -> WeatherOutcome:
    """Compare every number of a store with the topic's."""
    mine, theirs = numbers_of(stored), numbers_of(topic)
    every = sorted(mine.keys() | theirs.keys())
    differences = [
        WeatherDifference(store, *it, mine.get(it, 0), theirs.get(it, 0))
        for it in every
        if mine.get(it, 0) != theirs.get(it, 0)
    ]
    return WeatherOutcome(0, len(every), differences, False)


async def audit_weather(settings: WeatherStoreSettings, wait: float) -> WeatherOutcome | None:
    """Recount the topic of weather reports and compare; None where nothing goes onto it.

    :raises TopicUnavailable: the topic cannot be read, or does not have all.
    :raises SnapshotUnavailable: a store does not answer, or has not counted all in time.
    """
    writers = writers_in(settings.weather_writers)
    if "kafka" not in writers:
        return None
    async with open_topic(settings, settings.weather_reports_topic) as topic:
        bounds = await topic.bounds()
        _refuse_incomplete(bounds, topic.name)
        redis = await _when(
            settings,
            "kafka",
            lambda it: all(
                end <= (it.fences[partition].offset if partition in it.fences else 0)
                for partition, end in bounds.ends.items()
            ),
            wait,
        )
        until = {it: fence.offset for it, fence in redis.fences.items()}
        summary, rejected = await _recount(topic, until)
        outcome = compare("Redis", redis.summary(), summary)
        stored = sum(fence.rejected for fence in redis.fences.values())
        if stored != rejected:
            outcome.differences.append(
                WeatherDifference("Redis", "all", "rejected", stored, rejected)
            )
        numbers = outcome.numbers + 1
        differences = outcome.differences
        if "rabbitmq" in writers:
            valkey = await _when(settings, "rabbitmq", lambda it: it.summary() == summary, wait)
            other = compare("Valkey", valkey.summary(), summary)
            numbers += other.numbers
            differences += other.differences
        grew = (await topic.bounds()).ends != until
    return WeatherOutcome(sum(until.values()), numbers, differences, grew)


async def _when(
    settings: WeatherStoreSettings,
    path: Path,
    reached: Callable[[StoredCounts], bool],
    wait: float,
) -> StoredCounts:
    """Return what a store has when it has *reached* something; what it has when time is over."""
    url = settings.store_url(path)
    name, deadline = _NAMES[path], time.monotonic() + wait
    try:
        async with Redis.from_url(
            url, decode_responses=True, socket_timeout=5, socket_connect_timeout=2
        ) as redis:
            while True:
                counts = await read_counts(redis, settings.weather_prefix)
                # Before the first report nobody has anything to write.
                found = counts or StoredCounts({}, {}, {})
                if reached(found):
                    return found
                if time.monotonic() > deadline:
                    break
                await asyncio.sleep(0.2)
    except (RedisError, OSError, TimeoutError) as error:
        raise SnapshotUnavailable(
            f"{name} does not answer at {shown_url(url)} ({reason_of(error)})",
            "start it with `medallero up --with weather`, or set "
            f"{'MEDALLERO_REDIS' if path == 'kafka' else 'MEDALLERO_VALKEY'}",
        ) from None
    process = "weather-worker" if path == "kafka" else "weather-consumer"
    if counts is None:
        raise SnapshotUnavailable(
            f"no {process} has written counts into {name}", f"is a `medallero {process}` running?"
        )
    if path == "kafka":
        raise SnapshotUnavailable(
            f"after {wait:g} s the counts in {name} have not reached the end of the topic",
            f"is a `medallero {process}` running?",
        )
    return counts


def _refuse_incomplete(bounds: Bounds, topic: str) -> None:
    for partition, begin in bounds.begins.items():
        if begin:
            raise TopicUnavailable(
                f"partition {partition} of {topic!r} begins at offset {begin}: older records are "
                "gone",
                "its retention must be unlimited",
            )


async def _recount(topic: RawTopic, until: Mapping[int, int]) -> tuple[Summary, int]:
    """Return what the oracle says of the records below *until*, and how many are no reports."""
    partitions = len(topic.partitions)
    values: list[bytes] = []
    rejected = 0
    async for batch in topic.read(until):
        for record in batch:
            if _is_report(record, partitions):
                values.append(record.value or b"")
            else:
                rejected += 1
    counted = await asyncio.to_thread(recount, values)
    return counted.summary, rejected + counted.rejected


def _is_report(record: RawRecord, partitions: int) -> bool:
    """Tell whether a record is a report under its own key, where that key belongs."""
    try:
        report = decode(record.value or b"")
    except ReportError:
        return False
    key = report.id.encode()
    return record.key == key and partition_of(key, partitions) == record.partition
