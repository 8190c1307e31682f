"""A table whose writes are published batch by batch, and whose restore is a join."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from faust.types import TP, EventT

from streams.bulk.assignment import Assignment
from streams.bulk.delivery import Batch
from streams.bulk.fatal import end_process
from streams.bulk.producer import Written
from streams.bulk.state import LocalState, PartitionState

if TYPE_CHECKING:
    from streams.bulk.app import BulkApp

logger = logging.getLogger("streams.bulk")

TAG_SIZE = 8

StateT = TypeVar("StateT", bound=PartitionState)


class BulkTable(Generic[StateT]):
    """State by partition of a source topic, with a changelog that is durable before any commit.

    *make_state* makes the empty state of a partition. The changelog has as many partitions as
    the source, and a key's values lie in the partition of the record that caused them. Each
    key is written as ``key + tag`` with the tag of the assignment, so that an owner that was
    thought dead and wakes up cannot overwrite what its successor wrote. Nothing is ever deleted.
    """

    def __init__(
        self,
        app: "BulkApp",
        source: str,
        changelog: str,
        make_state: Callable[[int], StateT],
    ) -> None:
        self.app = app
        self.source = source
        self.changelog = changelog
        self._make_state = make_state
        self._owned: dict[int, _Owned[StateT]] = {}

    async def process(
        self,
        stream: Any,
        apply: Callable[[StateT, Batch], Mapping[bytes, bytes]],
        *,
        durable: Callable[[Batch, float], Awaitable[None]] | None = None,
        in_flight: int = 4,
    ) -> None:
        """Agent's body: *apply* each batch of *stream*, publish its changes, let it be committed.

        *apply* changes the state, without awaiting anything, and returns the changes. If it
        raises, the process ends without a commit. Up to *in_flight* batches' changes are on
        their way to the changelog while the next batch is applied; their order is kept, and
        offsets are committed in order whatever finishes first.

        *durable* is awaited when a batch's changes are, and told how many seconds that took; the
        batch's offsets are not committed before it returns.
        """
        slots = asyncio.Semaphore(in_flight)
        under_way: set[asyncio.Task[None]] = set()

        async def finish(event: EventT[Any], batch: Batch, changes: Mapping[bytes, bytes]) -> None:
            began = time.monotonic()
            try:
                # First of all, so that batches reach the changelog in the order of their tasks: an
                # older value of a key that came after a newer one would survive compaction.
                await self.publish(batch, changes)
                if durable is not None:
                    await durable(batch, time.monotonic() - began)
            finally:
                slots.release()
            event.ack()

        async for event in stream.noack().events():
            await slots.acquire()
            batch = cast(Batch, event.value)
            state = self.state_of(batch)
            if state is None:
                slots.release()
                event.ack()  # of an assignment that is over: nothing will be committed for it
                continue
            # Faust would acknowledge a batch that failed, and go on without it; the app ends
            # the process instead (BulkApp._on_agent_error).
            task = asyncio.create_task(finish(event, batch, apply(state, batch)))
            under_way.add(task)
            task.add_done_callback(under_way.discard)

    def state_of(self, batch: Batch) -> StateT | None:
        """Return the state that *batch* belongs to; None if its assignment is over."""
        owned = self._owned.get(batch.partition)
        if owned is None or owned.assignment is not batch.assignment:
            return None
        return owned.state

    def owned(self) -> Iterator[tuple[int, StateT]]:
        """Yield (partition, state) of every partition that this process owns and has restored."""
        for partition, owned in list(self._owned.items()):
            yield partition, owned.state

    async def publish(self, batch: Batch, changes: Mapping[bytes, bytes]) -> None:
        """Write *changes* (key → encoded value) and return when they are durable.

        Call it in the order in which the batches were applied. A failed delivery ends the
        process: what was applied in memory is then not what a successor would restore.
        """
        if not changes:
            return
        owned = self._owned.get(batch.partition)
        local = None
        if owned is not None and owned.assignment is batch.assignment:
            local = owned.keeps(changes)
        tag = batch.assignment.tag
        counters = self.app.counters
        began = time.monotonic()
        try:
            written = await self.app.durable.publish(
                self.changelog,
                batch.partition,
                [(key + tag, value) for key, value in changes.items()],
            )
        except asyncio.CancelledError:
            raise
        except Exception as exc:
            end_process(f"the changelog {self.changelog} could not be written", exc)
        if owned is not None and local is not None:
            try:
                owned.durable(local, written)
            except Exception as exc:
                end_process(f"the local store of {self.changelog} could not be written", exc)
        counters.published_records += len(changes)
        counters.publications += 1
        counters.publish_seconds += time.monotonic() - began

    def new_state(self, assignment: Assignment) -> StateT:
        """Make the empty state of the assignment's partition. Called by the recovery."""
        return self._make_state(assignment.tp.partition)

    def own(self, assignment: Assignment, state: StateT) -> None:
        """Begin to serve a restored partition. Called by the recovery."""
        self._owned[assignment.tp.partition] = _Owned(assignment, state)

    def clear(self) -> None:
        """Forget all state: every assignment begins with a restore. Called by the consumer."""
        for owned in self._owned.values():
            owned.close()
        self._owned.clear()

    def drop(self, revoked: Iterable[TP]) -> None:
        """Forget the state of partitions that are given up. Called by the consumer."""
        for tp in revoked:
            if tp.topic == self.source and (owned := self._owned.pop(tp.partition, None)):
                owned.close()


class _Kept:
    """A publication, from its start until the local store has it."""

    __slots__ = ("changes", "durable", "written")

    def __init__(self, changes: Mapping[bytes, bytes]) -> None:
        self.changes = changes
        self.durable = False
        self.written: Written | None = None


class _Owned(Generic[StateT]):
    """A partition that this process owns and has restored."""

    __slots__ = ("_local", "_waiting", "assignment", "state")

    def __init__(self, assignment: Assignment, state: StateT) -> None:
        self.assignment = assignment
        self.state = state
        self._local: LocalState | None = state if isinstance(state, LocalState) else None
        self._waiting: deque[_Kept] = deque()

    def keeps(self, changes: Mapping[bytes, bytes]) -> _Kept | None:
        """Note a publication that begins; None if there is no local store."""
        if self._local is None:
            return None
        kept = _Kept(changes)
        self._waiting.append(kept)
        return kept

    def durable(self, kept: _Kept, written: Written | None) -> None:
        """Give the local store what is durable, in the order in which it was published."""
        kept.durable, kept.written = True, written
        local, waiting = self._local, self._waiting
        while local is not None and waiting and waiting[0].durable:
            first = waiting.popleft()
            local.keep(first.written, first.changes.items())

    def close(self) -> None:
        if self._local is not None:
            self._local.close()
