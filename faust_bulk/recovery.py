"""Restores bulk tables: committed offset first, then the changelog to its end, then the seek."""

import asyncio
import logging
import time
from collections.abc import Callable, Container, Mapping
from typing import TYPE_CHECKING, Any, cast

import faust.tables.manager
import faust.tables.recovery
from aiokafka import AIOKafkaConsumer, TopicPartition
from faust.types import TP

from faust_bulk.assignment import Assignment
from faust_bulk.damage import DamagedBatch
from faust_bulk.fatal import end_process
from faust_bulk.held import Held
from faust_bulk.light import lighten
from faust_bulk.logs import AnotherLogError, Log, Note, read_note
from faust_bulk.table import BulkTable
from faust_bulk.topics import TopicFacts, TopicProblem

if TYPE_CHECKING:
    from faust_bulk.app import BulkApp
    from faust_bulk.transport import Consumer

logger = logging.getLogger("faust_bulk")

#: Without a single record of the changelog for so long, the recovery is stuck: seconds.
STALLED_AFTER = 120.0
#: Records that are joined in one go. What they are made of then fits the processor's cache.
_CHUNK = 1_000


class Recovery(faust.tables.recovery.Recovery):
    """Faust's recovery service, with the restore of bulk tables before the streams resume."""

    @property
    def bulk_app(self) -> "BulkApp":
        return cast("BulkApp", self.app)

    async def _resume_streams(self, generation_id: int = 0) -> None:
        consumer = cast("Consumer", self.app.consumer)
        # A rebalance replaces the mapping; then this recovery must not serve anything any more.
        assignments = consumer.assignments

        def still() -> bool:
            return consumer.owning and consumer.assignments is assignments and not self.should_stop

        if not still() or self.app.consumer_generation_id != generation_id:
            return
        try:
            restored = await self._restore(consumer, list(assignments.values()), still)
        except asyncio.CancelledError:
            raise
        except Exception as exc:
            if not still():
                logger.warning("restore_interrupted error=%r", exc)
                return
            if isinstance(exc, AnotherLogError):
                end_process(self.bulk_app.another_log(exc.topic, exc.epoch))
            # Faust logs what goes wrong here and goes on with what it has, that is, with a
            # part of the state.
            end_process(f"the tables could not be restored: {exc}", exc)
        if restored:
            await super()._resume_streams(generation_id)
            self.bulk_app.restored = still() and self.app.consumer_generation_id == generation_id

    async def _restore(
        self, consumer: "Consumer", assignments: list[Assignment], still: Callable[[], bool]
    ) -> bool:
        """Restore every owned partition; return False if another rebalance has begun."""
        app = self.bulk_app
        # First of all: what a log of this id says is looked up after it, never before.
        topics = await self._topics(consumer, assignments)
        # One that is away now may come back, and is known until then by what it was.
        app.logs.update((name, facts.id) for name, facts in topics.items())
        tps = [assignment.tp for assignment in assignments]
        earliest = await consumer.earliest_offsets(*tps) if tps else {}
        starts, unnoted = await self._starts(consumer, assignments, earliest)
        positions: dict[TP, int] = {}
        restored: list[tuple[BulkTable[Any], Assignment, Held[Any]]] = []
        try:
            for table in app.bulk_tables:
                owned = [a for a in assignments if a.tp.topic == table.source]
                held = {a.tp.partition: table.hold(a) for a in owned}
                restored += [(table, a, held[a.tp.partition]) for a in owned]
                if owned and not await self._read_changelog(table, topics, held, still):
                    return False
                for assignment in owned:
                    one = held[assignment.tp.partition]
                    damage = app.damaged_changelogs.get(
                        TopicPartition(table.changelog, assignment.tp.partition)
                    )
                    if damage is not None and earliest[assignment.tp]:
                        raise damage  # what the topic has lost would be missing
                    if one.empty or (assignment.tp in unnoted and one.sieve.mixed):
                        # A commit without a note may be of a former log, or of a changelog that
                        # was lost.
                        starts[assignment.tp] = earliest[assignment.tp]
                        assignment.committed = None
            # Last of all: the log may have grown while a former owner went on, and neither its
            # commits nor its changes may then look as if they were of another log.
            ends = await consumer.highwaters(*starts) if starts else {}
            if not still():
                return False
            _check_commits(assignments, ends)
            positions = dict(starts)
            for _table, assignment, one in restored:
                tp = assignment.tp
                positions[tp] = min(positions[tp], one.state.restored(starts[tp], ends[tp]))
            # Nothing is awaited from here on: all of it is served, or nothing.
            while restored:
                table, assignment, one = restored.pop()
                one.assignment = assignment
                table.mark(assignment, one)
        finally:
            for table, assignment, _one in restored:
                table.drop((assignment.tp.partition,))
        consumer.positions.update(positions)
        return True

    async def _topics(
        self, consumer: "Consumer", assignments: list[Assignment]
    ) -> dict[str, TopicFacts]:
        """Look up all topics, and note in each assignment which logs it is of.

        A changelog that is missing is made again, if the app knows how.

        :raises TopicProblem: one that is needed is missing.
        """
        app = self.bulk_app
        changelogs = {table.source: table.changelog for table in app.bulk_tables}
        names = (*app.bulk_topics, *changelogs.values())
        topics = await consumer.find_topics(names)
        needed = {assignment.tp.topic for assignment in assignments}
        for source in needed & changelogs.keys():
            if changelogs[source] not in topics and app.provide_changelog is not None:
                logger.warning("changelog_missing topic=%s", changelogs[source])
                await app.provide_changelog(changelogs[source])
                topics = await consumer.find_topics(names)
            if changelogs[source] not in topics:
                raise TopicProblem(changelogs[source], "does not exist")
        for source in needed:
            if source not in topics:
                raise TopicProblem(source, "does not exist")
        for assignment in assignments:
            topic = assignment.tp.topic
            changelog = topics[changelogs[topic]].id if topic in changelogs else ""
            assignment.note = Note(Log(app.epoch, topics[topic].id), changelog)
        return topics

    async def _starts(
        self, consumer: "Consumer", assignments: list[Assignment], earliest: Mapping[TP, int]
    ) -> tuple[dict[TP, int], set[TP]]:
        """Return where each partition continues, and which of it no note vouches for.

        It is read before any state is.

        A commit that a former owner has still under way may arrive later; it must not decide
        where we continue, since the state that we are about to read may not contain it.
        """
        starts: dict[TP, int] = {}
        unnoted: set[TP] = set()
        for assignment in assignments:
            tp = assignment.tp
            first = earliest[tp]
            offset = None
            if tp.topic not in self.bulk_app.rewound_topics:
                offset, noted = await self._committed(consumer, assignment)
                assignment.committed = offset
                if not noted:
                    unnoted.add(tp)
            if offset is not None and offset < first:
                logger.error(
                    "records_lost topic=%s partition=%d from=%d to=%d reason=%s",
                    tp.topic,
                    tp.partition,
                    offset,
                    first,
                    "the topic has deleted them before they were processed",
                )
            starts[tp] = first if offset is None else max(offset, first)
        return starts, unnoted

    @staticmethod
    async def _committed(consumer: "Consumer", assignment: Assignment) -> tuple[int | None, bool]:
        """Return what the group has committed of this log, and with this changelog beside it.

        And whether a note says so: versions before the notes made none.

        :raises AnotherLogError: it was committed for another log of this epoch, or a later one.
        """
        commit = await consumer.committed(assignment.tp)
        known = None if commit is None else read_note(commit.metadata)
        own = assignment.note
        if commit is None or own is None:
            return None, False
        if known is not None and known.log.id != own.log.id:
            if known.log.epoch >= own.log.epoch:
                raise AnotherLogError(assignment.tp.topic, known.log.epoch)
            return None, False
        if known is not None and known.changelog != own.changelog:
            logger.warning(
                "changelog_replaced topic=%s partition=%d: read again from its beginning",
                *assignment.tp,
            )
            return None, False
        return cast("int", commit.offset), known is not None

    async def _read_changelog(
        self,
        table: BulkTable[Any],
        topics: Mapping[str, TopicFacts],
        held: dict[int, Held[Any]],
        still: Callable[[], bool],
    ) -> bool:
        """Restore what is *held* by partition; return False if a rebalance has begun.

        A partition whose changelog has a batch that cannot be read is made from its source's
        beginning, as if it had no changelog.

        :raises TopicProblem: the changelog has not the source's partitions.
        :raises AnotherLogError: the state is of another log.
        :raises DamagedBatch: a batch cannot be read, and the state cannot be made anew.
        """
        changelog = _check_topics(topics, table)
        source = Log(self.bulk_app.epoch, topics[table.source].id)
        began = time.monotonic()
        counters = self.bulk_app.counters
        tps = {TopicPartition(table.changelog, partition): partition for partition in held}
        damaged: dict[TopicPartition, DamagedBatch] = {}
        lost = self.bulk_app.damaged_changelogs
        for tp in tps:
            lost.pop(tp, None)
        total = 0
        reader = AIOKafkaConsumer(
            enable_auto_commit=False,
            # With the default, a look-up that assign() starts could move us to the end.
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=4 * 1024 * 1024,
            fetch_max_bytes=32 * 1024 * 1024,
            fetch_max_wait_ms=100,
            **self.bulk_app.kafka_settings,
        )
        await reader.start()
        try:
            beginnings = await reader.beginning_offsets(list(tps))
            ends = await reader.end_offsets(list(tps))
            reader.assign(list(tps))
            for tp, partition in tps.items():
                name = f"{changelog.log}/{partition}"
                reader.seek(tp, held[partition].start(source, name, beginnings[tp], ends[tp]))
            progressed = time.monotonic()
            while True:
                remaining = await _remaining(reader, ends, lost)
                if not remaining:
                    # What was compacted away before we came to it has a successor, which a
                    # former owner may have written beyond the end that we saw: look again.
                    ends = await reader.end_offsets(list(tps))
                    remaining = await _remaining(reader, ends, lost)
                    if not remaining:
                        break
                counters.recovery_remaining = remaining
                fetched = await self._take(reader, table.changelog, damaged)
                if not still():
                    return False
                for tp, damage in damaged.items():
                    if tp not in lost and not held[tps[tp]].lose():
                        raise damage
                    reader.pause(tp)
                lost.update(damaged)
                for tp, records in fetched.items():
                    total += held[tps[tp]].restore(records, records[-1].offset + 1)
                    held[tps[tp]].sieve.check(table.source)
                    progressed = time.monotonic()
                if time.monotonic() - progressed > STALLED_AFTER:
                    end_process(f"the recovery of {table.changelog} makes no progress")
                # Let the heartbeats and the web server speak between two chunks.
                await asyncio.sleep(0)
        finally:
            counters.recovery_remaining = 0
            await reader.stop()
        if not still():
            return False
        for tp, partition in tps.items():
            # Behind gaps at the end, too: the next write follows upon the log's end.
            held[partition].complete(ends[tp])
        seconds = time.monotonic() - began
        counters.restored_partitions += len(held)
        counters.restored_records += total
        counters.restore_seconds += seconds
        logger.info(
            "table_restored changelog=%s partitions=%d records=%d seconds=%.3f",
            table.changelog,
            len(held),
            total,
            seconds,
        )
        return True

    @staticmethod
    async def _take(
        reader: AIOKafkaConsumer, topic: str, damaged: dict[TopicPartition, DamagedBatch]
    ) -> Any:
        """Return up to a chunk of records; the first call after a pause may return none."""
        lighten(reader._fetcher, (topic,), damaged)
        fetched = await reader.getmany(timeout_ms=0, max_records=_CHUNK)
        if not fetched:
            await asyncio.wait([reader._fetcher._create_fetch_waiter()], timeout=0.2)
        return fetched


