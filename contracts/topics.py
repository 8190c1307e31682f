"""The Kafka topics: their names, what each needs, and the check that they are as needed."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError, for_code

from contracts.kafka import kafka_options
from contracts.settings import CommonSettings


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """A topic as the system needs it.

    ``at_least``: settings that are created with the number given, and may be greater.
    """

    name: str
    partitions: int
    config: Mapping[str, str] = field(default_factory=dict)
    at_least: Mapping[str, int] = field(default_factory=dict)

    @property
    def created_with(self) -> dict[str, str]:
        """The settings of a new topic."""
        return {**self.config, **{key: str(value) for key, value in self.at_least.items()}}


class TopicError(RuntimeError):
    """A topic is missing, or is not what the system needs."""

    def __init__(self, topic: str, problem: str) -> None:
        super().__init__(f"topic {topic!r}: {problem}")
        self.topic = topic
        self.problem = problem

    @property
    def absent(self) -> bool:
        """Whether the topic does not exist."""
        return self.problem == _ABSENT


# Results are the truth, so they are kept for ever and never compacted: their key is the unit,
# and compaction would leave one competitor of it.
KEPT = {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}
# A changelog's key is an identity, so the last value a key is enough; tombstones are not used.
COMPACTED = {"cleanup.policy": "compact", "retention.ms": "-1", "retention.bytes": "-1"}


# Workers write batches of up to 512 KiB, and single records of up to 1 MB. This is Kafka's own
# default; a broker may have a lower one, or a higher one.
WRITTEN_BY_WORKERS = {"max.message.bytes": 1_048_588}

# Ten tallies a second and partition are written, of which the last one matters, and a scoreboard
# reads the topic from its beginning: it must stay small, so it is compacted early and often.
_KEPT_SMALL = {
    **COMPACTED,
    "segment.bytes": str(16 * 1024 * 1024),
    "min.cleanable.dirty.ratio": "0.01",
    "max.compaction.lag.ms": "60000",
}

# Nobody reads heartbeats: they only show that Kafka takes records.
_SOON_GONE = {
    "cleanup.policy": "delete",
    "retention.ms": "3600000",
    "segment.bytes": str(1024 * 1024),
}

_ABSENT = "does not exist"
# How often, and with what pause in seconds, to look whether created topics are there.
_LOOKS = 150
_PAUSE = 0.2


def another_log(topic: str, epoch: int) -> str:
    """Return what has happened, and what helps: *topic* is another log than *epoch* began with.

    All processes say it in these words.
    """
    return (
        f"topic {topic!r} was deleted and made again since epoch {epoch} began: nothing is "
        f"accepted or counted until the epoch is raised, with `medallero up --epoch {epoch + 1}`, "
        f"or MEDALLERO_EPOCH={epoch + 1} for every process"
    )


def beginning_gone(topic: str, begins: Mapping[int, int]) -> str | None:
    """Return what is wrong with a log that must be whole; None if it is.

    *begins*: partition → the offset of its first record.
    """
    gone = [f"{topic}/{partition} begins at offset {it}" for partition, it in begins.items() if it]
    return f"{', '.join(gone)}: older results are gone from Kafka" if gone else None


def topic_specs(settings: CommonSettings) -> tuple[TopicSpec, ...]:
    """Return every topic of the main job."""
    return (*worker_topics(settings), TopicSpec(settings.heartbeats_topic, 1, _SOON_GONE))


def worker_topics(settings: CommonSettings) -> tuple[TopicSpec, ...]:
    """Return the topics without which no worker runs."""
    return (
        TopicSpec(settings.results_topic, settings.partitions, KEPT),
        TopicSpec(settings.changelog_topic, settings.partitions, COMPACTED, WRITTEN_BY_WORKERS),
        # One partition, so that every scoreboard sees all tallies in one order.
        TopicSpec(settings.tallies_topic, 1, _KEPT_SMALL, WRITTEN_BY_WORKERS),
        TopicSpec(settings.rejected_topic, 1, KEPT, WRITTEN_BY_WORKERS),
    )


async def ensure_topics(settings: CommonSettings, specs: Sequence[TopicSpec] | None = None) -> None:
    """Create the topics that are missing, then check all: *specs*, or those of the main job.

    :raises TopicError: a topic exists with another number of partitions or another policy.
    """
    specs = topic_specs(settings) if specs is None else specs
    admin = AIOKafkaAdminClient(**kafka_options(settings))
    await admin.start()
    try:
        existing = set(await admin.list_topics())
        missing = [
            NewTopic(
                spec.name,
                num_partitions=spec.partitions,
                replication_factor=settings.replication,
                topic_configs={
                    **spec.created_with,
                    "min.insync.replicas": str(max(1, settings.replication - 1)),
                },
            )
            for spec in specs
            if spec.name not in existing
        ]
        if missing:
            response = await admin.create_topics(missing)
            for name, code, *_rest in response.topic_errors:
                if code not in (0, TopicAlreadyExistsError.errno):
                    raise TopicError(name, str(for_code(code).__name__))
    finally:
        await admin.close()
    created = {topic.name for topic in missing}
    for _ in range(_LOOKS):
        problems = await check_topics(settings, specs)
        # Kafka answers when its controller has created a topic; its brokers learn of it a moment
        # later, and on a busy machine that is a long one.
        if not any(it.topic in created and it.absent for it in problems):
            break
        await asyncio.sleep(_PAUSE)
    if problems:
        raise problems[0]


async def check_topics_of_worker(
    settings: CommonSettings, specs: Sequence[TopicSpec], changelog: str
) -> list[TopicError]:
    """Return what is wrong with *specs* for a worker: it makes *changelog* itself where none is."""
    problems = await check_topics(settings, specs)
    return [it for it in problems if not (it.absent and it.topic == changelog)]


async def check_topics(
    settings: CommonSettings, specs: Sequence[TopicSpec] | None = None
) -> list[TopicError]:
    """Return what is wrong with *specs*, or with the main job's topics; nothing: all is well."""
    from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

    specs = topic_specs(settings) if specs is None else specs
    problems: list[TopicError] = []
    admin = AIOKafkaAdminClient(**kafka_options(settings))
    await admin.start()
    try:
        described = {
            topic["topic"]: topic
            for topic in await admin.describe_topics([spec.name for spec in specs])
        }
        present = []
        for spec in specs:
            topic = described.get(spec.name)
            if topic is None or topic["error_code"]:
                problems.append(TopicError(spec.name, _ABSENT))
                continue
            present.append(spec)
            found = len(topic["partitions"])
            if found != spec.partitions:
                problems.append(
                    TopicError(
                        spec.name,
                        f"has {found} partitions, the settings say {spec.partitions}; their "
                        "number is fixed within an epoch",
                    )
                )
        for spec in present:
            responses = await admin.describe_configs(
                [ConfigResource(ConfigResourceType.TOPIC, spec.name)]
            )
            for response in responses:
                for resource in response.resources:
                    if resource[0]:  # another broker answers, which has not heard of it yet
                        problems.append(TopicError(spec.name, _ABSENT))
                        continue
                    config = {entry[0]: entry[1] for entry in resource[4]}
                    for key, wanted in spec.config.items():
                        if config.get(key) != wanted:
                            problems.append(
                                TopicError(
                                    spec.name, f"{key} is {config.get(key)!r}, needed: {wanted!r}"
                                )
                            )
                    problems += _too_low(spec, config)
    finally:
        await admin.close()
    return problems


def _too_low(spec: TopicSpec, config: Mapping[str, str]) -> list[TopicError]:
    # Who may not read the settings is told none, which is no fault of theirs.
    return [
        TopicError(spec.name, f"{key} is {config[key]}, needed: {least} or more")
        for key, least in spec.at_least.items()
        if int(config.get(key) or least) < least
    ]
