"""Creating the Kafka topics, and the check that they are as needed."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError, for_code

from contracts.kafka import kafka_options
from contracts.settings import CommonSettings
from contracts.topics import TopicSpec, never_in_sync, topic_specs

_ABSENT = "does not exist"
# How often, and with what pause in seconds, to look whether created topics are there.
_LOOKS = 150
_PAUSE = 0.2


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
                    "compression.type": settings.compression,
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
    """Return what is wrong with *specs* for a worker: it makes *changelog* itself where none is.

    Whether Kafka takes records is the gateways' business; what is there can be counted.
    """
    problems = await check_topics(settings, specs, replicas=False)
    return [it for it in problems if not (it.absent and it.topic == changelog)]


async def check_topics(
    settings: CommonSettings, specs: Sequence[TopicSpec] | None = None, *, replicas: bool = True
) -> list[TopicError]:
    """Return what is wrong with *specs*, or with the main job's topics; nothing: all is well.

    *replicas*: also whether they can have as many replicas in sync as they need.
    """
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
                    if replicas:
                        problems += _too_few(spec, config, described[spec.name]["partitions"])
    finally:
        await admin.close()
    return problems


def _too_few(
    spec: TopicSpec, config: Mapping[str, str], partitions: Sequence[Mapping[str, Any]]
) -> list[TopicError]:
    wanted = int(config.get("min.insync.replicas") or 1)
    told = (never_in_sync(len(it["replicas"]), wanted) for it in partitions)
    problem = next((it for it in told if it is not None), None)
    return [] if problem is None else [TopicError(spec.name, problem)]


def _too_low(spec: TopicSpec, config: Mapping[str, str]) -> list[TopicError]:
    # Kafka tells no settings without the right to read them, which is no fault of the settings.
    return [
        TopicError(spec.name, f"{key} is {config[key]}, needed: {least} or more")
        for key, least in spec.at_least.items()
        if int(config.get(key) or least) < least
    ]
