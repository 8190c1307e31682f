"""Heads of plain requests: the bytes before a body, read for the fast lane.

Plain is what a program sends that posts JSON: POST to a path of records, HTTP/1.1, kept alive, a
length, no encoding, JSON by name or by default. The heads that one client sends are all alike, so
what a strict parser has once understood of some bytes is remembered for the same bytes.
"""

from typing import Final, NamedTuple

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

from gateway.errors import Refused
from gateway.http.rules import BROWSER_HEADERS, HttpRules
from gateway.http.submissions import KindOf, RecordRequests, Routes, is_lines, route_of
from gateway.observability.tracing import Headers, headers_of

#: Longer heads are not plain. No line and no field of a plain head is too long for aiohttp either.
HEAD_LIMIT: Final = 8190
#: Headers that a plain head may have; aiohttp takes some more.
_MOST_HEADERS: Final = 100
#: Heads that are remembered, and the longest of them, bytes: some megabytes in all.
_REMEMBERED: Final = 1024
_LONGEST: Final = 1024

#: Headers that say something which is left to aiohttp.
_NOT_PLAIN: Final = frozenset(
    (
        *(b"transfer-encoding", b"content-encoding", b"expect", b"upgrade"),
        *(name.lower().encode() for name in BROWSER_HEADERS),
    )
)
#: Headers that are read here.
_READ: Final = frozenset(
    (
        *(b"host", b"content-length", b"content-type", b"authorization", b"connection"),
        *(b"idempotency-key", b"x-request-id", b"traceparent", b"tracestate"),
    )
)
#: Headers that are others with each request.
_ITS_OWN: Final = frozenset((b"idempotency-key", b"x-request-id", b"traceparent", b"tracestate"))


class PlainHead(NamedTuple):
    """What a plain head says. ``length`` is the body's, bytes, at least 1; ``status`` that of
    success; ``path`` the route's."""

    length: int
    kind_of: KindOf
    records: RecordRequests
    authorization: str | None
    request_id: str | None
    trace: Headers
    status: int
    path: str


class PlainHeads:
    """Reads heads, and remembers them."""

    def __init__(self, longest_body: int, routes: Routes, rules: HttpRules) -> None:
        """Heads that announce more than *longest_body* bytes are not plain."""
        self._longest_body = longest_body
        self._routes = routes
        self._rules = rules
        self._known: dict[bytes, PlainHead] = {}

    def read(self, raw: bytes) -> PlainHead | None:
        """Return what *raw* says, which ends with its empty line; None if it is not plain."""
        return self._known.get(raw) or self._read(raw)

    def _read(self, raw: bytes) -> PlainHead | None:
        parsed = _Parsed()
        parser = HttpRequestParser(parsed)
        try:
            parser.feed_data(raw)
        except (HttpParserError, HttpParserUpgrade):
            return None
        if not (
            parsed.complete
            and not parsed.beyond
            and parser.get_method() == b"POST"
            and parser.get_http_version() == "1.1"
            and parser.should_keep_alive()
        ):
            return None
        head = None
        if self._rules.answers_to(parsed.headers.get(b"host", b"").decode("latin-1")):
            head = _plain(parsed, self._longest_body, self._routes)
        if head is not None and len(raw) <= _LONGEST and not parsed.headers.keys() & _ITS_OWN:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[raw] = head
        return head


class _Parsed:
    """Collects what the parser finds."""

    def __init__(self) -> None:
        self.url = b""
        self.headers: dict[bytes, bytes] = {}
        self.number = 0
        self.twice = False
        self.complete = False
        self.beyond = False

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        name = name.lower()
        self.number += 1
        self.twice |= name in self.headers and name in _READ
        self.headers[name] = value.rstrip(b" \t")

    def on_headers_complete(self) -> None:
        self.complete = True

    def on_body(self, _body: bytes) -> None:
        self.beyond = True

    def on_message_complete(self) -> None:
        # Before its body: it has none.
        self.beyond = True


def _plain(parsed: _Parsed, longest_body: int, routes: Routes) -> PlainHead | None:
    headers = parsed.headers
    route = route_of(routes, parsed.url.decode("latin-1"))
    length = int(headers.get(b"content-length", b"0"))
    if (
        route is None
        or not 0 < length <= longest_body
        or parsed.twice
        or b"host" not in headers
        or parsed.number > _MOST_HEADERS
        or headers.keys() & _NOT_PLAIN
        or headers.get(b"connection", b"keep-alive").lower() != b"keep-alive"
    ):
        return None

    def text(name: bytes) -> str | None:
        value = headers.get(name)
        return None if value is None else value.decode("utf-8", "surrogateescape")

    try:
        if is_lines(text(b"content-type")):
            return None
        kind_of = route.kinds(text(b"idempotency-key"))
    except Refused:  # its answer is aiohttp's to give
        return None
    return PlainHead(
        length,
        kind_of,
        route.records,
        text(b"authorization"),
        text(b"x-request-id"),
        headers_of(text(b"traceparent"), text(b"tracestate")),
        route.status,
        route.path,
    )
