"""The scoreboards and Redis, with the real board, the real mirror and the real script.

A snapshot in the model is the vector of (offset, rules revision) by partition that it claims; the
tallies behind it are the right ones (a wrong tally is found where it is published). What the code
does with what was heard, and with vectors, is a function of them, so it is asked once for each.
"""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import structlog
from redis.asyncio import Redis

from contracts.snapshot import Snapshot, read_snapshot
from streams.board import Board
from streams.settings import WorkerSettings
from streams.snapshot_writer import SnapshotWriter
from streams.tallies import TallyRecord
from tests.model.protocol import Fence
from tests.model.records import Records

#: (offset, rules revision) of a partition; None: not heard
Mark = tuple[int, int]
Vector = tuple[Mark | None, ...]
#: by partition: the furthest marks that were heard of it, one for each rules
Heard = tuple[tuple[Mark, ...], ...]


class Stored(NamedTuple):
    """What is in Redis; ``stamp`` is what a mutant's fence compares."""

    vector: Vector
    stamp: int = 0


class Boards:
    """`streams.board.Board` as a function of what it has heard."""

    def __init__(self, records: Records, mixed: bool = False) -> None:
        """*mixed*: a mutant, which shows the furthest tally of each partition."""
        self._records = records
        self._mixed = mixed
        self._revisions = {
            records.tally(0, rules, 0).revision: rules for rules in range(len(records.catalogues))
        }
        self._shown: dict[tuple[Heard, int], Vector] = {}

    @property
    def nothing(self) -> Heard:
        """What a scoreboard knows at its start."""
        return ((),) * self._records.partitions

    def hear(self, heard: Heard, partition: int, mark: Mark) -> Heard:
        """Return what a board knows that has *heard*, and hears a tally."""
        marks = {revision: offset for offset, revision in heard[partition]}
        offset, revision = mark
        marks[revision] = max(offset, marks.get(revision, 0))
        known = tuple((offset, revision) for revision, offset in sorted(marks.items()))
        return (*heard[:partition], known, *heard[partition + 1 :])

    def shown(self, heard: Heard, lowest: int) -> Vector:
        """Return the vector that a board shows; None stands for what it lacks.

        *lowest* is the revision that it knows to be shown.
        """
        if self._mixed:
            return tuple(max(marks, default=None) for marks in heard)
        known = self._shown.get((heard, lowest))
        if known is None:
            board = Board(1, self._records.partitions, self._records.catalogues[-1])
            for partition, marks in enumerate(heard):
                for mark in marks:
                    board.hear(self._tally(partition, mark))
            board.never_before(lowest)
            fence = board.fence()
            known = tuple(fence.get(str(p)) for p in range(self._records.partitions))
            self._shown[heard, lowest] = known
        return known

    def board(self, vector: Vector) -> Board:
        """Return a board that has heard the tallies of *vector*."""
        board = Board(1, self._records.partitions, self._records.catalogues[-1])
        for tally in self.tallies(vector):
            board.hear(tally)
        return board

    def tallies(self, vector: Vector) -> list[TallyRecord]:
        """Return the tallies that *vector* claims."""
        return [
            self._tally(partition, mark)
            for partition, mark in enumerate(vector)
            if mark is not None
        ]

    def _tally(self, partition: int, mark: Mark) -> TallyRecord:
        offset, revision = mark
        return self._records.tally(partition, self._revisions[revision], offset)


class Script:
    """The mirror over a real Redis as a function: what was stored, what comes → what is stored.

    Every snapshot that it stores is read back as a reader would, and checked.
    """

    def __init__(self, redis_url: str, prefix: str, boards: Boards, records: Records) -> None:
        self._settings = WorkerSettings(
            redis=redis_url, redis_prefix=prefix, partitions=records.partitions
        )
        self._loop = asyncio.new_event_loop()
        self._redis = Redis.from_url(redis_url, decode_responses=True)
        self._mirror = SnapshotWriter(self._settings)
        self._boards = boards
        self._known: dict[tuple[Vector | None, Vector], Vector] = {}

    def close(self) -> None:
        """Delete the keys and close the connections."""
        self._loop.run_until_complete(self._close())
        self._loop.close()

    def write(self, stored: Vector | None, new: Vector) -> Vector:
        """Return what is in Redis after *new* was written over *stored*, or refused."""
        key = (stored, new)
        known = self._known.get(key)
        if known is None:
            with _quiet():
                known = self._loop.run_until_complete(self._write(stored, new))
            self._known[key] = known
        return known

    @property
    def asked(self) -> int:
        """How many different questions Redis has answered."""
        return len(self._known)

    async def _write(self, stored: Vector | None, new: Vector) -> Vector:
        await self._wipe()
        if stored is not None:
            assert await self._mirror.write(self._boards.board(stored))
        board = self._boards.board(new)
        written = await self._mirror.write(board)
        snapshot = await read_snapshot(self._redis, self._settings)
        assert snapshot is not None
        vector: Vector = tuple(snapshot.offsets.get(p) for p in range(self._settings.partitions))
        assert vector == (new if written else stored)
        self._check(snapshot, vector)
        return vector

    def _check(self, snapshot: Snapshot, vector: Vector) -> None:
        """Compare what a reader sees with the tallies that the vector claims."""
        pairs: dict[tuple[str, str], dict[str, int]] = {}
        for tally in self._boards.tallies(vector):
            for pair, counts in tally.counts().items():
                sums = pairs.setdefault(pair, dict.fromkeys(counts._fields, 0))
                for name, count in counts._asdict().items():
                    sums[name] += count
        assert snapshot.pairs == pairs
        for name in ("results", "provisional", "rejected", "conflicts"):
            expected = sum(getattr(tally, name) for tally in self._boards.tallies(vector))
            assert snapshot.meta[name] == expected, name

    async def _wipe(self) -> None:
        keys = [key async for key in self._redis.scan_iter(f"{self._settings.redis_prefix}*")]
        if keys:
            await self._redis.delete(*keys)

    async def _close(self) -> None:
        await self._wipe()
        await self._mirror.close()
        await self._redis.aclose()


def mutant_accepts(fence: Fence, stored: Stored, new: Stored) -> bool:
    """Return what a wrong fence says."""
    if fence == "sum":
        return _sum(new.vector) >= _sum(stored.vector)
    if fence in ("offset first", "revision first"):
        turn = -1 if fence == "revision first" else 1
        marks = zip(stored.vector, new.vector, strict=True)
        return all(old and mine and mine[::turn] >= old[::turn] for old, mine in marks)
    return fence == "none" or new.stamp >= stored.stamp


def goes_back(stored: Vector, new: Vector) -> bool:
    """Whether some partition of *new* is behind *stored*, by its offset or by its rules."""
    return any(
        old is not None and (mine is None or mine[0] < old[0] or mine[1] < old[1])
        for old, mine in zip(stored, new, strict=True)
    )


def is_whole(vector: Vector) -> bool:
    """Whether *vector* has a tally of every partition, and all of the same rules."""
    return None not in vector and len({mark[1] for mark in vector if mark is not None}) == 1


def revision_of(vector: Vector) -> int:
    """Return the newest rules in *vector*; 0 if there are none."""
    return max((mark[1] for mark in vector if mark is not None), default=0)


def _sum(vector: Vector) -> int:
    return sum(mark[0] for mark in vector if mark is not None)


@contextmanager
def _quiet() -> Iterator[None]:
    """Refusals are what is asked for, so they are no news."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    try:
        yield
    finally:
        structlog.configure(**before)
