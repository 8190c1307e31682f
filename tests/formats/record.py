"""Records what today's program writes: ``python -m tests.formats.record DIRECTORY``.

Runs a Kafka, a Redis and two workers of its own, of which one dies, so that the changelog has
what several owners wrote. The numbers are checked against the oracle before anything is recorded.
"""

from __future__ import annotations

import tempfile
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import click
from redis import Redis

from contracts.settings import CommonSettings
from olympics.catalogue import load_catalogue
from tests.formats.games import sent, unreadable
from tests.formats.recording import Recording, compacted
from tests.support.environment import forget_settings
from tests.support.oracle import (
    TopicRecord,
    assert_standings_equal_the_oracle,
    topic_records,
    write_records,
)
from tests.support.servers import running_kafka, running_redis
from tests.support.stack import Stack, unique_settings
from tests.support.waiting import wait_until

_PARTITIONS: Final = 2


@click.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--results", default=100, show_default=True, help="how many results")
def main(directory: Path, results: int) -> None:
    """Record what the program writes into DIRECTORY, which must not exist yet."""
    if directory.exists():
        raise click.UsageError(f"{directory} exists: recordings stay as they are")
    forget_settings()
    with (
        tempfile.TemporaryDirectory() as place,
        running_kafka(Path(place)) as kafka,
        running_redis(Path(place)) as redis,
    ):
        settings = unique_settings(kafka.address, redis.address, partitions=_PARTITIONS)
        stack = Stack(settings, Path(place), {"history_interval": "0.5"})
        try:
            _play(stack, results)
        finally:
            stack.stop()
        recording = Recording(
            directory,
            settings.partitions,
            settings.epoch,
            _recorded(settings),
            compacted(_recorded(settings, settings.changelog_topic)),
            compacted(_recorded(settings, settings.tallies_topic, 1)),
            _recorded(settings, settings.rejected_topic, 1),
            redis_content(settings),
        )
    recording.write(files("olympics").joinpath("catalogue.toml").read_text("utf-8"))
    click.echo(f"{directory}: recorded")


def redis_content(settings: CommonSettings) -> dict[str, Any]:
    """Return the mirror's keys, without their prefix, and what they hold."""
    content: dict[str, Any] = {}
    with Redis.from_url(settings.redis, decode_responses=True) as redis:
        for key in redis.scan_iter(f"{settings.redis_prefix}*"):
            kind = str(redis.type(key))
            if kind == "hash":
                found: Any = redis.hgetall(key)
            elif kind == "set":
                members = [str(it) for it in redis.sscan_iter(key)]
                found = sorted(it.removeprefix(settings.redis_prefix) for it in members)
            else:
                entries: Any = redis.xrange(key)
                found = [fields for _, fields in entries]
            content[str(key).removeprefix(settings.redis_prefix)] = found
    return content


def _play(stack: Stack, results: int) -> None:
    catalogue = load_catalogue()
    records = sent(catalogue, results, seed=1)
    stack.create_topics()
    for _ in range(2):
        stack.add_worker()
    stack.wait_ready()
    write_records(stack.settings, records[: results // 2])
    write_records(stack.settings, unreadable(), partition=0)
    stack.settled()
    # Under other tags, and for identities that others have written.
    for worker in stack.workers:
        worker.kill()
        worker.start()
    stack.wait_ready()
    write_records(stack.settings, records[results // 2 :])
    write_records(stack.settings, unreadable(), partition=1)
    assert_standings_equal_the_oracle(stack, stack.settled())
    wait_until(lambda: _history_is_complete(stack.settings))


def _history_is_complete(settings: CommonSettings) -> bool:
    """Whether the last entry of the history is of all results."""
    content = redis_content(settings)
    return bool(content["history"][-1]["results"] == content["meta"]["results"])


def _recorded(
    settings: CommonSettings, topic: str | None = None, partitions: int | None = None
) -> tuple[TopicRecord, ...]:
    """Return all that a topic holds, by partition and offset."""
    found = topic_records(settings, topic, partitions)
    return tuple(sorted(found, key=lambda it: (it.partition, it.offset)))


if __name__ == "__main__":
    main()
