"""A table whose writes are published batch by batch, and whose restore is a join."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from faust.types import TP

from streams.bulk.assignment import Assignment
from streams.bulk.delivery import Batch
from streams.bulk.fatal import end_process

if TYPE_CHECKING:
    from streams.bulk.app import BulkApp

TAG_SIZE = 8


class PartitionState(Protocol):
    """The state of one partition, made anew for each assignment.

    ``restore`` is called for every value that the changelog has for a key, in any order, also
    repeatedly, and also with values that an earlier owner wrote late: it must *join* them. It
    must not block for long: it runs in the event loop, for a chunk of records at a time.
    """

    def restore(self, records: Iterable[tuple[bytes, bytes]]) -> None:
        """Join (key, value) records of the changelog into the state."""

    def restored(self, committed: int, end: int) -> int:
        """Note that the changelog was read whole, and return where the source shall continue.

        That is *committed*, the offset that the group had committed before the changelog was
        read, or less. *end* is the end of the source's partition then; a state that knows of
        offsets beyond it comes from another log, and raises.
        """


StateT = TypeVar("StateT", bound=PartitionState)
V = TypeVar("V")


class DictState(Generic[V]):
    """A dictionary as state, for tables that need no more.

    *merge* joins two values of one key: commutative, associative, idempotent.
    """

    def __init__(self, decode: Callable[[bytes], V], merge: Callable[[V, V], V]) -> None:
        self._decode = decode
        self._merge = merge
        self.values: dict[bytes, V] = {}
        #: the source offset at which this assignment began, once the state is restored
        self.began: int | None = None

    def restore(self, records: Iterable[tuple[bytes, bytes]]) -> None:
        for key, data in records:
            value = self._decode(data)
            values = self.values
            values[key] = self._merge(values[key], value) if key in values else value

    def restored(self, committed: int, end: int) -> int:
        self.began = committed
        return committed


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
        self._owned: dict[int, tuple[Assignment, StateT]] = {}

    def state_of(self, batch: Batch) -> StateT | None:
        """Return the state that *batch* belongs to; None if its assignment is over."""
        owned = self._owned.get(batch.partition)
        if owned is None or owned[0] is not batch.assignment:
            return None
        return owned[1]

    def owned(self) -> Iterator[tuple[int, StateT]]:
        """Yield (partition, state) of every partition that this process owns and has restored."""
        for partition, (_assignment, state) in list(self._owned.items()):
            yield partition, state

    async def publish(self, batch: Batch, changes: Mapping[bytes, bytes]) -> None:
        """Write *changes* (key → encoded value) and return when they are durable.

        A failed delivery ends the process: what was applied in memory is then not what a
        successor would restore.
        """
        if not changes:
            return
        tag = batch.assignment.tag
        try:
            await self.app.durable.publish(
                self.changelog,
                batch.partition,
                [(key + tag, value) for key, value in changes.items()],
            )
        except asyncio.CancelledError:
            raise
        except Exception as exc:
            end_process(f"the changelog {self.changelog} could not be written", exc)

    def new_state(self, assignment: Assignment) -> StateT:
        """Make the empty state of the assignment's partition. Called by the recovery."""
        return self._make_state(assignment.tp.partition)

    def own(self, assignment: Assignment, state: StateT) -> None:
        """Begin to serve a restored partition. Called by the recovery."""
        self._owned[assignment.tp.partition] = (assignment, state)

    def clear(self) -> None:
        """Forget all state: every assignment begins with a restore. Called by the consumer."""
        self._owned.clear()

    def drop(self, revoked: Iterable[TP]) -> None:
        """Forget the state of partitions that are given up. Called by the consumer."""
        for tp in revoked:
            if tp.topic == self.source:
                self._owned.pop(tp.partition, None)
