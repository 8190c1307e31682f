"""The transport ``bulk://``: Faust's aiokafka transport, with batches for the bulk topics."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, cast

import aiokafka
from aiokafka.errors import ConsumerStoppedError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, Message
from faust.types.transports import TPorTopicSet
from faust.types.tuples import ack_lock
from mode.utils.futures import notify

from streams.bulk.assignment import Assignment
from streams.bulk.delivery import Batch, BulkMessage
from streams.bulk.fatal import end_process
from streams.bulk.light import lighten

if TYPE_CHECKING:
    from streams.bulk.app import BulkApp


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """Faust's consumer thread, with a short wait for the broker."""

    def _create_worker_consumer(self, transport: driver.Transport) -> aiokafka.AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        # A fetch leaves out the partitions whose records are still buffered, and the next one
        # is not sent before it returns: with Faust's 1.5 s a record would wait that long.
        consumer._fetch_max_wait_ms = 20
        return consumer

    async def on_start(self) -> None:
        await super().on_start()
        if self.app.conf.consumer_group_instance_id is not None:
            _end_when_replaced(self._ensure_consumer()._coordinator)

    async def _fetch_records(
        self,
        consumer: aiokafka.AIOKafkaConsumer,
        active_partitions: set[TP],
        timeout: float | None = None,
        max_records: int | None = None,
    ) -> Any:
        if not self.consumer.flow_active:
            return {}
        fetcher = consumer._fetcher
        if consumer._closed or fetcher._closed:
            raise ConsumerStoppedError
        bulk_topics = cast("BulkApp", self.app).bulk_topics
        deadline = time.monotonic() + (timeout or 0)
        with fetcher._subscriptions.fetch_context():
            while True:
                lighten(fetcher, bulk_topics)
                records = await fetcher.fetched_records(
                    active_partitions, timeout=0, max_records=max_records
                )
                left = deadline - time.monotonic()
                if records or left <= 0 or fetcher._closed or not self.consumer.flow_active:
                    return records
                await asyncio.wait([fetcher._create_fetch_waiter()], timeout=left)


class Consumer(driver.Consumer):
    """Delivers the records of bulk topics as one message per partition and fetch.

    Other topics go the way that Faust has for them.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._bulk_app = cast("BulkApp", self.app)
        self._assignments: dict[TP, Assignment] = {}
        #: where each bulk partition begins: set by the recovery, which read it before the state
        self.positions: dict[TP, int] = {}

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    @property
    def assignments(self) -> dict[TP, Assignment]:
        """The current assignments of bulk partitions."""
        return self._assignments

    async def committed(self, tp: TP) -> int | None:
        """Return the group's committed offset as the broker knows it now."""
        thread = self._thread
        offset = await thread.call_thread(
            thread._ensure_consumer().committed, aiokafka.TopicPartition(*tp)
        )
        return cast("int | None", offset)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Message]]:
        records, active = await self._wait_next_records(timeout)
        generation_id = self.app.consumer_generation_id
        if self.should_stop or not records:
            return
        if not self.flow_active:
            # What was fetched is dropped; the recovery that follows seeks anyway.
            await self._seek_back()
            return
        ordinary = {}
        for fetched_tp, fetched in records.items():
            tp = TP(*fetched_tp)
            if tp.topic not in self._bulk_app.bulk_topics:
                ordinary[fetched_tp] = fetched
                continue
            if not self._flows(generation_id):
                return
            assignment = self._assignments.get(tp)
            position = self.positions.get(tp)
            if assignment is None or position is None:
                continue
            if fetched[0].offset < position:
                fetched = [record for record in fetched if record.offset >= position]
            if fetched:
                self.app.monitor.track_tp_end_offset(tp, self.highwater(tp))
                batch = Batch(fetched, assignment)
                yield tp, BulkMessage(tp, batch, generation_id)
        for fetched_tp, record in self.scheduler.iterate(ordinary):
            if not self._flows(generation_id):
                return
            tp = TP(*fetched_tp)
            if active is None or tp in active or tp in self._buffered_partitions:
                self.app.monitor.track_tp_end_offset(tp, self.highwater(tp))
                yield tp, self._to_message(tp, record)

    async def perform_seek(self) -> None:
        await super().perform_seek()
        assigned = self.assignment()
        positions = {tp: offset for tp, offset in self.positions.items() if tp in assigned}
        if positions:
            # Not the committed offset of this moment: a commit that was under way while the
            # state was restored may have put it beyond what the state contains.
            await self.seek_wait(positions)

    def ack(self, message: Message) -> bool:
        if not isinstance(message, BulkMessage):
            return super().ack(message)
        with ack_lock:
            if message.acked:
                return False
            message.acked = True
            self._unacked_messages.discard(message)
            batch = cast(Batch, message.value)
            batch.assignment.finish(message.delivered)
            notify(self._waiting_for_ack)
            return True

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        # Faust's own does a last commit in here, for which the assignments must still stand.
        await super().on_partitions_revoked(revoked)
        for tp in revoked:
            self._assignments.pop(tp, None)
            self.positions.pop(tp, None)
        for table in self._bulk_app.bulk_tables:
            table.drop(revoked)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        bulk = {TP(*tp) for tp in assigned if tp.topic in self._bulk_app.bulk_topics}
        self._assignments = {tp: Assignment(tp) for tp in bulk}
        self.positions.clear()
        for table in self._bulk_app.bulk_tables:
            table.clear()
        await super().on_partitions_assigned(assigned, generation_id)

    def _filter_committable_offsets(self, tps: Any) -> dict[TP, int]:
        offsets: dict[TP, int] = super()._filter_committable_offsets(tps)
        for tp, assignment in self._assignments.items():
            finished = assignment.finished
            if (
                finished is not None
                and tp.topic not in self._bulk_app.rewound_topics
                and self._should_commit(tp, finished)
            ):
                offsets[tp] = finished
        return offsets

    def _filter_tps_with_pending_acks(self, topics: TPorTopicSet | None = None) -> Any:
        for tp in super()._filter_tps_with_pending_acks(topics):
            if tp.topic not in self._bulk_app.bulk_topics:
                yield tp

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        # Faust takes the records inside a batch for a gap; the assignment knows better.
        if tp.topic not in self._bulk_app.bulk_topics:
            await super()._add_gap(tp, offset_from, offset_to)

    def _flows(self, generation_id: int) -> bool:
        """Whether what was fetched in *generation_id* may still be delivered."""
        return self.flow_active and bool(self.app.consumer_generation_id == generation_id)

    async def _seek_back(self) -> None:
        try:
            await self.perform_seek()
        except Exception as exc:
            self.log.warning("seek_failed_while_flow_stopped error=%r", exc)


def _end_when_replaced(coordinator: Any) -> None:
    """End the process when the group no longer knows this static member.

    It was silent for longer than its session, or another process has taken its name. aiokafka
    does not send the name with a heartbeat, so Kafka cannot fence it: the two would take the
    name from each other for ever.
    """
    reset = coordinator.reset_generation

    def reset_or_end() -> None:
        if coordinator.generation > 0 and not coordinator._closing.done():
            end_process("the group does not know this worker any more: its name was taken over")
        reset()

    coordinator.reset_generation = reset_or_end


class Transport(driver.Transport):
    """Faust's aiokafka transport with the bulk consumer."""

    Consumer = Consumer
