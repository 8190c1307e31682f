"""Files of corrections: the identity of each result, and the fields that change.

CSV (a heading names each column) or JSON (an object a line, or an array). What a row does not say
stays as it is: an empty cell, an empty text or no field at all. A field is taken away by ``null``
in JSON and by the word ``clear`` in CSV.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from medallero.corrections.changes import Edit, NothingToChange, Wanted
from medallero.files.inputs import STDIN, InputError
from medallero.formatting import plain
from medallero.terminal import CannotDo
from olympics.result import Competitor, Result
from olympics.text import folded, shown

#: What takes a field away in CSV, in any case.
CLEAR: Final = "clear"
IDENTITY: Final = ("sport", "unit", "competitor")
_OF_COMPETITOR: Final = tuple(it for it in Competitor.__struct_fields__ if it != "id")
#: The fields that a correction may change. The version is raised by itself.
FIELDS: Final = (
    *(it for it in Result.__struct_fields__ if it not in (*IDENTITY, "version")),
    *_OF_COMPETITOR,
)
CLEARABLE: Final = frozenset(("mark", "outcome", "rank", "irm", "medal", *_OF_COMPETITOR))

_LARGEST: Final = 64 << 20
_LISTED: Final = 20
_HEADINGS: Final[Mapping[str, str]] = {
    **{name: name for name in (*IDENTITY, *FIELDS)},
    **dict.fromkeys(("competitor_id", "competitor.id", "id", "competidor"), "competitor"),
    **dict.fromkeys(("competitor_name", "competitor.name", "nombre"), "name"),
    **dict.fromkeys(("competitor_age", "competitor.age", "edad"), "age"),
    **dict.fromkeys(("deporte", "disciplina"), "sport"),
    **dict.fromkeys(("unidad", "prueba"), "unit"),
    **{"facultad": "faculty", "marca": "mark", "resultado": "outcome", "puesto": "rank"},
    **{"medalla": "medal", "fase": "phase", "estado": "status"},
}


class _Problem(Exception):
    """What is wrong with one row."""


def read_corrections(path: str, *, withdraw: bool = False) -> list[Wanted]:
    """Read the file at *path* (``-``: standard input).

    *withdraw*: each row names a result to withdraw, and nothing else.

    :raises CannotDo: the file cannot be read, or rows of it; each is told with file and line.
    """
    try:
        source, rows = _rows(path)
        wanted, problems = [], []
        for place, row in rows:
            where = f"{source}, {place}"
            try:
                wanted.append(_wanted(row, where, withdraw=withdraw))
            except _Problem as problem:
                problems.append(f"{where}: {problem}")
    except InputError as error:
        raise CannotDo(str(error)) from None
    if problems:
        listed = [f"  {it}" for it in problems[:_LISTED]]
        if len(problems) > _LISTED:
            listed.append(f"  and {len(problems) - _LISTED:,} more")
        raise CannotDo(
            f"{len(problems):,} of {len(wanted) + len(problems):,} corrections cannot be read; "
            "nothing was sent.",
            "\n".join(listed),
        )
    if not wanted:
        raise CannotDo(f"{source}: there are no corrections in it.")
    return wanted


#: A row as an object; None takes a field away. Or what is wrong with it.
_Row = dict[str, Any] | _Problem


def _rows(path: str) -> tuple[str, Iterable[tuple[str, _Row]]]:
    source = "standard input" if path == STDIN else plain(path)
    data = _data(path, source)
    text = _decoded(data)
    head = text.lstrip()[:1]
    if head in ("{", "["):
        return source, _json_rows(source, text, whole=head == "[")
    return source, _csv_rows(source, text)


def _data(path: str, source: str) -> bytes:
    try:
        if path == STDIN:
            data = sys.stdin.buffer.read(_LARGEST + 1)
        else:
            with Path(path).open("rb") as file:
                data = file.read(_LARGEST + 1)
    except OSError as error:
        raise InputError(source, f"cannot be read: {error.strerror or error}") from None
    if len(data) > _LARGEST:
        raise InputError(source, f"expected at most {_LARGEST >> 20} MB of corrections")
    if not data.strip():
        raise InputError(source, "is empty: there is nothing to correct")
    if b"\0" in data:
        raise InputError(source, "expected CSV or JSON; this is binary, a spreadsheet or UTF-16")
    return data


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")  # what spreadsheets on Windows write


def _json_rows(source: str, text: str, *, whole: bool) -> Iterator[tuple[str, _Row]]:
    if whole:
        try:
            values = json.loads(text)
        except ValueError as error:
            raise InputError(source, f"expected a JSON array: {error}") from None
        yield from ((f"element {number}", _object(it)) for number, it in enumerate(values, 1))
        return
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield f"line {number}", _Problem(f"expected an object in JSON: {error}")
        else:
            yield f"line {number}", _object(value)


def _object(value: Any) -> _Row:
    if not isinstance(value, dict):
        return _Problem("expected an object in JSON")
    return {name: it for name, it in value.items() if not (isinstance(it, str) and not it.strip())}


def _csv_rows(source: str, text: str) -> Iterator[tuple[str, _Row]]:
    lines = text.splitlines(keepends=True)
    skipped = 0
    while lines and (not lines[0].strip() or lines[0].casefold().startswith("sep=")):
        del lines[0]
        skipped += 1
    separator = max(",;\t", key=lines[0].count) if lines else ","
    reader = csv.reader(lines, delimiter=separator, strict=True)
    try:
        columns = _columns(source, next(reader, []), skipped + 1)
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield f"line {reader.line_num + skipped}", _of_cells(columns, cells)
    except csv.Error as error:
        raise InputError(source, f"not CSV: {error}", reader.line_num + skipped) from None


def _columns(source: str, header: list[str], line: int) -> list[str]:
    columns = []
    for heading in header:
        if not heading.strip():
            columns.append("")
            continue
        name = _HEADINGS.get(folded(heading).replace(" ", "_"))
        if name is None:
            expected = ", ".join((*IDENTITY, *FIELDS))
            raise InputError(source, f"unknown column {heading!r}; expected {expected}", line)
        if name in columns:
            raise InputError(source, f"two columns for {name}", line)
        columns.append(name)
    if missing := [name for name in IDENTITY if name not in columns]:
        raise InputError(source, f"expected a column {missing[0]!r}", line)
    return columns


def _of_cells(columns: list[str], cells: list[str]) -> _Row:
    row: dict[str, Any] = {}
    for place, cell in enumerate(cells):
        text = cell.strip()
        if not text:
            continue
        name = columns[place] if place < len(columns) else ""
        if not name:
            return _Problem(f"the cell {text!r} stands under no heading")
        row[name] = None if text.casefold() == CLEAR and name not in IDENTITY else text
    return row


def _wanted(row: _Row, where: str, *, withdraw: bool) -> Wanted:
    if isinstance(row, _Problem):
        raise row
    fields = dict(row)
    competitor = fields.get("competitor")
    if isinstance(competitor, dict):
        unknown = competitor.keys() - {"id", *_OF_COMPETITOR}
        if unknown:
            raise _Problem(f"competitor.{min(unknown)}: unknown field")
        for name in _OF_COMPETITOR:
            if name in competitor:
                fields.setdefault(name, competitor[name])
        competitor = competitor.get("id")
    sport, unit = (_text(name, fields.get(name)) for name in ("sport", "unit"))
    competitor = _text("competitor", competitor)
    changed = {name: it for name, it in fields.items() if name not in IDENTITY}
    _check(changed, withdraw=withdraw)
    return Wanted(sport, unit, competitor, withdrawn if withdraw else _change(changed), where)


def _text(name: str, value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value.strip():
        raise _Problem(f"{name}: expected text, got {shown(value)}")
    return value.strip()


def _check(changed: Mapping[str, Any], *, withdraw: bool) -> None:
    if "version" in changed:
        raise _Problem("version: leave it out; it is raised by itself")
    if unknown := changed.keys() - set(FIELDS):
        expected = ", ".join((*IDENTITY, *FIELDS))
        raise _Problem(f"{min(unknown)}: unknown field; expected {expected}")
    if withdraw and changed:
        raise _Problem(f"{min(changed)}: a withdrawal has only {', '.join(IDENTITY)}")
    if not withdraw and not changed:
        raise _Problem(f"no field to change; expected some of {', '.join(FIELDS)}")
    for name, value in changed.items():
        if value is None and name not in CLEARABLE:
            raise _Problem(f"{name}: every result has one, so it cannot be taken away")


def _change(changed: Mapping[str, Any]) -> Edit:
    def change(result: dict[str, Any]) -> dict[str, Any]:
        return corrected(result, changed)

    return change


def corrected(result: Mapping[str, Any], changed: Mapping[str, Any]) -> dict[str, Any]:
    """Return *result* with the fields of *changed*; None takes a field away.

    :raises CannotDo: the result is withdrawn, and nothing says that it shall come back.
    """
    if result["status"] == "withdrawn" and "status" not in changed:
        raise CannotDo(
            f"The result is withdrawn (version {result['version']}).",
            "Bring it back with --status official; in a file, with the field status.",
        )
    person = {name: it for name, it in changed.items() if name in _OF_COMPETITOR}
    rest = {name: it for name, it in changed.items() if name not in _OF_COMPETITOR}
    return {**result, **rest, "competitor": {**result["competitor"], **person}}


def withdrawn(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return *result* withdrawn.

    :raises NothingToChange: it is withdrawn already.
    """
    if result["status"] == "withdrawn":
        raise NothingToChange(f"The result is withdrawn already (version {result['version']}).")
    return {**result, "status": "withdrawn"}
