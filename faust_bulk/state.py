"""What a table keeps of one partition: what it must be able to do, and a dictionary that can."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, Protocol, TypeVar, runtime_checkable

from faust_bulk.producer import Written


class PartitionState(Protocol):
    """The state of one partition.

    It is made when the partition is assigned; when the partition comes back with a later
    assignment it may be kept, and is restored again.

    ``restore`` is called for every value that the changelog has for a key, in any order, also
    repeatedly, and also with values that an earlier owner wrote late: it must *join* them. It
    must not block for long: it runs in the event loop, for a chunk of records at a time.
    """

    def restore(self, records: Iterable[tuple[bytes, bytes]]) -> None:
        """Join (key, value) records of the changelog into the state."""

    def restored(self, committed: int, end: int) -> int:
        """Note that the changelog was read to its end, and return where the source shall continue.

        That is *committed*, the offset that the group had committed before the changelog was
        read, or less. *end* is the end of the source's partition then; a state that knows of
        offsets beyond it comes from another log, and raises.
        """


@runtime_checkable
class LocalState(PartitionState, Protocol):
    """A state that keeps on disk what the changelog has, so that a restore reads only its tail.

    What is on disk must never be ahead of the changelog: a change that only the disk has would
    be found unchanged when its record is read again, and would never be published.
    """

    def start(self, log: str, beginning: int, end: int) -> int:
        """Return the offset in the changelog from which this state must be told.

        *log* names the changelog's partition, which begins and ends at the offsets; what is on
        disk but not of this log is thrown away.
        """

    def forget(self) -> None:
        """Throw away all that was restored: it is of another log than what follows."""

    def keep(self, written: Written | None, changes: Iterable[tuple[bytes, bytes]]) -> None:
        """Put *changes*, which the changelog has, onto the disk; called in the changelog's order.

        *written* says where it has them, if that is known. If that follows upon the position up
        to which the state is complete, then the position moves behind it, in the same atomic
        write. Otherwise somebody else has written in between: the position stays, so that the
        next start reads what that was.
        """

    def keep_restored(self, position: int) -> None:
        """Put what ``restore`` has joined onto the disk; the state is complete to *position*."""

    def close(self) -> None:
        """Release the files. What is kept afterwards has no effect."""


V = TypeVar("V")


class KeyedState(ABC, Generic[V]):
    """Values by key, joined with one another: the state that most tables need.

    *merge* joins two values of one key: commutative, associative, idempotent. *encode* and
    *decode* translate values for the changelog.
    """

    def __init__(
        self,
        encode: Callable[[V], bytes],
        decode: Callable[[bytes], V],
        merge: Callable[[V, V], V],
    ) -> None:
        self._encode = encode
        self._decode = decode
        self._merge = merge
        #: the source offset at which this assignment began, once the state is restored
        self.began: int | None = None

    @abstractmethod
    def get(self, key: bytes) -> V | None:
        """Return the value of *key*, with all that was put so far."""

    @abstractmethod
    def items(self) -> Iterator[tuple[bytes, V]]:
        """Yield every key and its value, in no particular order."""

    @abstractmethod
    def put(self, key: bytes, value: V) -> V:
        """Join *value* to what *key* has, and return what it has now."""

    @abstractmethod
    def restore(self, records: Iterable[tuple[bytes, bytes]]) -> None:
        """Join (key, encoded value) records of the changelog into the state."""

    @abstractmethod
    def take_changes(self) -> dict[bytes, bytes]:
        """Return what was changed by ``put`` since the last call, encoded, for ``publish``."""

    def restored(self, committed: int, end: int) -> int:
        self.began = committed
        return committed


class DictState(KeyedState[V]):
    """A dictionary in memory."""

    def __init__(
        self,
        encode: Callable[[V], bytes],
        decode: Callable[[bytes], V],
        merge: Callable[[V, V], V],
    ) -> None:
        super().__init__(encode, decode, merge)
        self._values: dict[bytes, V] = {}
        self._changed: dict[bytes, V] = {}

    def get(self, key: bytes) -> V | None:
        return self._values.get(key)

    def items(self) -> Iterator[tuple[bytes, V]]:
        return iter(list(self._values.items()))

    def put(self, key: bytes, value: V) -> V:
        values = self._values
        if key in values:
            known = values[key]
            value = self._merge(known, value)
            if value == known:
                return known
        values[key] = self._changed[key] = value
        return value

    def take_changes(self) -> dict[bytes, bytes]:
        changed, self._changed = self._changed, {}
        encode = self._encode
        return {key: encode(value) for key, value in changed.items()}

    def restore(self, records: Iterable[tuple[bytes, bytes]]) -> None:
        values, decode, merge = self._values, self._decode, self._merge
        for key, data in records:
            value = decode(data)
            values[key] = merge(values[key], value) if key in values else value
