"""What all kinds of records share on their way from a request to a log.

Nothing counts as accepted before the log has it for good.
"""

import asyncio
import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import islice
from typing import Any, Final, Protocol

from msgspec import Raw

from contracts.unit_log import SENDER
from gateway.auth.authenticator import ANYONE
from gateway.auth.tokens import Caller
from gateway.errors import Reason, Refused
from gateway.kafka.batching import LogUnavailable, PendingWrite, Record, record_bytes
from gateway.metrics import Metrics
from gateway.observability.tracing import Header
from gateway.outcome import Outcome
from olympics.result import ResultError

#: Records that are parsed, or appended, before other requests get their turn: about 5 ms.
SLICE: Final = 500

#: Longest sleep of a stream that is too fast before it is seen whether anything is taken, seconds.
_PACE: Final = 0.5

#: Longest idempotency key that is used as it is: with "#" and an index it fits into every id.
_KEY_LENGTH: Final = 48


#: Makes an object of an item that is still JSON text; ``BLANK`` if there is none in it.
Decode = Callable[[Raw], object]
BLANK: Final = object()


class NotAnItem(ValueError):
    """What arrived in a record's place cannot even be read; the text says what was expected."""


class Kind(Protocol):
    """What the items of a request are; ``kind`` is a word for programs, ``plural`` for people."""

    @property
    def kind(self) -> str: ...

    @property
    def plural(self) -> str: ...


class Log(Protocol):
    """Where records go."""

    @property
    def problem(self) -> str | None:
        """Why no records are taken now; None while they are."""

    @property
    def largest_record(self) -> int | None:
        """How many bytes it takes of a record; None if it takes every one of ours."""

    def begin(self) -> PendingWrite:
        """Begin what one request appends. Raises LogUnavailable."""


class Draft:
    """What a request wants on the log: parsed, not yet appended."""

    __slots__ = ("by_kind", "caller", "headers", "outcome", "records")

    def __init__(self, caller: Caller = ANYONE, headers: Sequence[Header] = ()) -> None:
        """*headers* go onto each of the records, and the caller's name, if it has one."""
        self.caller = caller
        self.headers = list(headers)  # what aiokafka expects
        if caller.name:
            self.headers.append((SENDER, caller.name.encode()))
        self.records: list[Record] = []
        self.outcome = Outcome()
        self.by_kind: dict[str, int] = {}

    @property
    def size(self) -> int:
        """How many items were read, good and bad."""
        return len(self.records) + self.outcome.rejected_count


class RecordIntake(ABC):
    """Parses items by the rules of their kind and puts them onto a log; for HTTP and gRPC."""

    #: Fields by which rejections are counted. A client may invent any name, a metric must not grow.
    fields: frozenset[str]

    def __init__(self, log: Log, metrics: Metrics) -> None:
        self._log = log
        self._metrics = metrics
        self._stopping = False
        # To ask the metric for a caller's counter costs as much as to count.
        self._counter_of = lru_cache(maxsize=256)(metrics.caller_records.labels)

    @property
    def problem(self) -> str | None:
        """Why nothing is taken now; None while the gateway is ready."""
        return "the gateway is stopping" if self._stopping else self._log.problem

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

    @abstractmethod
    def read(
        self,
        draft: Draft,
        kind: Any,
        items: Iterable[tuple[int, object]],
        decode: Decode | None = None,
    ) -> None:
        """Parse *items* (index in the request, raw) into *draft*. Never raises for an item.

        :param kind: one of the ``Kind``s that this intake takes.
        :param decode: makes an object of an item that is ``msgspec.Raw``; what it raises is raised.
        """

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
        """Put the draft onto the log; return its outcome once the log has all of it.

        :raises Refused: unavailable; some or all of the records may be on the log.
        """
        records = draft.records
        if not records:
            return draft.outcome
        write = self._begin()
        await _add(write, records)
        await write.settled()
        return self.outcome_of(draft, write)

    def append(self, draft: Draft) -> PendingWrite:
        """Do the first half of ``commit``, for whoever waits for the write by himself.

        At most ``SLICE`` records: nobody else gets a turn meanwhile.

        :raises Refused: unavailable; nothing is on the log.
        """
        write = self._begin()
        write.add(draft.records)
        return write

    def outcome_of(self, draft: Draft, write: PendingWrite) -> Outcome:
        """Do the second half of ``commit``: return the outcome, now that the write is settled.

        :raises Refused: unavailable, or too large; some or all of the records may be on the log.
        """
        if write.failure is not None:
            reason = Reason.TOO_LARGE if write.too_large else Reason.UNAVAILABLE
            raise Refused(reason, write.failure)
        outcome = draft.outcome
        outcome.accepted = len(draft.records)
        for kind, count in draft.by_kind.items():
            self._metrics.accepted_of[kind].inc(count)
        if draft.caller.name:
            self._counter_of(draft.caller.name).inc(outcome.accepted)
        return outcome

    @staticmethod
    def _check_size(room: int, key: bytes, value: bytes, headers: list[Header]) -> None:
        """Raise ResultError if the log takes no more than *room* bytes of a record."""
        size = record_bytes(key, value, headers)
        if size > room:
            raise ResultError(
                "", f"the record takes {size} bytes; the topic takes {room} (max.message.bytes)"
            )

    def _reject(
        self, draft: Draft, kind: Kind, index: int, raw: object, error: ResultError
    ) -> None:
        draft.outcome.reject(index, _id_of(raw), error.field, error.error)
        field = error.field or "object"
        label = field if field in self.fields else "other"
        self._metrics.rejected.labels(kind.kind, label).inc()

    def _begin(self) -> PendingWrite:
        try:
            return self._log.begin()
        except LogUnavailable as error:
            raise Refused(Reason.UNAVAILABLE, error.reason) from None


def id_by_key(key: str | None, several: bool, index: int) -> str | None:
    """Return the id that an idempotency key gives to an item without one; None without a key.

    ``several``: the request may have more items than this one.
    """
    if key is None:
        return None
    # Keys of any length are in use, ids are short; a hash is as good a name.
    key = key if len(key) <= _KEY_LENGTH else hashed(key)
    return f"{key}#{index}" if several else key


def given_id(raw: object) -> str | None:
    """Return an item's own id as text; None if it has none. Raises ResultError."""
    value: Any = raw.get("id") if isinstance(raw, dict) else None
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return value
    if type(value) is int and abs(value) < 10**18:
        return str(value)
    raise ResultError("id", "expected text, or a whole number")


async def _add(write: PendingWrite, records: Sequence[Record]) -> None:
    if len(records) <= SLICE:
        write.add(records)
        return
    for start in range(0, len(records), SLICE):
        write.add(records[start : start + SLICE])
        await asyncio.sleep(0)


def hashed(key: str) -> str:
    """Return a short name for a text that is too long to be an id."""
    return hashlib.blake2b(key.encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()


def _id_of(raw: object) -> str | None:
    """Return what a rejected record calls itself, to be echoed."""
    value: Any = raw.get("id") if isinstance(raw, dict) else None
    if isinstance(value, str):
        return value[:64] or None
    if type(value) is int and abs(value) < 10**18:
        return str(value)
    return None
