"""What a client may say on one connection: requests one after another, or bytes that are none."""

from __future__ import annotations

import gzip
import zlib
from dataclasses import dataclass, replace
from random import Random
from typing import Final, Literal

from tests.fuzz.documents import Document, a_document, damaged, new_tag
from tests.fuzz.expected import Kind

Framing = Literal["length", "chunked", "expect"]
#: How a session ends: once all answers are there; when nothing comes any more; at once.
Ending = Literal["answered", "quiet", "vanish"]

#: Path → what its items are, and the status of success.
RECORD_PATHS: Final = {
    "/v1/results": (Kind(), 202),
    "/v1/entries": (Kind(entries=True), 202),
    "/ingenieria": (Kind(entries=True, faculty="engineering"), 200),
    "/Agronomia": (Kind(entries=True, faculty="agronomy"), 200),
    "/engineering/": (Kind(entries=True, faculty="engineering"), 200),
    "/agronomy": (Kind(entries=True, faculty="agronomy"), 200),
    "/api/students": (Kind(entries=True), 200),
    "/participate": (Kind(entries=True, nameless=True), 200),
}
_READING: Final = ("/", "/healthz", "/readyz", "/v1/standings", "/metrics", "/openapi.json")
_ODD_PATHS: Final = (
    *("/v1/units/swimming/100m", "/v1/units/", "/v1/units/%ff/%00", "/v1/units/a/b/c?x=1"),
    *("/v1/results/", "//v1/results", "/v1/%72esults", "/V1/results", "/v1/results?a=%ff#b"),
    *(
        "/v1/results;x",
        "/%ed%a0%80",
        "/../etc/passwd",
        "*",
        "http://x/v1/results",
        "/" + "a" * 5000,
    ),
)
_JSON_TYPES: Final = (None, "application/json", "application/json; charset=utf-8", "text/json")
_LINE_TYPES: Final = ("application/x-ndjson", "application/jsonl", "application/ndjson")
_ODD_TYPES: Final = (
    *("text/plain", "application/json; charset=latin-1", "", ";", "application/json;charset=\xff"),
    *(
        "multipart/form-data; boundary=x",
        "application/x-www-form-urlencoded",
        "a" * 5000,
        "a/b+json",
    ),
)
_ODD_HEADERS: Final = (
    *((b"X-Request-ID", b"mine"), (b"X-Request-ID", b"\xff"), (b"X-Request-ID", b"a" * 500)),
    *((b"Idempotency-Key", b""), (b"Idempotency-Key", b"\xc3\xa9\xff"), (b"Accept", b"*/*")),
    *((b"Idempotency-Key", b"k" * 200), (b"Cookie", b"a=b; c"), (b"X-Odd", b"\x80\xfe")),
    *((b"traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),),
    *((b"traceparent", b"zz"), (b"tracestate", b"a=b"), (b"Authorization", b"Bearer \xff")),
    *((b"Authorization", b"Basic x"), (b"Forwarded", b"for=1"), (b"Connection", b"close")),
    *((b"Connection", b"keep-alive, upgrade"), (b"Upgrade", b"h2c"), (b"Upgrade", b"websocket")),
    *((b"Content-Encoding", b"br"), (b"Content-Encoding", b""), (b"Range", b"bytes=0-")),
    *((b"Expect", b"200-maybe"), (b"Host", b"other"), (b"TE", b"trailers"), (b"X-A", b"x" * 3000)),
)


@dataclass(frozen=True)
class Call:
    """A request that is framed as HTTP says, whatever its body is."""

    tag: str
    path: str
    document: Document
    content_type: str | None
    method: str = "POST"
    framing: Framing = "length"
    encoding: str | None = None  # of the body
    broken_encoding: bool = False
    key: str | None = None
    headers: tuple[tuple[bytes, bytes], ...] = ()
    chunks: int = 0  # seed of the chunks' sizes

    @property
    def lines(self) -> bool:
        return self.content_type in _LINE_TYPES

    @property
    def odd(self) -> bool:
        """Whether there is something in its head that the gateway may refuse."""
        return (
            self.method != "POST"
            or self.path not in RECORD_PATHS
            or not (self.lines or self.content_type in _JSON_TYPES)
            or bool(self.headers)
        )

    @property
    def foreseeable(self) -> bool:
        """Whether the answer follows from the rules and the document alone."""
        return not self.odd and not self.broken_encoding

    def rendered(self) -> bytes:
        """Return its bytes."""
        body = self._encoded_body()
        head = [f"{self.method} {self.path} HTTP/1.1".encode("latin-1"), b"Host: localhost"]
        if self.content_type is not None:
            head.append(b"Content-Type: " + self.content_type.encode("latin-1"))
        if self.encoding is not None:
            head.append(b"Content-Encoding: " + self.encoding.encode())
        if self.key is not None:
            head.append(b"Idempotency-Key: " + self.key.encode())
        head += [name + b": " + value for name, value in self.headers]
        if self.framing == "chunked":
            head.append(b"Transfer-Encoding: chunked")
            body = _chunked(Random(self.chunks), body)
        else:
            head.append(b"Content-Length: %d" % len(body))
            if self.framing == "expect":
                head.append(b"Expect: 100-continue")
        return b"\r\n".join(head) + b"\r\n\r\n" + body

    def _encoded_body(self) -> bytes:
        body = self.document.body
        match self.encoding:
            case "gzip" | "x-gzip":
                half = len(body) // 2
                body = gzip.compress(body[:half], 1) + gzip.compress(body[half:], 1)
            case "deflate":
                raw = zlib.compressobj(1, wbits=-15 if self.chunks % 2 else 15)
                body = raw.compress(body) + raw.flush()
        if self.broken_encoding:
            body = damaged(Random(self.chunks), body)
        return body


@dataclass(frozen=True)
class HttpSession:
    """One connection. ``raw`` replaces what the calls would say; ``pieces`` is the seed of how
    the bytes are cut into writes, 0 for one write a call (or one for all, if pipelined)."""

    calls: tuple[Call, ...]
    ending: Ending = "answered"
    pipelined: bool = False
    raw: bytes | None = None
    pieces: int = 0

    @property
    def inputs(self) -> int:
        return max(1, len(self.calls))

    def rendered(self) -> bytes:
        if self.raw is not None:
            return self.raw
        return b"".join(call.rendered() for call in self.calls)


def a_session(rng: Random) -> HttpSession:
    """Return what some client says."""
    calls = tuple(a_call(rng) for _ in range(rng.choice((1, 1, 1, 2, 3, 6))))
    # aiohttp's parser refuses all that came in the same read as a request that it refuses; so
    # what it may refuse comes alone.
    calls = next(((call,) for call in calls if call.odd), calls)
    pieces = rng.getrandbits(31) if rng.random() < 0.15 else 0
    session = HttpSession(calls, pipelined=rng.random() < 0.5, pieces=pieces)
    chance = rng.random()
    if chance < 0.75:
        return session
    if chance < 0.80:
        return replace(session, ending="vanish", pipelined=True)
    if chance < 0.82:
        return replace(session, raw=rng.randbytes(rng.choice((1, 20, 500, 9000))), ending="quiet")
    if chance < 0.86:
        tags = calls[0].rendered()
        return replace(session, raw=_crafted(rng, tags), ending="quiet")
    data = damaged(rng, session.rendered(), changes=4)
    if rng.random() < 0.2:
        data = data[: rng.randint(0, len(data))]
    ending: Ending = "vanish" if rng.random() < 0.2 else "quiet"
    return replace(session, raw=data, ending=ending)


def a_call(rng: Random) -> Call:
    """Return a well-framed request; nine of ten go where records go."""
    tag = new_tag(rng)
    document = a_document(rng, tag)
    if document.entries:
        path = rng.choice([it for it, (kind, _) in RECORD_PATHS.items() if kind.entries])
    else:
        path = "/v1/results"
    if document.lines:
        content_type: str | None = rng.choice(_LINE_TYPES)
    else:
        content_type = rng.choice(_JSON_TYPES)
    call = Call(tag, path, document, content_type, chunks=rng.getrandbits(31))
    if rng.random() < 0.3:
        call = replace(call, framing=rng.choice(("chunked", "chunked", "expect")))
    if rng.random() < 0.2:
        call = replace(call, encoding=rng.choice(("gzip", "x-gzip", "deflate")))
        if rng.random() < 0.2:
            call = replace(call, broken_encoding=True)
    if document.entries and rng.random() < 0.3:
        call = replace(call, key=f"{tag} key")
    if rng.random() < 0.1:
        call = _odd(rng, call)
    return call


def _odd(rng: Random, call: Call) -> Call:
    match rng.randrange(5):
        case 0:
            paths = (*_READING, *_ODD_PATHS, *RECORD_PATHS)
            return replace(call, path=rng.choice(paths))
        case 1:
            methods = ("GET", "PUT", "DELETE", "OPTIONS", "PATCH", "POST", "TRACE", "PURGE")
            path = rng.choice((*_READING, *RECORD_PATHS))
            return replace(call, path=path, method=rng.choice(methods))
        case 2:
            return replace(call, content_type=rng.choice(_ODD_TYPES))
        case 3:
            number = rng.choice((20, 150))
            flood = tuple((b"X-%d" % n, b"v" * rng.randint(0, 60)) for n in range(number))
            return replace(call, headers=flood)
        case _:
            number = rng.randint(1, 4)
            return replace(call, headers=tuple(rng.choice(_ODD_HEADERS) for _ in range(number)))


def _chunked(rng: Random, body: bytes) -> bytes:
    framed = bytearray()
    place = 0
    while place < len(body):
        piece = body[place : place + rng.choice((1, 7, 100, 5000, 70_000))]
        place += len(piece)
        size = b"%X" % len(piece) if rng.random() < 0.5 else b"%x" % len(piece)
        extension = b";ext=1" if rng.random() < 0.1 else b""
        framed += size + extension + b"\r\n" + piece + b"\r\n"
    return bytes(framed) + b"0\r\n\r\n"


def _crafted(rng: Random, good: bytes) -> bytes:
    """Return a request that goes wrong in a way that chance alone would hardly find."""
    head, _, body = good.partition(b"\r\n\r\n")
    line = head.split(b"\r\n")[0]
    start = line + b"\r\nHost: localhost\r\n"
    length = b"Content-Length: %d\r\n" % len(body)
    return rng.choice(
        (
            start + length + b"Content-Length: 0\r\n\r\n" + body,
            start + length + length + b"\r\n" + body,
            start + length + b"Transfer-Encoding: chunked\r\n\r\n" + _chunked(rng, body),
            start + b"Transfer-Encoding: chunked, identity\r\n\r\n" + _chunked(rng, body),
            start + b"Transfer-Encoding: xchunked\r\n\r\n" + _chunked(rng, body),
            start + b"Transfer-Encoding : chunked\r\n\r\n" + _chunked(rng, body),
            start + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % (2**64) + body,
            start + b"Transfer-Encoding: chunked\r\n\r\n-5\r\n" + body,
            start + b"Transfer-Encoding: chunked\r\n\r\n" + b"0" * 70_000 + b"5\r\n" + body,
            start + b"Transfer-Encoding: chunked\r\n\r\n5;" + b"x" * 70_000 + b"\r\n" + body,
            start
            + b"Transfer-Encoding: chunked\r\n\r\n"
            + _chunked(rng, body)[:-2]
            + b"X: "
            + b"t" * 70_000,
            start + b"Content-Length: %d\r\n\r\n" % (len(body) + 50) + body,
            start + b"Content-Length: %d\r\n\r\n" % max(0, len(body) - 5) + body,
            start + b"Content-Length: +%d\r\n\r\n" % len(body) + body,
            start + b"Content-Length: 0x10\r\n\r\n" + body,
            start + b"Content-Length: %d\r\n\r\n" % 10**30 + body,
            start + length.replace(b": ", b":\t") + b"\r\n" + body,
            start + b" folded: x\r\n" + length + b"\r\n" + body,
            start + length + b"X: a\r\n b\r\n\r\n" + body,
            start + length + b"X\0: a\r\n\r\n" + body,
            start + length + b"X: \0\r\n\r\n" + body,
            line.replace(b"1.1", b"1.0") + b"\r\n" + length + b"\r\n" + body,
            line.replace(b"1.1", b"0.9") + b"\r\n" + length + b"\r\n" + body,
            line.replace(b"1.1", b"2.0") + b"\r\n" + length + b"\r\n" + body,
            line + b"\r\n" + length + b"\r\n" + body,
            line + b"\n" + length.replace(b"\r\n", b"\n") + b"\n" + body,
            line.replace(b" ", b"  ") + b"\r\nHost: localhost\r\n" + length + b"\r\n" + body,
            b"\r\n\r\n" + good,
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + rng.randbytes(60),
            b"\x16\x03\x01" + rng.randbytes(200),
            b"POST " + b"/a" * 50_000 + b" HTTP/1.1\r\n\r\n",
            start + b"X: " + b"y" * 100_000 + b"\r\n\r\n",
            start + b"".join(b"X-%d: y\r\n" % n for n in range(5000)) + b"\r\n",
            line.replace(b"POST", b"CONNECT") + b"\r\nHost: localhost\r\n\r\n" + body,
            start + b"Upgrade: websocket\r\nConnection: Upgrade\r\n" + length + b"\r\n" + body,
            b"GET / HTTP/1.1\r\nHost: localhost\r\n" + length + b"\r\n" + body + good,
        )
    )
