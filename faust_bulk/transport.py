"""The transport ``bulk://``: Faust's aiokafka transport, with batches for the bulk topics."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import aiokafka
from aiokafka.coordinator.protocol import ConsumerProtocol
from aiokafka.errors import (
    ConsumerStoppedError,
    IllegalStateError,
    NoError,
    UnknownMemberIdError,
)
from aiokafka.protocol.admin import DescribeGroupsRequest
from aiokafka.protocol.group import JoinGroupRequest, LeaveGroupRequest, SyncGroupRequest
from aiokafka.structs import OffsetAndMetadata
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, Message
from faust.types.transports import TPorTopicSet
from faust.types.tuples import ack_lock
from mode import Service
from mode.utils.futures import notify

from faust_bulk.assignment import Assignment
from faust_bulk.delivery import Batch, BulkMessage
from faust_bulk.fatal import end_process
from faust_bulk.light import lighten
from faust_bulk.stalls import watch_for_stalls
from faust_bulk.topics import TopicFacts, find
from faust_bulk.watch import watch_topics

if TYPE_CHECKING:
    from faust_bulk.app import BulkApp

logger = logging.getLogger("faust_bulk")

#: Of Kafka's protocol; aiokafka does not know it.
_FENCED_INSTANCE_ID = 82


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """Faust's consumer thread, with a short wait for the broker."""

    def _create_worker_consumer(self, transport: driver.Transport) -> aiokafka.AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        # A fetch leaves out the partitions whose records are still buffered, and the next one
        # is not sent before it returns: with Faust's 1.5 s a record would wait that long.
        consumer._fetch_max_wait_ms = 20
        # A batch costs the agent, the changelog and the broker the same however small it is. While
        # little comes, what comes within that wait is one; under load the bytes are there at once.
        consumer._fetch_min_bytes = 32 * 1024
        consumer.commit = partial(self._commit_noted, consumer.commit)
        return consumer

    async def _commit_noted(
        self,
        commit: Callable[[Any], Awaitable[None]],
        offsets: Mapping[Any, OffsetAndMetadata],
    ) -> None:
        """Commit with the note which log, and which changelog, the offset is worth something."""
        assignments = cast("Consumer", self.consumer).assignments
        noted = {}
        for tp, (offset, metadata) in offsets.items():
            assignment = assignments.get(tp)
            if assignment is not None and assignment.note is not None:
                metadata = assignment.note.encode()
            noted[tp] = OffsetAndMetadata(offset, metadata)
        await commit(noted)

    async def find_topics(self, names: Iterable[str]) -> dict[str, TopicFacts]:
        """Look topics up; those that do not exist are left out."""
        return await find(self._ensure_consumer()._client, names)

    async def owned_by_group(self) -> set[TP] | None:
        """Return what the group's members have; None while it is not at rest."""
        coordinator = self._ensure_consumer()._coordinator
        response = await coordinator._send_req(DescribeGroupsRequest([coordinator.group_id]))
        _code, _group, state, _type, _protocol, members, *_rest = response.groups[0]
        if state != "Stable":
            return None
        owned = set()
        for *_who, _metadata, assignment in members:
            decoded = ConsumerProtocol.ASSIGNMENT.decode(assignment)
            owned |= {TP(*tp) for tp in decoded.partitions()}
        return owned

    async def join_anew(self) -> None:
        """Leave the group, also as a member with a name, and join it with fresh metadata."""
        consumer = self._ensure_consumer()
        coordinator = consumer._coordinator
        await consumer._client.force_metadata_update()
        leaving = LeaveGroupRequest(coordinator.group_id, coordinator.member_id)
        await coordinator._send_req(leaving)
        coordinator.reset_generation()
        coordinator.request_rejoin()

    async def committed_offset(self, tp: TP) -> OffsetAndMetadata | None:
        """Return what the group has committed, with its note."""
        coordinator = self._ensure_consumer()._coordinator
        key = aiokafka.TopicPartition(*tp)
        return (await coordinator.fetch_committed_offsets([key])).get(key)

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
        app = cast("BulkApp", self.app)
        deadline = time.monotonic() + (timeout or 0)
        with fetcher._subscriptions.fetch_context():
            while True:
                lighten(fetcher, app.bulk_topics, app.damaged)
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
        #: The current assignments of bulk partitions; each rebalance brings a new mapping.
        self.assignments: Mapping[TP, Assignment] = {}
        #: where each bulk partition begins: set by the recovery, which read it before the state
        self.positions: dict[TP, int] = {}
        #: whether partitions are assigned and not being taken away
        self.owning = False
        # Goes up whenever what a fetch under way brings may not be what is to come next.
        self._epoch = 0
        # Whether a fetch was thrown away, so that the next has to begin with a seek.
        self._misplaced = False
        # Whether the partitions were sought where they begin. If it had none before, Faust lets the
        # flow go on, and records could come before the seek, and once more after it.
        self._placed = False
        self._room = asyncio.Event()

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    @property
    def _kafka(self) -> ConsumerThread:
        return cast(ConsumerThread, self._thread)

    async def committed(self, tp: TP) -> OffsetAndMetadata | None:
        """Return the group's committed offset, and its note, as the broker knows them now."""
        found = await self._kafka.call_thread(self._kafka.committed_offset, tp)
        return cast("OffsetAndMetadata | None", found)

    async def find_topics(self, names: Iterable[str]) -> dict[str, TopicFacts]:
        """Return what the broker knows of the topics that exist."""
        found = await self._kafka.call_thread(self._kafka.find_topics, tuple(names))
        return cast("dict[str, TopicFacts]", found)

    async def owned_by_group(self) -> set[TP] | None:
        """Return what the members of the group have; None while it is not at rest."""
        found = await self._kafka.call_thread(self._kafka.owned_by_group)
        return cast("set[TP] | None", found)

    async def join_anew(self) -> None:
        """Leave the group and join it, so that all partitions are assigned again."""
        await self._kafka.call_thread(self._kafka.join_anew)

    async def verify_all_partitions_active(self) -> None:
        """Do nothing: ``watch_for_stalls`` sees what this looks for.

        Faust's look fails where a partition has no position, as while its topic is gone.
        """

    def fetch_state(self, tp: TP) -> Any:
        """Return aiokafka's state (``position``, ``highwater``) of the partition, if it has one."""
        assignment = self._thread._ensure_consumer()._subscription.subscription.assignment
        if assignment is None or aiokafka.TopicPartition(*tp) not in assignment.tps:
            return None
        return assignment.state_value(aiokafka.TopicPartition(*tp))

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Message]]:
        if not await self._in_place(timeout):
            return
        epoch = self._epoch
        records, _active = await self._wait_next_records(timeout)
        if self.should_stop or not records:
            return
        generation_id = self.app.consumer_generation_id
        bulk_topics = self._bulk_app.bulk_topics
        ordinary = {}
        for fetched_tp, fetched in records.items():
            if fetched_tp.topic not in bulk_topics:
                ordinary[fetched_tp] = fetched
                continue
            tp = TP(*fetched_tp)
            # A partition without a position is not restored yet.
            if self._overtaken(epoch if tp in self.positions else -1):
                return
            message = self._bulk_message(tp, fetched, generation_id)
            if message is not None:
                yield tp, message
        for fetched_tp, record in self.scheduler.iterate(ordinary):
            if self._overtaken(epoch):
                return
            tp = TP(*fetched_tp)
            self.app.monitor.track_tp_end_offset(tp, self.highwater(tp))
            yield tp, self._to_message(tp, record)

    async def perform_seek(self) -> None:
        self._epoch += 1
        await super().perform_seek()
        assigned = self.assignment()
        positions = {tp: offset for tp, offset in self.positions.items() if tp in assigned}
        if positions:
            # Not the committed offset of this moment: a commit that was under way while the
            # state was restored may have put it beyond what the state contains.
            await self.seek_wait(positions)
        self._placed = True

    def ack(self, message: Message) -> bool:
        if not isinstance(message, BulkMessage):
            return super().ack(message)
        with ack_lock:
            if message.acked:
                return False
            message.acked = True
            self._unacked_messages.discard(message)
            batch = cast(Batch, message.value)
            if batch.assignment.over:
                self._bulk_app.counters.acks_dropped += 1
            batch.assignment.finish(batch.delivered)
            notify(self._waiting_for_ack)
            return True

    async def wait_empty(self) -> None:
        """Wait until agents have finished what they have begun, for a while, and commit it.

        Faust waits for ever, and collects garbage meanwhile, which takes seconds when a state
        of millions of objects is in memory. What is not finished in time is not committed.
        """
        deadline = time.monotonic() + self._bulk_app.drain_timeout
        while not self.should_stop and self._unacked_messages:
            left = deadline - time.monotonic()
            if left <= 0:
                logger.warning(
                    "batches_abandoned count=%d after=%.1f",
                    len(self._unacked_messages),
                    self._bulk_app.drain_timeout,
                )
                break
            await self._wait_for_ack(timeout=min(1.0, left))
            self._clean_unacked_messages()
        await self._commit_all()

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        self.owning = False
        self._epoch += 1
        # Faust's own waits for the agents and commits in here, for which the assignments must
        # still stand.
        await super().on_partitions_revoked(revoked)
        self._end(self.assignments)
        for table in self._bulk_app.bulk_tables:
            table.revoked(revoked)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        bulk = {TP(*tp) for tp in assigned if tp.topic in self._bulk_app.bulk_topics}
        self._end(self.assignments)
        self.assignments = {tp: Assignment(tp) for tp in bulk}
        for table in self._bulk_app.bulk_tables:
            table.assigned(bulk)
        self._buffered_partitions.clear()
        self._bulk_app.damaged.clear()
        self._epoch += 1
        self.owning = True
        await super().on_partitions_assigned(assigned, generation_id)

    def on_buffer_drop(self, tp: TP) -> None:
        super().on_buffer_drop(tp)
        self._room.set()

    def resume_partitions(self, tps: Iterable[TP]) -> None:
        super().resume_partitions(tps)
        self._room.set()

    async def _wait_next_records(self, timeout: float) -> Any:
        # A copy: Faust changes the set meanwhile, and aiokafka takes an empty one for "all".
        active = set(self._get_active_partitions())
        if not active:
            # All agents have enough to do. Faust sleeps for a second, whatever happens.
            self._room.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._room.wait(), timeout)
            return {}, active
        if self._buffered_partitions:
            # One of them may be wanted again long before another has records.
            timeout = min(timeout, 0.05)
        return await self._getmany(active_partitions=active, timeout=timeout), active

    def _filter_committable_offsets(self, tps: Any) -> dict[TP, int]:
        offsets: dict[TP, int] = super()._filter_committable_offsets(tps)
        for tp, assignment in self.assignments.items():
            committable = assignment.committable
            if committable is not None and tp.topic not in self._bulk_app.rewound_topics:
                offsets[tp] = committable
        return offsets

    async def _commit_offsets(
        self, offsets: Mapping[TP, int], start_new_transaction: bool = True
    ) -> bool:
        # Faust takes a commit that failed for one that was made, also for the next assignment;
        # without new records it is never tried again.
        committing = [
            (self.assignments[tp], o) for tp, o in offsets.items() if tp in self.assignments
        ]
        did_commit = await super()._commit_offsets(offsets, start_new_transaction)
        if did_commit:
            for assignment, offset in committing:
                assignment.committed = offset
        return bool(did_commit)

    def _filter_tps_with_pending_acks(self, topics: TPorTopicSet | None = None) -> Any:
        for tp in super()._filter_tps_with_pending_acks(topics):
            if tp.topic not in self._bulk_app.bulk_topics:
                yield tp

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        # Faust takes the records inside a batch for a gap; the assignment knows better.
        if tp.topic not in self._bulk_app.bulk_topics:
            await super()._add_gap(tp, offset_from, offset_to)

    @Service.task
    async def _watch_for_stalls(self) -> None:
        if (timeout := self._bulk_app.stall_timeout) is not None:
            await watch_for_stalls(self, timeout)

    @Service.task
    async def _watch_topics(self) -> None:
        await watch_topics(self)

    async def _in_place(self, timeout: float) -> bool:
        """Wait until records may be fetched; return False if they may not be yet."""
        if not self.flow_active:
            await self.wait(cast(Any, self.can_resume_flow))
        if self.should_stop:
            return False
        if not self.owning or not self._placed:
            await self.sleep(min(timeout, 0.05))
            return False
        if self._misplaced:
            # Nothing was delivered since, so where the assignment began is where we are.
            try:
                await self.perform_seek()
            except IllegalStateError:
                return False  # a rebalance begins; its recovery seeks
            self._misplaced = False
        return True

    def _overtaken(self, epoch: int) -> bool:
        """Whether what was fetched in *epoch* may not be delivered any more.

        The fetch took it away from aiokafka, which now is beyond it: to be read again, it must
        be sought first.
        """
        if self.owning and self.flow_active and epoch == self._epoch:
            return False
        self._misplaced = True
        self._bulk_app.counters.fetches_dropped += 1
        return True

    def _bulk_message(self, tp: TP, fetched: Any, generation_id: int) -> BulkMessage | None:
        assignment = self.assignments[tp]
        position = self.positions[tp]
        if fetched[0].offset < position:
            fetched = [record for record in fetched if record.offset >= position]
            if not fetched:
                return None
        if assignment.delivered is not None and fetched[0].offset < assignment.delivered:
            end_process(
                f"{tp.topic}/{tp.partition} went back from {assignment.delivered} to "
                f"{fetched[0].offset}: it was truncated, or is another log now"
            )
        self.app.monitor.track_tp_end_offset(tp, self.highwater(tp))
        counters = self._bulk_app.counters
        counters.batches += 1
        counters.records += len(fetched)
        return BulkMessage(tp, Batch(fetched, assignment), generation_id)

    async def _commit_all(self) -> None:
        # Faust's commit does nothing while another is under way, and that may have begun before
        # the last batches were finished.
        while await self.maybe_wait_for_commit_to_finish():
            pass
        await self.commit_and_end_transactions()

    def _end(self, ended: Mapping[TP, Assignment]) -> None:
        for assignment in ended.values():
            assignment.over = True
        self.assignments = {}
        self.positions.clear()
        self._placed = False


