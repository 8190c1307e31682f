"""What every reader of a format gives: rows of fields, whatever the file looks like."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

#: What all records of a file may have together. A few bytes can make many of them: each result of a
#: club has the club's name.
_MOST_CHARACTERS: Final = 1 << 26


class Row(NamedTuple):
    """One competitor in one unit, as a file has it.

    ``line``: the last line of the row, from 1. ``cells``: its texts by field (those of
    ``olympics.importers.headings``); empty ones are absent. ``text`` and ``size``: the row as it
    stands in the file, and its bytes. ``problem``: why it cannot be read at all.
    """

    line: int
    cells: Mapping[str, str]
    text: str = ""
    size: int = 0
    problem: str = ""


class Remark(NamedTuple):
    """What an importer has to say about a part of a file; ``grave`` if results may be wrong.

    ``kind``: a word to group by. ``line``: where, 0 for the file as a whole. ``heading``: the
    column as the file calls it, "" for none. ``value``: what stands there.
    """

    kind: str
    line: int
    heading: str
    value: str
    words: str
    remedy: str
    grave: bool = True


class TableError(ValueError):
    """A file that cannot be read as a whole: what is wrong, and in which line (0: none)."""

    def __init__(self, problem: str, line: int = 0) -> None:
        super().__init__(problem)
        self.problem = problem
        self.line = line


class Table(Protocol):
    """The rows of one file, which can be read again and again."""

    @property
    def headings(self) -> Mapping[str, str]:
        """The fields that there are, with what the file calls each."""

    @property
    def remarks(self) -> list[Remark]:
        """What is to be told about the file as a whole."""

    def rows(self) -> Iterator[Row]:
        """Read all rows from the beginning. Raises TableError."""


@dataclass
class RecordTable:
    """The rows that a reader has made of a whole file of records.

    ``headings``: the fields that there are, with the format's words for them. ``titles``: texts
    that may name the sport.
    """

    headings: dict[str, str]
    records: list[Row] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)
    titles: list[str] = field(default_factory=list)
    _characters: int = 0

    def rows(self) -> Iterator[Row]:
        """Yield all rows."""
        return iter(self.records)

    def add(self, line: int, cells: Mapping[str, str], text: str = "", problem: str = "") -> None:
        """Add a row; empty cells are left out, and blanks around and within texts.

        Raises TableError where the records have too many characters together.
        """
        self._characters += len(text) + sum(map(len, cells.values()))
        if self._characters > _MOST_CHARACTERS:
            raise TableError(f"results of more than {_MOST_CHARACTERS:,} characters", line)
        tidy = {name: " ".join(it.split()) for name, it in cells.items()}
        tidy = {name: it for name, it in tidy.items() if it}
        text = text or "; ".join(f"{name} {it}" for name, it in tidy.items())
        size = len(text.encode("utf-8", "surrogatepass"))
        self.records.append(Row(line, {} if problem else tidy, text, size, problem))

    def tell(
        self,
        kind: str,
        words: str,
        remedy: str = "",
        *,
        line: int = 0,
        value: str = "",
        grave: bool = False,
    ) -> None:
        """Add a remark about the file."""
        self.remarks.append(Remark(kind, line, "", value, words, remedy, grave))
