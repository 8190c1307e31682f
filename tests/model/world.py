"""The whole: partitions with their workers, the topic `tallies`, scoreboards, Redis.

What each action stands for, by the numbers of docs/protocol.md (the code beside it), after those
of :mod:`tests.model.worker`:

- *publish*: an owner, or a zombie, publishes the tally of what it has applied, if it is not
  silent; also without news, now and then (6; ``Worker.publish_tallies``).
- *compact tallies*: the broker keeps the last tally of each partition by each rules: the last one
  *published*, not the furthest (7).
- *new scoreboard*: another process gets the topic and reads it from its beginning; the former one
  is not told and goes on (7; ``Worker.keep_score``).
- *hear*: a scoreboard reads the next tally, and chooses the rules that it shows (7;
  ``streams/board.py``).
- *snapshot*: it sends a snapshot of what it has heard; *write*: Redis runs the script on one that
  was sent, at any time (8; ``Worker.write_mirror``, ``streams/snapshot_writer.lua``).
- *wipe*, *roll back*: Redis loses everything, or goes back to any earlier snapshot (8).

A *free* world has no workers: any right tally may be published at any time. What the workers do
there is what their own search has shown they do.
"""

import itertools
import random
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from tests.model.board import (
    Boards,
    Heard,
    Mark,
    Script,
    Stored,
    Vector,
    goes_back,
    is_whole,
    mutant_accepts,
    revision_of,
)
from tests.model.protocol import Protocol
from tests.model.records import Records
from tests.model.worker import EMPTY, Bounds, Label, Partition, Worker

_Tallies = tuple[tuple[int, Mark] | None, ...]


class Scoreboard(NamedTuple):
    """A process that keeps, or thinks that it keeps, the scoreboard."""

    #: where it is in the topic
    position: int
    heard: Heard
    #: the rules that it knows to be shown: it never shows older ones
    lowest: int = 0
    #: a snapshot that was sent, and what a mutant's fence compares
    flight: Stored | None = None
    #: snapshots sent (only for a fence by counter)
    snapshots: int = 0
    #: what it sent last (only if nothing is written again)
    last: Vector | None = None


class World(NamedTuple):
    """A state of everything."""

    partitions: tuple[Partition, ...]
    #: (partition, mark); None where compaction has left a gap
    tallies: _Tallies = ()
    boards: tuple[Scoreboard, ...] = ()
    redis: Stored | None = None
    #: the highest tally that the owners have published (only without heartbeat in a free world)
    told: tuple[Mark | None, ...] = ()


class Limits(NamedTuple):
    """How large the world may become."""

    worker: Bounds = Bounds()
    boards: int = 2
    tallies: int = 4
    #: whether tallies come from nowhere instead of from workers
    free: bool = False
    #: whether Redis may be wiped and rolled back
    redis_faults: bool = True


Step = tuple[Label, World, str | None]
_Ending = tuple["_Tallies", Scoreboard | None, tuple[Stored, ...], Stored | None, Any]


