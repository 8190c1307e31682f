"""The Kafka topics: their names, and what each needs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from contracts.settings import CommonSettings


class TopicNames:
    """The topics' names, behind the prefix that the settings give."""

    if TYPE_CHECKING:
        topic_prefix: str

    @property
    def results_topic(self) -> str:
        """The topic of accepted results, keyed by unit: the source of truth."""
        return f"{self.topic_prefix}results"

    @property
    def rejected_topic(self) -> str:
        """The topic of records that no rule can read, with the reason."""
        return f"{self.topic_prefix}results-rejected"

    @property
    def heartbeats_topic(self) -> str:
        """The topic that idle gateways write to, to know that Kafka takes records."""
        return f"{self.topic_prefix}heartbeats"

    @property
    def tallies_topic(self) -> str:
        """The topic of absolute tallies, keyed by partition of the results topic."""
        return f"{self.topic_prefix}tallies"

    @property
    def changelog_topic(self) -> str:
        """The topic that holds the ``latest`` table's state.

        Its version is part of the name: a state format that outgrows its use gets a new
        changelog and replays the results topic, and nothing is ever deleted from the old one.
        """
        return f"{self.topic_prefix}medallero-v2-latest-changelog"


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


def topic_specs(settings: "CommonSettings") -> tuple[TopicSpec, ...]:
    """Return every topic of the main job."""
    return (*worker_topics(settings), TopicSpec(settings.heartbeats_topic, 1, _SOON_GONE))


def worker_topics(settings: "CommonSettings") -> tuple[TopicSpec, ...]:
    """Return the topics without which no worker runs."""
    return (
        TopicSpec(settings.results_topic, settings.partitions, KEPT),
        TopicSpec(settings.changelog_topic, settings.partitions, COMPACTED, WRITTEN_BY_WORKERS),
        # One partition, so that every scoreboard sees all tallies in one order.
        TopicSpec(settings.tallies_topic, 1, _KEPT_SMALL, WRITTEN_BY_WORKERS),
        TopicSpec(settings.rejected_topic, 1, KEPT, WRITTEN_BY_WORKERS),
    )


def never_in_sync(replicas: int, wanted: int) -> str | None:
    """Return what is wrong if *wanted*, ``min.insync.replicas``, is more than there are replicas.

    All processes say it in these words.
    """
    if replicas >= wanted:
        return None
    return (
        f"can never have enough replicas in sync: min.insync.replicas is {wanted}, and the "
        f"replication factor is {replicas}; lower the one or raise the other"
    )