def _check_commits(assignments: list[Assignment], ends: Mapping[TP, int]) -> None:
    """End the process if the group has committed more than the topic has."""
    for assignment in assignments:
        tp, offset = assignment.tp, assignment.committed
        if offset is not None and offset > ends[tp]:
            end_process(
                f"the committed offset {offset} of {tp.topic}/{tp.partition} lies beyond the "
                f"topic's end {ends[tp]}: this is another log than the one it was made from"
            )


def _check_topics(topics: Mapping[str, TopicFacts], table: BulkTable[Any]) -> TopicFacts:
    """Return the facts about the changelog.

    :raises TopicProblem: it has not the source's partitions.
    """
    source, changelog = topics[table.source], topics[table.changelog]
    if source.partitions != changelog.partitions:
        raise TopicProblem(
            table.changelog,
            f"has {changelog.partitions} partitions, but {table.source!r}, whose changelog it is, "
            f"has {source.partitions}; they must be equal",
        )
    return changelog


async def _remaining(
    reader: AIOKafkaConsumer, ends: dict[TopicPartition, int], lost: Container[TopicPartition]
) -> int:
    """Return how many offsets lie between what was read and what is to be read."""
    left = [(tp, end) for tp, end in ends.items() if tp not in lost]
    return sum([max(0, end - await reader.position(tp)) for tp, end in left])


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
