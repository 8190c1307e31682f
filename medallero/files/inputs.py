"""Inputs of `medallero send`: files of results, entries or weather reports, known by their content.

A file is NDJSON (one object a line), a JSON array, CSV, a spreadsheet, or in the format of a meet
program (see ``olympics.importers``). NDJSON, JSON and CSV are read piece by piece, so that their
size does not matter. What is wrong with one record concerns that record alone (`Unreadable`); what
is wrong with a file stops before anything is sent, where that can be seen from its head
(`InputError`).
"""

from __future__ import annotations

import codecs
import contextlib
import io
import json
import os
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any, Final, Literal, NamedTuple, NoReturn, Protocol

import msgspec

from medallero.files.sport import sport_in
from medallero.formatting import plain
from olympics.catalogue import Catalogue, UnknownName
from olympics.importers import (
    Choices,
    CsvTable,
    Imported,
    NamedTable,
    Names,
    NoHeader,
    RecordTable,
    Remark,
    Table,
    TableError,
    UnknownEncoding,
    find_encoding,
    find_format,
    import_rows,
)
from olympics.importers import Format as FileFormat
from olympics.importers.archives import LARGEST
from olympics.importers.encodings import TITLES, UTF_8
from olympics.importers.headings import SPORT_FIELDS
from olympics.importers.names import NO_NAMES
from olympics.text import shown

Kind = Literal["results", "entries", "reports"]
Format = Literal["ndjson", "array", "objects", "table"]

STDIN: Final = "-"
#: Longest line, or element of an array, in bytes: a result has some hundred.
LONGEST: Final = 1 << 20

# Fields that only results have, and fields by which a weather report or an entry is known.
_RESULT_FIELDS: Final = frozenset({"unit", "competitor"})
_REPORT_FIELDS: Final = frozenset({"country", "municipality"})
_ENTRY_FIELDS: Final = frozenset({"student", "name", "nombre", "discipline", "disciplina"})
_CHUNK: Final = 1 << 18
_EXPECTED: Final = (
    "expected a table with headings (CSV, Excel, OpenDocument), NDJSON, a JSON array, or a file of "
    "a meet program; `medallero send --help` shows them"
)


class InputError(Exception):
    """A file, as a whole, cannot be read: which, in which line, what is wrong."""

    def __init__(self, source: str, problem: str, line: int | None = None) -> None:
        where = source if line is None else f"{source}, line {line}"
        super().__init__(f"{plain(where)}: {plain(problem)}")
        self.source = source
        self.problem = problem
        self.line = line


class Record(NamedTuple):
    """One record, ready to be sent.

    ``body``: a JSON object without line breaks. ``lane``: records of the same lane keep their
    order. ``place``: from 0 within its source; ``line``: from 1. ``size``: what it took of the
    source, in bytes (an estimate for arrays). ``minted``: its id is ours. ``result_type``: what a
    table calls the mark (TIME, DISTANCE, POINTS …).
    """

    kind: Kind
    body: bytes
    lane: str
    source: str
    place: int
    line: int
    size: int
    minted: bool
    result_type: str = ""


class Unreadable(NamedTuple):
    """A record that cannot be sent, with the reason and what was found."""

    source: str
    place: int
    line: int
    size: int
    field: str
    error: str
    text: str


@dataclass(frozen=True, slots=True)
class Reading:
    """How to read: ``kind`` overrides the recognition by content; ``run`` seeds minted ids.

    ``tell`` is called with what an importer has to say about a file.
    """

    kind: Kind | None = None
    ignore_rank: bool = False
    run: str = ""
    tell: Callable[[Remark], None] | None = None


@dataclass(frozen=True, slots=True)
class TextOptions:
    """What is said about files: their encoding, the sheet of workbooks, what foreign names mean.

    ``sport``: of the rows of tables that name none; else a table without a column for it takes the
    one of ``catalogue`` that its title lines name, or the name of the file.
    """

    encoding: str | None = None
    sheet: str = ""
    names: Names = NO_NAMES
    sport: str = ""
    catalogue: Catalogue | None = None


