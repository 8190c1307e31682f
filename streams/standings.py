"""The state of one partition of the results topic: the ``latest`` table and what follows from it.

Everything here is pure: lists of records in, changes out. Delivery is the extension's business.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

import msgspec

from contracts.records import check_place, read_record
from olympics import tally
from olympics.catalogue import Catalogue, rules_revision
from olympics.latest import Latest, decode_latest, encode_latest, latest_of
from olympics.result import ResultError, decode
from streams.latest import LatestChanges

try:
    from streams.canonical import CanonicalReader
except ImportError:  # nobody could compile it here
    CanonicalReader = None  # type: ignore[assignment, misc]

#: whether compiled code reads most records and counts most units
COMPILED = CanonicalReader is not None and tally.COMPILED

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


class _RulesEnd(msgspec.Struct, frozen=True, array_like=True):
    """Before which offset these rules have applied all."""

    end: int


_decode_rejected = msgspec.msgpack.Decoder(_RejectedCount).decode
# Written as the number alone; a newer version that has more to say writes a list that begins
# with it, and must not stop us.
_decode_rules = msgspec.msgpack.Decoder(int | _RulesEnd).decode


class Standings:
    """What is known of one partition after all records before ``offset``.

    Implements the extension's ``PartitionState``. Results are joined, so records may be applied
    again; ``offset`` never goes back.
    """

    def __init__(self, partition: int, partitions: int, catalogue: Catalogue) -> None:
        self.partition = partition
        self.tally = tally.Tally(catalogue, compiled=COMPILED)
        self.latest = LatestChanges(self.tally, catalogue)
        self.offset = 0
        self.rejected = 0
        self._partitions = partitions
        self._catalogue = catalogue
        self._reader = CanonicalReader(catalogue, partition, partitions) if COMPILED else None
        self._revision = rules_revision(catalogue)
        #: no tally may be published before this offset: the state is ahead of ``offset`` until then
        self._quiet_until = 0
        # State that other rules accepted lacks what they rejected, so a change of the rules
        # replays the topic; the marker says how far these rules have come. That there is one says
        # too little: a replay may end early, and owners with other rules may come in between.
        rules = f"{self._revision}/{catalogue.fingerprint}".encode()
        self._rules_key = _RULES + rules
        self._rejected_key = _REJECTED + rules
        self._rules_end = 0
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

    def apply(self, records: Sequence[Record]) -> tuple[dict[bytes, bytes], list[Rejected]]:
        """Apply *records* in order; return the changes for the changelog, and what was refused.

        The changes map a key of the ``latest`` table to its encoded value; a competitor that
        changed several times appears once, with what survived.
        """
        end = records[-1].offset + 1 if records else 0
        #: key of a unit → its results in this batch, encoded
        units: dict[bytes, list[bytes]] = {}
        if self._reader is not None:
            # Those that are easy to read may come first: the order of units does not matter.
            units, records = self._reader.read(records)
        rejected = self._read(records, units)
        changes: dict[bytes, bytes] = {}
        self.tally.put(units, changes)
        self.offset = max(self.offset, end)
        if rejected:
            changes[self._rejected_key] = _encode(_RejectedCount(self._rejected_end, self.rejected))
        if self.offset > self._rules_end:
            self._rules_end = self.offset
            # The last of the batch, so that whoever finds it finds all that it stands for.
            changes[self._rules_key] = _encode(self._rules_end)
        return changes, rejected

    def restore(self, records: Iterable[tuple[bytes, bytes]]) -> None:
        """Join values of the changelog, of this and of every earlier owner."""
        units: dict[bytes, list[bytes]] = {}
        for key, value in records:
            unit = key.partition(b"\0")[0]
            if not unit:
                self._restore_own(key, value)
            elif unit in units:
                units[unit].append(value)
            else:
                units[unit] = [value]
        self._quiet_until = max(self._quiet_until, 1 + self.tally.put(units))

    def restored(self, committed: int, end: int) -> int:
        """Begin at *committed*, or before it, where these rules have not applied all before it.

        :raises OtherLogError: the state knows of records beyond *end*.
        """
        # What was kept from an earlier assignment has all that was applied then.
        self._quiet_until = max(self._quiet_until, self._rejected_end, self.offset)
        self.offset = min(committed, self._rules_end)
        if self._quiet_until > end:
            raise OtherLogError(self.partition, self._quiet_until, end)
        return self.offset

    def _read(self, records: Iterable[Record], units: dict[bytes, list[bytes]]) -> list[Rejected]:
        """Put the results in *records* into *units*; return what is none, in order."""
        catalogue = self._catalogue
        rejected: list[Rejected] = []
        found: dict[bytes, list[Latest]] = {}
        #: key → the sport and the unit that it is known to be of
        places: dict[bytes, tuple[str, str]] = {}
        for record in records:
            key, value, offset = record.key, record.value, record.offset
            try:
                if value is None or key is None:
                    raise self._explain(record)
                result = decode(value, catalogue)
                if places.get(key) != (result.sport, result.unit):
                    check_place(result, key, self.partition, self._partitions)
                    places[key] = result.sport, result.unit
            except ResultError as error:
                if offset >= self._rejected_end:
                    self.rejected += 1
                    self._rejected_end = offset + 1
                rejected.append(Rejected(offset, key, value, error))
                continue
            found.setdefault(key, []).append(latest_of(result, value, offset))
        for key, results in found.items():
            units[key] = _in_order(units.get(key, []), results)
        return rejected

    def _restore_own(self, key: bytes, value: bytes) -> None:
        if key == self._rules_key:
            # A marker without a content was written before they had one, and says too little.
            known_rules = _decode_rules(value) if value else 0
            end = known_rules.end if isinstance(known_rules, _RulesEnd) else known_rules
            self._rules_end = max(self._rules_end, end)
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


def _in_order(known: list[bytes], news: list[Latest]) -> list[bytes]:
    """Return results of a unit, encoded, in the order of the log.

    What survives does not depend on it; which record brought it does, if three of them disagree.
    """
    if known:
        news = sorted([*map(decode_latest, known), *news], key=lambda it: it.offset)
    return [encode_latest(it) for it in news]
