"""The file of a back-up: a head, blocks of records, and an end.

After the first line come frames: a letter for the kind, the length of the content (four bytes, big
endian), a digest of 32 bytes, the content, compressed by zlib. The digest (BLAKE2b) is of the
previous frame's digest, kind, length and content. So each vouches for its own frame and all before
it, and the last one for the whole file. Head and end are JSON, blocks are MessagePack.
"""

from __future__ import annotations

import hashlib
import os
import struct
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Final, Generic, NamedTuple, TypeVar

import msgspec

from contracts.partitioning import partition_of

_MAGIC: Final = b"Medallero back-up, format 1\n"
_FRAME: Final = struct.Struct(">cI")
_DIGEST_BYTES: Final = 32
_HEAD, _BLOCK, _END = b"H", b"B", b"E"
#: Bytes of records after which a block is full. A block of one record may be larger.
_BLOCK_BYTES: Final = 1 << 20
#: Bytes of a frame's content, decompressed, at most: a forged file asks for more than there is. It
#: is hundreds of times what Kafka takes of a record unless told otherwise.
_LARGEST_CONTENT: Final = 256 << 20
#: Bytes of a record beside its texts, roughly.
_RECORD_OVERHEAD: Final = 16


class Damaged(Exception):
    """A file is no whole back-up: what is wrong with it."""


class StoredRecord(NamedTuple):
    """A record as it lay on the topic. ``timestamp``: milliseconds since 1970, UTC."""

    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]


