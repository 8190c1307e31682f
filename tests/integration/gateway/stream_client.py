"""A plain client of the live stream."""

from __future__ import annotations

import http.client
import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple


class Event(NamedTuple):
    """An event of the stream, its data decoded."""

    kind: str
    data: Any


class StreamClient:
    """Reads the stream of a gateway on this machine; every read waits for a bounded time."""

    def __init__(self, port: int, headers: Mapping[str, str] | None = None) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        self._connection.request("GET", "/v1/stream", headers=dict(headers or {}))
        self.response = self._connection.getresponse()
        self._inflate = (
            zlib.decompressobj(31)
            if self.response.headers.get("Content-Encoding") == "gzip"
            else None
        )
        self._text = b""

    def events(self) -> Iterator[Event]:
        """Yield events as they come, until the stream ends."""
        while True:
            *blocks, self._text = self._text.split(b"\n\n")
            yield from (event for block in blocks if (event := _event(block)) is not None)
            piece = self.response.read1(65536)
            if not piece:
                return
            self._text += piece if self._inflate is None else self._inflate.decompress(piece)

    def next(self, kind: str) -> Any:
        """Return the data of the next event of a kind."""
        return next(event.data for event in self.events() if event.kind == kind)

    def until(self, kind: str, wanted: Callable[[Any], bool]) -> Any:
        """Return the data of the next event of a kind that is as wanted.

        What somebody has just looked at is shared: a viewer's first events may tell of a tenth of
        a second ago.
        """
        while not wanted(data := self.next(kind)):
            pass
        return data

    def close(self) -> None:
        self.response.close()
        self._connection.close()

    def __enter__(self) -> StreamClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _event(block: bytes) -> Event | None:
    fields = dict(line.split(": ", 1) for line in block.decode().splitlines())
    return Event(fields["event"], json.loads(fields["data"])) if "event" in fields else None