class _Closeable(Protocol):
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Input:
    """A source that was opened once, so that its format is known; ``size`` in bytes if known.

    ``once``: it can be read only once. ``remarks``: what is to be told about it before it is read.
    """

    source: str
    format: Format
    size: int | None
    _open: Callable[[], IO[bytes]]
    _held: _Closeable | None = None
    once: bool = False
    table: Table | None = None
    remarks: tuple[Remark, ...] = ()

    def close(self) -> None:
        """Give back what is held between readings. Not while a thread still reads."""
        if self._held is not None:
            self._held.close()

    def records(self, reading: Reading) -> Iterator[Record | Unreadable]:
        """Read the source from its beginning.

        :raises InputError: the rest of the source cannot be read.
        """
        make = _Maker(self.source, reading)
        try:
            if self.table is not None:
                yield from _of_table(self.table, make)
                return
            with self._open() as stream:
                yield from _READERS[self.format](self.source, stream, make)
        except TableError as error:
            raise InputError(self.source, error.problem, error.line or None) from None
        except OSError as error:
            raise InputError(self.source, f"cannot be read: {_reason(error)}") from None


def open_input(path: str, *, again: bool = False, text: TextOptions | None = None) -> Input:
    """Look at the head of the file at *path* (``-``: standard input) and recognise its format.

    *again*: it will be read more than once, so standard input is copied to a temporary file.

    :raises InputError: missing, a directory, empty, not text, no format that we know.
    """
    options = text or TextOptions()
    if path == STDIN:
        return _open_stdin(again, options)
    try:
        if Path(path).is_dir():
            raise InputError(
                path, "is a directory; name the files in it, or follow it with --follow"
            )
        size = Path(path).stat().st_size
        return _recognised(path, lambda: Path(path).open("rb"), size or None, options)
    except OSError as error:
        raise InputError(path, f"cannot be opened: {_reason(error)}") from None


def minted_id(run: str, source: str, index: int) -> str:
    """Return an id for an entry or report without one: the same for the same run and place."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"medallero:{run}:{source}:{index}"))


class _Maker:
    """Makes records of decoded objects: kind, lane, id."""

    def __init__(self, source: str, reading: Reading) -> None:
        self._source = source
        self.reading = reading

    def record(
        self, value: object, raw: bytes | None, index: int, line: int, size: int
    ) -> Record | Unreadable:
        """Return the record; *raw* is the text of *value*, if it can be sent as it is."""
        if not isinstance(value, dict):
            error = f"expected an object, found {_type_name(value)}"
            return self.unreadable("record", error, raw or b"", index, line, size)
        if "record" in value and "error" in value and isinstance(value["record"], dict):
            # A line of an earlier run's file of rejected records, corrected and sent again.
            value, raw = value["record"], None
        if self.reading.ignore_rank and "rank" in value:
            value, raw = {name: it for name, it in value.items() if name != "rank"}, None
        kind = self.reading.kind or _kind_of(value)
        minted = False
        if kind == "results":
            lane = str(value.get("unit", "")).strip().casefold()
        else:
            if value.get("id") is None:
                minted = True
                value = {**value, "id": minted_id(self.reading.run, self._source, index)}
                raw = None
            lane = str(value["id"])
        body = msgspec.json.encode(value) if raw is None else raw
        return Record(kind, body, lane, self._source, index, line, size, minted)

    def unreadable(
        self, field: str, error: str, text: bytes, index: int, line: int, size: int
    ) -> Unreadable:
        shown = text[:1000].decode("utf-8", "backslashreplace").rstrip("\r\n")
        return Unreadable(self._source, index, line, size, field, error, shown)


def _kind_of(value: Mapping[str, Any]) -> Kind:
    """Entries and reports are what has their fields and none that only a result has."""
    if _RESULT_FIELDS.isdisjoint(value):
        if "weather" in value and not _REPORT_FIELDS.isdisjoint(value):
            return "reports"
        if not _ENTRY_FIELDS.isdisjoint(value):
            return "entries"
    return "results"


def _ndjson(source: str, stream: IO[bytes], make: _Maker) -> Iterator[Record | Unreadable]:
    index = 0
    for line, data in _lines(stream):
        size = len(data)
        text = data.removeprefix(codecs.BOM_UTF8).strip() if line == 1 else data.strip()
        if not text:
            continue
        if size > LONGEST:
            error = f"expected a line of at most {LONGEST} bytes, found {size}"
            yield make.unreadable("record", error, text, index, line, size)
        else:
            try:
                value = msgspec.json.decode(text)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
                error = f"expected an object in JSON: {problem}"
                yield make.unreadable("record", error, text, index, line, size)
            else:
                yield make.record(value, text, index, line, size)
        index += 1


def _lines(stream: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield number and bytes of each line; of an endless one only its beginning is kept."""
    number = 0
    while data := stream.readline(LONGEST + 1):
        number += 1
        if len(data) > LONGEST and not data.endswith(b"\n"):
            size = len(data)
            while rest := stream.readline(LONGEST):
                size += len(rest)
                if rest.endswith(b"\n"):
                    break
        yield number, data


