"""Hy-Tek Meet Manager (.hy3): records of fixed columns, a line each.

Hy-Tek has not published the format. What is read here is what the tests of the open-source project
hytek-parser show of files of Meet Manager 2 to 8: C1 teams, D1 swimmers, E1 and F1 the event of an
entry, E2 and F2 its results (P preliminary, S swim-off, F final). Finals are one unit, whatever the
number of their heats, with the overall places; what comes before is a unit a heat, ranked by the
times. Seed times, splits, pads, buttons and the swimmers of relays are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from olympics.importers.swimming import SPORT, age_group, event_title, swim_time
from olympics.importers.table import RecordTable, TableError
from olympics.words import Phase

_WIDTH: Final = 128  # of a record without its checksum; older programs write none
_STROKES: Final = {"A": "FREE", "B": "BACK", "C": "BREAST", "D": "FLY", "E": "MEDLEY"}
_ROUNDS: Final[Mapping[str, tuple[str, Phase]]] = {
    "F": ("Final", "final"),
    "P": ("Preliminary", "round"),
    "S": ("Swim-off", "round"),
}
# Beside a time: no show, scratched, disqualified, false start, did not finish.
_IRMS: Final = {"R": "DNS", "S": "SCR", "Q": "DSQ", "F": "DSQ", "D": "DNF"}
# In the place of a time.
_TIME_CODES: Final = {"NS": "DNS", "DNF": "DNF", "DQ": "DSQ", "SCR": "SCR"}
_HEADINGS: Final = {
    "sport_code": "A1",
    "sport": "A1",
    "unit": "E1",
    "event": "E1",
    "category": "ages",
    "phase": "round",
    "competitor_id": "swimmer's number",
    "name": "D1",
    "age": "age",
    "faculty": "C1 code",
    "club": "C1 name",
    "time": "time",
    "rank": "overall place",
    "irm": "time code",
}


def read_hytek(text: str) -> RecordTable:
    """Return the results of a .hy3 file. Raises TableError."""
    return _Reader().read(text.splitlines())


class _Reader:
    def __init__(self) -> None:
        self._table = RecordTable(dict(_HEADINGS))
        self._club: Mapping[str, str] = {}
        self._swimmers: dict[str, Mapping[str, str]] = {}
        self._entry: Mapping[str, str] | None = None
        self._course = ""

    def read(self, lines: Iterable[str]) -> RecordTable:
        for number, line in enumerate(lines, 1):
            kind = line[:2]
            if kind == "B2":
                self._course = line[98:99]
            elif kind == "C1":
                self._club = {"faculty": line[2:7].strip(), "club": line[7:37].strip()}
            elif kind == "D1":
                self._swimmers[line[3:8].strip()] = self._swimmer(line)
            elif kind in ("E1", "F1"):
                self._entry = self._entered(line, relay=kind == "F1")
            elif kind in ("E2", "F2"):
                self._result(number, line)
            elif line.strip() and not _RECORD(line):
                raise TableError(f"expected a record of Hy-Tek, found {line[:20]!r}", number)
        table = self._table
        if not table.records:
            raise TableError("this .hy3 file has no results: it may be of entries")
        table.tell("left out", "seed times, splits and swimmers of relays are not sent")
        return table

    def _swimmer(self, line: str) -> Mapping[str, str]:
        return {
            "competitor_id": line[3:8].strip(),
            "name": f"{line[28:48].strip()} {line[8:28].strip()}",
            "age": _positive(line[96:99]),
            **self._club,
        }

    def _entered(self, line: str, *, relay: bool) -> Mapping[str, str] | None:
        """Return whose entry it is, and its event; None where the file does not tell whose."""
        if relay:
            # A relay names its team, which may come before or after its swimmers.
            team = f"{line[2:7].strip()} {line[7:8].strip() or 'A'}"
            name = f"{self._club.get('club', '')} {line[7:8].strip() or 'A'}"
            who: Mapping[str, str] = {"competitor_id": team, "name": name, **self._club}
        else:
            found = self._swimmers.get(line[3:8].strip())
            if found is None:
                return None
            who = found
        return {
            **who,
            **SPORT,
            "gender": {"W": "F", "G": "F", "B": "M"}.get(line[14:15], line[13:14]),
            "distance": line[15:21].strip(),
            "stroke": _STROKES.get(line[21:22], line[21:22]),
            "legs": "0" if relay else "1",
            "course": line[50:51],
            "category": age_group(
                _positive(line[22:25]), _positive(line[25:28]).replace("109", "")
            ),
            "irm": "EXH" if line[83:84] == "X" else "",
        }

    def _result(self, number: int, line: str) -> None:
        table, entry = self._table, self._entry
        if len(line.rstrip()) < _WIDTH:
            table.add(number, {}, line, f"expected a record of {_WIDTH} characters: it is cut")
            return
        if entry is None:
            table.add(number, {}, line, "the file does not say whose result it is")
            return
        stage, phase = _ROUNDS.get(line[2:3], ("", "round"))
        if not stage:
            table.add(number, {}, line, f"expected P, S or F as its round, got {line[2:3]!r}")
            return
        raw = line[3:11].strip()
        irm = _IRMS.get(line[12:13], "") or _TIME_CODES.get(raw, "")
        time = "" if raw in ("NT", *_TIME_CODES) else swim_time(raw)
        if irm and time:
            table.tell("left out", "times of disqualified and the like are not sent")
            time = ""
        irm = irm or entry["irm"] or ("EXH" if line[15:16] == "X" else "")
        if not time and irm in ("", "EXH"):
            table.tell("left out", "results without a time (NT, 0.00) are not sent")
            return
        # The course of a seed time may be another, or none; that of the result is the pool's.
        course = next(filter(str.strip, (line[11:12], self._course, entry["course"])), "")
        distance = f"{entry['distance']} {'yd' if course == 'Y' else 'm'}"
        event = event_title(entry["gender"], distance, entry["stroke"], int(entry["legs"]))
        heat = _positive(line[20:23])
        if phase != "final" and heat:
            stage = f"{stage} heat {heat}"
        table.add(
            number,
            {
                **{name: text for name, text in entry.items() if name in _HEADINGS},
                "event": event,
                "unit": " ".join((event, entry["category"], stage)),
                "phase": phase,
                "time": time,
                "rank": _positive(line[29:33]) if phase == "final" and not irm else "",
                "irm": irm,
            },
            line,
        )


_RECORD = re.compile(r"[A-Z][0-9]").match


def _positive(text: str) -> str:
    """Return a number above zero as it is written, "" for anything else."""
    bare = text.strip()
    return bare if bare.isdecimal() and int(bare) > 0 else ""
