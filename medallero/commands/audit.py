"""`medallero audit`: the raw topic counted again from its beginning, and compared with Redis."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import zip_longest
from typing import Any, Final, NamedTuple

import click
from rich import box
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from contracts.latest import CHANGE_LEADERS, LATEST, LastMedal, ShownChange, last_medals
from contracts.raw_topic import Bounds, RawRecord, RawTopic, TopicUnavailable, open_topic
from contracts.records import read_record
from contracts.settings import CommonSettings
from contracts.snapshot import COUNTS, LatestView, MedallistsView, Snapshot
from contracts.weather_store import WeatherStoreSettings
from medallero.snapshot_reader import SnapshotReader, SnapshotUnavailable, open_snapshot
from medallero.terminal import (
    CannotDo,
    echo_json,
    quiet_libraries,
    read_catalogue,
    read_settings,
    reading_bar,
    stderr,
    stdout,
)
from medallero.weather_audit import WeatherOutcome, audit_weather
from olympics.catalogue import Catalogue, rules_revision
from olympics.counts import NO_COUNTS, Counts
from olympics.medal_table import medal_table
from olympics.recount import LastChange, LogRecord, Recount, recount_log
from olympics.result import ResultError
from olympics.tally import NEWEST

DIFFERENT: Final = 1


@click.command(name="audit")
@click.option(
    "--wait",
    type=click.FloatRange(0),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for Redis to reach the topic's end.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as a JSON object.")
def command(wait: float, as_json: bool) -> None:
    """Recount the raw topic from its beginning, and compare every number with Redis.

    Where weather reports go onto a topic (MEDALLERO_WEATHER_WRITERS), it does the same with them,
    and compares both Redis and Valkey.

    It waits until the standings in Redis have reached the end that the topic has now, counts the
    topic's records again in the plainest way there is, and lists each number that differs. It
    writes nothing, and may run while results come in: it counts exactly as far as the standings
    claim to.

    \b
    Examples:
      medallero audit
      medallero audit --json --wait 10 || notify-operator

    \b
    Exit code: 0 all numbers agree, 1 some differ, 2 it could not be done.
    """
    quiet_libraries()
    settings = read_settings(WeatherStoreSettings)
    catalogue = read_catalogue(settings)
    began = time.monotonic()
    try:
        outcome = asyncio.run(_audit(settings, catalogue, wait))
        seconds = time.monotonic() - began
        began = time.monotonic()
        weather = asyncio.run(audit_weather(settings, wait))
    except (TopicUnavailable, SnapshotUnavailable) as error:
        raise CannotDo(f"The audit could not be done: {error.problem}.", error.remedy) from None
    _print(outcome, seconds, as_json, weather)
    if weather is not None and not as_json:
        _print_weather(weather, time.monotonic() - began)
    different = outcome.differences or (weather is not None and weather.differences)
    raise SystemExit(DIFFERENT if different else 0)


class Difference(NamedTuple):
    """A number that differs: whose, which, what Redis says, what the topic says."""

    place: str
    number: str
    redis: int | str | None
    topic: int | str | None


class Outcome(NamedTuple):
    """What was compared: records counted, numbers compared, and those that differ."""

    records: int
    numbers: int
    differences: Sequence[Difference]


def compare(
    snapshot: Snapshot,
    counted: Recount,
    revision: int,
    latest: Sequence[ShownChange] = (),
    changes: Sequence[LastChange] = (),
    medals: Sequence[LastMedal] = (),
) -> Outcome:
    """Compare every number of *snapshot* with the recount of the same records.

    *latest*, *medals*: the changes and medals that it tells; *changes*: all that the recount found.
    """
    sheet = _Sheet()
    sheet.put("meta", "revision", int(snapshot.meta["revision"]), revision)
    for name in ("results", "provisional", "rejected", "conflicts"):
        sheet.put("meta", name, snapshot.meta[name], getattr(counted, name))
    for pair in sorted(snapshot.pairs.keys() | counted.pairs.keys()):
        sheet.put_counts(" × ".join(pair), snapshot.pairs.get(pair), counted.pairs.get(pair))
    sports = counted.by_sport()
    for sport in sorted(snapshot.sports.keys() | sports.keys()):
        sheet.put_counts(sport, snapshot.sports.get(sport), sports.get(sport))
    _compare_faculties(sheet, snapshot, counted.by_faculty())
    sheet.put_rows(
        "latest",
        LastChange._fields,
        [it.recounted() for it in latest],
        [it._replace(leaders=it.leaders[:CHANGE_LEADERS]) for it in changes[:LATEST]],
    )
    sheet.put_rows("medallists", LastMedal.__struct_fields__, medals, last_medals(changes))
    return Outcome(0, sheet.numbers, sheet.differences)


def _compare_faculties(sheet: _Sheet, snapshot: Snapshot, counted: Mapping[str, Counts]) -> None:
    shown = {row["faculty"]: row for row in snapshot.faculties}
    # Faculties without any entry are in the table too, if the mirror lists them.
    everybody = {name: counted.get(name, NO_COUNTS) for name in shown.keys() | counted.keys()}
    for line in medal_table(everybody):
        row = shown.get(line.faculty)
        sheet.put_counts(line.faculty, row, counted.get(line.faculty))
        sheet.put(line.faculty, "total", row["total"] if row else 0, line.total)
        sheet.put(line.faculty, "rank", row["rank"] if row else None, line.rank)


class _Sheet:
    """Where numbers are compared and differences gathered."""

    def __init__(self) -> None:
        self.numbers = 0
        self.differences: list[Difference] = []

    def put(
        self, place: str, number: str, redis: int | str | None, topic: int | str | None
    ) -> None:
        self.numbers += 1
        if redis != topic:
            self.differences.append(Difference(place, number, redis, topic))

    def put_rows(
        self, place: str, names: Sequence[str], redis: Sequence[object], topic: Sequence[object]
    ) -> None:
        """Compare what two lists say at the same place, field by field."""
        for number, rows in enumerate(zip_longest(redis, topic), start=1):
            for name in names:
                told, found = (None if it is None else str(getattr(it, name)) for it in rows)
                self.put(f"{place}, {number}.", name, told, found)

    def put_counts(self, place: str, redis: Mapping[str, int] | None, topic: Counts | None) -> None:
        for name in COUNTS:
            self.put(place, name, redis[name] if redis else 0, getattr(topic or NO_COUNTS, name))


async def _audit(settings: CommonSettings, catalogue: Catalogue, wait: float) -> Outcome:
    async with open_topic(settings) as topic, open_snapshot(settings) as mirror:
        bounds = await topic.bounds()
        _refuse_incomplete(bounds, topic.name)
        snapshot, latest, medallists = await _caught_up(mirror, bounds, wait)
        _refuse_other_log(snapshot, await topic.bounds(), settings)
        until = {partition: offset for partition, (offset, _) in snapshot.offsets.items()}
        counted, changes = await _recount(topic, until, catalogue)
        if latest.offsets != snapshot.offsets:  # results came in, and the list is behind the counts
            until_listed = {partition: offset for partition, (offset, _) in latest.offsets.items()}
            _, changes = await _recount(topic, until_listed, catalogue)
    revision = rules_revision(catalogue)
    outcome = compare(snapshot, counted, revision, latest.changes, changes, medallists.medals)
    return outcome._replace(records=sum(until.values()))


def _refuse_incomplete(bounds: Bounds, topic: str) -> None:
    for partition, begin in bounds.begins.items():
        if begin:
            raise TopicUnavailable(
                f"partition {partition} of {topic!r} begins at offset {begin}: older records are "
                "gone",
                "its retention must be unlimited, see `medallero doctor`",
            )


async def _caught_up(
    mirror: SnapshotReader, bounds: Bounds, wait: float
) -> tuple[Snapshot, LatestView, MedallistsView]:
    """Return a snapshot, the latest changes and the last medals: all stand for what is before
    *bounds*, and both lists for the same."""
    total = sum(bounds.ends.values())
    deadline = time.monotonic() + wait
    with _waiting_bar(total) as progress:
        while True:
            latest = await mirror.read_latest()
            medallists = await mirror.read_medallists()
            if latest and medallists and latest.offsets != medallists.offsets:
                continue  # one of them was written in between
            snapshot = await mirror.read()
            counted, listed = (it.offsets if it else {} for it in (snapshot, latest))
            reached = {
                it: min(offsets.get(it, (0, 0))[0] for offsets in (counted, listed))
                for it in bounds.ends
            }
            behind = {it: end for it, end in bounds.ends.items() if reached[it] < end}
            if snapshot and latest and medallists and not behind:
                return snapshot, latest, medallists
            progress(sum(min(reached[it], end) for it, end in bounds.ends.items()))
            if time.monotonic() > deadline:
                raise SnapshotUnavailable(
                    _how_far_behind(reached, behind, wait) if snapshot else _NO_SNAPSHOT,
                    "is a worker running? see `medallero doctor`",
                )
            await asyncio.sleep(0.1)


_NO_SNAPSHOT: Final = "no worker has written standings into Redis"


def _how_far_behind(reached: Mapping[int, int], behind: Mapping[int, int], wait: float) -> str:
    listed = ", ".join(f"{it} at {reached[it]:,} of {end:,}" for it, end in behind.items())
    return f"after {wait:g} s the standings have not reached the topic's end (partition {listed})"


def _refuse_other_log(snapshot: Snapshot, bounds: Bounds, settings: CommonSettings) -> None:
    """Refuse to compare standings with a topic that they were not counted from."""
    if snapshot.meta["epoch"] != settings.epoch:
        raise SnapshotUnavailable(
            f"the standings are of epoch {snapshot.meta['epoch']}, the settings say "
            f"{settings.epoch}",
            "set MEDALLERO_EPOCH as the workers have it",
        )
    if strangers := snapshot.offsets.keys() - bounds.ends.keys():
        raise SnapshotUnavailable(
            f"the standings have a partition {min(strangers)}, which the topic has not",
            "another topic is meant: see MEDALLERO_KAFKA and MEDALLERO_TOPIC_PREFIX",
        )
    for partition, (offset, _) in snapshot.offsets.items():
        if offset > bounds.ends[partition]:
            raise SnapshotUnavailable(
                f"the standings have counted partition {partition} up to {offset:,}, the topic "
                f"ends at {bounds.ends[partition]:,}: they are of another topic",
                "was it recreated? raise MEDALLERO_EPOCH for the workers",
            )


async def _recount(
    topic: RawTopic, until: Mapping[int, int], catalogue: Catalogue
) -> tuple[Recount, list[LastChange]]:
    """Give the records below *until* to the oracle, which pulls them from a thread of its own."""
    loop = asyncio.get_running_loop()
    batches = topic.read(until)
    refused = 0
    partitions = len(topic.partitions)

    def records() -> Iterator[LogRecord]:
        nonlocal refused
        read, total = 0, sum(until.values())
        with reading_bar("recounting the topic") as progress:
            while batch := asyncio.run_coroutine_threadsafe(_next(batches), loop).result():
                for record in batch:
                    try:
                        read_record(
                            record.key, record.value, record.partition, partitions, catalogue
                        )
                    except ResultError:
                        refused += 1
                    else:
                        yield LogRecord(
                            record.partition, record.offset, record.timestamp, record.value or b""
                        )
                read += len(batch)
                progress(read, total)

    # The oracle keeps millions of values, none of them in a cycle: to look for cycles among them
    # again and again takes almost half of the time.
    gc.disable()
    try:
        counted, changes = await asyncio.to_thread(
            recount_log, records(), catalogue, NEWEST, partitions * NEWEST
        )
    finally:
        gc.enable()
    return counted._replace(rejected=counted.rejected + refused), changes


async def _next(batches: AsyncIterator[Sequence[RawRecord]]) -> Sequence[RawRecord]:
    """Return the next batch that is not empty; an empty one at the end."""
    async for batch in batches:
        if batch:
            return batch
    return ()


@contextmanager
def _waiting_bar(total: int) -> Iterator[Any]:
    console = stderr()
    if not console.is_terminal:
        yield lambda reached: None
        return
    columns = (TextColumn("waiting for the standings"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=total)
        yield lambda reached: progress.update(task, completed=reached)


def _print(outcome: Outcome, seconds: float, as_json: bool, weather: WeatherOutcome | None) -> None:
    if as_json:
        content: dict[str, Any] = {
            "records": outcome.records,
            "numbers": outcome.numbers,
            "differences": [it._asdict() for it in outcome.differences],
            "seconds": round(seconds, 3),
        }
        if weather is not None:
            content["weather"] = {
                "records": weather.records,
                "numbers": weather.numbers,
                "differences": [it._asdict() for it in weather.differences],
            }
        echo_json(content)
        return
    out = stdout(wide=True)
    compared = (
        f"{outcome.numbers:,} numbers compared, {outcome.records:,} records recounted "
        f"in {seconds:.1f} s"
    )
    if not outcome.differences:
        out.print(f"All numbers agree: {compared}.", style="green", soft_wrap=True)
        return
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("Where")
    table.add_column("Number")
    table.add_column("Redis", justify="right")
    table.add_column("Topic", justify="right")
    for it in outcome.differences:
        table.add_row(Text(it.place), it.number, _shown(it.redis), _shown(it.topic))
    out.print(table)
    out.print(f"{len(outcome.differences):,} differ: {compared}.", style="red", soft_wrap=True)
    if any(it.number == "revision" for it in outcome.differences):
        out.print(
            "The rules differ: this command and the workers have other versions of the program "
            "or of the catalogue (MEDALLERO_CATALOGUE).",
            style="yellow",
            soft_wrap=True,
        )


def _print_weather(outcome: WeatherOutcome, seconds: float) -> None:
    out = stdout(wide=True)
    compared = (
        f"{outcome.numbers:,} numbers compared, {outcome.records:,} records recounted "
        f"in {seconds:.1f} s"
    )
    if not outcome.differences:
        out.print(f"Weather: all numbers agree: {compared}.", style="green", soft_wrap=True)
        return
    table = Table(box=box.SIMPLE_HEAD)
    for title in ("Store", "Where", "Number"):
        table.add_column(title)
    for title in ("Stored", "Topic"):
        table.add_column(title, justify="right")
    for it in outcome.differences:
        table.add_row(it.store, Text(it.place), it.number, _shown(it.stored), _shown(it.topic))
    out.print(table)
    out.print(
        f"Weather: {len(outcome.differences):,} differ: {compared}.", style="red", soft_wrap=True
    )
    if outcome.grew and any(it.store == "Valkey" for it in outcome.differences):
        out.print(
            "Reports came in meanwhile. What comes by RabbitMQ has no place on the topic up to "
            "which it could be compared: do it again when nothing comes in.",
            style="yellow",
            soft_wrap=True,
        )


def _shown(number: int | str | None) -> str:
    return "–" if number is None else f"{number:,}" if isinstance(number, int) else number
