"""The one way in: raw items of either protocol become records of the topic, or are rejected.

Nothing counts as accepted before all in-sync replicas have it.
"""

import asyncio
import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final
from uuid import uuid4

from msgspec import Raw

from contracts.partitioning import partition_of
from gateway.access import ANYONE
from gateway.log_writer import Commit, LogUnavailable, LogWriter, Record
from gateway.metrics import Metrics
from gateway.outcome import Outcome
from gateway.refusal import Reason, Refused
from gateway.settings import GatewaySettings
from gateway.tokens import Caller
from gateway.tracing import Header
from olympics.catalogue import Catalogue
from olympics.entry import ENTRY_ID_LENGTH, parse_entry
from olympics.plain import encode_plain, read_plain
from olympics.result import Competitor, Result, ResultError, encode, key_of, parse_result

#: Records that are parsed, or appended, before other requests get their turn: about 5 ms.
SLICE: Final = 500

#: Longest sleep of a stream that is too fast before it is seen whether anything is taken, seconds.
_PACE: Final = 0.5

#: Longest idempotency key that is used as it is: with "#" and an index it fits into an id.
_KEY_LENGTH: Final = ENTRY_ID_LENGTH - len("#999999999")

#: Makes a result of an item, given its index in the request and what arrived.
_Parser = Callable[[int, object], Result]

#: Fields by which rejections are counted. A client may invent any name, a metric must not grow.
_FIELDS: Final = frozenset(
    (
        *("object", "id", "student", "name", "nombre", "age", "edad", "discipline", "disciplina"),
        *("facultad", *Result.__struct_fields__),
        *(f"competitor.{name}" for name in Competitor.__struct_fields__),
    )
)


#: Makes an object of an item that is still JSON text; ``BLANK`` if there is none in it.
Decode = Callable[[Raw], object]
BLANK: Final = object()


class NotAnItem(ValueError):
    """What arrived in a record's place cannot even be read; the text says what was expected."""


@dataclass(frozen=True, slots=True)
class Results:
    """Items are results."""

    kind = "result"
    plural = "results"


@dataclass(frozen=True, slots=True)
class Entries:
    """Items are entries of the course.

    ``faculty`` is the one of the request's path. ``key`` makes a retry safe for entries without an
    id: it becomes the id of the only item, or ``key#index`` if there are ``several``.
    """

    faculty: str | None = None
    key: str | None = None
    several: bool = False

    kind = "entry"
    plural = "entries"

    def id_at(self, index: int) -> str | None:
        """Return the id that the key gives to an item without one; None without a key."""
        if self.key is None:
            return None
        # Keys of any length are in use, ids are short; a hash is as good a name.
        key = self.key if len(self.key) <= _KEY_LENGTH else _hashed(self.key)
        return f"{key}#{index}" if self.several else key


Kind = Results | Entries


class Draft:
    """What a request wants on the log: parsed, not yet appended."""

    __slots__ = ("by_kind", "caller", "headers", "outcome", "records")

    def __init__(self, caller: Caller = ANYONE, headers: Sequence[Header] = ()) -> None:
        """*headers* go onto each of the records."""
        self.caller = caller
        self.headers = list(headers)  # what aiokafka expects
        self.records: list[Record] = []
        self.outcome = Outcome()
        self.by_kind: dict[str, int] = {}

    @property
    def size(self) -> int:
        """How many items were read, good and bad."""
        return len(self.records) + self.outcome.rejected_count