def _array(source: str, stream: IO[bytes], make: _Maker) -> Iterator[Record | Unreadable]:
    return _elements(source, stream, make, inside_array=True)


def _objects(source: str, stream: IO[bytes], make: _Maker) -> Iterator[Record | Unreadable]:
    return _elements(source, stream, make, inside_array=False)


def _elements(
    source: str, stream: IO[bytes], make: _Maker, *, inside_array: bool
) -> Iterator[Record | Unreadable]:
    """Read an array's elements, or objects that follow one another over several lines."""
    text = _Window(source, stream)
    index = 0
    if inside_array:
        text.skip_blank()
        text.take("[")
        text.skip_blank()
        if text.peek() == "]":
            return
    while inside_array or text.peek() != "":
        line = text.line
        value, raw = text.value()
        # Line breaks stand only between tokens: inside a string JSON forbids them.
        flat = raw.replace("\n", " ").replace("\r", " ").encode("utf-8", "surrogatepass")
        yield make.record(value, flat, index, line, len(flat) + 2)
        index += 1
        text.skip_blank()
        if inside_array:
            if text.peek() == "]":
                break
            text.take(",")
            text.skip_blank()
    if inside_array:
        text.take("]")
        text.skip_blank()
        if text.peek() != "":
            raise InputError(source, "expected nothing after the array", text.line)


class _Window:
    """A moving window over a text, from which whole JSON values are taken."""

    def __init__(self, source: str, stream: IO[bytes]) -> None:
        self._source = source
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._json = json.JSONDecoder(parse_constant=_refuse_constant)
        self._text = ""
        self._at = 0
        self._ended = False
        self.line = 1

    def peek(self) -> str:
        while self._at >= len(self._text) and not self._ended:
            self._more()
        return self._text[self._at : self._at + 1]

    def skip_blank(self) -> None:
        while (char := self.peek()) and char in " \t\r\n":
            self._advance(1)

    def take(self, wanted: str) -> None:
        found = self.peek()
        if found != wanted:
            shown = repr(found) if found else "the end of the file"
            raise InputError(self._source, f"expected {wanted!r}, found {shown}", self.line)
        self._advance(1)

    def value(self) -> tuple[object, str]:
        self.peek()
        while True:
            try:
                value, end = self._json.raw_decode(self._text, self._at)
            except RecursionError:
                raise InputError(self._source, "nested too deeply", self.line) from None
            except ValueError as error:
                if self._ended or len(self._text) - self._at > LONGEST:
                    problem = f"expected an object in JSON: {error}"
                    raise InputError(self._source, problem, self.line) from None
            else:
                # A number may go on in the next piece.
                if end < len(self._text) or self._ended:
                    raw = self._text[self._at : end]
                    self._advance(end - self._at)
                    return value, raw
            self._more()

    def _advance(self, chars: int) -> None:
        self.line += self._text.count("\n", self._at, self._at + chars)
        self._at += chars

    def _more(self) -> None:
        # read1: standard input may be a pipe that is slow to fill a whole piece.
        data = getattr(self._stream, "read1", self._stream.read)(_CHUNK)
        self._ended = not data
        try:
            more = self._decoder.decode(data, final=self._ended)
        except UnicodeDecodeError as error:
            raise InputError(self._source, f"not UTF-8: {error.reason}", self.line) from None
        self._text = self._text[self._at :] + more
        self._at = 0


