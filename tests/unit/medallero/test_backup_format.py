"""The file of a back-up gives back what was put in, and is refused if anything is wrong with it."""

from __future__ import annotations

import hashlib
import re
import struct
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medallero.backup import format as backup_file
from medallero.backup.format import (
    BackupWriter,
    Block,
    Damaged,
    Head,
    StoredRecord,
    open_backup,
)

HEAD = Head(
    made="2026-07-01T12:00:00+00:00",
    topic="results",
    partitions=[4],
    epoch=3,
    catalogue="revision = 1\n",
    seed=b"not \xff UTF-8",
    begins={2: 7},
)
RECORDS = [
    (0, StoredRecord(1_700_000_000_000, b"swimming/final", b"{}", (("traceparent", b"00-1"),))),
    (0, StoredRecord(0, None, None, ())),
    (2, StoredRecord(-1, b"", b"\xff\x00", (("a", None), ("a", b"")))),
    (3, StoredRecord(5, b"k", b"v" * 3000, ())),
]

Records = Sequence[tuple[int, StoredRecord]]


def written(path: Path, records: Records = RECORDS) -> bytes:
    with path.open("wb") as file:
        writer = BackupWriter(file, HEAD)
        for partition, record in records:
            writer.add(partition, record)
        writer.finish()
    assert writer.size == path.stat().st_size
    return path.read_bytes()


def read(path: Path) -> tuple[Head, list[Block], str]:
    file, reader = open_backup(path)
    with file:
        blocks = list(reader.blocks())
    return reader.head, blocks, reader.digest


def refusal(path: Path, content: bytes) -> str:
    """Return why a file of that content is refused; it must be."""
    path.write_bytes(content)
    with pytest.raises(Damaged) as refused:
        read(path)
    return str(refused.value)


def frames(content: bytes) -> list[tuple[int, int]]:
    """Return where each frame begins and ends."""
    at = content.index(b"\n") + 1
    found = []
    while at < len(content):
        (length,) = struct.unpack_from(">I", content, at + 1)
        found.append((at, at + 37 + length))
        at = found[-1][1]
    return found


stored = st.builds(
    StoredRecord,
    st.integers(-1, 2**62),
    st.none() | st.binary(max_size=20),
    st.none() | st.binary(max_size=200),
    st.lists(st.tuples(st.text(max_size=5), st.none() | st.binary(max_size=5)), max_size=3).map(
        tuple
    ),
)


@given(
    st.lists(st.tuples(st.integers(0, 3), stored)).map(lambda it: sorted(it, key=lambda x: x[0]))
)
def test_what_was_put_in_comes_out(
    tmp_path_factory: pytest.TempPathFactory, records: Records
) -> None:
    path = tmp_path_factory.mktemp("file") / "it"
    written(path, records)

    head, blocks, _ = read(path)

    assert head == HEAD
    assert [(block.partition, it) for block in blocks for it in block.records] == records


def test_blocks_are_bounded_and_a_large_record_has_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backup_file, "_BLOCK_BYTES", 100)
    small = StoredRecord(0, b"key", b"x" * 30, ())
    large = StoredRecord(0, b"key", b"x" * 10_000, ())
    written(tmp_path / "it", [(0, small)] * 5 + [(0, large), (0, small), (1, small)])

    _, blocks, _ = read(tmp_path / "it")

    assert [len(it.records) for it in blocks] == [3, 3, 1, 1]


def test_a_byte_that_changed_is_noticed_wherever_it_stands(tmp_path: Path) -> None:
    content = written(tmp_path / "it")
    places = frames(content)
    assert len(places) == len({it for it, _ in RECORDS}) + 2

    reasons = [
        refusal(tmp_path / "bad", content[:at] + bytes([content[at] ^ 0x10]) + content[at + 1 :])
        for at in range(len(content))
    ]

    # And the reason names the place.
    for number, (begin, end) in enumerate(places[1:-1], start=1):
        assert {f"block {number}" in it for it in reasons[begin:end]} == {True}


