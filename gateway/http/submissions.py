"""Requests that carry records: what their bodies hold, and the way through the intake."""

import asyncio
import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Final, NamedTuple

import msgspec
from aiohttp.web import BaseRequest

from gateway.auth.authenticator import Access
from gateway.auth.tokens import Caller
from gateway.errors import Reason, Refused
from gateway.http.body import read_lines, read_whole
from gateway.intake.base import BLANK, Draft, Kind, NotAnItem, RecordIntake
from gateway.intake.reports import Reports
from gateway.intake.results import Entries, Results
from gateway.limits.budget import Budget, Lease
from gateway.limits.rate import Rate, network_of
from gateway.limits.record_count import check_array_text, too_many
from gateway.metrics import OTHER
from gateway.observability.tracing import headers_of
from gateway.outcome import Outcome
from gateway.paths import RecordPath, canonical_path
from gateway.settings import GatewaySettings

#: Makes the kind of a request's items, given whether there are several.
KindOf = Callable[[bool], Kind]

_LINES: Final = frozenset(
    ("application/x-ndjson", "application/jsonl", "application/ndjson", "application/x-jsonl")
)
_CHARSET: Final = re.compile(r";\s*charset\s*=\s*\"?([^\";\s]+)", re.IGNORECASE)
_BOM: Final = b"\xef\xbb\xbf"
_SPACE: Final = b" \t\r\n"
#: What a stream of lines holds in memory when it has just begun: an unfinished line; and later,
#: pieces of the body, their records and batches.
_FIRST_LEASE: Final = 64 * 2**10
_STREAM_LEASE: Final = 512 * 2**10

_item = msgspec.json.Decoder()
_array = msgspec.json.Decoder(list[msgspec.Raw])
_NOT_JSON: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


_RESULTS: Final = Results()


def kinds_of(path: RecordPath) -> Callable[[str | None], KindOf]:
    """Return what makes the kind of a request's items, given its idempotency key."""

    def entries(key: str | None) -> KindOf:
        _check_key(key)
        return lambda several: Entries(path.faculty, key, several, path.nameless)

    return {"result": _results, "entry": entries, "report": _reports}[path.kind]


def _results(_key: str | None) -> KindOf:
    return lambda _several: _RESULTS


def _reports(key: str | None) -> KindOf:
    _check_key(key)
    return lambda several: Reports(key, several)


def _check_key(key: str | None) -> None:
    if key is not None and not key.strip():
        raise Refused(Reason.BAD_REQUEST, "Idempotency-Key is empty")


class Items(NamedTuple):
    """The items of a JSON body, as they came. ``several``: it is an array."""

    several: bool
    raw: list[msgspec.Raw]


class RecordRequests:
    """Reads requests that carry records and puts them through the intake.

    ``take`` is for aiohttp's requests. The fast lane has its own order of things, made of the
    same parts: ``admit``, ``read``, ``take_items``.
    """

    def __init__(
        self,
        settings: GatewaySettings,
        intake: RecordIntake,
        budget: Budget,
        access: Access,
        rate: Rate,
    ) -> None:
        self._settings = settings
        self.intake = intake
        self._budget = budget
        self._access = access
        self._rate = rate

    def caller(self, authorization: str | None) -> Caller:
        """Return who sends. Raises Refused."""
        return self._access.caller(authorization)

    def admit(self, caller: Caller, network: str) -> str:
        """Let a request in before anything of its body is read; return as whose it counts.

        *network* is where it comes from, as ``network_of`` says.

        :raises Refused: unavailable, or too busy.
        """
        self.intake.check_ready()
        client = caller.name or network
        self._rate.take(client)
        return client

    def read(self, draft: Draft, items: Items, kind_of: KindOf, client: str) -> None:
        """Parse a few *items*, at most ``SLICE``, into *draft*. Raises Refused."""
        self.intake.read(draft, kind_of(items.several), enumerate(items.raw), _decoded)
        self._rate.charge(client, len(items.raw))

    async def take_items(self, draft: Draft, items: Items, kind_of: KindOf, client: str) -> Outcome:
        """Return what became of many *items*. Raises Refused."""
        kind = kind_of(items.several)
        await self.intake.read_all(draft, kind, enumerate(items.raw), _decoded)
        self._rate.charge(client, len(items.raw))
        return await self.intake.commit(draft)

    async def take(self, request: BaseRequest, caller: Caller, kind_of: KindOf) -> Outcome:
        """Return what became of the request's records.

        :raises Refused: the request as a whole.
        """
        headers = request.headers
        lines = is_lines(headers.get("Content-Type"))
        client = self.admit(caller, network_of(request.remote or ""))
        trace = headers_of(headers.get("traceparent"), headers.get("tracestate"))
        lease = self._budget.lease(client, _FIRST_LEASE if lines else 0)
        try:
            if lines:
                new_draft = partial(Draft, caller, trace)
                return await self._take_lines(request, lease, new_draft, client, kind_of(True))
            settings = self._settings
            body = await read_whole(request, settings.max_body, lease, settings.body_timeout)
            draft = Draft(caller, trace)
            return await self.take_items(
                draft, items_of(body, settings.max_records), kind_of, client
            )
        finally:
            lease.end()

    async def _take_lines(
        self,
        request: BaseRequest,
        lease: Lease,
        new_draft: Callable[[], Draft],
        client: str,
        kind: Kind,
    ) -> Outcome:
        """Take lines as they come: one part is at Kafka while the next one is read.

        A part's records are appended before the next part's, so the order of a key is kept.
        """
        settings, intake = self._settings, self.intake
        outcome = Outcome()
        index = received = 0
        at_kafka: asyncio.Task[Outcome] | None = None
        try:
            try:
                async for lines in read_lines(request, settings.max_line, settings.body_timeout):
                    intake.check_ready()
                    received += sum(map(len, lines))
                    lease.grow(min(_STREAM_LEASE, _FIRST_LEASE + 4 * received))
                    draft = new_draft()
                    items = _items_of_lines(lines, index)
                    await intake.read_all(draft, kind, items, _decoded_line)
                    index += len(lines)
                    if at_kafka is not None:
                        before, at_kafka = at_kafka, None
                        outcome.add(await before)
                    at_kafka = asyncio.create_task(intake.commit(draft))
                    await intake.pace(self._rate.charge(client, len(lines)))
            finally:
                if at_kafka is not None:
                    outcome.add(await at_kafka)
        except Refused as refused:
            refused.outcome = outcome
            raise
        return outcome