def _of_table(table: Table, make: _Maker) -> Iterator[Record | Unreadable]:
    reading = make.reading
    rows = import_rows(table, ignore_rank=reading.ignore_rank, tell=reading.tell)
    for index, it in enumerate(rows):
        if isinstance(it, Imported):
            record = make.record(it.result, None, index, it.line, it.row.size)
            if isinstance(record, Record) and it.result_type:
                record = record._replace(result_type=it.result_type)
            yield record
        else:
            text = it.row.text.encode("utf-8", "surrogatepass")
            yield make.unreadable(it.field or "record", it.error, text, index, it.line, it.row.size)


_READERS: Final[
    Mapping[Format, Callable[[str, IO[bytes], _Maker], Iterator[Record | Unreadable]]]
] = {"ndjson": _ndjson, "array": _array, "objects": _objects}


def _open_stdin(again: bool, options: TextOptions) -> Input:
    name = "standard input"
    stdin = _stdin()
    head, line = _head(name, stdin)
    # What was read to look at the head comes first again.
    whole = io.BufferedReader(_Kept(stdin, b"\n" * (line - 1) + head))
    if not again and options.encoding is None and (found := _json_format(head)):
        return Input(name, found, None, lambda: whole, stdin, once=True)
    # Closed, and with that removed, when the last reader lets go of it.
    copy = tempfile.TemporaryFile()  # noqa: SIM115
    while data := whole.read(_CHUNK):
        copy.write(data)
    stdin.close()
    return _recognised(name, _from_start(copy), copy.tell(), options, copy)


def _from_start(copy: IO[bytes]) -> Callable[[], IO[bytes]]:
    def opened() -> IO[bytes]:
        copy.seek(0)
        return io.BufferedReader(_Kept(copy))

    return opened


def _stdin() -> IO[bytes]:
    """Standard input under a reader of our own.

    Python's own cannot be left in the middle of a read: the interpreter, which closes it at its
    end, would wait for the thread that reads it and die.
    """
    try:
        return open(os.dup(sys.stdin.fileno()), "rb")  # noqa: PTH123
    except (OSError, ValueError):
        return sys.stdin.buffer


class _Kept(io.RawIOBase):
    """A stream after some bytes that were already taken from it; closing it leaves it open."""

    def __init__(self, stream: IO[bytes], before: bytes = b"") -> None:
        self._stream = stream
        self._before = before

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return not self._before and self._stream.seekable()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._stream.seek(offset, whence)

    def readinto(self, buffer: Any) -> int:
        wanted = len(buffer)
        if self._before:
            data, self._before = self._before[:wanted], self._before[wanted:]
        else:
            # What a pipe has now, rather than all that was asked for.
            data = getattr(self._stream, "read1", self._stream.read)(wanted)
        buffer[: len(data)] = data
        return len(data)


def _head(source: str, stream: IO[bytes]) -> tuple[bytes, int]:
    """Return the first line that is not blank, and its number."""
    for number, data in _lines(stream):
        if data.removeprefix(codecs.BOM_UTF8).strip():
            return data, number
    raise InputError(source, "is empty: there is nothing to send")


def _recognised(
    source: str,
    open_: Callable[[], IO[bytes]],
    size: int | None,
    options: TextOptions,
    held: IO[bytes] | None = None,
) -> Input:
    """Recognise a source that can be read again and again; decode it where it is not UTF-8."""
    copies = contextlib.ExitStack()
    if held is not None:
        copies.callback(held.close)
    with copies:
        found = _look(source, open_, size, options, copies)
        # What is decoded lies in the last copy, which is closed with the input.
        return replace(found, _held=_Closing(copies.pop_all()))


class _Closing:
    """Closes all copies of an input together."""

    def __init__(self, copies: contextlib.ExitStack) -> None:
        self.close = copies.close