class Head(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What belongs to the records.

    ``made``: when, ISO 8601. ``partitions``: numbers of partitions by which records were placed.
    ``begins``: offsets at which partitions began whose older records were gone already.
    """

    made: str
    topic: str
    partitions: list[int]
    epoch: int
    catalogue: str
    seed: bytes | None = None
    begins: dict[int, int] = {}


class Block(msgspec.Struct, frozen=True, array_like=True):
    """Records of one partition, in their order."""

    partition: int
    records: list[StoredRecord]


class _End(msgspec.Struct, frozen=True):
    """How many records there are, which the blocks must agree with."""

    records: int


class BackupWriter:
    """Writes a back-up into an open file; `finish` makes it whole."""

    def __init__(self, file: BinaryIO, head: Head) -> None:
        self._file = file
        self._digest = hashlib.blake2b(_MAGIC, digest_size=_DIGEST_BYTES).digest()
        self._partition = 0
        self._pending: list[StoredRecord] = []
        self._pending_bytes = 0
        #: records and bytes that were written
        self.records = 0
        self.size = len(_MAGIC)
        file.write(_MAGIC)
        self._write(_HEAD, msgspec.json.encode(head))

    @property
    def digest(self) -> str:
        """The digest of all that was written, as people read it."""
        return self._digest.hex()

    def add(self, partition: int, record: StoredRecord) -> None:
        """Append a record; those of a partition must come in their order."""
        if partition != self._partition:
            self._close_block()
            self._partition = partition
        self._pending.append(record)
        self._pending_bytes += _RECORD_OVERHEAD + size_of(record)
        if self._pending_bytes >= _BLOCK_BYTES:
            self._close_block()

    def finish(self) -> None:
        """Write what is left, and the end, to the disk."""
        self._close_block()
        self._write(_END, msgspec.json.encode(_End(self.records)))
        self._file.flush()
        os.fsync(self._file.fileno())

    def _close_block(self) -> None:
        if self._pending:
            block = Block(self._partition, self._pending)
            self._write(_BLOCK, msgspec.msgpack.encode(block))
            self.records += len(self._pending)
            self._pending = []
            self._pending_bytes = 0

    def _write(self, kind: bytes, content: bytes) -> None:
        if len(content) > _LARGEST_CONTENT:
            raise ValueError(f"a record of {len(content):,} bytes is too large for a back-up")
        content = zlib.compress(content)
        frame = _FRAME.pack(kind, len(content))
        self._digest = _chained(self._digest, frame, content)
        self._file.write(frame + self._digest + content)
        self.size += len(frame) + len(self._digest) + len(content)


class BackupReader:
    """Reads the back-up in an open file, one block at a time."""

    def __init__(self, file: BinaryIO) -> None:
        """Read the head.

        :raises Damaged: the file is none of ours, or is damaged here.
        """
        self._file = file
        self._place = "its head"
        self._digest = hashlib.blake2b(_MAGIC, digest_size=_DIGEST_BYTES).digest()
        first = file.read(len(_MAGIC))
        if first != _MAGIC:
            if first and _MAGIC.startswith(first):
                raise Damaged("it is cut off in its first line")
            raise Damaged("it is no back-up that this version of Medallero can read")
        kind, content = self._frame()
        self.head = self._decoded(_HEADS, content, kind == _HEAD)

    @property
    def digest(self) -> str:
        """The digest of all that was read so far, as people read it."""
        return self._digest.hex()

    def blocks(self) -> Iterator[Block]:
        """Yield the blocks; when the last one is taken the whole file has been checked.

        :raises Damaged: a block is damaged, or the file ends too early or too late.
        """
        number, records = 1, 0
        while True:
            self._place = f"block {number:,}"
            kind, content = self._frame()
            if kind == _END:
                break
            block = self._decoded(_BLOCKS, content, kind == _BLOCK)
            yield block
            records += len(block.records)
            number += 1
        end = self._decoded(_ENDS, content, True)
        if end.records != records:
            raise Damaged(f"it has {records:,} records where its end says {end.records:,}")
        if self._file.read(1):
            raise Damaged("something follows its end")

    def _frame(self) -> tuple[bytes, bytes]:
        frame = self._exactly(_FRAME.size)
        kind, length = _FRAME.unpack(frame)
        digest = self._exactly(_DIGEST_BYTES)
        content = self._exactly(length)
        self._digest = _chained(self._digest, frame, content)
        if self._digest != digest:
            raise Damaged(f"{self._place} is damaged: its digest is another")
        stream = zlib.decompressobj()
        try:
            whole = stream.decompress(content, _LARGEST_CONTENT + 1)
        except zlib.error as error:
            raise Damaged(f"{self._place} cannot be decompressed ({error})") from None
        if not stream.eof:
            # All that could be read is there, or more than any back-up has.
            what = "it is cut off" if not stream.unconsumed_tail else "it is too large"
            raise Damaged(f"{self._place} cannot be decompressed ({what})")
        return kind, whole

    def _exactly(self, size: int) -> bytes:
        left = os.fstat(self._file.fileno()).st_size - self._file.tell()
        # A damaged length may ask for gigabytes.
        data = self._file.read(min(size, max(left, 0)))
        if len(data) < size:
            raise Damaged(f"it is cut off in {self._place}, or {self._place} is damaged")
        return data

    def _decoded(self, decoder: _Decoder[_Content], content: bytes, expected: bool) -> _Content:
        try:
            if expected:
                return decoder.decode(content)
        except msgspec.DecodeError:
            pass
        raise Damaged(f"{self._place} has another content than this version can read")


_Content = TypeVar("_Content")


class _Decoder(Generic[_Content]):
    """Decodes JSON or MessagePack, whose decoders have no common type."""

    def __init__(
        self, decoder: msgspec.json.Decoder[_Content] | msgspec.msgpack.Decoder[_Content]
    ) -> None:
        self.decode = decoder.decode


_HEADS: Final = _Decoder(msgspec.json.Decoder(Head))
_BLOCKS: Final = _Decoder(msgspec.msgpack.Decoder(Block))
_ENDS: Final = _Decoder(msgspec.json.Decoder(_End))


def open_backup(path: Path) -> tuple[BinaryIO, BackupReader]:
    """Open a file and read its head.

    :raises Damaged: it is no back-up, or cannot be opened.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise Damaged(f"it cannot be opened ({error.strerror})") from None
    try:
        return file, BackupReader(file)
    except BaseException:
        file.close()
        raise


def lies_right(key: bytes, partition: int, partitions: Iterable[int]) -> bool:
    """Whether a key belongs into *partition* by one of these numbers of partitions."""
    return any(partition_of(key, number) == partition for number in partitions)


def size_of(record: StoredRecord) -> int:
    """Return how many bytes key, value and headers of a record have."""
    size = len(record.key or b"") + len(record.value or b"")
    return size + sum(len(name) + len(text or b"") for name, text in record.headers)


def _chained(before: bytes, frame: bytes, content: bytes) -> bytes:
    digest = hashlib.blake2b(before, digest_size=_DIGEST_BYTES)
    digest.update(frame)
    digest.update(content)
    return digest.digest()