class Route(NamedTuple):
    """What a path takes, given the request's idempotency key, and who takes it.

    ``status`` is the answer when records are accepted; ``path`` is how the metrics call it.
    """

    kinds: Callable[[str | None], KindOf]
    records: RecordRequests
    status: int = 202
    path: str = OTHER


#: By path, in the form in which paths are compared.
Routes = Mapping[str, Route]


def route_of(routes: Routes, path: str) -> Route | None:
    """Return who takes what is posted to *path*, as it stands in a request."""
    return routes.get(path) or routes.get(canonical_path(path))


def is_lines(header: str | None) -> bool:
    """Whether a body of that Content-Type is NDJSON rather than JSON.

    :raises Refused: it is neither.
    """
    if header is None or header == "application/json":
        return False  # old clients name no type
    media = header.partition(";")[0].strip().lower()
    charset = _CHARSET.search(header)
    if charset is None or charset[1].lower() in ("utf-8", "utf8", "us-ascii"):
        if media in ("application/json", "text/json"):
            return False
        if media.startswith("application/") and media.endswith("+json"):
            return False
        if media in _LINES:
            return True
    raise Refused(
        Reason.WRONG_TYPE,
        f"Content-Type {header[:80]!r}: expected application/json or application/x-ndjson in UTF-8",
    )


def items_of(body: bytes, max_records: int) -> Items:
    """Return what a JSON body holds: one item, or those of an array. Raises Refused."""
    body = body.removeprefix(_BOM)
    first = body[:1]
    if first in _SPACE and first:
        first = body.lstrip(_SPACE)[:1]
    try:
        if first == b"[":
            # Items stay undecoded until their turn: an array of Python objects is ten times as
            # large as its JSON.
            check_array_text(body, max_records)
            array = _array.decode(body)
            if len(array) > max_records:
                raise too_many(max_records)
            return Items(True, array)
        return Items(False, [msgspec.Raw(body)])
    except _NOT_JSON as error:
        raise _not_json(error) from None


def _decoded(item: msgspec.Raw) -> object:
    try:
        return _item.decode(item)
    except _NOT_JSON as error:
        raise _not_json(error) from None


def _items_of_lines(lines: list[bytes], start: int) -> Iterator[tuple[int, msgspec.Raw]]:
    for index, line in enumerate(lines, start):
        yield index, msgspec.Raw(line if index else line.removeprefix(_BOM))


def _decoded_line(line: msgspec.Raw) -> object:
    """A bad line is a bad item, where a bad item of an array makes the whole body bad."""
    try:
        return _item.decode(line)
    except _NOT_JSON as error:
        if not bytes(line).strip():
            return BLANK
        return NotAnItem(f"expected a JSON object on the line ({_words(error)})")


def _not_json(error: Exception) -> Refused:
    return Refused(Reason.NOT_JSON, f"expected JSON in UTF-8: {_words(error)}")


def _words(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return f"{error.reason} in a text"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return str(error).partition(" - at `$")[0]
