"""The peers: what each is, how it is built, how it is started."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from redis import Redis

from bench.builds import GoBuild, PythonBuild, build, need
from bench.kafka import count_records, create_topic, delete_topics
from bench.stack import Stack, cache_dir
from bench.worker.watching import Progress, counter_progress, snapshot_progress
from contracts.settings import CommonSettings
from contracts.topics import topic_specs
from medallero.embedded.ports import free_port
from medallero.embedded.processes import Command

Kind = Literal["full", "less", "limit"]
Pace = Literal["fast", "medium", "slow"]

_HERE: Final = Path(__file__).parent
_ROOT: Final = _HERE.parent.parent

QUIX: Final = "quixstreams == 3.28.1"
# What the program of the Quix peer imports beside it.
_QUIX_ENVIRONMENT: Final = (QUIX, "msgspec >= 0.22, < 0.23", "redis >= 8.1, < 9", "hiredis >= 3.3")


@dataclass(frozen=True, slots=True)
class Run:
    """One run of one peer on the topic ``<topics>results``.

    :param name: of the consumer group and of all topics that the peer makes; unlike any other.
    :param prefix: of the peer's keys in Redis.
    """

    stack: Stack
    topics: str
    partitions: int
    name: str
    prefix: str
    directory: Path

    @property
    def topic(self) -> str:
        """The topic to read."""
        return f"{self.topics}results"

    @property
    def log(self) -> Path:
        """The file that takes the output."""
        return self.directory / "log"

    def environment(self) -> dict[str, str]:
        """What the programs read; see ``programs/task.py``."""
        return {
            "BENCH_KAFKA": self.stack.kafka,
            "BENCH_REDIS": self.stack.redis_url,
            "BENCH_TOPIC": self.topic,
            "BENCH_PARTITIONS": str(self.partitions),
            "BENCH_GROUP": self.name,
            "BENCH_PREFIX": self.prefix,
            "BENCH_DIR": str(self.directory),
            "PYTHONPATH": str(_ROOT),
        }

    def settings(self) -> CommonSettings:
        """The same for our worker."""
        return CommonSettings(
            kafka=self.stack.kafka,
            redis=self.stack.redis_url,
            topic_prefix=self.topics,
            redis_prefix=self.prefix,
            partitions=self.partitions,
        )


@dataclass(frozen=True, slots=True)
class Peer:
    """A way to process the topic.

    :param does: in words, what it does of the work.
    :param build: makes what the command needs; raises Missing. Called once.
    :param argv: the command, after the build.
    :param progress: how its progress is read from Redis.
    :param pace: how much work it is given: a slow one need not do what a fast one does in a second.
    :param changelog: the end of the names of its changelog topics; None if it has none.
    """

    name: str
    title: str
    kind: Kind
    does: str
    argv: Callable[[], tuple[str, ...]]
    build: Callable[[], None] = lambda: None
    progress: Callable[[Redis, str], Progress] = snapshot_progress
    pace: Pace = "fast"
    changelog: str | None = None

    def prepare(self, run: Run) -> Command:
        """Return the command of one run; topics that it expects are there then."""
        run.directory.mkdir(parents=True)
        if self.name == OURS:
            return _prepare_worker(run)
        return Command(self.argv(), log=run.log, environment=run.environment())

    def clean(self, run: Run) -> None:
        """Remove what a run has left in Kafka and on the disk."""
        delete_topics(run.stack.kafka, run.name)
        shutil.rmtree(run.directory, ignore_errors=True)

    def changelog_records(self, run: Run) -> int | None:
        """Return how many records the run has written to its changelog; None without one."""
        if self.changelog is None:
            return None
        containing = run.topics if self.name == OURS else run.name
        return count_records(run.stack.kafka, containing, self.changelog)


OURS: Final = "ours"


def peers(build_dir: Path) -> tuple[Peer, ...]:
    """Return all peers; what is compiled goes to *build_dir*."""
    java = KafkaStreamsBuild(build_dir / "kafka_streams")
    go = GoBuild(_HERE / "go_consumer", build_dir / "go_consumer")
    quix = PythonBuild(cache_dir() / "bench", "quix", _QUIX_ENVIRONMENT)
    return (
        Peer(
            OURS,
            "Medallero worker",
            "full",
            "the worker as `medallero worker` starts it",
            argv=lambda: (sys.executable, "-m", "medallero", "worker"),
            changelog="-latest-changelog",
        ),
        Peer(
            "faust_take",
            "Faust, take()",
            "full",
            "stock Faust, batches of 1,000, a table keyed by unit",
            argv=lambda: _program("faust_take", "worker"),
            pace="medium",
            changelog="-units-changelog",
        ),
        Peer(
            "quix",
            "Quix Streams",
            "full",
            "state a unit in RocksDB, changelog by checkpoint",
            argv=lambda: (str(quix.python), "-m", "bench.worker.programs.quix"),
            build=quix,
            changelog="--default",
        ),
        Peer(
            "kafka_streams",
            "Kafka Streams, at least once",
            "full",
            "Processor API, in-memory store a unit, binary state, changelog",
            argv=lambda: java.argv("at_least_once"),
            build=java,
            changelog="-units-changelog",
        ),
        Peer(
            "kafka_streams_eos",
            "Kafka Streams, exactly once",
            "full",
            "the same with exactly_once_v2",
            argv=lambda: java.argv("exactly_once_v2"),
            build=java,
            changelog="-units-changelog",
        ),
        Peer(
            "textbook",
            "Faust, textbook",
            "less",
            "a Record, a table write and a Redis increment a record; no versions, no medals",
            argv=lambda: _program("faust_textbook", "worker", "-l", "info"),
            progress=counter_progress,
            pace="slow",
            changelog="-entries-changelog",
        ),
        Peer(
            "go_consumer",
            "Go consumer, textbook",
            "less",
            "kafka-go, a record and a Redis increment at a time; no state, no versions, no medals",
            argv=lambda: (str(go.binary),),
            build=go,
            progress=counter_progress,
            pace="slow",
        ),
        Peer(
            "aiokafka_decode",
            "aiokafka, fetch and decode",
            "limit",
            "fetches and decodes, nothing else",
            argv=lambda: _program("bare", "decode"),
        ),
        Peer(
            "aiokafka_fetch",
            "aiokafka, fetch",
            "limit",
            "fetches, nothing else",
            argv=lambda: _program("bare", "fetch"),
        ),
    )


class KafkaStreamsBuild:
    """The Java peer, by Maven."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def argv(self, guarantee: str) -> tuple[str, ...]:
        """Return the command for a processing guarantee of Kafka Streams."""
        classpath = f"{self._directory / 'classes'}:{self._directory / 'dependency'}/*"
        flags = ("-Xms1g", "-Xmx1g", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")
        return ("java", *flags, "-cp", classpath, "standings.Main", guarantee)

    def __call__(self) -> None:
        wanted = {"java": "default-jdk-headless", "javac": "default-jdk-headless", "mvn": "maven"}
        need(wanted)
        pom = _HERE / "kafka_streams" / "pom.xml"
        target = f"-Dbench.build={self._directory}"
        build(
            ("mvn", "-q", "-B", "-f", str(pom), target, "compile", "dependency:copy-dependencies"),
            "Kafka Streams",
        )


def worker_environment(run: Run, port: int) -> Mapping[str, str]:
    """Return the environment of a worker of ours: its normal settings, but for names and ports."""
    return {
        "MEDALLERO_KAFKA": run.stack.kafka,
        "MEDALLERO_REDIS": run.stack.redis_url,
        "MEDALLERO_TOPIC_PREFIX": run.topics,
        "MEDALLERO_REDIS_PREFIX": run.prefix,
        "MEDALLERO_PARTITIONS": str(run.partitions),
        "MEDALLERO_APP_ID": run.name,
        "MEDALLERO_WORKER_PORT": str(port),
        "MEDALLERO_LOG_FORMAT": "json",
    }


def renew_topics(run: Run) -> None:
    """Recreate the topics that a worker of ours writes; results stay."""
    settings = run.settings()
    for spec in topic_specs(settings):
        if spec.name != settings.results_topic:
            delete_topics(run.stack.kafka, spec.name)
            create_topic(run.stack.kafka, spec.name, spec.partitions, spec.config)


def _prepare_worker(run: Run) -> Command:
    renew_topics(run)
    return Command(
        (sys.executable, "-m", "medallero", "worker"),
        log=run.log,
        environment=worker_environment(run, free_port()),
    )


def _program(name: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", f"bench.worker.programs.{name}", *arguments)
