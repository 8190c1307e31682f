"""Spreadsheets: the sheets of Excel (.xlsx) and OpenDocument (.ods) as lines of cells.

A workbook is read for the texts of its cells alone. Formulas give the value that was stored with
them. Times are written as marks (``1:02.34``), dates as ``2026-11-27``. The number of a line is the
number of the sheet's row. Nothing here grows with what a workbook claims to have: a cell in the
last column of the last row is refused, and so is a text that many cells repeat.
"""

from __future__ import annotations

import csv
import io
import math
import posixpath
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from olympics.importers.archives import LARGEST, Archive, read_xml
from olympics.importers.csv_table import CsvTable, NoHeader
from olympics.importers.table import Remark, TableError
from olympics.text import folded, shown

#: Between the cells of a line that a sheet's row becomes.
SEPARATOR: Final = "\t"
_MOST_CELLS: Final = 2_000_000
_MOST_COLUMNS: Final = 1024
_MOST_ROWS: Final = 1 << 20


class Sheet(NamedTuple):
    """A sheet of a workbook: its name, and its rows as lines of CSV."""

    name: str
    lines: list[str]

    @property
    def is_empty(self) -> bool:
        return not any(it.strip() for it in self.lines)


def read_workbook(data: bytes) -> list[Sheet]:
    """Return all sheets of a workbook. Raises TableError."""
    archive = Archive(data)
    if "content.xml" in archive.names:
        return _open_document(archive)
    return _excel(archive)


def sheet_table(
    data: bytes, *, sheet: str = "", columns: Mapping[str, str] | None = None
) -> CsvTable:
    """Return the table of a sheet: the one that is named or numbered, else the first with headings.

    Raises TableError; NoHeader if no sheet has headings of results.
    """
    sheets = [it for it in read_workbook(data) if not it.is_empty]
    if not sheets:
        raise TableError("all sheets are empty: there is nothing to send")
    chosen = _chosen(sheets, sheet) if sheet else None
    problem: TableError | None = None
    for it in (chosen,) if chosen else sheets:
        try:
            table = CsvTable(lambda it=it: it.lines, columns=columns, separator=SEPARATOR)  # type: ignore[misc]
        except NoHeader as error:
            problem = problem or NoHeader(f"sheet {shown(it.name)}: {error.problem}", error.line)
            continue
        table.titles.append(it.name)
        others = [other.name for other in sheets if other is not it]
        if others and not chosen:
            table.remarks.append(_not_read(it.name, others))
        return table
    assert problem is not None
    raise problem


def _chosen(sheets: Sequence[Sheet], sheet: str) -> Sheet:
    for number, it in enumerate(sheets, 1):
        if folded(it.name) == folded(sheet) or sheet == str(number):
            return it
    names = ", ".join(shown(it.name) for it in sheets)
    raise TableError(f"no sheet {shown(sheet)}; it has {names}")


def _not_read(name: str, others: Sequence[str]) -> Remark:
    return Remark(
        "sheets that are not read",
        0,
        "",
        ", ".join(others),
        f"not read: only the sheet {shown(name)} is",
        "send the others one by one with --sheet NAME",
    )


class _Room:
    """What all sheets of a workbook may have together: cells, empty lines too, and characters."""

    def __init__(self) -> None:
        self._cells = _MOST_CELLS
        self._characters = LARGEST

    def take(self, number: int, cells: int, characters: int) -> None:
        """Take room for a row. Raises TableError if there is too little left."""
        self._cells -= cells
        self._characters -= characters
        if self._cells < 0:
            raise TableError(f"a workbook with more than {_MOST_CELLS:,} cells", number)
        if self._characters < 0:
            raise TableError(f"a workbook with more than {LARGEST:,} characters", number)


class _Lines:
    """Gathers the cells of a sheet; lines between rows that are far apart are empty."""

    def __init__(self, room: _Room) -> None:
        self.lines: list[str] = []
        self._out = io.StringIO()
        self._writer = csv.writer(self._out, delimiter=SEPARATOR, lineterminator="\n")
        self._room = room

    def add(self, number: int, cells: Mapping[int, str], times: int = 1) -> None:
        """Add a row at its number, from 1, so many times; cells are by column, from 0."""
        if not cells:
            return
        width = max(cells) + 1
        if width > _MOST_COLUMNS or number + times > _MOST_ROWS:
            raise TableError(
                f"a sheet with more than {_MOST_ROWS:,} rows or {_MOST_COLUMNS:,} columns", number
            )
        between = number - len(self.lines) - 1
        characters = sum(map(len, cells.values()))
        self._room.take(number, width * times + between, characters * times)
        self.lines.extend("\n" for _ in range(between))
        # A line break within a cell would make two lines of a row.
        self._writer.writerow([" ".join(cells.get(it, "").split()) for it in range(width)])
        self.lines.extend([self._out.getvalue()] * times)
        self._out.seek(0)
        self._out.truncate()