class Model:
    """The steps of a world under a protocol, and what must hold in each of its states."""

    def __init__(
        self, protocol: Protocol, records: Records, limits: Limits, script: Script, boards: Boards
    ) -> None:
        self.protocol = protocol
        self.records = records
        self.limits = limits
        self.workers = [
            Worker(protocol, records, p, limits.worker) for p in range(records.partitions)
        ]
        self._convergences: dict[_Ending, str | None] = {}
        self._script = script
        self._boards = boards
        self._revisions = [
            records.tally(0, rules, 0).revision for rules in range(len(records.catalogues))
        ]
        self._goal = tuple((worker.size, self._revisions[-1]) for worker in self.workers)

    @property
    def start(self) -> World:
        """The beginning: empty topics, no process, an empty Redis."""
        partitions = (EMPTY,) * self.records.partitions
        if self.limits.free:
            partitions = tuple(EMPTY._replace(end=worker.size) for worker in self.workers)
        return World(partitions, told=(None,) * len(partitions))

    def steps(self, world: World) -> Iterator[Step]:
        """Yield (label, state after it, what is wrong with it) of every step that can be next."""
        for p in range(len(world.partitions)):
            yield from self._partition_steps(world, p)
        if self.limits.boards:
            yield from self._board_steps(world)

    def random_step(self, world: World, chance: random.Random) -> Step | None:
        """Return one of the steps; the kinds are drawn first, so that none drowns the others."""
        parts = len(world.partitions)
        drawn = chance.randrange(2 * parts + 1) if self.limits.boards else chance.randrange(parts)
        if drawn < 2 * parts:
            steps = list(self._partition_steps(world, drawn % parts))
        else:
            steps = list(self._board_steps(world))
        if not steps:
            return None
        kinds = sorted({step[0][0] for step in steps})
        kind = chance.choices(kinds, [_WEIGHTS.get(kind, 4) for kind in kinds])[0]
        return chance.choice([step for step in steps if step[0][0] == kind])

    def problem(self, before: World | None, world: World) -> str | None:
        """Return what is wrong in a state; partitions that are as *before* need no new look."""
        if not self.limits.free:
            for p, part in enumerate(world.partitions):
                if before is None or part is not before.partitions[p]:
                    wrong = self.workers[p].problem(part)
                    if wrong:
                        return wrong
        return self._convergence(world) if self.limits.boards else None

    def _partition_steps(self, world: World, p: int) -> Iterator[Step]:
        part = world.partitions[p]
        before, behind = world.partitions[:p], world.partitions[p + 1 :]
        if self.limits.free:
            for mark in _marks(part.end, self._revisions):
                yield from self._publish(world, ("publish", p, None, *mark), p, mark)
            return
        for label, after, problem in self.workers[p].steps(part):
            yield label, world._replace(partitions=(*before, after, *behind)), problem
        if not self.limits.boards:
            return
        for i, owner in enumerate(part.owners):
            if owner.state < 0:
                continue
            seen = self.records.seen(owner.state)
            if not seen.live or (not self.protocol.heartbeat and owner.told == seen.offset):
                continue
            told = world
            if not self.protocol.heartbeat:
                owners = (*part.owners[:i], owner._replace(told=seen.offset), *part.owners[i + 1 :])
                told = world._replace(partitions=(*before, part._replace(owners=owners), *behind))
            mark = (seen.offset, self._revisions[owner.rules])
            yield from self._publish(told, ("publish", p, i, *mark), p, mark)

    def _publish(self, world: World, label: Label, p: int, mark: Mark) -> Iterator[Step]:
        entry = (p, mark)
        last = next((e for e in reversed(world.tallies) if e and e[0] == p), None)
        if last == entry or len(world.tallies) >= self.limits.tallies:
            return  # the same again tells nobody anything
        told = world.told
        if self.limits.free and not self.protocol.heartbeat:
            known = told[p]
            if known is None or mark > known:
                told = (*told[:p], mark, *told[p + 1 :])
        yield label, world._replace(tallies=(*world.tallies, entry), told=told), None

    def _board_steps(self, world: World) -> Iterator[Step]:
        tallies = _compacted(world.tallies)
        if tallies != world.tallies:
            yield ("compact tallies",), self._without_gaps(world._replace(tallies=tallies)), None
        if len(world.boards) < self.limits.boards:
            boards = (*world.boards, Scoreboard(0, self._boards.nothing))
            yield ("new scoreboard", len(world.boards)), world._replace(boards=boards), None
        for b, board in enumerate(world.boards):
            yield from self._one_board(world, b, board)
        if not self.limits.redis_faults:
            return
        if world.redis is not None:
            yield ("wipe",), world._replace(redis=None), None
            for vector in self._earlier(world.redis.vector):
                yield ("roll back", vector), world._replace(redis=Stored(vector)), None

    def _earlier(self, vector: Vector) -> Iterator[Vector]:
        """Yield every whole vector that is behind *vector*, and ahead nowhere."""
        for revision in self._revisions:
            marks = [
                [(offset, revision) for offset in range(mark[0] + 1)]
                for mark in vector
                if mark is not None and revision <= mark[1]
            ]
            for earlier in itertools.product(*marks):
                if len(earlier) == len(vector) and earlier != vector:
                    yield earlier

    def _one_board(self, world: World, b: int, board: Scoreboard) -> Iterator[Step]:
        if board.position < len(world.tallies):
            heard = self._hear(board, world.tallies, board.position + 1)
            yield ("hear", b, heard.position), _with(world, b, heard), None
        if board.flight is None:
            sent = self._sent(board)
            if sent is not None:
                assert sent.flight is not None
                yield ("snapshot", b, sent.flight.vector), _with(world, b, sent), None
        if board.flight is not None:
            redis = self._written(world.redis, board.flight)
            landed = _with(world, b, _answered(board, redis))
            problem = None
            if world.redis is not None and goes_back(world.redis.vector, redis.vector):
                before, after = self.named(world.redis.vector), self.named(redis.vector)
                problem = f"Redis goes back from {before} to {after}"
            elif None in redis.vector:
                problem = f"Redis shows {self.named(redis.vector)}, which lacks a partition"
            elif not is_whole(redis.vector):
                problem = f"Redis shows {self.named(redis.vector)}, which mixes rules"
            label = ("write", b, board.flight.vector, redis.vector == board.flight.vector)
            yield label, landed._replace(redis=redis), problem

    def _without_gaps(self, world: World) -> World:
        """Close the gaps of compaction: only a fence by position could tell the difference."""
        if self.protocol.fence == "position":
            return world
        kept = [0]
        for entry in world.tallies:
            kept.append(kept[-1] + (entry is not None))
        boards = tuple(board._replace(position=kept[board.position]) for board in world.boards)
        return world._replace(
            tallies=tuple(entry for entry in world.tallies if entry is not None), boards=boards
        )

    def _sent(self, board: Scoreboard) -> Scoreboard | None:
        """Return the scoreboard after it sent a snapshot; None if it has nothing to send."""
        vector = self._boards.shown(board.heard, board.lowest)
        if not any(vector) or (self.protocol.complete and None in vector):
            return None
        if not self.protocol.rewrite and board.last == vector:
            return None
        fence = self.protocol.fence
        count = min(board.snapshots + 1, 3) if fence == "counter" else 0
        stamp = {"counter": count, "position": board.position}.get(fence, 0)
        last = None if self.protocol.rewrite else vector
        return board._replace(flight=Stored(vector, stamp), snapshots=count, last=last)

    def _written(self, stored: Stored | None, new: Stored) -> Stored:
        if not (is_whole(new.vector) and (stored is None or is_whole(stored.vector))):
            # The real mirror is not made to be asked for what mutants alone write.
            return new if stored is None or not goes_back(stored.vector, new.vector) else stored
        if stored is None or self.protocol.fence == "vector":
            vector = self._script.write(stored and stored.vector, new.vector)
            return Stored(vector, new.stamp)
        return new if mutant_accepts(self.protocol.fence, stored, new) else stored

    def _hear(self, board: Scoreboard, tallies: _Tallies, end: int) -> Scoreboard:
        heard = board.heard
        for entry in tallies[board.position : end]:
            if entry is not None:
                heard = self._boards.hear(heard, *entry)
        return board._replace(heard=heard, position=end)

    def named(self, vector: Vector) -> str:
        """Return a vector for people: the offset of each partition, and its rules if need be."""
        return "(" + ", ".join("–" if m is None else f"{m[0]}{self.by(m[1])}" for m in vector) + ")"

    def by(self, revision: int) -> str:
        """Return which rules a revision is of, for people; nothing where there is one alone."""
        if len(self._revisions) == 1:
            return ""
        return " by newer rules" if revision == self._revisions[-1] else " by older rules"

    def _convergence(self, world: World) -> str | None:
        """Return what is wrong if from here on there are no more faults, and time for everything.

        All records arrive, the last owner of each partition goes on, or all of them died and new
        ones begin; so do the scoreboards. What others have sent arrives before that.
        """
        last = world.boards[-1] if world.boards else None
        flights = tuple(board.flight for board in world.boards if board.flight is not None)
        published = (self._last_tallies(world, False), self._last_tallies(world, True))
        key = (world.tallies, last, flights, world.redis, published)
        if key not in self._convergences:
            self._convergences[key] = self._settles(*key)
        return self._convergences[key]

    def _settles(
        self,
        tallies: _Tallies,
        last: Scoreboard | None,
        flights: tuple[Stored, ...],
        redis: Stored | None,
        published: tuple[_Tallies, _Tallies],
    ) -> str | None:
        for flight in flights:
            redis = self._written(redis, flight)
        boards: list[tuple[str, Scoreboard, _Tallies]] = []
        if last is not None:
            boards.append(("the scoreboard goes on", last, tallies))
        fresh = Scoreboard(0, self._boards.nothing)
        boards.append(("a new scoreboard begins", fresh, _compacted(tallies)))
        ways = zip(("the owners go on", "new owners begin"), published, strict=True)
        for workers_do, tell in ways:
            for boards_do, board, told in boards:
                heard = (*told, *tell)
                board = self._hear(board, heard, len(heard))
                final = redis
                # Having been refused, it knows which rules are shown.
                for _ in range(2):
                    sent = self._sent(board)
                    if sent is not None and sent.flight and None not in sent.flight.vector:
                        final = self._written(final, sent.flight)
                        board = _answered(sent, final)
                if final is None or final.vector != self._goal:
                    shown = "nothing" if final is None else self.named(final.vector)
                    return (
                        f"{workers_do}, {boards_do}, nothing more goes wrong, and Redis shows "
                        f"{shown} for ever instead of {self.named(self._goal)}"
                    )
        return None

    def _last_tallies(self, world: World, restarted: bool) -> _Tallies:
        published: list[tuple[int, Mark]] = []
        for p, (part, worker) in enumerate(zip(world.partitions, self.workers, strict=True)):
            end = worker.size
            mark = (end, self._revisions[-1])
            told: int | None = None
            if self.limits.free:
                if not restarted and world.told[p] == mark:
                    told = end
            else:
                owner = part.owners[-1] if part.owners else None
                if restarted or owner is None or owner.state < 0 or owner.rules != worker.newest:
                    state = worker.restart(part)[0]
                    if not self.protocol.on_assignment:
                        told = part.committed
                else:
                    state = owner.state
                    told = owner.told
                end = self.records.seen(worker.finished(state, end)).offset
            if self.protocol.heartbeat or told != end:
                published.append((p, mark))
        return tuple(published)


