"""Lenex (.lef, .lxf): meets of swimming as XML.

After the technical documentation of Lenex 3.1 by the SwimStandardHub. Finals and timed finals are
one unit, whatever the number of their heats, with the places that the file ranks; what comes before
is a unit a heat, ranked by the times. Entries, splits, points and the swimmers of relays are left
out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from olympics.importers.archives import Archive, read_xml
from olympics.importers.swimming import SPORT, age_group, event_title, swim_time
from olympics.importers.table import RecordTable, TableError
from olympics.text import shown
from olympics.words import Phase

# What is swum before a final: what it is called, and its phase. Swim-offs decide who swims further.
_ROUNDS: Final[Mapping[str, tuple[str, Phase]]] = {
    "TIM": ("Final", "final"),
    "FIN": ("Final", "final"),
    "SEM": ("Semifinal", "semifinal"),
    "QUA": ("Quarterfinal", "round"),
    "PRE": ("Preliminary", "round"),
    "SOP": ("Swim-off", "round"),
    "SOS": ("Swim-off of semifinals", "round"),
    "SOQ": ("Swim-off of quarterfinals", "round"),
    "TIMETRIAL": ("Time trial", "other"),
}
_HEADINGS: Final = {
    "sport_code": "LENEX",
    "sport": "LENEX",
    "unit": "EVENT",
    "event": "EVENT",
    "category": "AGEGROUP",
    "phase": "round",
    "competitor_id": "athleteid",
    "name": "lastname",
    "faculty": "CLUB code",
    "club": "CLUB name",
    "country": "CLUB shortname",
    "time": "swimtime",
    "rank": "place",
    "irm": "status",
    "status": "HEAT status",
}


class _Event(NamedTuple):
    title: str
    round: str


class _Heat(NamedTuple):
    number: str
    final: str
    unofficial: bool


class _Place(NamedTuple):
    group: str
    place: str


class _Result(NamedTuple):
    line: int
    attributes: Mapping[str, str]
    who: Mapping[str, str]


def read_lenex(data: bytes) -> RecordTable:
    """Return the results of a Lenex file, packed or not. Raises TableError."""
    if data.startswith(b"PK"):
        archive = Archive(data)
        names = [it for it in archive.names if it.lower().endswith((".lef", ".xml"))]
        if len(names) != 1:
            raise TableError(f"expected one .lef file in the archive, found {len(names)}")
        data = archive.read(names[0])
    return _Reader().read(data)


class _Reader:
    def __init__(self) -> None:
        self._table = RecordTable(dict(_HEADINGS))
        self._path: list[str] = []
        self._number = 0
        self._begin_meet()

    def read(self, data: bytes) -> RecordTable:
        read_xml(data, self._start, self._end)
        table = self._table
        if not table.records:
            raise TableError("this Lenex file has no results: it may be an invitation, or entries")
        table.tell("left out", "entries, splits, points and swimmers of relays are not sent")
        return table

    def _begin_meet(self) -> None:
        self._events: dict[str, _Event] = {}
        self._heats: dict[str, _Heat] = {}
        self._places: dict[str, list[_Place]] = {}
        self._groups: dict[str, int] = {}
        self._results: list[_Result] = []
        self._event: Mapping[str, str] = {}
        self._group = ""
        self._club: Mapping[str, str] = {}
        self._who: Mapping[str, str] = {}

    def _start(self, name: str, attributes: Mapping[str, str], line: int) -> None:
        self._path.append(name)
        if len(self._path) == 1 and name != "LENEX":
            raise TableError(f"expected LENEX, found {shown(name)}", line)
        if name == "EVENT":
            self._event = attributes
        elif name == "SWIMSTYLE" and "EVENT" in self._path:
            self._add_event(attributes, line)
        elif name == "AGEGROUP" and "EVENT" in self._path:
            self._add_group(attributes)
        elif name == "HEAT":
            heat = _Heat(
                attributes.get("number", ""),
                attributes.get("final", ""),
                attributes.get("status") == "INOFFICIAL",
            )
            self._heats[attributes.get("heatid", "")] = heat
        elif name == "RANKING":
            place = _Place(self._group, attributes.get("place", ""))
            self._places.setdefault(attributes.get("resultid", ""), []).append(place)
        elif name == "CLUB":
            self._club = attributes
        elif name == "ATHLETE":
            self._who = self._athlete(attributes)
        elif name == "RELAY":
            self._who = self._relay(attributes)
        elif name == "RESULT" and "CLUBS" in self._path:
            self._results.append(_Result(line, attributes, self._who))

    def _end(self, name: str) -> None:
        self._path.pop()
        if name == "MEET":
            self._finish_meet()
            self._begin_meet()

    def _add_event(self, style: Mapping[str, str], line: int) -> None:
        event = self._event
        count = style.get("relaycount", "1")
        legs = int(count) if count.isdecimal() and len(count) < 3 else 1
        known = style.get("stroke", "UNKNOWN") != "UNKNOWN"
        title = event_title(
            event.get("gender", ""),
            f"{style.get('distance', '')} m" if known else "",
            style["stroke"] if known else style.get("name", style.get("code", "")),
            legs if known else 1,
        )
        round_ = event.get("round", "TIM") or "TIM"
        if round_ not in _ROUNDS and round_ != "FHT":
            self._table.tell(
                "unknown round",
                "is no round of Lenex: its results count as a round, which gives no medals",
                "say with --map what it is",
                line=line,
                value=round_,
                grave=True,
            )
        self._events[event.get("eventid", "")] = _Event(title, round_)
        self._group = ""

    def _add_group(self, attributes: Mapping[str, str]) -> None:
        event = self._event.get("eventid", "")
        self._groups[event] = self._groups.get(event, 0) + 1
        ages = [attributes.get(it, "").replace("-1", "") for it in ("agemin", "agemax")]
        self._group = attributes.get("name", "") or age_group(*ages)

    def _athlete(self, attributes: Mapping[str, str]) -> Mapping[str, str]:
        names = (attributes.get(it, "") for it in ("firstname", "nameprefix", "lastname"))
        name = " ".join(it for it in names if it)
        identity = attributes.get("athleteid", "") or name
        return {"competitor_id": identity, "name": name, **self._faculty()}

    def _relay(self, attributes: Mapping[str, str]) -> Mapping[str, str]:
        club = self._club.get("code", "") or self._club.get("name", "")
        team = f"{club} {attributes.get('number', '') or '1'}"
        name = attributes.get("name", "") or team
        return {"competitor_id": team, "name": name, **self._faculty()}

    def _faculty(self) -> Mapping[str, str]:
        names = {"faculty": "code", "club": "name", "country": "shortname"}
        return {field: self._club.get(it, "") for field, it in names.items()}

    def _finish_meet(self) -> None:
        for result in self._results:
            event = self._events.get(result.attributes.get("eventid", ""))
            if event is None:
                self._table.add(result.line, {}, problem="its event is not in the file")
                continue
            # Taken away: results that share an id would multiply with its places.
            places = self._places.pop(result.attributes.get("resultid", ""), [])
            # Each age group of an event has its own ranking.
            if self._groups.get(result.attributes.get("eventid", ""), 0) < 2:
                places = [it._replace(group="") for it in places[:1]]
            for place in places or [_Place("", "")]:
                self._add(result, event, place)

    def _add(self, result: _Result, event: _Event, place: _Place) -> None:
        heat = self._heats.get(result.attributes.get("heatid", ""), _Heat("", "", False))
        stage, phase = _ROUNDS.get(event.round, (event.round, "round"))
        if phase == "final":
            if heat.final not in ("", "A") and not place.place:
                stage, phase = f"Final {heat.final}", "other"
        elif heat.number:
            stage = f"{stage} heat {heat.number}"
        status = result.attributes.get("status", "")
        time = swim_time(result.attributes.get("swimtime", ""))
        if result.attributes.get("swimdistance") and not time:
            self._table.add(result.line, {}, problem="a result that is a distance is not read")
            return
        if status not in ("", "EXH") and time:
            self._table.tell("left out", "times of disqualified and the like are not sent")
            time = ""
        if not time and not status:
            self._table.tell("left out", "results without a time (NT) are not sent")
            return
        self._table.add(
            result.line,
            {
                **SPORT,
                "unit": " ".join((event.title, place.group, stage)),
                "event": event.title,
                "category": place.group,
                "phase": phase,
                **result.who,
                "time": time,
                "rank": place.place if phase == "final" and place.place not in ("0", "-1") else "",
                "irm": status,
                "status": "unofficial" if heat.unofficial else "",
            },
        )