def _end_when_replaced(coordinator: Any) -> None:
    """End the process when another one has taken the name of this static member.

    aiokafka does not send the name with a heartbeat, so Kafka cannot fence it: it says that it does
    not know the member, as it does to one that was silent for longer than its session. aiokafka
    would join as a new member, and two processes would take the name from each other for ever. So
    we ask to join under our old id first. If the name is another one's by now, Kafka fences us;
    if it is nobody's, Kafka does not know us, and we join as aiokafka does.
    """
    reset, send = coordinator.reset_generation, coordinator._send_req
    former = ""

    def reset_and_remember() -> None:
        nonlocal former
        if coordinator.generation > 0 and not coordinator._closing.done():
            former = coordinator.member_id
        reset()

    async def send_as_former(request: Any) -> Any:
        nonlocal former
        if former and isinstance(request, JoinGroupRequest):
            request._member_id = former
        response = await send(request)
        if isinstance(request, JoinGroupRequest | SyncGroupRequest):
            if response.error_code == _FENCED_INSTANCE_ID:
                end_process("another process has taken the name of this worker")
            if response.error_code in (NoError.errno, UnknownMemberIdError.errno):
                former = ""
        return response

    coordinator.reset_generation = reset_and_remember
    coordinator._send_req = send_as_former


class Transport(driver.Transport):
    """Faust's aiokafka transport with the bulk consumer."""

    Consumer = Consumer
