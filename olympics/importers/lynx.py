"""FinishLynx (.lif): one heat of a race, a competitor a line.

The head has the numbers of event, round and heat, the event's name and the wind. It has no phase:
the name tells it ("100 m Final Women"), or a mapping file does. All heats of a final are one unit,
as of a timed final; any other heat is a unit of its own. A place counts within its heat, so the
times rank; places are sent where times are equal. Wind, reaction times and splits are left out.
"""

from __future__ import annotations

import csv
from typing import Final

from olympics.importers.names import Names
from olympics.importers.stages import read_stage_in_name
from olympics.importers.swimming import swim_time
from olympics.importers.table import RecordTable, TableError
from olympics.text import shown

_HEADINGS: Final = {
    "unit": "event name",
    "event": "event name",
    "phase": "event name",
    "competitor_id": "ID",
    "name": "first name",
    "family_name": "last name",
    "faculty": "affiliation",
    "time": "time",
    "rank": "place",
    "irm": "place",
}
_FIELDS: Final = 7  # of a competitor's line, which programs end with more or fewer


def read_lynx(text: str, names: Names) -> RecordTable:
    """Return the results of a heat; *names* may tell the phase of its event. Raises TableError."""
    reader = csv.reader(text.splitlines(), strict=True)
    table = RecordTable(dict(_HEADINGS))
    try:
        head = [it.strip() for it in next(reader, [])]
        if len(head) < 4 or not all(it.isdecimal() for it in head[:3]):
            raise TableError("expected the numbers of event, round and heat, and a name", 1)
        _, round_, heat, name = head[:4]
        name = name or f"event {head[0]}"
        stage = read_stage_in_name(name)
        phase = names.phase(name) or stage.phase
        if phase is None:
            table.tell(
                "no stage",
                "the event's name tells no stage: its results count as a round, which gives no "
                "medals",
                f'write Final into the event\'s name, or in a file for --map: [stages] "{name}" = '
                '"final"',
                line=1,
                value=name,
                grave=True,
            )
        unit = name
        if phase not in ("final", "bronze", "other") and not stage.heat:
            unit = f"{name} round {round_} heat {heat}"
        for cells in reader:
            row = [it.strip() for it in cells]
            if any(row):
                _add(table, reader.line_num, row, unit, name, phase or "round")
    except csv.Error as error:
        raise TableError(f"expected lines of a .lif file ({error})", reader.line_num) from None
    if not table.records:
        raise TableError("this .lif file has no results")
    _leave_out_places(table)
    table.titles.append(name)
    table.tell("left out", "wind, reaction times and splits are not sent")
    return table


def _add(table: RecordTable, line: int, row: list[str], unit: str, name: str, phase: str) -> None:
    text = ",".join(row)
    if len(row) < _FIELDS:
        table.add(line, {}, text, f"expected {_FIELDS} fields or more, got {len(row)}: it is cut")
        return
    place, identity, _, last, first, team, time = row[:_FIELDS]
    ranked = place.isdecimal() and int(place) > 0
    irm = "" if ranked or place in ("", "0") else place
    if irm and not irm.replace("/", "").isalpha():
        table.add(line, {}, text, f"expected a place or a code such as DNS, got {shown(irm)}")
        return
    table.add(
        line,
        {
            "unit": unit,
            "event": name,
            "phase": phase,
            "competitor_id": identity or f"{first} {last}".strip() or team,
            "name": first,
            "family_name": last,
            "faculty": team,
            "time": "" if irm else swim_time(time),
            "rank": place if ranked else "",
            "irm": irm,
        },
        text,
    )


def _leave_out_places(table: RecordTable) -> None:
    """Leave the places out, unless the times do not tell them: then they stay, and that is told."""
    ranked = [it for it in table.records if "rank" in it.cells]
    times = [it.cells.get("time", "") for it in ranked]
    if "" not in times and len(set(times)) == len(times):
        table.records[:] = [
            it._replace(cells={name: text for name, text in it.cells.items() if name != "rank"})
            for it in table.records
        ]
        return
    table.tell(
        "places of a heat",
        "some have the same time, or none: the places of this heat are sent",
        "if the final has several heats, leave the places out with --ignore-rank",
    )
