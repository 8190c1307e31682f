"""SDIF (.cl2, .sd3): results of swimming as records of fixed columns, after its version 3.

The Standard Data Interchange Format of United States Swimming, of April 28, 1998: C1 teams, D0 what
a swimmer swam in an event, E0 a relay. Finals are one unit, whatever the number of their heats,
with the places of the file; preliminaries are a unit a heat. Seed times, splits and the swimmers of
relays are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from olympics.importers.swimming import SPORT, age_group, event_title, swim_time
from olympics.importers.table import RecordTable, TableError
from olympics.words import Phase

_STROKES: Final = {
    **{"1": "FREE", "2": "BACK", "3": "BREAST", "4": "FLY", "5": "MEDLEY"},
    **{"6": "FREE", "7": "MEDLEY"},
}
_IRMS: Final = {"NS": "DNS", "DNF": "DNF", "DQ": "DSQ", "SCR": "SCR"}
_HEADINGS: Final = {
    "sport_code": "A0",
    "sport": "A0",
    "unit": "event",
    "event": "event",
    "category": "event age",
    "phase": "round",
    "competitor_id": "USS number",
    "name": "name",
    "faculty": "C1 code",
    "club": "C1 name",
    "country": "C1 abbreviation",
    "time": "time",
    "rank": "place ranking",
    "irm": "time code",
}


class _Columns(NamedTuple):
    """Where a record of results has what, from 0: D0 and E0 have the same fields from here on."""

    sex: int
    prelim: int

    @property
    def distance(self) -> slice:
        return slice(self.sex + 1, self.sex + 5)

    @property
    def stroke(self) -> int:
        return self.sex + 5

    @property
    def ages(self) -> slice:
        return slice(self.sex + 10, self.sex + 14)


_INDIVIDUAL: Final = _Columns(66, 97)
_RELAY: Final = _Columns(20, 54)


def read_sdif(text: str) -> RecordTable:
    """Return the results of a file in SDIF. Raises TableError."""
    table = RecordTable(dict(_HEADINGS))
    lines = text.splitlines()
    kind = lines[0][11:13] if lines else ""
    if kind not in ("02", "20", ""):
        raise TableError("this SDIF file is not of meet results (its file code is not 02)", 1)
    if not any(it.startswith("Z0") for it in lines[-3:]):
        raise TableError("the last record (Z0) is missing: the file is cut", len(lines))
    club: Mapping[str, str] = {}
    for number, line in enumerate(lines, 1):
        if line.startswith("C1"):
            code = line[11:17].strip()
            club = {
                # The first two letters are of the region.
                "faculty": code[2:] + line[149:150].strip() or code,
                "club": line[17:47].strip(),
                "country": line[47:63].strip(),
            }
        elif line.startswith("D0"):
            last, _, first = line[11:39].partition(",")
            name = f"{first.strip()} {last.strip()}"
            who = {"competitor_id": line[39:51].strip() or name, "name": name}
            _add_swims(table, number, line, {**club, **who}, _INDIVIDUAL)
        elif line.startswith("E0"):
            letter = line[11:12].strip() or "A"
            team = f"{club.get('faculty', '') or line[12:18].strip()} {letter}"
            who = {"competitor_id": team, "name": f"{club.get('club', '')} {letter}"}
            _add_swims(table, number, line, {**club, **who}, _RELAY)
    if not table.records:
        raise TableError("this SDIF file has no results: it may be of entries")
    table.tell("left out", "seed times, splits and swimmers of relays are not sent")
    return table


def _add_swims(
    table: RecordTable, number: int, line: str, who: Mapping[str, str], columns: _Columns
) -> None:
    """Add what a record tells of preliminary, swim-off and final."""
    prelim = columns.prelim
    heats = prelim + 27
    if len(line) < heats + 8:
        table.add(number, {}, line, f"expected at least {heats + 8} characters: the record is cut")
        return
    ages = line[columns.ages].strip()
    youngest, oldest = ages[:2].lstrip("0"), ages[2:]
    category = age_group("" if youngest == "UN" else youngest, "" if oldest == "OV" else oldest)
    event = event_title(
        line[columns.sex],
        f"{line[columns.distance].strip()} {'yd' if line[prelim + 26] in '2Y' else 'm'}",
        _STROKES.get(line[columns.stroke], line[columns.stroke]),
        0 if columns is _RELAY else 1,
    )
    entry = {**who, **SPORT, "event": event, "category": category}
    swims: tuple[tuple[str, Phase, int, str, str], ...] = (
        ("Preliminary", "round", prelim, line[heats : heats + 2], ""),
        ("Swim-off", "round", prelim + 9, "", ""),
        ("Final", "final", prelim + 18, "", line[heats + 11 : heats + 14]),
    )
    for stage, phase, at, heat, place in swims:
        raw = line[at : at + 8].strip()
        time = "" if raw in ("NT", *_IRMS) else swim_time(raw)
        irm = _IRMS.get(raw, "") or ("DSQ" if line[at + 8] == "X" else "")
        if irm and time:
            table.tell("left out", "times of disqualified and the like are not sent")
            time = ""
        if not time and not irm:
            continue
        number_of_heat = heat.strip().lstrip("0")
        if number_of_heat.isdecimal():
            stage = f"{stage} heat {number_of_heat}"
        rank = place.strip().lstrip("0")
        table.add(
            number,
            {
                **entry,
                "unit": " ".join((event, category, stage)),
                "phase": phase,
                "time": time,
                "rank": rank if rank.isdecimal() and not irm else "",
                "irm": irm,
            },
            line,
        )
