"""The Faust app whose topics and tables work in bulk."""

from collections.abc import Callable
from typing import Any

import faust
from faust.exceptions import ImproperlyConfigured

from streams.bulk.delivery import BulkSchema
from streams.bulk.producer import DurableProducer
from streams.bulk.recovery import TableManager
from streams.bulk.table import BulkTable, PartitionState, StateT

#: The version whose internals the overrides were written against, and are tested with.
FAUST_VERSION = "0.15.3"


class BulkApp(faust.App):
    """A Faust app that hands agents batches, and keeps tables that know when they are durable.

    *kafka_settings* go to every client of aiokafka that the extension makes itself
    (``bootstrap_servers``, security). Everything else is Faust's; the broker's URL begins with
    ``bulk://``.

    :raises ImproperlyConfigured: this is not the version of Faust that the overrides know.
    """

    def __init__(self, app_id: str, *, kafka_settings: dict[str, Any], **options: Any) -> None:
        if faust.__version__ != FAUST_VERSION:
            raise ImproperlyConfigured(
                f"streams.bulk overrides internals of faust-streaming {FAUST_VERSION}; "
                f"found {faust.__version__}"
            )
        options.setdefault("processing_guarantee", "at_least_once")
        options.setdefault("stream_wait_empty", True)
        # One event is a whole batch: two a partition in waiting are plenty.
        options.setdefault("stream_buffer_maxsize", 16)
        options.setdefault("consumer_auto_offset_reset", "earliest")
        options.setdefault("topic_disable_leader", True)
        options.setdefault("topic_allow_declare", False)
        super().__init__(app_id, TableManager=TableManager, **options)
        self.kafka_settings = kafka_settings
        self.bulk_topics: set[str] = set()
        #: bulk topics that are read from their beginning at each assignment, never committed
        self.rewound_topics: set[str] = set()
        self.bulk_tables: list[BulkTable[Any]] = []
        self.durable = DurableProducer(**kafka_settings)
        #: whether the partitions of the current assignment are restored and being read
        self.restored = False
        #: records of changelogs that a recovery has still to read
        self.recovery_remaining = 0

    def bulk_topic(self, name: str, *, from_beginning: bool = False) -> Any:
        """Return a topic whose agents receive a :class:`~streams.bulk.delivery.Batch` an event.

        With *from_beginning* every assignment reads the topic anew, and nothing is committed.
        """
        self.bulk_topics.add(name)
        if from_beginning:
            self.rewound_topics.add(name)
        return self.topic(name, schema=BulkSchema(), acks=True)

    def bulk_table(
        self, source: str, changelog: str, make_state: Callable[[int], StateT]
    ) -> BulkTable[StateT]:
        """Return a new table over *source*; both topics must exist with equal partitions."""
        table = BulkTable(self, source, changelog, make_state)
        self.bulk_tables.append(table)
        return table

    def on_rebalance_start(self) -> None:
        self.restored = False
        super().on_rebalance_start()


__all__ = ["BulkApp", "PartitionState"]
