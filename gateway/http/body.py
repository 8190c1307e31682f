"""Request bodies: read piece by piece, decompressed, never more in memory than was leased."""

import asyncio
import zlib
from collections.abc import AsyncIterator, Iterator
from typing import Final

from aiohttp import ClientConnectionError
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web import BaseRequest, RequestPayloadError

from gateway.errors import Reason, Refused
from gateway.limits.budget import Lease

#: What can be read of a compressed body at once, decompressed.
_PIECE: Final = 64 * 2**10

#: Bytes a second that a body must bring in the long run; else a byte now and then would hold a
#: connection, and what was read so far, for ever.
SLOWEST: Final = 1024

_ENCODINGS: Final = frozenset(("gzip", "x-gzip", "deflate"))


async def read_whole(request: BaseRequest, limit: int, lease: Lease, timeout: float) -> bytes:
    """Return the decompressed body.

    :raises Refused: too large, too busy, too slow, an encoding that we do not know, a broken body.
    """
    if "Content-Encoding" not in request.headers:
        announced = request.content_length
        if announced is not None:
            if announced > limit:
                raise _too_large(limit)
            # What is only announced is not held: those who send it slowly would hold all there is.
            lease.check(announced)
            content = request.content
            if content.is_eof() and content.exception() is None:  # it came with the headers
                lease.grow(announced)
                return content.read_nowait()
    pieces = []
    size = 0
    async for piece in read_pieces(request, timeout):
        size += len(piece)
        if size > limit:
            raise _too_large(limit)
        lease.grow(size)
        pieces.append(piece)
    return b"".join(pieces)


async def read_lines(
    request: BaseRequest, limit: int, timeout: float
) -> AsyncIterator[list[bytes]]:
    """Yield the decompressed body's lines, without their ends, in lists of about one piece.

    At most *limit* bytes of an unfinished line are kept.

    :raises Refused: a line is too large, or as ``read_whole``.
    """
    rest = b""
    async for piece in read_pieces(request, timeout):
        *lines, rest = (rest + piece).split(b"\n")
        for place, line in enumerate(lines):
            if len(line) > limit:
                if place:
                    yield lines[:place]
                raise _too_large(limit, "a line")
        if lines:
            yield lines
        if len(rest) > limit:
            raise _too_large(limit, "a line")
    if rest:
        yield [rest]


async def read_pieces(request: BaseRequest, timeout: float) -> AsyncIterator[bytes]:
    """Yield the decompressed body in pieces of at most about 64 KiB.

    :raises Refused: too slow, an encoding that we do not know, a broken body.
    """
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in _ENCODINGS and encoding != "identity":
        raise Refused(
            Reason.WRONG_TYPE, f"Content-Encoding {encoding[:40]!r}: expected gzip or deflate"
        )
    content = request.content
    inflater = None if encoding == "identity" else Inflater(raw_allowed=encoding == "deflate")
    try:
        if request.headers.get("Expect", "").lower() == "100-continue":
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            request.writer.output_size = 0
        loop = asyncio.get_running_loop()
        # Earned by bytes, spent by waiting for the client, and never more than the longest wait:
        # else a large piece would buy hours.
        patience = timeout
        while True:
            began = loop.time()
            async with asyncio.timeout(patience):
                piece = await content.readany()
            if not piece:
                break
            earned = patience + began - loop.time() + len(piece) / SLOWEST
            patience = min(timeout, earned)
            if inflater is None:
                yield piece
            else:
                for inflated in inflater.feed(piece):
                    yield inflated
    except TimeoutError:
        raise Refused(
            Reason.TOO_SLOW,
            f"the next piece of the body did not come within {timeout:g} s, or "
            f"in all it came more slowly than {SLOWEST} bytes a second",
        ) from None
    except (RequestPayloadError, HttpProcessingError, ClientConnectionError, OSError) as error:
        # OSError: the client has gone, and nobody will read the answer.
        raise Refused(Reason.BAD_REQUEST, f"the body is broken: {error}") from None
    except RuntimeError as error:  # aiohttp's word for a client that has gone already
        if request.transport is not None:
            raise
        raise Refused(Reason.BAD_REQUEST, f"the body is broken: {error}") from None
    if inflater is not None and not inflater.complete:
        raise Refused(Reason.BAD_REQUEST, f"the {encoding} body ends too early")


class Inflater:
    """Decompresses gzip, zlib and (``raw_allowed``) raw deflate in bounded pieces."""

    def __init__(self, *, raw_allowed: bool) -> None:
        self._raw_allowed = raw_allowed
        self._start = b""
        self._inflate: zlib._Decompress | None = None

    @property
    def complete(self) -> bool:
        """Whether the stream has ended as it should."""
        return self._inflate is not None and self._inflate.eof

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield what *data* decompresses to, so that a bomb is never in memory whole.

        :raises Refused: it is not what it claims to be.
        """
        if self._inflate is None:
            self._start += data
            if len(self._start) < 2:
                return
            data, self._start = self._start, b""
            self._inflate = zlib.decompressobj(-15 if self._is_raw(data) else 47)
        more = True
        while data or more:
            if self._inflate.eof:
                if not data:
                    return
                self._inflate = zlib.decompressobj(31)  # gzip allows one member after another
            try:
                piece = self._inflate.decompress(data, _PIECE)
            except zlib.error as error:
                raise Refused(
                    Reason.BAD_REQUEST, f"the body does not decompress: {error}"
                ) from None
            data = self._inflate.unused_data if self._inflate.eof else self._inflate.unconsumed_tail
            more = len(piece) == _PIECE  # zlib may hold back output although it has read all input
            if piece:
                yield piece

    def _is_raw(self, data: bytes) -> bool:
        # Some clients send raw deflate although RFC 9110 says zlib. A zlib stream begins with a
        # number that 31 divides, whose first byte says deflate.
        zlib_header = data[0] & 15 == 8 and int.from_bytes(data[:2], "big") % 31 == 0
        return self._raw_allowed and not zlib_header


def _too_large(limit: int, what: str = "the body") -> Refused:
    return Refused(Reason.TOO_LARGE, f"{what} is larger than {limit} bytes after decompression")
