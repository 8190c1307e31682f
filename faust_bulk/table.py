"""A table whose writes are published batch by batch, and whose restore is a join."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from faust.types import TP, EventT

from faust_bulk.assignment import Assignment
from faust_bulk.delivery import Batch
from faust_bulk.fatal import end_process
from faust_bulk.held import Held, Publication
from faust_bulk.logs import MARK
from faust_bulk.state import PartitionState

if TYPE_CHECKING:
    from faust_bulk.app import BulkApp

logger = logging.getLogger("faust_bulk")

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
        #: by partition: what is served, is being restored, or may be wanted again
        self._held: dict[int, Held[StateT]] = {}
        self._marks: set[asyncio.Task[None]] = set()

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

        A stream of another topic than the table was made of ends the process.
        """
        self._check(tuple(getattr(stream.channel, "topics", ())))
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
        """Return the state that *batch*, which is about to be applied, belongs to.

        None if its assignment is over. A batch of another topic than the table was made of ends
        the process: it would be acknowledged without having been applied.
        """
        self._check((batch.assignment.tp.topic,))
        held = self._held.get(batch.partition)
        if held is None or held.assignment is not batch.assignment:
            return None
        held.begin(batch.delivered)
        return held.state

    def owned(self) -> Iterator[tuple[int, StateT]]:
        """Yield (partition, state) of every partition that this process owns and has restored."""
        for partition, held in list(self._held.items()):
            if held.assignment is not None:
                yield partition, held.state

    async def publish(self, batch: Batch, changes: Mapping[bytes, bytes]) -> None:
        """Write *changes* (key → encoded value) and return when they are durable.

        Call it in the order in which the batches were applied. A failed delivery ends the
        process: what was applied in memory is then not what a successor would restore.
        """
        if not changes:
            return
        held = self._held.get(batch.partition)
        publication = None
        if held is not None and held.assignment is batch.assignment:
            publication = held.publishing(changes)
        tag = batch.assignment.tag
        counters = self.app.counters
        began = time.monotonic()
        records = [(key + tag, value) for key, value in changes.items()]
        await self._write(batch.partition, records, held, publication)
        counters.published_records += len(changes)
        counters.publications += 1
        counters.publish_seconds += time.monotonic() - began

    def mark(self, assignment: Assignment, held: Held[StateT]) -> None:
        """Write under the assignment's tag, before anything else, which log it is of.

        Nobody waits for it: what is published later lands later. Called by the recovery.
        """
        assert assignment.note is not None
        record = (MARK + assignment.tag, assignment.note.log.encode())
        partition = assignment.tp.partition
        task = asyncio.create_task(
            self._write(partition, [record], held, held.publishing({})), name="mark"
        )
        self._marks.add(task)
        task.add_done_callback(self._marks.discard)

    async def _write(
        self,
        partition: int,
        records: list[tuple[bytes, bytes]],
        held: Held[StateT] | None,
        publication: Publication | None,
    ) -> None:
        try:
            written = await self.app.durable.publish(self.changelog, partition, records)
        except asyncio.CancelledError:
            raise
        except Exception as exc:
            end_process(f"the changelog {self.changelog} could not be written", exc)
        if held is not None and publication is not None:
            try:
                held.durable(publication, written)
            except Exception as exc:
                end_process(f"the local store of {self.changelog} could not be written", exc)

    def _check(self, topics: tuple[str, ...]) -> None:
        if topics != (self.source,):
            named = ", ".join(map(repr, topics)) or "a channel that is no topic"
            end_process(
                f"an agent over {named} processes a table that was made of {self.source!r} "
                f"(changelog {self.changelog!r}): make the table of the agent's topic"
            )

    def hold(self, assignment: Assignment) -> Held[StateT]:
        """Return the partition's state, kept or empty, to be restored. Called by the recovery."""
        partition = assignment.tp.partition
        held = self._held.get(partition)
        if held is None:
            held = self._held[partition] = Held(partial(self._make_state, partition))
        return held

    def drop(self, partitions: Iterable[int]) -> None:
        """Forget the states of *partitions*, whose restore was interrupted, if they are on disk.

        What is in memory goes on where it was. Called by the recovery.
        """
        for partition in partitions:
            held = self._held.get(partition)
            if held is not None and not held.leave():
                del self._held[partition]

    def revoked(self, tps: Iterable[TP]) -> None:
        """End what partitions that are given up were served with. Called by the consumer."""
        self.drop(tp.partition for tp in tps if tp.topic == self.source)

    def assigned(self, tps: Iterable[TP]) -> None:
        """Forget all others; these have to be restored. Called by the consumer."""
        self.drop(list(self._held))
        kept = {tp.partition for tp in tps if tp.topic == self.source}
        for partition in self._held.keys() - kept:
            del self._held[partition]
