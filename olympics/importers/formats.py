"""The formats of files that are no CSV or JSON, known by their first bytes; never by their name.

What is not read is refused with the format's name and the way on: which export of the same program
`medallero send` reads.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, NamedTuple

from olympics.importers.csv_table import CsvTable
from olympics.importers.hytek import read_hytek
from olympics.importers.lenex import read_lenex
from olympics.importers.lynx import read_lynx
from olympics.importers.names import NO_NAMES, Names
from olympics.importers.odf_message import read_odf_message
from olympics.importers.sdif import read_sdif
from olympics.importers.sheets import sheet_table
from olympics.importers.table import RecordTable

_SPREADSHEET: Final = "save the sheet as CSV (UTF-8)"
_PICTURE: Final = "export the results as CSV from the program that made it"
_MARKUP_WITHIN: Final = 8192  # characters
_WORD_WAY: Final = "copy its table into a spreadsheet, and save that"


class Choices(NamedTuple):
    """What people say about a file: the sheet of a workbook, and what found names mean."""

    sheet: str = ""
    names: Names = NO_NAMES


class Format(NamedTuple):
    """A format: its name, and how it is read or what to do instead.

    ``read`` takes the bytes of a whole file; of formats that are ``text``, in UTF-8.
    """

    name: str
    way_on: str = ""
    read: Callable[[bytes, Choices], CsvTable | RecordTable] | None = None
    text: bool = False

    def __str__(self) -> str:
        return f"this is {self.name}: {self.way_on}"


def _read_sheet(data: bytes, choices: Choices) -> CsvTable:
    return sheet_table(data, sheet=choices.sheet, columns=choices.names.columns)


def _decoded(data: bytes) -> str:
    return data.decode("utf-8-sig", "replace")


_WORD: Final = Format("a Word document", _WORD_WAY)
XLSX: Final = Format("an Excel workbook (.xlsx)", read=_read_sheet)
ODS: Final = Format("an OpenDocument spreadsheet (.ods)", read=_read_sheet)
LENEX: Final = Format("Lenex (.lef, .lxf)", read=lambda data, _: read_lenex(data))
ODF: Final = Format(
    "a message of the Olympic Data Feed (XML)", read=lambda data, _: read_odf_message(data)
)
HY_TEK: Final = Format(
    "a file of Hy-Tek Meet Manager (.hy3)",
    read=lambda data, _: read_hytek(_decoded(data)),
    text=True,
)
SDIF: Final = Format(
    "a file in SDIF (.cl2, .sd3)", read=lambda data, _: read_sdif(_decoded(data)), text=True
)
LYNX: Final = Format(
    "a race of FinishLynx (.lif)",
    read=lambda data, choices: read_lynx(_decoded(data), choices.names),
    text=True,
)


def find_format(head: bytes) -> Format | None:
    """Return the format of a file that begins with these bytes; None if it may be text of ours.

    ``head``: the first 4096 bytes or more, if there are so many. Text in UTF-16 is decoded first.
    """
    for magic, found in _MAGIC:
        if head.startswith(magic):
            look_inside = _INSIDE.get(magic)
            return look_inside(head) if look_inside else found
    text = _text(head).lstrip("\ufeff \t\r\n")
    if text[:1] == "<":
        return _markup(text)
    lines = text.splitlines()
    for matches, found in _BY_LINE:
        if lines and matches(lines):
            return found
    return None


def _text(head: bytes) -> str:
    if head.startswith(b"\xff\xfe"):
        return head.decode("utf-16-le", "replace")
    if head.startswith(b"\xfe\xff"):
        return head.decode("utf-16-be", "replace")
    return head.decode("utf-8", "replace")


def _archive(head: bytes) -> Format:
    # The names of the first files stand in the head, uncompressed.
    if b".lef" in head[:4096].lower():
        return LENEX
    if b"opendocument.spreadsheet" in head:
        return ODS
    if b"word/" in head:
        return _WORD
    if b"[Content_Types].xml" in head or b"xl/" in head:
        return XLSX
    if b"META-INF/" in head or b"mimetype" in head[:60]:
        return Format("a document in a zip archive", _SPREADSHEET)
    return Format("a zip archive, or a spreadsheet", f"unpack it, or {_SPREADSHEET}")


def _compound_file(head: bytes) -> Format:
    if "WordDocument".encode("utf-16-le") in head:
        return _WORD
    return Format("an old Excel workbook (.xls)", "save it as .xlsx, or the sheet as CSV")


def _markup(text: str) -> Format:
    # Not all of it: the search takes the square of the time where declarations do not end.
    lower = text[:_MARKUP_WITHIN].lower()
    root = re.search(r"<([a-z][\w:.-]*)", re.sub(r"<[?!][^>]*>", " ", lower))
    name = root[1].rpartition(":")[2] if root else ""
    if name == "lenex":
        return LENEX
    if name == "odfbody":
        return ODF
    if name in ("resultlist", "entrylist", "eventlist", "startlist"):
        return Format("IOF XML (orienteering)", "export the results as CSV")
    if name == "html" or name in ("table", "body", "head", "div") or "<!doctype html" in lower:
        return Format("a web page (HTML)", f"open it in a spreadsheet and {_SPREADSHEET}")
    if "spreadsheetml" in lower or "office:spreadsheet" in lower:
        return Format("an Excel workbook (XML)", _SPREADSHEET)
    return Format("XML", "export the results as CSV or JSON")


_MAGIC: Final[tuple[tuple[bytes, Format], ...]] = (
    (b"\x1f\x8b", Format("compressed (gzip)", "gunzip -c FILE | medallero send -")),
    (b"\x28\xb5\x2f\xfd", Format("compressed (zstd)", "zstdcat FILE | medallero send -")),
    (b"BZh", Format("compressed (bzip2)", "bzcat FILE | medallero send -")),
    (b"\xfd7zXZ\0", Format("compressed (xz)", "xzcat FILE | medallero send -")),
    (b"7z\xbc\xaf\x27\x1c", Format("a 7z archive", "unpack it")),
    (b"Rar!\x1a\x07", Format("a RAR archive", "unpack it")),
    (b"PK\x03\x04", Format("a zip archive", "unpack it")),
    (b"PK\x05\x06", Format("an empty zip archive", "there is nothing in it")),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Format("an old document of Office", _SPREADSHEET)),
    (b"%PDF", Format("a PDF", _PICTURE)),
    (b"{\\rtf", Format("a document (RTF)", _PICTURE)),
    (b"\x89PNG", Format("a picture (PNG)", _PICTURE)),
    (b"\xff\xd8\xff", Format("a picture (JPEG)", _PICTURE)),
    (b"GIF8", Format("a picture (GIF)", _PICTURE)),
    (b"SQLite format 3\0", Format("a database (SQLite)", "export the results as CSV")),
    (b"PAR1", Format("Parquet", "convert it to CSV")),
    (b"\x7fELF", Format("a program", "name a file of results")),
)

# What these begin with does not say what they hold.
_INSIDE: Final[dict[bytes, Callable[[bytes], Format]]] = {
    b"PK\x03\x04": _archive,
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": _compound_file,
}


def _is_hy_tek(lines: list[str]) -> bool:
    # A record begins with a letter and a digit, has 130 characters, and ends with a checksum.
    return re.match(r"A1\d\d", lines[0]) is not None and (
        "hy-tek" in lines[0].lower() or (len(lines[0]) > 100 and lines[0][-2:].isdigit())
    )


def _is_sdif(lines: list[str]) -> bool:
    return re.match(r"A0\d\w", lines[0]) is not None and len(lines[0]) > 100


def _is_lynx(lines: list[str]) -> bool:
    """A head such as ``4,1,1,100m Final Women``, then rows with a place, an id and a lane."""
    if re.match(r"\d+,\d+,\d+,[^,]*(,|$)", lines[0]) is None:
        return False
    rows = [it for it in lines[1:4] if it.strip()]
    return bool(rows) and all(
        re.match(r"(\d+|[A-Z]{2,4})?,[^,]*,\d*,[^,]*,[^,]*,", it) is not None for it in rows
    )


def _is_dolphin(lines: list[str]) -> bool:
    return re.match(r"\d+;\d+;[A-Z0-9]{1,2};", lines[0]) is not None and any(
        it.startswith("Lane") for it in lines[1:3]
    )


_BY_LINE: Final = (
    (_is_hy_tek, HY_TEK),
    (_is_sdif, SDIF),
    (_is_lynx, LYNX),
    (
        _is_dolphin,
        Format(
            "a race of a Colorado or Dolphin timer (.do3, .do4)", "export from the meet manager"
        ),
    ),
)
