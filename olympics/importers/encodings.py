"""The encoding of a text file, found from its bytes, and never by luck.

A byte order mark decides; then bytes that are UTF-8 from the first to the last; then UTF-16
without a mark, whose zero bytes stand in every second place; then Windows-1252 ("ANSI", which
spreadsheets on Windows write), where all its letters stand where letters may stand. Everything
else is an error: a wrong guess would change people's names.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

UTF_8: Final = "utf-8"
WINDOWS_1252: Final = "cp1252"

#: How the encodings are called for people.
TITLES: Final = {
    "utf-8": "UTF-8",
    "utf-16-le": "UTF-16",
    "utf-16-be": "UTF-16",
    "utf-32": "UTF-32",
    "cp1252": "Windows-1252",
}


class UnknownEncoding(ValueError):
    """Bytes whose encoding is not certain: the line, and why."""

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(problem)
        self.line = line
        self.problem = problem


class Found(NamedTuple):
    """An encoding by Python's name; ``sample``: a word that would read differently in another."""

    name: str
    sample: str = ""


def find_encoding(chunks: Iterable[bytes]) -> Found:
    """Return the encoding of a file that is read in pieces. Raises UnknownEncoding."""
    pieces = iter(chunks)
    first = next(pieces, b"")
    by_mark = _by_mark(first) or _utf_16_without_mark(first)
    if by_mark is not None:
        return Found(by_mark)
    strange = _StrangeBytes()
    for piece in _and_then(first, pieces):
        strange.add(piece)
    if strange.is_utf_8():
        return Found(UTF_8)
    return strange.as_windows()


def _and_then(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def _by_mark(data: bytes) -> str | None:
    if data.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "utf-32"
    if data.startswith(codecs.BOM_UTF16_LE):
        return "utf-16-le"
    if data.startswith(codecs.BOM_UTF16_BE):
        return "utf-16-be"
    return None


def _utf_16_without_mark(data: bytes) -> str | None:
    head = data[:4096]
    pairs = len(head) // 2
    if pairs < 4 or b"\0" not in head:
        return None
    even, odd = head[0 : 2 * pairs : 2].count(0), head[1 : 2 * pairs : 2].count(0)
    if odd > 0.6 * pairs and not even:
        return "utf-16-le"
    if even > 0.6 * pairs and not odd:
        return "utf-16-be"
    return None


class _StrangeBytes:
    """Whether a text is UTF-8; and if not, its lines with bytes beyond ASCII."""

    _KEPT_LINES: Final = 2000

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._utf_8 = True
        self._line = 1
        self._rest = b""
        self._lines: list[tuple[int, bytes]] = []
        self._more = False

    def add(self, piece: bytes) -> None:
        """Take the next piece of the file."""
        self._decode(piece)
        *lines, self._rest = (self._rest + piece).split(b"\n")
        for line in lines:
            self._look(line)
        if len(self._rest) > 1 << 20:
            self._look(self._rest)
            self._line -= 1
            self._rest = b""

    def is_utf_8(self) -> bool:
        """Whether all pieces together are UTF-8, to the last byte."""
        self._decode(b"", final=True)
        return self._utf_8

    def _decode(self, piece: bytes, *, final: bool = False) -> None:
        if self._utf_8:
            try:
                self._decoder.decode(piece, final)
            except UnicodeDecodeError:
                self._utf_8 = False

    def _look(self, line: bytes) -> None:
        if not line.isascii():
            if len(self._lines) < self._KEPT_LINES:
                self._lines.append((self._line, line))
            else:
                self._more = True
        self._line += 1

    def as_windows(self) -> Found:
        """Return Windows-1252 if the lines beyond ASCII are plainly written in it."""
        self._look(self._rest)
        utf_8_line = next((number for number, line in self._lines if _has_utf_8(line)), None)
        sample = ""
        for number, line in self._lines:
            if utf_8_line is not None:
                if _is_utf_8(line):
                    continue
                raise UnknownEncoding(
                    number, f"this line is not in UTF-8, and line {utf_8_line} is"
                )
            try:
                text = line.decode(WINDOWS_1252)
            except UnicodeDecodeError as error:
                raise UnknownEncoding(
                    number,
                    f"expected UTF-8 or Windows-1252, found the byte 0x{line[error.start]:02x}",
                ) from None
            odd = _ODD(text)
            if odd:
                raise UnknownEncoding(
                    number, f"not in UTF-8, and in Windows-1252 it would read {odd[0]!r}"
                )
            if not sample and (word := _WORD(text)):
                sample = word[0]
        return Found(WINDOWS_1252, sample)


def _has_utf_8(line: bytes) -> bool:
    """Whether characters beyond ASCII stand in the line that are whole in UTF-8."""
    return _UTF_8_LETTER(line) is not None


def _is_utf_8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


# Letters of Western languages in UTF-8: in Windows-1252 these are a capital A or C with a sign, or
# three characters of which the last two are none of a word.
_UTF_8_LETTER = re.compile(rb"[\xc3\xc4\xc5][\x80-\xbf]|\xe2\x80[\x80-\xbf]").search

# In Windows-1252 these stand beside letters in no language; other code pages have letters there.
# And a small letter is followed by no capital but in a few names.
_ODD = re.compile(
    "[^\\W\\d_]+[¢£¤¥¦§¨©¬¯±²³µ¶¸¹¼½¾¿÷×†‡ˆ‰„‚ƒ•˜™]+[^\\W\\d_]*"
    "|[¢£¤¥¦§©¬¯±²³µ¶¸¹¼½¾÷×†‡ˆ‰ƒ•˜™]+[^\\W\\d_]{2,}"
    "|[^\\W\\d_]*[a-zß-ÿ][ÀÁÂÃÅÆÈÊËÌÎÏÐÒÔÕØÙÛÝÞŽŠŒŸ][^\\W\\d_]*"
).search
_WORD = re.compile(r"[^\W\d_]*[^\W\d_\x00-\x7f][^\W\d_]*").search