def _look(
    source: str,
    open_: Callable[[], IO[bytes]],
    size: int | None,
    options: TextOptions,
    copies: contextlib.ExitStack,
) -> Input:
    with open_() as stream:
        head = stream.read(_CHUNK)
    format_ = find_format(head)
    if format_ is not None and format_.read is None:
        raise InputError(source, f"{format_}. {_READ}")
    remarks: tuple[Remark, ...] = ()
    is_text = _json_format(head) is None if format_ is None else format_.text
    if is_text or (format_ is None and options.encoding is not None):
        encoding, remarks = _encoding(source, open_, options.encoding)
        if encoding != UTF_8 or (b"\r" in head and b"\n" not in head):
            copy = _in_utf_8(source, open_, encoding)
            copies.callback(copy.close)
            open_, size = _from_start(copy), copy.tell()
    if format_ is not None:
        table = _read_whole(source, open_, format_, options)
        return _of_a_table(source, size, open_, table, remarks, options)
    with open_() as stream:
        first, line = _head(source, stream)
    found = _json_format(first)
    if found is not None:
        return Input(source, found, size, open_, remarks=remarks)
    if b"\0" in first:
        raise InputError(source, f"{_EXPECTED}; this is binary", line)
    try:
        csv = CsvTable(lambda: _text_lines(source, open_), columns=options.names.columns)
    except NoHeader as error:
        text = first.decode("utf-8", "replace").strip()
        raise InputError(source, _no_csv(error, text), error.line or line) from None
    except TableError as error:
        raise InputError(source, error.problem, error.line or None) from None
    return _of_a_table(source, size, open_, csv, remarks, options)


def _read_whole(
    source: str, open_: Callable[[], IO[bytes]], format_: FileFormat, options: TextOptions
) -> CsvTable | RecordTable:
    """Read a file that is in one of the formats of ``olympics.importers.formats``."""
    assert format_.read is not None
    with open_() as stream:
        data = stream.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise InputError(source, f"this is {format_.name}, of more than {LARGEST:,} bytes")
    try:
        return format_.read(data, Choices(options.sheet, options.names))
    except NoHeader as error:
        raise InputError(source, _no_csv(error, ""), error.line or None) from None
    except TableError as error:
        problem = f"this is {format_.name}: {error.problem}"
        raise InputError(source, problem, error.line or None) from None


def _of_a_table(
    source: str,
    size: int | None,
    open_: Callable[[], IO[bytes]],
    table: CsvTable | RecordTable,
    remarks: tuple[Remark, ...],
    options: TextOptions,
) -> Input:
    """Return the input of a table whose names are the catalogue's as far as can be said."""
    sport, said_by = _sport(source, table, options)
    if sport and said_by != "--sport":
        words = f"is the sport of its rows, by the file's {said_by}"
        remedy = "else say it with --sport"
        remarks = (*remarks, Remark("sport by title", 0, "", sport, words, remedy, False))
    told = not table.headings.keys().isdisjoint(SPORT_FIELDS)
    if isinstance(table, RecordTable) and not (sport or told):
        raise InputError(source, "this format does not tell the sport: say it with --sport NAME")
    catalogue = options.catalogue
    named = NamedTable(
        table,
        options.names,
        sport=sport,
        said_by=said_by,
        knows_sport=_knows(catalogue.sport) if catalogue else None,
        knows_faculty=_knows(catalogue.faculty) if catalogue else None,
    )
    return Input(source, "table", size, open_, table=named, remarks=remarks)


def _knows(find: Callable[[object], object]) -> Callable[[str], bool]:
    def knows(text: str) -> bool:
        try:
            find(text)
        except UnknownName:
            return False
        return True

    return knows


def _sport(source: str, table: CsvTable | RecordTable, options: TextOptions) -> tuple[str, str]:
    """Return the sport of the rows of a table that name none, and what says it."""
    if options.sport:
        return options.sport, "--sport"
    if options.catalogue is None or not table.headings.keys().isdisjoint(SPORT_FIELDS):
        return "", ""
    for texts, where in ((table.titles, "title"), ([Path(source).stem], "name")):
        found = sport_in(texts, options.catalogue)
        if found:
            return found, where
    return "", ""


