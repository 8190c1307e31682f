"""CSV in any dialect: rows of fields from lines of text.

Cells may be separated by comma, semicolon, tab or bar; a first line ``sep=;`` says so. The heading
may come after a few lines of titles. Empty rows, and empty cells at the end of a row, are left out.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

from olympics.importers.headings import (
    FACULTY_FIELDS,
    FIELDS_WITHOUT_USE,
    IDENTITY_FIELDS,
    MARK_FIELDS,
    field_of,
    missing,
)
from olympics.importers.irms import read_irm
from olympics.importers.outcomes import is_letter, outcome_word
from olympics.importers.table import Remark, Row, TableError
from olympics.text import shown

SEPARATORS: Final = ",;\t|"
_HEADER_WITHIN: Final = 20  # lines
#: A heading is left out with this in its field's place.
LEFT_OUT: Final = "-"


class NoHeader(TableError):
    """A text without a line of headings from which results could be read."""


class CsvTable:
    """The rows of a CSV file. ``lines`` gives its lines, with their ends, at every call.

    ``columns``: fields of headings by their names in the file, which override what is known;
    ``-`` leaves a column out. ``separator``: of the cells, if it is known. Raises NoHeader, or
    TableError for columns that contradict.
    """

    def __init__(
        self,
        lines: Callable[[], Iterable[str]],
        *,
        columns: Mapping[str, str] | None = None,
        separator: str = "",
    ) -> None:
        self._lines = lines
        self._separator, self._header_line, self._names = _find_header(lines(), separator)
        self._chosen = _chosen_columns(columns or {}, self._names)
        self.remarks: list[Remark] = []
        #: the lines before the headings
        self.titles: list[str] = []
        #: columns of the same use as others, which is none
        self._spare: set[str] = set()
        counts, first_lines, outcomes = self._count_cells()
        #: field of each column; None for those that are not read
        self._fields = self._assign(counts, outcomes)
        self.headings = {
            field: self._names[at] for at, field in enumerate(self._fields) if field is not None
        }
        self._team = self._team_field()
        self._tell_unknown(counts, first_lines)
        lacking = missing(tuple(self.headings))
        if lacking:
            raise NoHeader(_lacking(lacking, self._names), self._header_line)

    def rows(self) -> Iterator[Row]:
        """Read all rows from the beginning. Raises TableError."""
        width = len(self._names)
        for line, cells, text, size in self._raw_rows():
            beyond = [it for it in cells[width:] if it]
            if beyond:
                yield Row(
                    line,
                    {},
                    text,
                    size,
                    "expected no more cells than there are headings "
                    f"({width}), got {shown(beyond[0])} beyond",
                )
                continue
            by_field = {
                field: cell
                for field, cell in zip(self._fields, cells, strict=False)
                if field is not None and cell
            }
            if self._team and self._team in by_field:
                by_field["competitor"] = by_field[self._team]
            yield Row(line, by_field, text, size)

    def _raw_rows(self) -> Iterator[tuple[int, list[str], str, int]]:
        """Yield line, stripped cells, text and size of every row that is not empty."""
        taken = _Taken(self._lines(), self._header_line)
        reader = csv.reader(taken, delimiter=self._separator)
        try:
            for cells in reader:
                first, text, size = taken.take()
                stripped = [it.strip() for it in cells]
                if "\n" in text.rstrip("\r\n") and text.count('"') % 2:
                    raise TableError("a quotation mark opens here and is never closed", first)
                if any(stripped) and stripped[: len(self._names)] != self._names:
                    yield taken.line, stripped, text.rstrip("\r\n"), size
        except csv.Error as error:
            raise TableError(f"expected CSV ({error})", taken.line) from None

    def _team_field(self) -> str:
        """Return the field of the team that is the competitor, where there is no column for it."""
        if not self.headings.keys().isdisjoint(IDENTITY_FIELDS):
            return ""
        team = next((it for it in ("club", *FACULTY_FIELDS) if it in self.headings), "")
        if team:
            heading = self.headings["competitor"] = self.headings[team]
            self.remarks.append(
                Remark(
                    "team as competitor",
                    0,
                    heading,
                    "",
                    "is the competitor, since there is no column for one",
                    ""
                    if team == "club"
                    else "add a column for the competitor, unless all are teams",
                    grave=team != "club",
                )
            )
        return team

    def _count_cells(self) -> tuple[list[int], list[int], list[bool]]:
        """Return for each column the number of its cells with text, and the line of the first.

        And whether it says who won and lost, and nothing else.
        """
        counts = [0] * len(self._names)
        first_lines = [0] * len(self._names)
        outcomes = [True] * len(self._names)
        said = [False] * len(self._names)
        for line, cells, _, _ in self._raw_rows():
            for at, cell in enumerate(cells[: len(counts)]):
                if cell:
                    counts[at] += 1
                    first_lines[at] = first_lines[at] or line
                    if outcomes[at]:
                        is_outcome = is_letter(cell) or outcome_word(cell) is not None
                        said[at] = said[at] or is_outcome
                        outcomes[at] = is_outcome or bool(read_irm(cell))
        return counts, first_lines, [all(it) for it in zip(outcomes, said, strict=True)]

    def _assign(self, counts: Sequence[int], outcomes: Sequence[bool]) -> list[str | None]:
        """Return the field of each column. Raises TableError where two mean the same."""
        fields: list[str | None] = []
        for name in self._names:
            field = self._chosen.get(name, field_of(name) if name else None)
            fields.append(None if field == LEFT_OUT else field)
        if "outcome" not in fields and sum(it in MARK_FIELDS for it in fields) > 1:
            # "Resultado: ganó" beside "Puntos: 10".
            fields = [
                "outcome" if says and field == "mark" else field
                for field, says in zip(fields, outcomes, strict=True)
            ]
        taken: dict[str, int] = {}
        for at, field in enumerate(fields):
            if field is None:
                continue
            what = "mark" if field in MARK_FIELDS else field
            other = taken.setdefault(what, at)
            if other == at:
                continue
            if field in FIELDS_WITHOUT_USE or field in FACULTY_FIELDS[1:]:
                fields[at] = None
                self._spare.add(self._names[at])
            elif counts[other] and counts[at]:
                raise TableError(
                    f"two columns for the {what.replace('_', ' ')}: {shown(self._names[other])} "
                    f"and {shown(self._names[at])}; keep one, or leave one out with "
                    f"--column {_quoted(self._names[at])}=-",
                    self._header_line,
                )
            else:
                empty, kept = (at, other) if not counts[at] else (other, at)
                fields[empty] = None
                taken[what] = kept
        return fields

    def _tell_unknown(self, counts: Sequence[int], first_lines: Sequence[int]) -> None:
        known = [field for field in self._fields if field is not None]
        for at, name in enumerate(self._names):
            field = self._fields[at]
            left_out = self._chosen.get(name) == LEFT_OUT or name in self._spare
            if not counts[at] or field is not None or left_out:
                continue
            self.remarks.append(
                Remark(
                    "unknown column",
                    first_lines[at],
                    name or f"(column {at + 1}, without a heading)",
                    "",
                    f"is not known; its {counts[at]} values are not sent",
                    f"name its field with --column {_quoted(name)}=FIELD, "
                    f"or leave it out with --column {_quoted(name)}=-",
                )
            )
        if self._header_line > 1:
            skipped = [
                it.strip()
                for number, it in enumerate(self._lines(), 1)
                if number < self._header_line and it.strip(f" \r\n\ufeff{SEPARATORS}")
            ]
            for text in skipped:
                if not _separator_line(text):
                    self.titles.append(text)
                    self.remarks.append(
                        Remark(
                            "line before the headings",
                            1,
                            "",
                            text[:60],
                            "stands before the headings and is not read",
                            "",
                            grave=False,
                        )
                    )
        unused = sorted(
            {name for at, name in enumerate(self._names) if counts[at]}
            & ({self.headings[it] for it in self._unused(known) - {self._team}} | self._spare)
        )
        if unused:
            self.remarks.append(
                Remark(
                    "column without use",
                    self._header_line,
                    ", ".join(unused),
                    "",
                    "known, and no part of a result",
                    "",
                    grave=False,
                )
            )

    @staticmethod
    def _unused(fields: Sequence[str]) -> set[str]:
        """Return those of the fields that no result of this table takes anything from."""
        there = frozenset(fields)
        unused = set(FIELDS_WITHOUT_USE)
        for first, others in (
            ("unit", ("gender", "category", "weight", "heat", "group", "bout")),
            ("stage", ("event_stage",)),
            ("competitor_id", ("id", "bib")),
            ("id", ("bib",)),
            ("faculty", FACULTY_FIELDS[1:]),
            ("club", ("country_code", "country")),
            ("country_code", ("country",)),
        ):
            if first in there:
                unused.update(others)
        has_id = not there.isdisjoint(("competitor_id", "id", "bib"))
        if has_id and not there.isdisjoint(("name", "family_name")):
            unused.add("competitor")
        return unused & there


class _Taken:
    """The lines after the heading, and what was taken of them since the last look."""

    def __init__(self, lines: Iterable[str], header_line: int) -> None:
        self._lines = iter(lines)
        self.line = 0
        self._first = 0
        self._texts: list[str] = []
        for _ in range(header_line):
            next(self._lines, None)
            self.line += 1

    def __iter__(self) -> Iterator[str]:
        for text in self._lines:
            self.line += 1
            if not self._texts:
                self._first = self.line
            self._texts.append(text)
            yield text

    def take(self) -> tuple[int, str, int]:
        """Return the first line, the text and the size in bytes of what was taken."""
        text = "".join(self._texts)
        self._texts = []
        return self._first, text, len(text.encode("utf-8", "surrogatepass"))


def _find_header(lines: Iterable[str], wanted: str) -> tuple[str, int, list[str]]:
    """Return the separator, the heading's line and its names. Raises NoHeader."""
    first: tuple[int, list[str]] | None = None
    best: tuple[int, str, int, list[str]] | None = None
    for number, text in enumerate(lines, 1):
        text = text.removeprefix("\ufeff") if number == 1 else text
        if not text.strip():
            continue
        if first is None and not wanted and (said := _separator_line(text)):
            wanted = said
            continue
        for separator in wanted or SEPARATORS:
            names = _cells(text, separator)
            if len(names) < 2:
                continue
            if first is None:
                first = number, names
            fields = [field for name in names if (field := field_of(name)) is not None]
            score = len(set(fields))
            if not missing(fields):
                score += 100
            if best is None or score > best[0]:
                best = score, separator, number, names
        if number >= _HEADER_WITHIN or (best is not None and best[0] >= 100):
            break
    if best is None or first is None:
        raise NoHeader("no line of headings with a separator (comma, semicolon, tab or |)")
    score, separator, number, names = best
    if score < 2:  # nothing is known: the first line is what people think of
        number, names = first
    return separator, number, names


def _separator_line(text: str) -> str:
    """Return the separator that a line such as ``sep=;`` names, as Excel writes it."""
    bare = text.strip('\ufeff\r\n"')
    if bare[:4].lower() == "sep=" and len(bare) == 5:
        return bare[4]
    return ""


def _cells(text: str, separator: str) -> list[str]:
    try:
        return [it.strip() for it in next(csv.reader(io.StringIO(text), delimiter=separator), [])]
    except csv.Error:
        return []


def _chosen_columns(columns: Mapping[str, str], names: Sequence[str]) -> dict[str, str]:
    chosen: dict[str, str] = {}
    folded_names = {name.casefold(): name for name in names}
    for heading, field in columns.items():
        name = folded_names.get(heading.strip().casefold())
        if name is not None:
            chosen[name] = field
    return chosen


def _lacking(lacking: Sequence[object], names: Sequence[str]) -> str:
    found = ", ".join(name for name in names if name)
    found = found if len(found) <= 200 else found[:200] + "…"
    return f"CSV with {'; '.join(map(str, lacking))}; found the headings {found}"


def _quoted(name: str) -> str:
    return name if name and " " not in name else f'"{name}"'