# Excel (ECMA-376, SpreadsheetML)


def _excel(archive: Archive) -> list[Sheet]:
    book = "xl/workbook.xml"
    targets = _relations(archive, "xl/_rels/workbook.xml.rels")
    names: list[tuple[str, str]] = []
    epoch = _EPOCH

    def on_book(name: str, attributes: Mapping[str, str], _: int) -> None:
        nonlocal epoch
        if name == "sheet":
            relation = next((it for key, it in attributes.items() if key.endswith(":id")), "")
            names.append((attributes.get("name", ""), targets.get(relation, "")))
        elif name == "workbookPr" and attributes.get("date1904") in ("1", "true"):
            epoch = _EPOCH_1904

    read_xml(archive.read(book), on_book)
    texts = _shared_texts(archive)
    kinds = _number_kinds(archive)
    room = _Room()
    return [
        Sheet(name, _excel_sheet(archive.read(path), texts, kinds, epoch, room))
        for name, path in names
        if path in archive.names and "worksheets/" in path
    ]


def _relations(archive: Archive, name: str) -> dict[str, str]:
    targets: dict[str, str] = {}

    def on_start(name: str, attributes: Mapping[str, str], _: int) -> None:
        if name == "Relationship":
            target = attributes.get("Target", "")
            path = target[1:] if target.startswith("/") else posixpath.join("xl", target)
            targets[attributes.get("Id", "")] = posixpath.normpath(path)

    read_xml(archive.read(name), on_start)
    return targets


def _shared_texts(archive: Archive) -> list[str]:
    if "xl/sharedStrings.xml" not in archive.names:
        return []
    texts: list[str] = []
    parts: list[str] = []
    inside: list[str] = []

    def on_start(name: str, _: Mapping[str, str], __: int) -> None:
        inside.append(name)

    def on_text(text: str) -> None:
        # How a text is spoken (rPh) is no part of it.
        if inside[-1] == "t" and "rPh" not in inside:
            parts.append(text)

    def on_end(name: str) -> None:
        inside.pop()
        if name == "si":
            texts.append("".join(parts))
            parts.clear()

    read_xml(archive.read("xl/sharedStrings.xml"), on_start, on_end, on_text)
    return texts


def _number_kinds(archive: Archive) -> list[str]:
    """Return for each style of cells what its numbers are: "date", "time" or "number"."""
    if "xl/styles.xml" not in archive.names:
        return []
    formats: dict[str, str] = {}
    kinds: list[str] = []
    inside: list[str] = []

    def on_start(name: str, attributes: Mapping[str, str], _: int) -> None:
        if name == "numFmt":
            formats[attributes.get("numFmtId", "")] = attributes.get("formatCode", "")
        elif name == "xf" and "cellXfs" in inside:
            number = attributes.get("numFmtId", "")
            kinds.append(_kind_of_format(number, formats.get(number)))
        inside.append(name)

    def on_end(_: str) -> None:
        inside.pop()

    read_xml(archive.read("xl/styles.xml"), on_start, on_end)
    return kinds


def _kind_of_format(number: str, code: str | None) -> str:
    if code is None:
        if number in ("14", "15", "16", "17", "22"):
            return "date"
        return "time" if number in ("18", "19", "20", "21", "45", "46", "47") else "number"
    bare = _LITERALS("", code).partition(";")[0].lower()
    if "y" in bare or "d" in bare:
        return "date"
    return "time" if "h" in bare or "s" in bare else "number"


# Quoted texts, escaped letters, colours and conditions of a number format; but [h] counts hours.
_LITERALS = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?!h+\]|m+\]|s+\])[^\]]*\]', re.IGNORECASE).sub
_EPOCH: Final = datetime(1899, 12, 30)  # noqa: DTZ001
_EPOCH_1904: Final = datetime(1904, 1, 1)  # noqa: DTZ001


def _excel_sheet(
    data: bytes, texts: Sequence[str], kinds: Sequence[str], epoch: datetime, room: _Room
) -> list[str]:
    lines = _Lines(room)
    cells: dict[int, str] = {}
    parts: list[str] = []
    inside: list[str] = []
    row, column, kind, style = 0, -1, "n", ""

    def on_start(name: str, attributes: Mapping[str, str], _: int) -> None:
        nonlocal row, column, kind, style
        inside.append(name)
        if name == "row":
            row, column = max(row + 1, _number(attributes.get("r", ""))), -1
        elif name == "c":
            column = max(column + 1, _column(attributes.get("r", "")))
            kind, style = attributes.get("t", "n"), attributes.get("s", "")

    def on_text(text: str) -> None:
        if inside[-1] == "v" or (inside[-1] == "t" and "rPh" not in inside):
            parts.append(text)

    def on_end(name: str) -> None:
        inside.pop()
        if name == "c":
            text = _excel_text("".join(parts), kind, style)
            parts.clear()
            if text.strip():
                cells[column] = text
        elif name == "row":
            lines.add(row, cells)
            cells.clear()

    def _excel_text(raw: str, kind: str, style: str) -> str:
        if kind == "s":
            at = _number(raw)
            return texts[at] if at < len(texts) else ""
        if kind == "b":
            return "true" if raw == "1" else "false"
        if kind != "n":
            return raw
        at = _number(style)
        return _number_text(raw, kinds[at] if at < len(kinds) else "number", epoch)

    read_xml(data, on_start, on_end, on_text)
    return lines.lines


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 9 else 0


