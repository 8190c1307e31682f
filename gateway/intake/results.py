"""The way in for results and entries: raw items of either protocol become results, or are rejected.

Both end on one topic, since an entry is settled as a result.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from uuid import uuid4

from msgspec import Raw

from contracts.partitioning import partition_of
from gateway.auth.tokens import NO_RESULTS_BY_FACULTY, Caller
from gateway.intake.base import (
    BLANK,
    Decode,
    Draft,
    Log,
    NotAnItem,
    RecordIntake,
    given_id,
    hashed,
    id_by_key,
)
from gateway.metrics import Metrics
from gateway.settings import GatewaySettings
from olympics.catalogue import Catalogue
from olympics.entry import ENTRY_ID_LENGTH, NAMES, parse_entry
from olympics.plain import encode_plain, read_plain
from olympics.result import (
    MAX_VERSION,
    Competitor,
    Result,
    ResultError,
    encode,
    key_of,
    parse_result,
    text_of,
    whole_number,
)

#: Makes a result of an item, given its index in the request and what arrived.
_Parser = Callable[[int, object], Result]


@dataclass(frozen=True, slots=True)
class Results:
    """Items are results."""

    kind = "result"
    plural = "results"


@dataclass(frozen=True, slots=True)
class Entries:
    """Items are entries of the course.

    ``faculty`` is the one of the request's path. ``key`` makes a retry safe for entries without an
    id: it becomes the id of the only item, or ``key#index`` if there are ``several``. ``nameless``:
    they may lack the student.
    """

    faculty: str | None = None
    key: str | None = None
    several: bool = False
    nameless: bool = False

    kind = "entry"
    plural = "entries"

    def id_at(self, index: int) -> str | None:
        """Return the id that the key gives to an item without one; None without a key."""
        return id_by_key(self.key, self.several, index)


Kind = Results | Entries


class Intake(RecordIntake):
    """Takes results and entries."""

    fields = frozenset(
        (
            *("object", "id", *Result.__struct_fields__),
            *(name for names in NAMES.values() for name in names),
            *(f"competitor.{name}" for name in Competitor.__struct_fields__),
        )
    )

    def __init__(
        self, catalogue: Catalogue, settings: GatewaySettings, log: Log, metrics: Metrics
    ) -> None:
        super().__init__(log, metrics)
        self._catalogue = catalogue
        self._seed = settings.seed
        self._partitions = settings.partitions

    def read(
        self,
        draft: Draft,
        kind: Kind,
        items: Iterable[tuple[int, object]],
        decode: Decode | None = None,
    ) -> None:
        room = self._log.largest_record
        # A limited caller's results take the other way, which says what they may not be.
        plainly = isinstance(kind, Results) and not draft.caller.limited and room is None
        parse: _Parser | None = None
        catalogue, partitions = self._catalogue, self._partitions
        records, headers = draft.records, draft.headers
        before = len(records)
        sport = unit = ""
        key, partition = b"", 0
        for index, raw in items:
            if decode is not None and type(raw) is Raw:
                plain = read_plain(raw, catalogue) if plainly else None
                if plain is not None:
                    # Results of a unit come together: most have the key of the one before.
                    if plain.unit != unit or plain.sport != sport:
                        sport, unit = plain.sport, plain.unit
                        key = key_of(sport, unit)
                        partition = partition_of(key, partitions)
                    records.append((partition, key, encode_plain(plain), headers))
                    continue
                raw = decode(raw)
                if raw is BLANK:
                    continue
            try:
                if isinstance(raw, NotAnItem):
                    raise ResultError("", str(raw))
                parse = parse or self._parser(draft, kind)
                result = parse(index, raw)
                sport, unit = result.sport, result.unit
                key, value = key_of(sport, unit), encode(result)
                if room is not None:
                    self._check_size(room, key, value, headers)
            except ResultError as error:
                self._reject(draft, kind, index, raw, error)
                sport = unit = ""
                continue
            partition = partition_of(key, partitions)
            records.append((partition, key, value, headers))
        read = len(records) - before
        draft.by_kind[kind.kind] = draft.by_kind.get(kind.kind, 0) + read

    def read_changes(
        self, draft: Draft, items: Iterable[tuple[int, object]], *, conditional: bool = True
    ) -> dict[int, tuple[int | None, Result]]:
        """Parse results that name the version which they replace into *draft*.

        Unless this is *conditional* they need not. Returns (that version, the result) by the
        item's index, of those that are good.
        """
        parse = self._parser(draft, Results())
        changes: dict[int, tuple[int | None, Result]] = {}
        seen: set[tuple[str, str, str]] = set()
        for index, raw in items:
            try:
                replaced, wanted = _replacing(raw, conditional=conditional)
                result = parse(index, wanted)
                if replaced == result.version and result.status != "withdrawn":
                    raise ResultError("replaces", "expected less: that is the highest version")
                identity = result.sport, result.unit, result.competitor.id
                if identity in seen:
                    raise ResultError("competitor.id", "the request has this result twice")
                seen.add(identity)
                key, value = key_of(result.sport, result.unit), encode(result)
                if (room := self._log.largest_record) is not None:
                    self._check_size(room, key, value, draft.headers)
            except ResultError as error:
                self._reject(draft, Results(), index, raw, error)
                continue
            changes[index] = replaced, result
            partition = partition_of(key, self._partitions)
            draft.records.append((partition, key, value, draft.headers))
        draft.by_kind[Results.kind] = len(changes)
        return changes

    def _parser(self, draft: Draft, kind: Kind) -> _Parser:
        """Return what makes a result of an item, or raises ResultError."""
        caller = draft.caller
        if not caller.may_send(kind.kind):
            by_faculty = kind.kind == Results.kind and caller.faculties is not None
            return _may_not_send(
                NO_RESULTS_BY_FACULTY if by_faculty else f"the token may not send {kind.plural}"
            )
        if isinstance(kind, Entries):
            return self._entry(kind, draft)
        return lambda _index, raw: _allowed(caller, parse_result(raw, self._catalogue))

    def _entry(self, kind: Entries, draft: Draft) -> _Parser:
        caller = draft.caller

        def parse(index: int, raw: object) -> Result:
            given = given_id(raw) or kind.id_at(index)
            if given is not None and caller.limited:
                given = _own_id(caller, given)
            entry_id = given or uuid4().hex
            result = parse_entry(
                raw,
                self._catalogue,
                entry_id=entry_id,
                seed=self._seed,
                faculty=kind.faculty,
                nameless=kind.nameless,
            )
            _allowed(caller, result)
            if given is None:
                draft.outcome.mint(index, entry_id)
            return result

        return parse


def _replacing(raw: object, *, conditional: bool) -> tuple[int | None, object]:
    """Return the version that an item replaces, 0 for none, and the item with its own version."""
    if not isinstance(raw, dict):
        return None, raw  # which nobody can read
    replaced = whole_number(raw.get("replaces"), "replaces", 0, MAX_VERSION)
    if replaced is None and not conditional:
        return None, raw
    if replaced is None:
        raise ResultError(
            "replaces", "expected the version that this one replaces; 0: there is no result yet"
        )
    # Of the highest version there is no next one, but a withdrawal replaces it all the same.
    after = min(replaced + 1, MAX_VERSION)
    if (whole_number(raw.get("version"), "version", 1, MAX_VERSION) or after) != after:
        raise ResultError("version", f"expected {after}, since it replaces {replaced}")
    known = min(replaced, MAX_VERSION - 1) or None
    return replaced, {**raw, "version": after, "replaces": known}


def _may_not_send(reason: str) -> _Parser:
    def parse(index: int, raw: object) -> Result:
        raise ResultError("", reason)

    return parse


def _allowed(caller: Caller, result: Result) -> Result:
    if caller.faculties is not None and result.faculty not in caller.faculties:
        raise ResultError("faculty", f"the token may not send for {result.faculty}")
    if caller.sports is not None and result.sport not in caller.sports:
        raise ResultError("sport", f"the token may not send for {result.sport}")
    return result


def _own_id(caller: Caller, entry_id: str) -> str:
    """Return an id that is the caller's alone: nobody may take another's entry by its id."""
    text_of(entry_id, "id", ENTRY_ID_LENGTH)
    own = f"{caller.name}:{entry_id}"
    # Of two names and ids, a colon in an id does not make one text: names have none.
    return own if len(own) <= ENTRY_ID_LENGTH else hashed(own)
