"""One partition: its log, the group's commit, the changelog, and its owners past and present.

What each action stands for, by the numbers of docs/protocol.md (the code beside it):

- *append*: the gateway has an acknowledged record on the topic (2; ``gateway/kafka/batching.py``).
- *assign*: the group gives the partition to a process, which makes a new tag (3;
  ``faust_bulk/assignment.py``). The former owner is not told: it becomes a zombie, which may do
  everything it did before, late or never. A process that dies is one that does nothing any more.
- *come back*: the same, and the process is the one that was the owner before; it keeps its state,
  if the protocol says so, and restores into it (5; ``faust_bulk/held.py``).
- *read*: a new owner's next look at the committed offset, the changelog, the end of the log (5;
  ``faust_bulk/recovery.py``). After the last it serves.
- *apply*: it applies a batch; the changes are under way (4; ``Worker.keep_standings``).
- *land*: the broker appends one change (a batch's changes may be several of Kafka's batches, so
  a part of them may land), in the order of the producer (3, 4; ``faust_bulk/producer.py``).
- *send commit*, *commit arrives*: of the highest offset below which all is durable; it may arrive
  at any time, also when the assignment is over, also after a newer one (4, 5: aiokafka tries a
  commit again with a newer generation; ``faust_bulk/transport.py``).
- *compact*: the broker keeps the last value of each key of the changelog (3).
- *recreate*: the topic is deleted and made again; changelog and commits stay. *raise epoch*: from
  then on new owners are of the next epoch (11; ``faust_bulk/logs.py``). An owner knows the
  topic's id from before its first reading. The mark of its tag is no record here: it is there
  before anything under the tag is. Nobody reads on in another log than it began with.

Acknowledgements are no steps of their own: what has landed is known to the owner when it commits,
and it may commit at any time or never.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from tests.model.protocol import Protocol
from tests.model.records import OTHER_LOG, TOMBSTONE, Pair, Records

#: (name, partition, arguments): unique among the steps of a state, and the same in all states
Label = tuple[Any, ...]


class Change(NamedTuple):
    """A record of the changelog; key and value are numbers, the tag that of an owner."""

    key: int
    tag: int
    value: int


class Batch(NamedTuple):
    """The changes of a batch that are still under way; ``end`` is the offset after the batch."""

    end: int
    changes: tuple[Change, ...]


class Owner(NamedTuple):
    """An assignment: what its process has in memory."""

    #: how many of the readings are done; after the last it serves
    reads: int
    rules: int
    #: the state that it has kept from an earlier assignment
    kept: int = OTHER_LOG
    #: what its state has of the changelog, and is not read again (only with states that are kept)
    has: tuple[Pair, ...] = ()
    #: the topic whose id it has looked up, and the epoch that it was told
    log: int = 0
    epoch: int = 0
    #: it has met another log of its epoch, and does nothing more
    ended: bool = False
    #: readings; of no meaning any more when it serves
    committed: int = -1
    log_end: int = -1
    noted: tuple[Change, ...] = ()
    restored: tuple[Pair, ...] = ()
    #: from here on of an owner that serves
    state: int = -1
    under_way: tuple[Batch, ...] = ()
    durable: int = -1
    sent: int = -1
    #: what it published last; -1: nothing
    told: int = -1


class Partition(NamedTuple):
    """Everything about one partition."""

    end: int
    committed: int
    #: commits that were sent and have not arrived: the offset, and the log of whoever sent it
    commits: tuple[tuple[int, int], ...]
    changelog: tuple[Change, ...]
    owners: tuple[Owner, ...]
    #: changes that were sent again, and may land once more (only without idempotence)
    again: tuple[Change, ...]
    #: which topic it is: 0, or 1 when it was made again; of which the commit is; the epoch
    log: int = 0
    committed_log: int = 0
    epoch: int = 0


class Bounds(NamedTuple):
    """How large the world may become: what a search can get through."""

    owners: int = 3
    under_way: int = 2
    commits: int = 2
    batch: int = 1


EMPTY = Partition(0, 0, (), (), (), ())

Step = tuple[Label, Partition, str | None]


class Worker:
    """The steps of one partition under a protocol, and what must hold in each of its states."""

    def __init__(self, protocol: Protocol, records: Records, number: int, bounds: Bounds) -> None:
        self.protocol = protocol
        self.records = records
        self.number = number
        self.bounds = bounds
        self.size = len(records.logs[number])  # of the first topic
        #: the rules that the last owners have
        self.newest = len(records.catalogues) - 1
        self._restarts: dict[tuple[Any, ...], tuple[int, str | None]] = {}

    def steps(self, part: Partition) -> Iterator[Step]:
        """Yield (label, state after it, what is wrong with it) of every step that can be next."""
        p, bounds, protocol = self.number, self.bounds, self.protocol
        if part.end < len(self.records.logs[self._index(part.log)]):
            yield ("append", p), part._replace(end=part.end + 1), None
        if self.records.recreated and part.log == 0:
            yield ("recreate", p), part._replace(log=1, end=0), None
        elif part.log > part.epoch:
            yield ("raise epoch", p), part._replace(epoch=part.log), None
        if len(part.owners) < bounds.owners:
            for rules in range(self.newest + 1):
                owners = (*part.owners, Owner(0, rules, epoch=part.epoch))
                yield ("assign", p, len(part.owners), rules), part._replace(owners=owners), None
            if protocol.keeps != "never":
                yield from self._come_back(part)
        for i, owner in enumerate(part.owners):
            if owner.ended:
                continue
            if owner.state >= 0:
                yield from self._serve(part, i, owner)
            else:
                yield self._read(part, i, owner)
        for commit in dict.fromkeys(part.commits):
            commits = list(part.commits)
            commits.remove(commit)
            offset, log = commit
            after = part._replace(committed=offset, committed_log=log, commits=tuple(commits))
            yield ("commit arrives", p, offset, log), after, None
        for change in part.again:
            again = list(part.again)
            again.remove(change)
            changelog = self._appended(part.changelog, change)
            after = part._replace(changelog=changelog, again=tuple(again))
            yield ("land again", p, *change), after, None
        compacted = self.compacted(part.changelog)
        if compacted != part.changelog:
            yield ("compact", p), part._replace(changelog=compacted), None

    def problem(self, part: Partition) -> str | None:
        """Return what is wrong in a state: a tally that is not its prefix's, or a loss."""
        for i, owner in enumerate(part.owners):
            if owner.state >= 0 and (wrong := self._wrong(owner)):
                return f"owner {i + 1} {wrong}"
        return self.restart(part)[1]

    def restart(self, part: Partition) -> tuple[int, str | None]:
        """Return the state of a new owner when it has read all, and what is wrong with it.

        All former owners are gone with what was under way, and the changelog is compacted.
        """
        topics = (part.log, part.committed_log, part.epoch)
        tags = tuple((owner.log, owner.epoch) for owner in part.owners) if any(topics) else ()
        key = (part.changelog, part.committed, part.end, topics, tags)
        known = self._restarts.get(key)
        if known is None:
            known = self._restarts[key] = self._restart(part)
        return known

    def finished(self, state: int, end: int) -> int:
        """Return the state after *state* when all records before *end* are applied, one by one."""
        for offset in range(self.records.seen(state).offset, end):
            state = self.records.applied(state, offset + 1)[0]
        return state

    def compacted(self, changelog: tuple[Change, ...]) -> tuple[Change, ...]:
        """Return what is left when only the last value of a key is kept, and no tombstone."""
        last = {(change.key, change.tag): change for change in changelog}
        return tuple(c for c in changelog if c is last[c.key, c.tag] and c.value != TOMBSTONE)

    def _come_back(self, part: Partition) -> Iterator[Step]:
        for i, owner in enumerate(part.owners):
            landed = not owner.under_way
            if owner.state >= 0 and (landed or self.protocol.keeps == "always"):
                # What else the former assignment may do is what a zombie may.
                owners = (*part.owners, Owner(0, owner.rules, kept=owner.state, has=owner.has))
                label = ("come back", self.number, len(part.owners), i)
                yield label, part._replace(owners=owners), None

    def _serve(self, part: Partition, i: int, owner: Owner) -> Iterator[Step]:
        p, bounds, protocol = self.number, self.bounds, self.protocol
        offset = self.records.seen(owner.state).offset
        if len(owner.under_way) < bounds.under_way and owner.log == part.log:
            for end in range(offset + 1, min(part.end, offset + bounds.batch) + 1):
                state, pairs = self.records.applied(owner.state, end)
                changes = tuple(Change(k, self._tag(i), v) for k, v in pairs)
                served = self._sent(owner._replace(state=state), Batch(end, changes))
                yield ("apply", p, i, end), _with(part, i, served), None
        if owner.under_way:
            first = owner.under_way[0]
            change = first.changes[0]
            left = (Batch(first.end, first.changes[1:]), *owner.under_way[1:])
            has = owner.has
            if protocol.keeps != "never":
                has = tuple(sorted({*has, (change.key, change.value)}))
            landed = _with(part, i, _settled(owner._replace(under_way=left, has=has)))
            landed = landed._replace(changelog=self._appended(part.changelog, change))
            yield ("land", p, i, *change), landed, None
            if not protocol.idempotent and not part.again:
                again = landed._replace(again=(change,))
                yield ("land, unheard", p, i, *change), again, None
        if i == len(part.owners) - 1 and len(part.commits) < bounds.commits:
            durable = owner.durable if protocol.durable_first else offset
            if durable > owner.sent:
                sent = _with(part, i, owner._replace(sent=durable))
                commits = tuple(sorted((*part.commits, (durable, owner.log))))
                yield ("send commit", p, i, durable), sent._replace(commits=commits), None

    def _read(self, part: Partition, i: int, owner: Owner) -> Step:
        reads = self.protocol.reads
        what = reads[owner.reads]
        if owner.reads == 0:
            owner = owner._replace(log=part.log)
        if what == "committed":
            owner = self._read_committed(part, owner)
        elif what == "log":
            owner = owner._replace(log_end=part.end)
        elif what == "changelog-end":
            owner = owner._replace(noted=part.changelog)
        elif what == "again":
            if not set(self._pairs(part.changelog)) <= set(owner.restored):
                # There is more: read that, too, and look again.
                owner = owner._replace(noted=part.changelog, reads=reads.index("changelog") - 1)
        elif "changelog-end" in reads:
            left = tuple(change for change in owner.noted if change in part.changelog)
            restored = {*owner.restored, *self._pairs(left)}
            owner = owner._replace(noted=(), restored=tuple(sorted(restored)))
        else:
            own, others = self._sifted(part, part.changelog, owner)
            pairs = self._pairs(own)
            if any(part.owners[change.tag].epoch >= owner.epoch for change in others):
                owner = owner._replace(ended=True)
            if others and not own:
                owner = owner._replace(committed=0)
            if owner.has:
                pairs = tuple(pair for pair in pairs if pair not in owner.has)
            owner = owner._replace(restored=pairs)
        if "log" not in reads and owner.reads == len(reads) - 1:
            # Read later, the end of the log could only be larger.
            owner = owner._replace(log_end=part.end)
        owner = owner._replace(reads=owner.reads + 1)
        problem = None
        if owner.ended:
            owner = Owner(0, owner.rules, log=owner.log, epoch=owner.epoch, ended=True)
        elif owner.reads == len(reads):
            owner, problem = self._restored(part, i, owner)
        label = ("read", self.number, i, what)
        return label, _with(part, i, owner), problem

    def _restored(self, part: Partition, i: int, owner: Owner) -> tuple[Owner, str | None]:
        state = OTHER_LOG
        if owner.committed <= owner.log_end:
            state = self.records.restored(
                *(
                    self._index(owner.log),
                    owner.rules,
                    owner.restored,
                    owner.committed,
                    owner.log_end,
                ),
                kept=owner.kept,
            )
        if state == OTHER_LOG:
            if owner.log != part.log or self._is_another(part):
                return owner._replace(ended=True), None
            return owner, f"owner {i + 1} says that this is another log, which it is not"
        start = self.records.seen(state).offset
        served = Owner(
            reads=owner.reads,
            rules=owner.rules,
            log=owner.log,
            epoch=owner.epoch,
            state=state,
            durable=start,
            sent=owner.committed,
        )
        if self.protocol.keeps != "never":
            served = served._replace(has=tuple(sorted({*owner.has, *owner.restored})))
        if not self.protocol.on_assignment:
            served = served._replace(told=start)
        if not self.protocol.keep:
            batches = tuple(
                Batch(start, (Change(key, self._tag(i), value), *deleted))
                for key, value, deleted in self._tidied(part.changelog, i)
            )
            served = served._replace(under_way=batches)
        return served, None

    def _tidied(
        self, changelog: tuple[Change, ...], i: int
    ) -> Iterator[tuple[int, int, tuple[Change, ...]]]:
        for key in dict.fromkeys(change.key for change in changelog):
            values = [c.value for c in changelog if c.key == key and c.value != TOMBSTONE]
            joined = self.records.joined(values) if values else None
            if joined is not None:
                tags = {c.tag for c in changelog if c.key == key}
                yield key, joined, tuple(Change(key, tag, TOMBSTONE) for tag in sorted(tags))

    def _restart(self, part: Partition) -> tuple[int, str | None]:
        last = Owner(0, self.newest, log=part.log, epoch=part.epoch)
        last = self._read_committed(part, last)
        own, others = self._sifted(part, self.compacted(part.changelog), last)
        if last.ended or any(part.owners[it.tag].epoch >= part.epoch for it in others):
            return OTHER_LOG, None  # which is true
        committed = 0 if others and not own else last.committed
        state, wrong = OTHER_LOG, None
        if committed <= part.end:
            state = self.records.restored(
                self._index(part.log), self.newest, self._pairs(own), committed, part.end
            )
        if state == OTHER_LOG:
            if not self._is_another(part):
                wrong = "a new owner says that this is another log, which it is not"
            return state, wrong
        state = self.finished(state, part.end)
        wrong = self._wrong(last._replace(state=state))
        if wrong is None and not self.records.seen(state).live:
            wrong = "would stay silent for ever"
        return state, wrong and f"after a restart of everything a new owner {wrong}"

    def _wrong(self, owner: Owner) -> str | None:
        seen = self.records.seen(owner.state)
        if not seen.live:
            return None
        right = self.records.oracle(self._index(owner.log), owner.rules, seen.offset)
        if seen.content == right:
            return None
        return (
            f"says of the first {seen.offset} records: {_named(seen.content)}; "
            f"right is: {_named(right)}"
        )

    def _read_committed(self, part: Partition, owner: Owner) -> Owner:
        """Read the commit: one of another log ends the owner, or is worth nothing to it."""
        committed = part.committed
        if self.protocol.notes and committed and part.committed_log != owner.log:
            # Of the first topic everything is of the first epoch.
            owner = owner._replace(ended=min(part.committed_log, part.epoch) >= owner.epoch)
            committed = 0
        return owner._replace(committed=committed)

    def _sifted(
        self, part: Partition, changelog: tuple[Change, ...], owner: Owner
    ) -> tuple[tuple[Change, ...], tuple[Change, ...]]:
        """Return what is of the owner's log, and what is of another, as the marks say."""
        if not self.protocol.marks:
            return changelog, ()
        own = tuple(c for c in changelog if part.owners[c.tag].log == owner.log)
        return own, tuple(c for c in changelog if part.owners[c.tag].log != owner.log)

    def _is_another(self, part: Partition) -> bool:
        """Whether it is right to call it another log: until the epoch is raised, if ids help."""
        return part.log > 0 and (part.epoch == 0 or not self.protocol.marks)

    def _index(self, log: int) -> int:
        return self.number + self.records.partitions * log

    def _pairs(self, changelog: tuple[Change, ...]) -> tuple[Pair, ...]:
        if self.protocol.join:
            return tuple((c.key, c.value) for c in changelog if c.value != TOMBSTONE)
        last = {c.key: c.value for c in changelog}
        return tuple(last.items())

    def _appended(self, changelog: tuple[Change, ...], change: Change) -> tuple[Change, ...]:
        """Append, then order by key: the order of different keys has no consequence.

        With a join not even that of different tags has one.
        """
        longer = (*changelog, change)
        order = (lambda c: c[:2]) if self.protocol.join else (lambda c: c[:1])
        ordered = sorted(longer, key=order)
        return tuple(c for j, c in enumerate(ordered) if j == 0 or c != ordered[j - 1])

    def _tag(self, i: int) -> int:
        return i if self.protocol.tags else 0

    @staticmethod
    def _sent(owner: Owner, batch: Batch) -> Owner:
        return _settled(owner._replace(under_way=(*owner.under_way, batch)))


def _settled(owner: Owner) -> Owner:
    """Take batches from the head that have no more changes under way."""
    waiting = owner.under_way
    if not waiting or waiting[0].changes:
        return owner
    durable = owner.durable
    while waiting and not waiting[0].changes:
        durable = waiting[0].end
        waiting = waiting[1:]
    return owner._replace(under_way=waiting, durable=durable)


def _with(part: Partition, i: int, owner: Owner) -> Partition:
    owners = part.owners
    return part._replace(owners=(*owners[:i], owner, *owners[i + 1 :]))


def _named(content: Any) -> str:
    rows, results, provisional, rejected, conflicts = content
    medals = ", ".join(f"{faculty} {counts.gold} gold" for _, faculty, counts in rows)
    return (
        f"{results} results ({medals or 'no counts'}; provisional {provisional}, "
        f"rejected {rejected}, conflicts {conflicts})"
    )