class Intake:
    """Parses items by the rules and puts them onto the log; the same for HTTP and gRPC."""

    def __init__(
        self, catalogue: Catalogue, settings: GatewaySettings, writer: LogWriter, metrics: Metrics
    ) -> None:
        self._catalogue = catalogue
        self._seed = settings.seed
        self._partitions = settings.partitions
        self._writer = writer
        self._metrics = metrics
        self._stopping = False

    @property
    def problem(self) -> str | None:
        """Why nothing is taken now; None while the gateway is ready."""
        return "the gateway is stopping" if self._stopping else self._writer.problem

    @property
    def stopping(self) -> bool:
        """Whether the gateway takes no new requests because it is about to end."""
        return self._stopping

    def stop(self) -> None:
        """Refuse new requests from now on; those that have begun go on."""
        self._stopping = True

    def check_ready(self) -> None:
        """Refuse before anything is read, if nothing could be taken.

        :raises Refused: unavailable.
        """
        problem = self.problem
        if problem is not None:
            raise Refused(Reason.UNAVAILABLE, problem)

    async def pace(self, wait: float) -> None:
        """Let a stream above its client's rate wait, rather than refuse it half-way.

        :raises Refused: unavailable meanwhile.
        """
        while wait > 0:
            await asyncio.sleep(min(wait, _PACE))
            wait -= _PACE
            self.check_ready()

    def read(
        self,
        draft: Draft,
        kind: Kind,
        items: Iterable[tuple[int, object]],
        decode: Decode | None = None,
    ) -> None:
        """Parse *items* (index in the request, raw) into *draft*. Never raises for an item.

        :param decode: makes an object of an item that is ``msgspec.Raw``; what it raises is raised.
        """
        parse = self._parser(draft, kind)
        # Whoever may not send everything goes the long way, which says what he may not.
        caller = draft.caller
        short = isinstance(kind, Results) and caller.kinds is None and caller.faculties is None
        catalogue, partitions = self._catalogue, self._partitions
        records, headers = draft.records, draft.headers
        before = len(records)
        sport = unit = ""
        key, partition = b"", 0
        for index, raw in items:
            if decode is not None and type(raw) is Raw:
                plain = read_plain(raw, catalogue) if short else None
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
                result = parse(index, raw)
            except ResultError as error:
                draft.outcome.reject(index, _id_of(raw), error.field, error.error)
                field = error.field or "object"
                label = field if field in _FIELDS else "other"
                self._metrics.rejected.labels(kind.kind, label).inc()
                continue
            sport, unit = result.sport, result.unit
            key = key_of(sport, unit)
            partition = partition_of(key, partitions)
            records.append((partition, key, encode(result), headers))
        read = len(records) - before
        draft.by_kind[kind.kind] = draft.by_kind.get(kind.kind, 0) + read

    async def read_all(
        self,
        draft: Draft,
        kind: Kind,
        items: Iterator[tuple[int, object]],
        decode: Decode | None = None,
    ) -> None:
        """Like ``read`` for many items: other requests get their turn in between."""
        while chunk := list(islice(items, SLICE)):
            self.read(draft, kind, chunk, decode)
            if len(chunk) < SLICE:
                return
            await asyncio.sleep(0)

    async def commit(self, draft: Draft) -> Outcome:
        """Put the draft onto the log; return its outcome once Kafka has all of it.

        :raises Refused: unavailable; some or all of the records may be on the topic.
        """
        records = draft.records
        if not records:
            return draft.outcome
        commit = self._begin()
        await _add(commit, records)
        await commit.settled()
        return self.outcome_of(draft, commit)

    def append(self, draft: Draft) -> Commit:
        """Do the first half of ``commit``, for whoever waits for the commit by himself.

        At most ``SLICE`` records: nobody else gets a turn meanwhile.

        :raises Refused: unavailable; nothing is on the topic.
        """
        commit = self._begin()
        commit.add(draft.records)
        return commit

    def outcome_of(self, draft: Draft, commit: Commit) -> Outcome:
        """Do the second half of ``commit``: return the outcome, now that the commit is settled.

        :raises Refused: unavailable; some or all of the records may be on the topic.
        """
        if commit.failure is not None:
            raise Refused(Reason.UNAVAILABLE, commit.failure)
        outcome = draft.outcome
        outcome.accepted = len(draft.records)
        for kind, count in draft.by_kind.items():
            self._metrics.accepted_of[kind].inc(count)
        if draft.caller.name:
            self._metrics.caller_records.labels(draft.caller.name).inc(outcome.accepted)
        return outcome

    def _begin(self) -> Commit:
        try:
            return self._writer.begin()
        except LogUnavailable as error:
            raise Refused(Reason.UNAVAILABLE, error.reason) from None

    def _parser(self, draft: Draft, kind: Kind) -> _Parser:
        """Return what makes a result of an item, or raises ResultError."""
        caller = draft.caller
        if caller.kinds is not None and kind.kind not in caller.kinds:
            return _may_not_send(kind.plural)
        if isinstance(kind, Entries):
            return self._entry(kind, draft)
        return self._result if caller.faculties is None else self._own_result(caller.faculties)

    def _result(self, index: int, raw: object) -> Result:
        return parse_result(raw, self._catalogue)

    def _own_result(self, faculties: frozenset[str]) -> _Parser:
        def parse(index: int, raw: object) -> Result:
            return _only_of(faculties, parse_result(raw, self._catalogue))

        return parse

    def _entry(self, kind: Entries, draft: Draft) -> _Parser:
        faculties = draft.caller.faculties

        def parse(index: int, raw: object) -> Result:
            given = _entry_id(raw) or kind.id_at(index)
            entry_id = given or uuid4().hex
            result = parse_entry(
                raw, self._catalogue, entry_id=entry_id, seed=self._seed, faculty=kind.faculty
            )
            if faculties is not None:
                _only_of(faculties, result)
            if given is None:
                draft.outcome.mint(index, entry_id)
            return result

        return parse


def _may_not_send(plural: str) -> _Parser:
    def parse(index: int, raw: object) -> Result:
        raise ResultError("", f"the token may not send {plural}")

    return parse


def _only_of(faculties: frozenset[str], result: Result) -> Result:
    if result.faculty not in faculties:
        raise ResultError("faculty", f"the token may not send for {result.faculty}")
    return result


async def _add(commit: Commit, records: Sequence[Record]) -> None:
    if len(records) <= SLICE:
        commit.add(records)
        return
    for start in range(0, len(records), SLICE):
        commit.add(records[start : start + SLICE])
        await asyncio.sleep(0)


def _hashed(key: str) -> str:
    return hashlib.blake2b(key.encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()


def _entry_id(raw: object) -> str | None:
    """Return an entry's own id as text; None if it has none. Raises ResultError."""
    value: Any = raw.get("id") if isinstance(raw, dict) else None
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return value
    if type(value) is int and abs(value) < 10**18:
        return str(value)
    raise ResultError("id", "expected text, or a whole number")


def _id_of(raw: object) -> str | None:
    """Return what a rejected record calls itself, to be echoed."""
    value: Any = raw.get("id") if isinstance(raw, dict) else None
    if isinstance(value, str):
        return value[:64] or None
    if type(value) is int and abs(value) < 10**18:
        return str(value)
    return None