def test_a_file_that_was_cut_is_noticed_wherever_that_was(tmp_path: Path) -> None:
    content = written(tmp_path / "it")

    reasons = [refusal(tmp_path / "bad", content[:at]) for at in range(1, len(content))]

    assert all("cut off" in it for it in reasons), reasons


@pytest.mark.parametrize(
    "change",
    [
        lambda content, places: content + b"\n",
        lambda content, places: content + content[places[-1][0] :],
        # a block too few, one twice, two in another order, and none at all
        lambda content, places: content[: places[1][0]] + content[places[2][0] :],
        lambda content, places: content[: places[2][0]] + content[places[1][0] :],
        lambda content, places: (
            content[: places[1][0]]
            + content[slice(*places[2])]
            + content[slice(*places[1])]
            + content[places[3][0] :]
        ),
        lambda content, places: content[: places[1][0]] + content[places[-1][0] :],
    ],
)
def test_blocks_that_are_whole_but_not_in_their_place_are_noticed(
    tmp_path: Path, change: Callable[[bytes, list[tuple[int, int]]], bytes]
) -> None:
    content = written(tmp_path / "it")

    refusal(tmp_path / "bad", change(content, frames(content)))


def test_a_block_of_another_back_up_is_noticed(tmp_path: Path) -> None:
    content = written(tmp_path / "it")
    other = written(tmp_path / "other", [(0, StoredRecord(1, b"k", b"another", ())), *RECORDS[2:]])
    begin, end = frames(content)[1]

    refusal(tmp_path / "bad", content[:begin] + other[slice(*frames(other)[1])] + content[end:])


def test_what_swells_beyond_all_measure_is_refused_before_it_has_swollen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a forged file whose digests are right, and whose blocks are of 16 times 64 KiB
    forged = written(tmp_path / "forged", [(0, StoredRecord(1, b"k", bytes(2**20), ()))])
    monkeypatch.setattr(backup_file, "_LARGEST_CONTENT", 2**16)
    given: list[int] = []
    make = zlib.decompressobj

    class Seen:
        def __init__(self) -> None:
            self._own = make()

        def decompress(self, content: bytes, most: int = 0) -> bytes:
            whole = self._own.decompress(content, most)
            given.append(len(whole))
            return whole

        def __getattr__(self, name: str) -> object:
            return getattr(self._own, name)

    monkeypatch.setattr("medallero.backup.format.zlib.decompressobj", Seen)

    assert "too large" in refusal(tmp_path / "bad", forged)
    assert max(given) <= 2**16 + 1
    # and none is made that would be refused
    with pytest.raises(ValueError, match="too large"):
        written(tmp_path / "it", [(0, StoredRecord(1, b"k", bytes(2**16), ()))])


def test_a_frame_without_its_end_is_refused(tmp_path: Path) -> None:
    content = written(tmp_path / "it")
    head = content[: content.index(b"\n") + 1]
    squeezed = zlib.compress(b"{}")[:-2]
    frame = struct.pack(">cI", b"H", len(squeezed))
    digest = hashlib.blake2b(head, digest_size=32).digest()
    digest = hashlib.blake2b(digest + frame + squeezed, digest_size=32).digest()

    assert "cut off" in refusal(tmp_path / "bad", head + frame + digest + squeezed)


@pytest.mark.parametrize("content", [b"", b"{}\n", b"\x1f\x8b" + b"\0" * 100, b"x" * 100_000])
def test_another_file_is_told_to_be_none_of_ours(tmp_path: Path, content: bytes) -> None:
    assert "no back-up" in refusal(tmp_path / "bad", content)


def test_a_later_format_is_told_to_be_none_that_can_be_read(tmp_path: Path) -> None:
    content = re.sub(rb"format \d+", b"format 2", written(tmp_path / "it"), count=1)

    assert "this version" in refusal(tmp_path / "bad", content)


def test_equal_files_have_equal_digests_and_others_have_not(tmp_path: Path) -> None:
    for name, records in (("one", RECORDS), ("two", RECORDS), ("three", RECORDS[:-1])):
        written(tmp_path / name, records)

    one, two, three = (read(tmp_path / it)[2] for it in ("one", "two", "three"))

    assert one == two != three