#: How often a random history takes a kind of step, compared with the others (4).
_WEIGHTS = {
    "assign": 1,
    "come back": 1,
    "commit arrives": 3,
    "apply": 6,
    "land": 6,
    "hear": 8,
    "write": 6,
    "new scoreboard": 1,
    "wipe": 1,
    "roll back": 1,
    "compact": 2,
    "compact tallies": 2,
}


def _answered(board: Scoreboard, redis: Stored) -> Scoreboard:
    """Return a scoreboard whose snapshot was taken, or refused, by what Redis has now."""
    lowest = max(board.lowest, revision_of(redis.vector))
    return board._replace(flight=None, lowest=lowest)


def _marks(size: int, revisions: Sequence[int]) -> list[Mark]:
    return [(offset, revision) for offset in range(size + 1) for revision in revisions]


def _compacted(
    tallies: _Tallies,
) -> _Tallies:
    last = {(e[0], e[1][1]): i for i, e in enumerate(tallies) if e}
    return tuple(e if e and last[e[0], e[1][1]] == i else None for i, e in enumerate(tallies))


def _with(world: World, b: int, board: Scoreboard) -> World:
    boards = world.boards
    boards = (*boards[:b], board, *boards[b + 1 :])
    return World(world.partitions, world.tallies, boards, world.redis, world.told)
