"""State on RocksDB, for tables that do not fit into memory or must be back at once.

Needs the package ``rocksdict``.
"""

import logging
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar, cast

import msgspec
from rocksdict import AccessType, Options, Rdict, WriteBatch

from faust_bulk.producer import Written
from faust_bulk.state import KeyedState

V = TypeVar("V")

logger = logging.getLogger("faust_bulk")

# The first byte of a key on disk says what it is.
_VALUE = b"v"
_MARK_KEY = b"m"
#: Of what is on disk; another number is another way of writing it.
_FORMAT = 1


class _Mark(msgspec.Struct, frozen=True, array_like=True):
    """Up to which offset of which log the values are complete."""

    format: int
    log: str
    position: int


class RocksState(KeyedState[V]):
    """Values by key in a RocksDB of its own in *directory*; nothing is opened before ``start``.

    A change is kept in memory until the changelog has it, and only then goes to the disk, with
    the position in the changelog in the same atomic write. Reads see both. So a crash at any
    moment leaves a store that is a prefix of the changelog, and a restart reads the rest.

    Implements :class:`~faust_bulk.state.LocalState`. A directory belongs to one process.
    """

    def __init__(
        self,
        directory: Path,
        encode: Callable[[V], bytes],
        decode: Callable[[bytes], V],
        merge: Callable[[V, V], V],
        options: Options | None = None,
    ) -> None:
        super().__init__(encode, decode, merge)
        self._directory = directory
        self._options = options
        self._store: Rdict | None = None
        self._log = ""
        self._position = 0
        #: what the changelog may not have yet, or a restore has not written yet
        self._newer: dict[bytes, V] = {}
        self._changed: dict[bytes, V] = {}
        #: what a publication that is under way carries, by the bytes that come back to ``keep``
        self._under_way: dict[bytes, tuple[bytes, V]] = {}

    def start(self, log: str, beginning: int, end: int) -> int:
        self._log = log
        self._store = self._open()
        data = self._store.get(_MARK_KEY)
        mark = None if data is None else _read_mark(data)
        if data is None:
            self._position = beginning
        elif mark is None or mark.log != log or not beginning <= mark.position <= end:
            logger.warning(
                "local_state_dropped directory=%s has=%s log=%s beginning=%d end=%d",
                self._directory,
                mark,
                log,
                beginning,
                end,
            )
            self._drop()
            self._store = self._open()
            self._position = beginning
        else:
            self._position = mark.position
        return self._position

    def forget(self) -> None:
        self._newer.clear()
        self._drop()
        self._store = self._open()

    def get(self, key: bytes) -> V | None:
        if key in self._newer:
            return self._newer[key]
        if self._store is None:
            return None
        data = self._store.get(_VALUE + key)
        return None if data is None else self._decode(data)

    def items(self) -> Iterator[tuple[bytes, V]]:
        newer = dict(self._newer)
        yield from newer.items()
        if self._store is None:
            return
        for stored, data in cast(
            "Iterator[tuple[bytes, bytes]]", self._store.items(from_key=_VALUE)
        ):
            key = stored[1:]
            if key not in newer:
                yield key, self._decode(data)

    def put(self, key: bytes, value: V) -> V:
        known = self.get(key)
        if known is not None:
            value = self._merge(known, value)
            if value == known:
                return known
        self._newer[key] = self._changed[key] = value
        return value

    def take_changes(self) -> dict[bytes, bytes]:
        changed, self._changed = self._changed, {}
        changes = {}
        for key, value in changed.items():
            data = self._encode(value)
            changes[key] = data
            self._under_way[key] = (data, value)
        return changes

    def restore(self, records: Iterable[tuple[bytes, bytes]]) -> None:
        newer, decode = self._newer, self._decode
        for key, data in records:
            value = decode(data)
            known = self.get(key)
            newer[key] = value if known is None else self._merge(known, value)

    def keep(self, written: Written | None, changes: Iterable[tuple[bytes, bytes]]) -> None:
        store = self._store
        if store is None:
            return
        batch = WriteBatch(raw_mode=True)
        newer, under_way = self._newer, self._under_way
        for key, data in changes:
            batch.put(_VALUE + key, data)
            sent = under_way.get(key)
            if sent is not None and sent[0] is data:
                del under_way[key]
                # Unless it was changed again: then a later publication carries the newer value.
                if newer.get(key) is sent[1]:
                    del newer[key]
        follows = written is not None and written.first == self._position
        self._write(store, batch, written.end if written is not None and follows else None)

    def keep_restored(self, position: int) -> None:
        """Put what ``restore`` has joined onto the disk; the state is complete to *position*."""
        store = self._store
        if store is None:
            return
        batch = WriteBatch(raw_mode=True)
        for key, value in self._newer.items():
            batch.put(_VALUE + key, self._encode(value))
        self._newer.clear()
        self._write(store, batch, position)

    def close(self) -> None:
        store, self._store = self._store, None
        if store is not None:
            store.close()

    def _write(self, store: Rdict, batch: WriteBatch, position: int | None) -> None:
        if position is not None and position > self._position:
            self._position = position
            mark = _Mark(_FORMAT, self._log, position)
            batch.put(_MARK_KEY, msgspec.msgpack.encode(mark))
        if len(batch):
            store.write(batch)

    def _open(self) -> Rdict:
        self._directory.mkdir(parents=True, exist_ok=True)
        options = self._options or Options(raw_mode=True)
        return Rdict(str(self._directory), options, access_type=AccessType.read_write())

    def _drop(self) -> None:
        self.close()
        shutil.rmtree(self._directory)


def _read_mark(data: bytes) -> _Mark | None:
    try:
        mark = msgspec.msgpack.decode(data, type=_Mark)
    except msgspec.MsgspecError:
        return None
    return mark if mark.format == _FORMAT else None
