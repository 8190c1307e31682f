"""Restores bulk tables: committed offset first, then the changelog to its end, then the seek."""

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any, cast

import faust.tables.manager
import faust.tables.recovery
from aiokafka import AIOKafkaConsumer, TopicPartition
from faust.types import TP

from streams.bulk.assignment import Assignment
from streams.bulk.fatal import end_process
from streams.bulk.light import lighten
from streams.bulk.table import TAG_SIZE, BulkTable

if TYPE_CHECKING:
    from streams.bulk.app import BulkApp
    from streams.bulk.transport import Consumer

logger = logging.getLogger("streams.bulk")

#: Without a single record of the changelog for so long, the recovery is stuck: seconds.
STALLED_AFTER = 120.0
_CHUNK = 5_000


class Recovery(faust.tables.recovery.Recovery):
    """Faust's recovery service, with the restore of bulk tables before the streams resume."""

    @property
    def bulk_app(self) -> "BulkApp":
        return cast("BulkApp", self.app)

    async def _resume_streams(self, generation_id: int = 0) -> None:
        try:
            restored = await self._restore(generation_id)
        except asyncio.CancelledError:
            raise
        except Exception as exc:
            # Faust logs what goes wrong here and goes on with what it has, that is, with a
            # part of the state.
            end_process("the tables could not be restored", exc)
        if restored:
            await super()._resume_streams(generation_id)
            self.bulk_app.restored = True

    async def _restore(self, generation_id: int) -> bool:
        """Restore every owned partition; return False if another rebalance has begun."""
        app = self.bulk_app
        consumer = cast("Consumer", app.consumer)
        assignments = list(consumer.assignments.values())
        starts = await self._starts(consumer, assignments)
        positions = {tp: start for tp, (start, _end) in starts.items()}
        for table in app.bulk_tables:
            owned = [a for a in assignments if a.tp.topic == table.source]
            states = await self._read_changelog(table, owned, generation_id) if owned else {}
            if states is None:
                return False
            for assignment, state in states.values():
                tp = assignment.tp
                positions[tp] = min(positions[tp], state.restored(*starts[tp]))
                table.own(assignment, state)
        consumer.positions.update(positions)
        return True

    def _still(self, generation_id: int) -> bool:
        return (
            self.app.consumer_generation_id == generation_id
            and not self.signal_recovery_start.is_set()
            and not self.should_stop
        )

    async def _starts(
        self, consumer: "Consumer", assignments: list[Assignment]
    ) -> dict[TP, tuple[int, int]]:
        """Return (where it continues, its end) of each partition, read before any state is.

        A commit that a former owner has still under way may arrive later; it must not decide
        where we continue, since the state that we are about to read may not contain it.
        """
        starts: dict[TP, tuple[int, int]] = {}
        tps = [assignment.tp for assignment in assignments]
        if not tps:
            return starts
        earliest = await consumer.earliest_offsets(*tps)
        ends = await consumer.highwaters(*tps)
        for tp in tps:
            first = earliest[tp]
            offset = None
            if tp.topic not in self.bulk_app.rewound_topics:
                offset = await consumer.committed(tp)
            if offset is not None and offset > ends[tp]:
                end_process(
                    f"the committed offset {offset} of {tp.topic}/{tp.partition} lies beyond the "
                    f"topic's end {ends[tp]}: this is another log than the one it was made from"
                )
            starts[tp] = (first if offset is None else max(offset, first), ends[tp])
        return starts

    async def _read_changelog(
        self, table: BulkTable[Any], assignments: list[Assignment], generation_id: int
    ) -> dict[int, tuple[Assignment, Any]] | None:
        """Return partition → (assignment, restored state); None if a rebalance has begun."""
        began = time.monotonic()
        by_partition = {a.tp.partition: (a, table.new_state(a)) for a in assignments}
        tps = [TopicPartition(table.changelog, partition) for partition in by_partition]
        total = 0
        reader = AIOKafkaConsumer(
            enable_auto_commit=False,
            max_partition_fetch_bytes=4 * 1024 * 1024,
            fetch_max_bytes=32 * 1024 * 1024,
            fetch_max_wait_ms=100,
            **self.bulk_app.kafka_settings,
        )
        await reader.start()
        try:
            ends = await reader.end_offsets(tps)
            reader.assign(tps)
            await reader.seek_to_beginning(*tps)
            behind = {tp for tp in tps if ends[tp] > 0}
            progressed = time.monotonic()
            while behind:
                if not self._still(generation_id):
                    return None
                fetched = await self._take(reader, table.changelog)
                for tp, records in fetched.items():
                    by_partition[tp.partition][1].restore(
                        (record.key[:-TAG_SIZE], record.value)
                        for record in records
                        if record.key is not None and record.value is not None
                    )
                    total += len(records)
                    progressed = time.monotonic()
                behind = {tp for tp in behind if await reader.position(tp) < ends[tp]}
                self.bulk_app.recovery_remaining = sum(
                    [ends[tp] - await reader.position(tp) for tp in behind]
                )
                if time.monotonic() - progressed > STALLED_AFTER:
                    end_process(f"the recovery of {table.changelog} makes no progress")
                # Let the heartbeats and the web server speak between two chunks.
                await asyncio.sleep(0)
        finally:
            await reader.stop()
        if not self._still(generation_id):
            return None
        logger.info(
            "table_restored changelog=%s partitions=%d records=%d seconds=%.3f",
            table.changelog,
            len(by_partition),
            total,
            time.monotonic() - began,
        )
        return by_partition

    @staticmethod
    async def _take(reader: AIOKafkaConsumer, topic: str) -> Any:
        """Return up to a chunk of records; the first call after a pause may return none."""
        lighten(reader._fetcher, (topic,))
        fetched = await reader.getmany(timeout_ms=0, max_records=_CHUNK)
        if not fetched:
            await asyncio.wait([reader._fetcher._create_fetch_waiter()], timeout=0.2)
        return fetched


class TableManager(faust.tables.manager.TableManager):
    """Faust's table manager with our recovery."""

    @property
    def recovery(self) -> Recovery:
        if self._recovery is None:
            self._recovery = Recovery(self.app, self, beacon=self.beacon, loop=self.loop)
        return cast(Recovery, self._recovery)

    def add(self, table: Any) -> Any:
        raise faust.exceptions.ImproperlyConfigured(
            "Faust's own tables cannot be used in a BulkApp: use BulkTable"
        )

    async def on_start(self) -> None:
        await cast("BulkApp", self.app).durable.start()
        await super().on_start()

    async def on_stop(self) -> None:
        await super().on_stop()
        await cast("BulkApp", self.app).durable.stop()
