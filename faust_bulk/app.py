"""The Faust app whose topics and tables work in bulk."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, cast

import faust
from aiokafka.structs import TopicPartition
from faust.exceptions import ImproperlyConfigured

from faust_bulk.counters import Counters
from faust_bulk.damage import DamagedBatch, place_damage
from faust_bulk.delivery import BulkSchema
from faust_bulk.fatal import end_process
from faust_bulk.logs import another_log
from faust_bulk.producer import DurableProducer
from faust_bulk.recovery import TableManager
from faust_bulk.state import PartitionState
from faust_bulk.table import BulkTable, StateT

if TYPE_CHECKING:
    from faust_bulk.transport import Consumer

#: The version whose internals the overrides were written against, and are tested with.
FAUST_VERSION = "0.15.3"

#: Batches that wait for an agent before the consumer fetches no more for it.
QUEUE_BATCHES = 16


class BulkApp(faust.App):
    """A Faust app that hands agents batches, and keeps tables that know when they are durable.

    *kafka_settings* go to every client of aiokafka that the extension makes itself
    (``bootstrap_servers``, security). A batch that an agent has not finished after *drain_timeout*
    seconds does not hold up a rebalance or a shutdown any longer: it is not committed, and is
    read again. An agent that finishes nothing for *stall_timeout* seconds although it has
    batches, or a partition that is not read although it has records, ends the process; None
    lets it wait for ever. Everything else is Faust's; the broker's URL begins with ``bulk://``.

    Within an *epoch* a topic has one log. State of a topic that was deleted and made again ends
    the process, unless the epoch is higher; *another_log* returns what is said then, of the topic
    and the epoch that must be exceeded. *provide_changelog* makes a changelog that is missing.

    :raises ImproperlyConfigured: this is not the version of Faust that the overrides know, or
        an option contradicts what the extension promises.
    """

    def __init__(
        self,
        app_id: str,
        *,
        kafka_settings: dict[str, Any],
        drain_timeout: float = 20.0,
        stall_timeout: float | None = 120.0,
        epoch: int = 1,
        another_log: Callable[[str, int], str] = another_log,
        provide_changelog: Callable[[str], Awaitable[None]] | None = None,
        **options: Any,
    ) -> None:
        if faust.__version__ != FAUST_VERSION:
            raise ImproperlyConfigured(
                f"faust_bulk overrides internals of faust-streaming {FAUST_VERSION}; "
                f"found {faust.__version__}"
            )
        if options.setdefault("processing_guarantee", "at_least_once") != "at_least_once":
            raise ImproperlyConfigured("faust_bulk keeps its promises with at_least_once only")
        if options.setdefault("stream_wait_empty", True) is not True:
            raise ImproperlyConfigured("faust_bulk needs stream_wait_empty: see drain_timeout")
        if options.setdefault("table_standby_replicas", 0) != 0:
            raise ImproperlyConfigured("faust_bulk has no standby replicas of tables")
        # Without standbys Faust leaves the assignment to aiokafka's round robin. Its own assignor
        # gives nobody less than the others if that leaves a worker with nothing to do: of four
        # partitions and three workers the third gets none.
        options.setdefault("consumer_auto_offset_reset", "earliest")
        options.setdefault("topic_disable_leader", True)
        options.setdefault("topic_allow_declare", False)
        place_damage()
        super().__init__(app_id, TableManager=TableManager, **options)
        self.kafka_settings = kafka_settings
        self.drain_timeout = drain_timeout
        self.stall_timeout = stall_timeout
        self.epoch = epoch
        self.another_log = another_log
        self.provide_changelog = provide_changelog
        self.bulk_topics: set[str] = set()
        #: topic → Kafka's id of it, as it was when partitions were assigned last
        self.logs: dict[str, str] = {}
        #: bulk topics that are read from their beginning at each assignment, never committed
        self.rewound_topics: set[str] = set()
        self.bulk_tables: list[BulkTable[Any]] = []
        self.durable = DurableProducer(**kafka_settings)
        self.counters = Counters()
        #: whether the partitions of the current assignment are restored and being read
        self.restored = False
        #: whether every partition is known to have an owner in the group
        self.covered = False
        #: what is wrong with the topics, or with how they are assigned
        self.topics_problem: str | None = None
        #: the batch at which a partition of a bulk topic stands still, since it cannot be read
        self.damaged: dict[TopicPartition, DamagedBatch] = {}
        #: such batches of changelogs, whose state was made from the source's beginning instead
        self.damaged_changelogs: dict[TopicPartition, DamagedBatch] = {}

    @property
    def used_topics(self) -> set[str]:
        """The bulk topics, and the changelogs of the tables."""
        return self.bulk_topics | {table.changelog for table in self.bulk_tables}

    @property
    def problem(self) -> str | None:
        """Why the app does not do its share; None while it does."""
        if not self.restored:
            return self.topics_problem or "waiting for partitions or restoring their state"
        consumer = cast("Consumer", self.consumer)
        if not consumer.assignments and not self.covered:
            return self.topics_problem or "has no partitions; asking whether others have them all"
        if self.topics_problem is None and self.damaged:
            return "; ".join(str(it) for it in list(self.damaged.values()))
        return self.topics_problem

    @property
    def recovery_remaining(self) -> int:
        """Records of changelogs that a recovery has still to read."""
        return self.counters.recovery_remaining

    def bulk_topic(self, name: str, *, from_beginning: bool = False) -> Any:
        """Return a topic whose agents receive a :class:`~faust_bulk.delivery.Batch` an event.

        With *from_beginning* every assignment reads the topic anew, and nothing is committed.
        """
        self.bulk_topics.add(name)
        if from_beginning:
            self.rewound_topics.add(name)
        topic = self.topic(name, schema=BulkSchema(), acks=True)
        # Faust's own argument for it is lost on the way (its default is for single records).
        topic.maxsize = QUEUE_BATCHES
        return topic

    def bulk_table(
        self, source: Any, changelog: str, make_state: Callable[[int], StateT]
    ) -> BulkTable[StateT]:
        """Return a new table over *source*, which is what :meth:`bulk_topic` has returned.

        *changelog* is the name of a topic that is the table's alone. Both topics must exist with
        equal partitions.

        :raises ImproperlyConfigured: *source* is no bulk topic of this app, or *changelog* serves
            something else.
        """
        bulk = isinstance(getattr(source, "schema", None), BulkSchema)
        if not bulk or source.app is not self:
            raise ImproperlyConfigured(
                f"a table is made of a topic that bulk_topic() of its app has returned: "
                f"app.bulk_table(app.bulk_topic('name'), {changelog!r}, ...); got {source!r}"
            )
        (name,) = source.topics
        if changelog in self.bulk_topics or changelog in {it.changelog for it in self.bulk_tables}:
            raise ImproperlyConfigured(
                f"the changelog {changelog!r} of the table over {name!r} serves something else "
                "already: each table needs one of its own"
            )
        table = BulkTable(self, name, changelog, make_state)
        self.bulk_tables.append(table)
        return table

    def _create_directories(self) -> None:
        """Make none: Faust's are for stores of its own tables, which cannot be used here."""

    def on_rebalance_start(self) -> None:
        self.restored = self.covered = False
        super().on_rebalance_start()

    async def on_shutdown(self) -> None:
        # Only now: until here the app's own tasks may still publish.
        await self.durable.stop()
        await super().on_shutdown()

    def _crash(self, reason: BaseException) -> None:
        if not self.should_stop:
            # Faust would mark all of it as failed and let the process be: it would do nothing, and
            # all that watches it would have stopped too.
            end_process(f"a part of the app failed: {reason!r}", reason)
        super()._crash(reason)

    async def _on_agent_error(self, agent: Any, exc: BaseException) -> None:
        topics = getattr(agent.channel, "topics", ())
        if any(topic in self.bulk_topics for topic in topics):
            # Faust would acknowledge the batch as if it were done, and start the agent again.
            end_process(f"the agent {agent.name} failed", exc)
        await super()._on_agent_error(agent, exc)


__all__ = ["BulkApp", "PartitionState"]
