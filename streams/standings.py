"""The state of one partition of the results topic: the ``latest`` table and what follows from it.

Everything here is pure: lists of records in, changes out. Delivery is the extension's business.
"""

from collections.abc import Iterable
from typing import NamedTuple, Protocol

import msgspec

from contracts.records import check_place, read_record
from olympics.catalogue import Catalogue, rules_revision
from olympics.latest import decode_latest, latest_of
from olympics.result import ResultError, decode
from olympics.tally import Tally

# Keys of results end in the competitor, after a NUL that no text of ours contains; these begin
# with it.
_REJECTED = b"\0rejected/"
_RULES = b"\0rules/"

_encode = msgspec.msgpack.Encoder().encode


class Record(Protocol):
    """A record of the results topic, as aiokafka has it."""

    @property
    def offset(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...


class Rejected(NamedTuple):
    """A record that is not a result, and why."""

    offset: int
    key: bytes | None
    value: bytes | None
    error: ResultError


class OtherLogError(RuntimeError):
    """The state was made from another log than the one that the topic holds now."""

    def __init__(self, partition: int, known: int, end: int) -> None:
        super().__init__(
            f"the changelog of partition {partition} knows of offset {known - 1}, but the topic "
            f"ends at {end}: it was recreated. Recreate the other topics too and raise the epoch"
        )
        self.partition = partition
        self.known = known
        self.end = end


class _RejectedCount(msgspec.Struct, frozen=True, array_like=True):
    """How many records before ``end`` are not results: a function of the log's prefix."""

    end: int
    count: int


_decode_rejected = msgspec.msgpack.Decoder(_RejectedCount).decode


class Standings:
    """What is known of one partition after all records before ``offset``.

    Implements the extension's ``PartitionState``. Results are joined, so records may be applied
    again; ``offset`` never goes back.
    """

    def __init__(self, partition: int, partitions: int, catalogue: Catalogue) -> None:
        self.partition = partition
        self.tally = Tally(catalogue)
        self.offset = 0
        self.rejected = 0
        self._partitions = partitions
        self._catalogue = catalogue
        self._revision = rules_revision(catalogue)
        #: no tally may be published before this offset: the state is ahead of ``offset`` until then
        self._quiet_until = 0
        # State that other rules accepted lacks what they rejected, so a change of the rules
        # replays the topic; the marker says for which rules that was done.
        rules = f"{self._revision}/{catalogue.fingerprint}".encode()
        self._rules_key = _RULES + rules
        self._rejected_key = _REJECTED + rules
        self._rules_known = False
        self._rejected_end = 0

    @property
    def revision(self) -> int:
        """The rules revision that the counts follow."""
        return self._revision

    @property
    def live(self) -> bool:
        """Whether the counts are those of the log's prefix up to ``offset``, and no more.

        After a restore the state may contain results from beyond the committed offset; until
        they have been passed, a tally would claim an offset that it does not stand for.
        """
        return self.offset >= self._quiet_until

    def apply(self, records: Iterable[Record]) -> tuple[dict[bytes, bytes], list[Rejected]]:
        """Apply *records* in order; return the changes for the changelog, and what was refused.

        The changes map a key of the ``latest`` table to its encoded value; a competitor that
        changed several times appears once, with what survived.
        """
        catalogue = self._catalogue
        tally = self.tally
        holds = tally.holds
        put = tally.put
        changes: dict[bytes, bytes] = {}
        rejected: list[Rejected] = []
        end = self.offset
        for record in records:
            key, value, offset = record.key, record.value, record.offset
            end = offset + 1
            try:
                if value is None or key is None:
                    raise self._explain(record)
                result = decode(value, catalogue)
                sport, unit = result.sport, result.unit
                if not holds(key, sport, unit):
                    check_place(result, key, self.partition, self._partitions)
            except ResultError as error:
                if offset >= self._rejected_end:
                    self.rejected += 1
                    self._rejected_end = offset + 1
                rejected.append(Rejected(offset, key, value, error))
                continue
            latest = latest_of(result, value, offset)
            survivor = put(key, sport, unit, latest)
            if survivor is not None:
                changes[f"{sport}/{unit}\0{latest.competitor}".encode()] = survivor
        tally.settle()
        self.offset = max(self.offset, end)
        if rejected:
            changes[self._rejected_key] = _encode(_RejectedCount(self._rejected_end, self.rejected))
        if not self._rules_known and self.live:
            self._rules_known = True
            changes[self._rules_key] = b""
        return changes, rejected

    def restore(self, records: Iterable[tuple[bytes, bytes]]) -> None:
        """Join values of the changelog, of this and of every earlier owner."""
        tally = self.tally
        sports, faculties = self._catalogue.sports, self._catalogue.faculties
        for key, value in records:
            if key[:1] == b"\0":
                self._restore_own(key, value)
                continue
            latest = decode_latest(value)
            unit_key = key[: key.index(b"\0")]
            sport, _, unit = unit_key.decode().partition("/")
            if sport in sports and latest.faculty in faculties:
                tally.put(unit_key, sport, unit, latest)
                self._quiet_until = max(self._quiet_until, latest.offset + 1)
        tally.settle()

    def restored(self, committed: int, end: int) -> int:
        """Begin at *committed*, or at the topic's beginning if the rules are not those of then.

        :raises OtherLogError: the state knows of records beyond *end*.
        """
        if not self._rules_known:
            self.rejected = self._rejected_end = 0
            committed = 0
        self.offset = committed
        self._quiet_until = max(self._quiet_until, self._rejected_end)
        if self._quiet_until > end:
            raise OtherLogError(self.partition, self._quiet_until, end)
        return committed

    def _restore_own(self, key: bytes, value: bytes) -> None:
        if key == self._rules_key:
            self._rules_known = True
        elif key == self._rejected_key:
            known = _decode_rejected(value)
            if known.end > self._rejected_end:
                self._rejected_end, self.rejected = known.end, known.count

    def _explain(self, record: Record) -> ResultError:
        try:
            read_record(record.key, record.value, self.partition, self._partitions, self._catalogue)
        except ResultError as error:
            return error
        raise AssertionError("a record without key or value was taken for a result")
