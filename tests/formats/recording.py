"""What one version of the program has written: topics, and the keys in Redis."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from faust_bulk.logs import TAG_SIZE
from olympics.catalogue import Catalogue, load_catalogue
from tests.support.oracle import TopicRecord

RECORDINGS: Final = Path(__file__).parents[1] / "data/formats"

_ABOUT: Final = "about.json"
_CATALOGUE: Final = "catalogue.toml"
_REDIS: Final = "redis.json"


@dataclass(frozen=True)
class Recording:
    """What one version has written.

    ``changelog`` and ``tallies`` are as compaction leaves them: the last value of each key.
    ``redis``: key without its prefix → the content: a hash's fields, a set's members in order, the
    fields of a stream's entries.
    """

    directory: Path
    partitions: int
    epoch: int
    results: tuple[TopicRecord, ...]
    changelog: tuple[TopicRecord, ...]
    tallies: tuple[TopicRecord, ...]
    rejected: tuple[TopicRecord, ...]
    redis: dict[str, Any]

    @property
    def name(self) -> str:
        return self.directory.name

    @property
    def catalogue(self) -> Catalogue:
        """The catalogue of that time."""
        return load_catalogue(self.directory / _CATALOGUE)

    def log(self, partition: int) -> list[TopicRecord]:
        """Return the records of a partition of the results topic, in order."""
        return [it for it in self.results if it.partition == partition]

    def state(self, partition: int) -> Iterator[tuple[bytes, bytes]]:
        """Yield what the changelog has of a partition, as a restore gets it: without tags."""
        for it in self.changelog:
            if it.partition == partition and it.key is not None and it.value is not None:
                yield it.key[:-TAG_SIZE], it.value

    def write(self, catalogue: str) -> None:
        """Write it into its directory, with the text of the *catalogue*."""
        self.directory.mkdir(parents=True)
        for topic in _TOPICS:
            lines = [_line(it) for it in getattr(self, topic)]
            (self.directory / f"{topic}.ndjson").write_text("".join(lines), "utf-8")
        about = {"partitions": self.partitions, "epoch": self.epoch}
        (self.directory / _ABOUT).write_text(json.dumps(about) + "\n", "utf-8")
        redis = json.dumps(self.redis, indent=1, ensure_ascii=False, sort_keys=True)
        (self.directory / _REDIS).write_text(redis + "\n", "utf-8")
        (self.directory / _CATALOGUE).write_text(catalogue, "utf-8")


def load_recording(directory: Path) -> Recording:
    """Read a recording."""
    about = json.loads((directory / _ABOUT).read_text("utf-8"))
    redis = json.loads((directory / _REDIS).read_text("utf-8"))
    topics = {topic: _records(directory / f"{topic}.ndjson") for topic in _TOPICS}
    return Recording(directory, about["partitions"], about["epoch"], redis=redis, **topics)


def recordings() -> list[Path]:
    """Return the directories of all recordings, the oldest version's first."""
    return sorted(RECORDINGS.iterdir(), key=lambda it: int(it.name.removeprefix("version-")))


def compacted(records: Iterable[TopicRecord]) -> tuple[TopicRecord, ...]:
    """Return what compaction leaves: the last record of each key, in the log's order."""
    last = {(it.partition, it.key): it for it in records}
    return tuple(sorted(last.values(), key=lambda it: (it.partition, it.offset)))


_TOPICS: Final = ("results", "changelog", "tallies", "rejected")


def _records(file: Path) -> tuple[TopicRecord, ...]:
    return tuple(_read(json.loads(line)) for line in file.read_text("utf-8").splitlines())


def _read(line: dict[str, Any]) -> TopicRecord:
    return TopicRecord(
        line["partition"], line["offset"], _bytes(line["key"]), _bytes(line["value"])
    )


def _line(record: TopicRecord) -> str:
    line = {
        "partition": record.partition,
        "offset": record.offset,
        "key": _text(record.key),
        "value": _text(record.value),
    }
    return json.dumps(line) + "\n"


def _text(data: bytes | None) -> str | None:
    return None if data is None else base64.b64encode(data).decode()


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text)
