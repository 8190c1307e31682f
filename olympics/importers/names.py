"""What foreign names of columns, stages, faculties and sports mean in the catalogue.

A mapping file is TOML::

    [columns]                       # heading = field; "-" leaves the column out
    "Nombre y facultad" = "name"
    [stages]                        # words of a stage, or an event's name = phase
    "Ronda de oro" = "final"
    [faculties]                     # organisation = faculty
    "FIUSAC" = "engineering"
    [sports]
    "Nado" = "swimming"
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple, cast, get_args

from olympics.importers.headings import FACULTY_FIELDS, HEADINGS, SPORT_FIELDS
from olympics.importers.table import Remark, Row, Table
from olympics.rsc import parse_rsc
from olympics.text import folded, shown
from olympics.words import Phase

#: A mapping file to begin with.
EXAMPLE: Final = """[columns]
"Heading in the file" = "name"
[stages]
"Words in the file" = "final"
[faculties]
"Organisation in the file" = "engineering"
[sports]
"Sport in the file" = "swimming"
"""
_LEFT_OUT: Final = "-"
# Where the words of a stage may stand.
_STAGE_FIELDS: Final = ("stage", "event_stage", "unit", "bout", "event")


class NamesError(ValueError):
    """A mapping file that cannot be used, and why."""


class Names(NamedTuple):
    """What foreign names mean. The keys of all but ``columns`` are folded."""

    columns: Mapping[str, str] = {}
    stages: Mapping[str, str] = {}
    faculties: Mapping[str, str] = {}
    sports: Mapping[str, str] = {}

    def phase(self, text: str) -> Phase | None:
        """Return the phase that the words of a stage, or an event's name, are said to mean."""
        return cast("Phase | None", self.stages.get(folded(text)))


NO_NAMES: Final = Names()


def read_names(text: str) -> Names:
    """Read a mapping file. Raises NamesError."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise NamesError(f"expected TOML: {error}") from None
    for name, table in document.items():
        if name not in Names._fields:
            raise NamesError(f"expected {_listed(Names._fields)}; got [{name}]")
        if not isinstance(table, dict) or not all(isinstance(it, str) for it in table.values()):
            raise NamesError(f'[{name}]: expected lines such as "name" = "name"')
    columns = document.get("columns", {})
    for heading, field in columns.items():
        problem = why_no_field(field)
        if problem:
            raise NamesError(f"[columns] {shown(heading)}: {problem}")
    for words, phase in document.get("stages", {}).items():
        if phase not in get_args(Phase):
            raise NamesError(
                f"[stages] {shown(words)}: expected {_listed(get_args(Phase))}; got {shown(phase)}"
            )
    others = (_folded(document.get(it, {})) for it in Names._fields[1:])
    return Names(columns, *others)


def why_no_field(name: str) -> str:
    """Return why a name is no field of a column, nor ``-``; "" if it is one."""
    if name == _LEFT_OUT or name in HEADINGS:
        return ""
    return f"expected - or one of {', '.join(HEADINGS)}; got {shown(name)}"


def _folded(table: dict[str, Any]) -> dict[str, str]:
    return {folded(key): it for key, it in table.items()}


def _listed(names: tuple[str, ...]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}"


class NamedTable:
    """A table whose rows name things as the catalogue does, as far as is known how.

    ``sport``: that of the rows that name none; ``said_by``: what says so. ``knows_sport`` and
    ``knows_faculty``: whether the catalogue has one of this name; of a row's texts for it (a code,
    a name) the first is taken that it has.
    """

    def __init__(
        self,
        table: Table,
        names: Names,
        *,
        sport: str = "",
        said_by: str = "",
        knows_sport: Callable[[str], bool] | None = None,
        knows_faculty: Callable[[str], bool] | None = None,
    ) -> None:
        self._table = table
        self._names = names
        self._sport = sport
        self._knows_sport = knows_sport
        self._knows_faculty = knows_faculty
        self.headings: Mapping[str, str] = dict(table.headings)
        if sport and self.headings.keys().isdisjoint(SPORT_FIELDS):
            self.headings = {**self.headings, "sport": said_by}

    @property
    def remarks(self) -> list[Remark]:
        """What is to be told about the file as a whole."""
        return self._table.remarks

    def rows(self) -> Iterator[Row]:
        """Read all rows from the beginning. Raises TableError."""
        for row in self._table.rows():
            yield row if row.problem else row._replace(cells=self._renamed(row.cells))

    def _renamed(self, cells: Mapping[str, str]) -> Mapping[str, str]:
        changes: dict[str, str] = {}
        sports = [cells[it] for it in SPORT_FIELDS if it in cells]
        if sport := _first_known(sports, self._names.sports, self._knows_sport):
            changes[SPORT_FIELDS[0]] = sport
        elif self._sport and not sports and parse_rsc(cells.get("unit", "")) is None:
            changes["sport"] = self._sport
        if "phase" not in cells and self._names.stages:
            phases = (self._names.phase(cells[it]) for it in _STAGE_FIELDS if it in cells)
            phase = next(filter(None, phases), None)
            if phase:
                changes["phase"] = phase
        faculties = [cells[it] for it in FACULTY_FIELDS if it in cells]
        if faculty := _first_known(faculties, self._names.faculties, self._knows_faculty):
            changes[FACULTY_FIELDS[0]] = faculty
        return {**cells, **changes} if changes else cells


def _first_known(
    texts: list[str], meanings: Mapping[str, str], knows: Callable[[str], bool] | None
) -> str:
    """Return what the texts are said to mean, or which of them is known; "" for the first."""
    for text in texts:
        meant = meanings.get(folded(text))
        if meant:
            return meant
    if knows is None or len(texts) < 2 or knows(texts[0]):
        return ""
    return next((it for it in texts[1:] if knows(it)), "")
