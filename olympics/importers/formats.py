"""Formats of files that are no CSV or JSON, known by their first bytes; never by their name.

What is not read is refused with the format's name and the way on: which export of the same program
`medallero send` reads.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

_SPREADSHEET: Final = "save the sheet as CSV (UTF-8)"
_PICTURE: Final = "export the results as CSV from the program that made it"


class Foreign(NamedTuple):
    """A format that is not read: its name, and what to do instead."""

    name: str
    way_on: str

    def __str__(self) -> str:
        return f"this is {self.name}: {self.way_on}"


def find_format(head: bytes) -> Foreign | None:
    """Return the format of a file that begins with these bytes; None if it may be text of ours.

    ``head``: the first 4096 bytes or more, if there are so many. Text in UTF-16 is decoded first.
    """
    for magic, foreign in _MAGIC:
        if head.startswith(magic):
            return _archive(head) if magic == b"PK\x03\x04" else foreign
    text = _text(head).lstrip("\ufeff \t\r\n")
    if text[:1] == "<":
        return _markup(text)
    lines = text.splitlines()
    for matches, foreign in _BY_LINE:
        if lines and matches(lines):
            return foreign
    return None


def _text(head: bytes) -> str:
    if head.startswith(b"\xff\xfe"):
        return head.decode("utf-16-le", "replace")
    if head.startswith(b"\xfe\xff"):
        return head.decode("utf-16-be", "replace")
    return head.decode("utf-8", "replace")


def _archive(head: bytes) -> Foreign:
    # The names of the first files stand in the head, uncompressed.
    if b".lef" in head[:4096].lower():
        return Foreign("a Lenex archive (.lxf)", _LENEX)
    if b"opendocument.spreadsheet" in head:
        return Foreign("an OpenDocument spreadsheet (.ods)", _SPREADSHEET)
    if b"[Content_Types].xml" in head or b"xl/" in head:
        return Foreign("an Excel workbook (.xlsx)", _SPREADSHEET)
    if b"META-INF/" in head or b"mimetype" in head[:60]:
        return Foreign("a document in a zip archive", _SPREADSHEET)
    return Foreign("a zip archive, or a spreadsheet", f"unpack it, or {_SPREADSHEET}")


def _markup(text: str) -> Foreign:
    lower = text.lower()
    root = re.search(r"<([a-z][\w:.-]*)", re.sub(r"<[?!][^>]*>", " ", lower))
    name = root[1].rpartition(":")[2] if root else ""
    if name == "lenex":
        return Foreign("Lenex (XML)", _LENEX)
    if name == "odfbody":
        kind = re.search(r"documenttype\s*=\s*[\"'](\w+)", lower)
        what = f", {kind[1].upper()}" if kind else ""
        return Foreign(
            f"a message of the Olympic Data Feed (XML{what})",
            "write a CSV row for each Result, with the columns of the feed: stage_code (the "
            "DocumentCode), participant_code, participant_country_code, rank, result, result_IRM",
        )
    if name in ("resultlist", "entrylist", "eventlist", "startlist"):
        return Foreign("IOF XML (orienteering)", "export the results as CSV")
    if name == "html" or name in ("table", "body", "head", "div") or "<!doctype html" in lower:
        return Foreign("a web page (HTML)", f"open it in a spreadsheet and {_SPREADSHEET}")
    if "spreadsheetml" in lower or "office:spreadsheet" in lower:
        return Foreign("an Excel workbook (XML)", _SPREADSHEET)
    return Foreign("XML", "export the results as CSV or JSON")


_LENEX: Final = "export the results as CSV (a list of results, with event, round, club and time)"
_HY_TEK: Final = (
    "in Meet Manager choose File, Export, Results for a spreadsheet, or print a report of results "
    "to CSV"
)
_LYNX: Final = (
    "a .lif file is one race without its sport and phase; put the races into one CSV with the "
    "columns sport, unit, phase, competitor_id, name, faculty, rank, mark"
)

_MAGIC: Final[tuple[tuple[bytes, Foreign], ...]] = (
    (b"\x1f\x8b", Foreign("compressed (gzip)", "gunzip -c FILE | medallero send -")),
    (b"\x28\xb5\x2f\xfd", Foreign("compressed (zstd)", "zstdcat FILE | medallero send -")),
    (b"BZh", Foreign("compressed (bzip2)", "bzcat FILE | medallero send -")),
    (b"\xfd7zXZ\0", Foreign("compressed (xz)", "xzcat FILE | medallero send -")),
    (b"7z\xbc\xaf\x27\x1c", Foreign("a 7z archive", "unpack it")),
    (b"Rar!\x1a\x07", Foreign("a RAR archive", "unpack it")),
    (b"PK\x03\x04", Foreign("a zip archive", "unpack it")),
    (b"PK\x05\x06", Foreign("an empty zip archive", "there is nothing in it")),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Foreign("an old Excel workbook (.xls)", _SPREADSHEET)),
    (b"%PDF", Foreign("a PDF", _PICTURE)),
    (b"{\\rtf", Foreign("a document (RTF)", _PICTURE)),
    (b"\x89PNG", Foreign("a picture (PNG)", _PICTURE)),
    (b"\xff\xd8\xff", Foreign("a picture (JPEG)", _PICTURE)),
    (b"GIF8", Foreign("a picture (GIF)", _PICTURE)),
    (b"SQLite format 3\0", Foreign("a database (SQLite)", "export the results as CSV")),
    (b"PAR1", Foreign("Parquet", "convert it to CSV")),
    (b"\x7fELF", Foreign("a program", "name a file of results")),
)


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
    (_is_hy_tek, Foreign("a file of Hy-Tek Meet Manager (.hy3)", _HY_TEK)),
    (_is_sdif, Foreign("a file in SDIF (.sd3, .cl2)", _HY_TEK)),
    (_is_lynx, Foreign("a race of FinishLynx (.lif)", _LYNX)),
    (
        _is_dolphin,
        Foreign(
            "a race of a Colorado or Dolphin timer (.do3, .do4)", "export from the meet manager"
        ),
    ),
)