def _no_csv(error: NoHeader, first: str) -> str:
    if error.line:
        return f"{error.problem}; `medallero send --help` lists the headings"
    return f"{_EXPECTED}; found {shown(first)}"


def _json_format(head: bytes) -> Format | None:
    """Return the format of JSON that begins with *head*; None if it is no JSON."""
    text = head.removeprefix(codecs.BOM_UTF8).strip()
    if text.startswith(b"["):
        return "array"
    if not text.startswith(b"{"):
        return None
    first = text.splitlines()[0].strip()
    try:
        msgspec.json.decode(first)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # One object over several lines begins with a line that is not whole; so does NDJSON
        # whose first line is cut off, but there nothing says how it goes on.
        return "objects" if not first.endswith(b"}") and len(first) <= LONGEST else "ndjson"
    return "ndjson"


def _encoding(
    source: str, open_: Callable[[], IO[bytes]], chosen: str | None
) -> tuple[str, tuple[Remark, ...]]:
    """Return the encoding that was chosen, else the one that is found, and what to tell of it."""
    if chosen is not None:
        try:
            io.TextIOWrapper(io.BytesIO(), encoding=chosen).close()
            name = codecs.lookup(chosen).name
        except LookupError:
            raise InputError(source, f"{shown(chosen)} is no encoding of texts") from None
        return ("utf-8-sig" if name == UTF_8 else name), ()
    try:
        with open_() as stream:
            found = find_encoding(iter(lambda: stream.read(_CHUNK), b""))
    except UnknownEncoding as error:
        raise InputError(source, f"{error.problem}: {_SAY_ENCODING}", error.line) from None
    if found.name == UTF_8:
        return UTF_8, ()
    title = TITLES.get(found.name, found.name)
    words = f"not in UTF-8: read as {title}" + (
        f', such as "{found.sample}"' if found.sample else ""
    )
    # A byte order mark leaves no doubt.
    remedy = "if it reads wrong, name the encoding with --encoding" if found.sample else ""
    remark = Remark("encoding", 0, "", "", words, remedy, grave=False)
    return found.name, (remark,)


def _in_utf_8(source: str, open_: Callable[[], IO[bytes]], encoding: str) -> IO[bytes]:
    """Return a temporary copy in UTF-8, with the line ends of Unix."""
    copy = tempfile.TemporaryFile()  # noqa: SIM115
    decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder(encoding)(), translate=True)
    line = 1
    with open_() as stream:
        try:
            while data := stream.read(_CHUNK):
                text = decoder.decode(data)
                line += text.count("\n")
                copy.write(text.encode("utf-8", "surrogatepass"))
            copy.write(decoder.decode(b"", final=True).encode("utf-8", "surrogatepass"))
        except UnicodeError as error:
            copy.close()
            problem = f"is not in {TITLES.get(encoding, encoding)} ({error.args[-1]})"
            raise InputError(source, f"{problem}: {_SAY_ENCODING}", line) from None
    return copy


def _text_lines(source: str, open_: Callable[[], IO[bytes]]) -> Iterator[str]:
    """Yield the lines of a text in UTF-8, with their ends."""
    with open_() as stream:
        for number, data in _lines(stream):
            if len(data) > LONGEST:
                raise InputError(source, f"a line longer than {LONGEST} bytes", number)
            try:
                yield data.decode()
            except UnicodeDecodeError as error:
                problem = f"expected UTF-8, found the byte 0x{data[error.start]:02x}"
                raise InputError(source, f"{problem}: {_SAY_ENCODING}", number) from None


_READ: Final = (
    "`medallero send` reads CSV, NDJSON, JSON, Excel (.xlsx), OpenDocument (.ods), Lenex, Hy-Tek, "
    "SDIF, FinishLynx, and the feed's DT_RESULT"
)
_SAY_ENCODING: Final = "save it as UTF-8, or name its encoding with --encoding"


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number in JSON")


def _type_name(value: object) -> str:
    if value is None:
        return "null"
    names = {bool: "true or false", int: "a number", float: "a number", str: "text", list: "a list"}
    return names.get(type(value), type(value).__name__)


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