def _column(reference: str) -> int:
    """Return the number of a cell's column, from 0; -1 if the reference names none."""
    letters = _LETTERS(reference)
    number = 0
    for letter in letters[0] if letters else "":
        number = number * 26 + ord(letter) - 64
    return number - 1


_LETTERS = re.compile(r"[A-Z]{1,3}(?=[0-9])").match


def _number_text(raw: str, kind: str, epoch: datetime) -> str:
    try:
        value = float(raw)
    except ValueError:
        return raw
    if not math.isfinite(value):
        return raw
    if kind == "time" and 0 <= value < 100:
        return _time_text(value * 86400)
    if kind in ("date", "time") and 0 <= value < 2_000_000:
        moment = epoch + timedelta(seconds=round(value * 86400))
        return moment.date().isoformat() if value == int(value) else moment.isoformat(" ")
    if value == int(value) and abs(value) < 1e15:
        return str(int(value))
    # Twelve digits: what a spreadsheet's arithmetic adds behind them is no part of a mark.
    return format(value, ".12g")


def _time_text(seconds: float) -> str:
    """Return a time as a mark: 58.4, 1:02.34, 2:06:26."""
    whole, part = divmod(round(seconds * 10_000), 10_000)
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    decimals = f".{part:04}".rstrip("0").rstrip(".")
    if hours:
        return f"{hours}:{minutes:02}:{rest:02}{decimals}"
    return f"{minutes}:{rest:02}{decimals}" if minutes else f"{rest}{decimals}"


# OpenDocument (ISO/IEC 26300)


def _open_document(archive: Archive) -> list[Sheet]:
    sheets: list[Sheet] = []
    room = _Room()
    lines = _Lines(room)
    cells: dict[int, str] = {}
    parts: list[str] = []
    inside: list[str] = []
    row, rows, column, columns, value = 0, 1, 0, 1, ""

    def on_start(name: str, attributes: Mapping[str, str], _: int) -> None:
        nonlocal lines, row, rows, column, columns, value
        inside.append(name)
        own = {key.rpartition(":")[2]: it for key, it in attributes.items()}
        if name == "table":
            lines, row = _Lines(room), 0
            sheets.append(Sheet(own.get("name", ""), lines.lines))
        elif name == "table-row":
            rows, column = max(1, _number(own.get("number-rows-repeated", "1"))), 0
        elif name in ("table-cell", "covered-table-cell"):
            columns = max(1, _number(own.get("number-columns-repeated", "1")))
            value = _open_value(own)
            parts.clear()
        elif (name == "p" and parts) or name in ("s", "tab", "line-break"):
            parts.append(" ")

    def on_text(text: str) -> None:
        if "table-cell" in inside and "annotation" not in inside and "p" in inside:
            parts.append(text)

    def on_end(name: str) -> None:
        nonlocal row, column
        inside.pop()
        if name in ("table-cell", "covered-table-cell"):
            text = value or "".join(parts)
            if text.strip():
                if column + columns > _MOST_COLUMNS:
                    raise TableError(f"a sheet with more than {_MOST_COLUMNS:,} columns", row + 1)
                cells.update((column + it, text) for it in range(columns))
            column += columns
        elif name == "table-row":
            lines.add(row + 1, cells, rows)
            row += rows
            cells.clear()

    read_xml(archive.read("content.xml"), on_start, on_end, on_text)
    return sheets


def _open_value(attributes: Mapping[str, str]) -> str:
    """Return the value of a cell that is more than its text: it may show fewer decimals."""
    kind = attributes.get("value-type", "")
    if kind in ("float", "percentage", "currency"):
        return _number_text(attributes.get("value", ""), "number", _EPOCH)
    if kind == "time":
        match = _DURATION(attributes.get("time-value", ""))
        if match:
            hours, minutes, seconds = (float(it or 0) for it in match.groups())
            return _time_text(hours * 3600 + minutes * 60 + seconds)
    if kind == "date":
        return attributes.get("date-value", "").replace("T", " ")
    return ""


_DURATION = re.compile(
    r"PT(?:([0-9]{1,4})H)?(?:([0-9]{1,4})M)?(?:([0-9]{1,6}(?:[.][0-9]{1,9})?)S)?", re.ASCII
).fullmatch
