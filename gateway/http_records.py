"""Requests that carry records: what their bodies hold, and the way through the intake."""

import asyncio
import re
from collections.abc import Callable, Iterator
from typing import Final

import msgspec
from aiohttp.web import BaseRequest

from gateway.budget import Budget
from gateway.http_body import read_lines, read_whole
from gateway.intake import Draft, Intake, Kind, NotAnItem
from gateway.outcome import Outcome
from gateway.refusal import Reason, Refused
from gateway.settings import GatewaySettings

#: Makes the kind of a request's items, given whether there are several.
KindOf = Callable[[bool], Kind]

_LINES: Final = frozenset(
    ("application/x-ndjson", "application/jsonl", "application/ndjson", "application/x-jsonl")
)
_CHARSET: Final = re.compile(r";\s*charset\s*=\s*\"?([^\";\s]+)", re.IGNORECASE)
_BOM: Final = b"\xef\xbb\xbf"
_SPACE: Final = b" \t\r\n"
#: What a stream of lines holds in memory: pieces of the body, their records and batches.
_STREAM_LEASE: Final = 512 * 2**10

_item = msgspec.json.Decoder()
_array = msgspec.json.Decoder(list[msgspec.Raw])
_NOT_JSON: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class RecordRequests:
    """Reads requests that carry records and puts them through the intake."""

    def __init__(self, settings: GatewaySettings, intake: Intake, budget: Budget) -> None:
        self._settings = settings
        self._intake = intake
        self._budget = budget

    async def take(self, request: BaseRequest, kind_of: KindOf) -> Outcome:
        """Return what became of the request's records.

        :raises Refused: the request as a whole.
        """
        lines = _is_lines(request)
        self._intake.check_ready()
        lease = self._budget.lease(_STREAM_LEASE if lines else 0)
        try:
            if lines:
                return await self._take_lines(request, kind_of(True))
            settings = self._settings
            body = await read_whole(request, settings.max_body, lease, settings.body_timeout)
            draft = Draft()
            several, items = _items_of(body)
            kind = kind_of(several)
            if several:
                await self._intake.read_all(draft, kind, items)
            else:
                self._intake.read(draft, kind, items)
            return await self._intake.commit(draft)
        finally:
            lease.end()

    async def _take_lines(self, request: BaseRequest, kind: Kind) -> Outcome:
        """Take lines as they come: one part is at Kafka while the next one is read.

        A part's records are appended before the next part's, so the order of a key is kept.
        """
        settings, intake = self._settings, self._intake
        outcome = Outcome()
        index = 0
        at_kafka: asyncio.Task[Outcome] | None = None
        try:
            try:
                async for lines in read_lines(request, settings.max_line, settings.body_timeout):
                    intake.check_ready()
                    draft = Draft()
                    await intake.read_all(draft, kind, _items_of_lines(lines, index))
                    index += len(lines)
                    if at_kafka is not None:
                        before, at_kafka = at_kafka, None
                        outcome.add(await before)
                    at_kafka = asyncio.create_task(intake.commit(draft))
            finally:
                if at_kafka is not None:
                    outcome.add(await at_kafka)
        except Refused as refused:
            refused.outcome = outcome
            raise
        return outcome


def _is_lines(request: BaseRequest) -> bool:
    """Whether the body is NDJSON rather than JSON. Raises Refused for anything else."""
    header = request.headers.get("Content-Type")
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


def _items_of(body: bytes) -> tuple[bool, Iterator[tuple[int, object]]]:
    """Return whether the body is an array, and its items with their index. Raises Refused."""
    body = body.removeprefix(_BOM)
    first = body[:1]
    if first in _SPACE and first:
        first = body.lstrip(_SPACE)[:1]
    try:
        if first == b"[":
            # Items stay undecoded until their turn: an array of Python objects is ten times as
            # large as its JSON.
            return True, _decoded(_array.decode(body))
        return False, iter(((0, _item.decode(body)),))
    except _NOT_JSON as error:
        raise _not_json(error) from None


def _decoded(array: list[msgspec.Raw]) -> Iterator[tuple[int, object]]:
    decode = _item.decode
    try:
        for index, raw in enumerate(array):
            yield index, decode(raw)
    except _NOT_JSON as error:
        raise _not_json(error) from None


def _items_of_lines(lines: list[bytes], start: int) -> Iterator[tuple[int, object]]:
    """Return the items of the lines that are not blank. A bad line is a bad item."""
    decode = _item.decode
    for index, line in enumerate(lines, start):
        if index == 0:
            line = line.removeprefix(_BOM)
        item: object
        try:
            item = decode(line)
        except _NOT_JSON as error:
            if not line.strip():
                continue
            item = NotAnItem(f"expected a JSON object on the line ({_words(error)})")
        yield index, item


def _not_json(error: Exception) -> Refused:
    return Refused(Reason.NOT_JSON, f"expected JSON in UTF-8: {_words(error)}")


def _words(error: Exception) -> str:
    if isinstance(error, UnicodeDecodeError):
        return f"{error.reason} in a text"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return str(error).partition(" - at `$")[0]
