"""The Olympic Data Feed's XML: the results of a unit, in a message of type DT_RESULT.

After the ODF General Messages Interface of the Olympic Games. The message's code is the unit, its
version is ours, and its status decides whether results count: OFFICIAL does, everything else is
provisional.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from olympics.importers.archives import read_xml
from olympics.importers.table import RecordTable, TableError
from olympics.rsc import parse_rsc
from olympics.text import shown

#: Result statuses that are not official yet; a start list has no results.
_PROVISIONAL: Final = frozenset(
    ("LIVE", "INTERMEDIATE", "UNCONFIRMED", "UNOFFICIAL", "PARTIAL", "PROTESTED")
)
_NOBODY: Final = frozenset(("TBD", "NOCOMP", "NONE"))
_HEADINGS: Final = {
    "sport_code": "DocumentCode",  # its first three letters; results need not repeat them
    "unit": "DocumentCode",
    "event": "EventName",
    "event_stage": "SubEventName",
    "competitor_id": "Competitor Code",
    "name": "Description",
    "faculty": "Organisation",
    "mark": "Result",
    "result_type": "ResultType",
    "rank": "Rank",
    "outcome": "WLT",
    "irm": "IRM",
    "status": "ResultStatus",
    "version": "Version",
}


def read_odf_message(data: bytes) -> RecordTable:
    """Return the results of a message. Raises TableError."""
    return _Reader().read(data)


class _Reader:
    def __init__(self) -> None:
        self._table = RecordTable(dict(_HEADINGS))
        self._path: list[str] = []
        self._message: dict[str, str] = {}
        self._cells: dict[str, str] = {}
        self._is_team = False
        self._line = 0

    def read(self, data: bytes) -> RecordTable:
        read_xml(data, self._start, self._end)
        if not self._table.records:
            raise TableError("this message has no results")
        return self._table

    def _start(self, name: str, attributes: Mapping[str, str], line: int) -> None:
        self._path.append(name)
        if len(self._path) == 1:
            self._begin(name, attributes, line)
        elif name == "SportDescription":
            self._message["event"] = attributes.get("EventName", "")
            self._message["event_stage"] = attributes.get("SubEventName", "")
        elif self._path[1:] == ["Competition", "Result"]:
            self._line = line
            self._cells = {
                "mark": attributes.get("Result", ""),
                "result_type": attributes.get("ResultType", ""),
                "rank": attributes.get("Rank", ""),
                "outcome": attributes.get("WLT", ""),
                "irm": attributes.get("IRM", ""),
            }
        elif self._path[1:] == ["Competition", "Result", "Competitor"]:
            self._is_team = attributes.get("Type") == "T"
            self._cells["competitor_id"] = attributes.get("Code", "")
            self._cells["faculty"] = attributes.get("Organisation", "")
        elif name == "Description" and "Competitor" in self._path:
            self._describe(attributes)

    def _begin(self, name: str, attributes: Mapping[str, str], line: int) -> None:
        kind = attributes.get("DocumentType", "")
        if name != "OdfBody" or kind != "DT_RESULT":
            raise TableError(f"expected a message DT_RESULT, found {shown(kind or name)}", line)
        status = attributes.get("ResultStatus", "")
        if status == "START_LIST":
            raise TableError("a start list (ResultStatus START_LIST) has no results", line)
        if status not in ("OFFICIAL", *_PROVISIONAL):
            raise TableError(f"expected a ResultStatus such as OFFICIAL, got {shown(status)}", line)
        unit = attributes.get("DocumentCode", "")
        if parse_rsc(unit) is None:
            raise TableError(
                f"expected a code of 34 characters as its unit, got {shown(unit)}", line
            )
        version = attributes.get("Version", "")
        if not version.isdecimal() or int(version[:10]) < 1 or len(version) > 10:
            raise TableError(f"expected a Version from 1, got {shown(version)}", line)
        self._message = {
            "unit": unit,
            "version": str(int(version)),
            "status": "official" if status == "OFFICIAL" else "unofficial",
        }

    def _describe(self, attributes: Mapping[str, str]) -> None:
        # The members of a team are described too.
        fields = ("TeamName",) if self._is_team else ("GivenName", "FamilyName")
        name = " ".join(attributes[it] for it in fields if it in attributes)
        if name and not self._cells.get("name"):
            self._cells["name"] = name

    def _end(self, name: str) -> None:
        if self._path[1:] == ["Competition", "Result"]:
            self._add()
        self._path.pop()

    def _add(self) -> None:
        cells = self._cells
        if cells.get("competitor_id", "").upper() in _NOBODY:
            self._table.tell("left out", "places without a competitor are not sent")
        elif any(cells[it] for it in ("mark", "rank", "outcome", "irm")):
            self._table.add(self._line, {**self._message, **cells})
        else:
            self._table.tell("left out", "competitors without a result are not sent")
