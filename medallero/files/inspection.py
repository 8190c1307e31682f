"""What `medallero send` tells about files before anything is sent.

All sources are read once as they will be sent. What the importer says of them, what would not be a
result, and what is valid and probably not meant (``olympics.plausibility``) is gathered: like with
like, with the first few places and a count.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple

import msgspec
from rich.console import Console
from rich.text import Text

from medallero.files.inputs import Input, Kind, Reading, Record
from medallero.formatting import plain
from olympics.catalogue import Catalogue
from olympics.importers import Remark
from olympics.plausibility import UnitKey, examine, without_medals
from olympics.recount import unit_standings
from olympics.result import Result, ResultError, parse_result
from olympics.text import shown

#: The kind of notes on what is no result.
NO_RESULT: Final = "no result"
#: Results that are looked at together, where nothing asks for all of them.
CHECKED_RESULTS: Final = 200_000
_SHOWN_PLACES: Final = 3
_SHOWN_VALUES: Final = 3
_SHOWN_NOTES: Final = 12  # of each kind
_SHOWN_UNITS: Final = 40


@dataclass
class Note:
    """Like remarks, gathered. ``lines`` and ``values`` are the first few, ``count`` is of all."""

    kind: str
    source: str
    heading: str
    words: str
    remedy: str
    grave: bool
    count: int = 0
    lines: list[int] = field(default_factory=list)
    values: list[str] = field(default_factory=list)

    def add(self, line: int, value: str) -> None:
        """Count one more, and keep its place if it is among the first."""
        self.count += 1
        if line and len(self.lines) < _SHOWN_PLACES and line not in self.lines:
            self.lines.append(line)
        if value and len(self.values) < _SHOWN_VALUES and value not in self.values:
            self.values.append(value)

    def as_text(self) -> str:
        """Return a line for people: where, what, and what to do about it."""
        places = ", ".join(map(str, self.lines))
        if places:
            places = f", line{'s' if len(self.lines) > 1 else ''} {places}"
            if self.count > len(self.lines):
                places += " …"
        what = f"{self.heading}: " if self.heading else ""
        if self.kind == NO_RESULT:
            what += f"{self.values[0]}; {self.words}"
        elif self.values:
            more = " …" if self.count > len(self.values) > 1 else ""
            what += ", ".join(map(shown, self.values)) + f"{more} {self.words}"
        else:
            what += self.words
        times = f" ({self.count:,} times)" if self.count > 1 and self.lines else ""
        remedy = f". To do: {self.remedy}" if self.remedy else ""
        return f"{self.source}{places}: {what}{times}{remedy}"

    def as_json(self) -> dict[str, Any]:
        """Return what ``send --json`` prints of it."""
        return {
            "kind": self.kind,
            "source": self.source,
            "lines": self.lines,
            "heading": self.heading,
            "values": self.values,
            "words": self.words,
            "remedy": self.remedy,
            "grave": self.grave,
            "count": self.count,
        }


class _Place(NamedTuple):
    number: int  # by appearance
    source: str
    line: int


class Inspection:
    """What was seen in the sources."""

    def __init__(self, catalogue: Catalogue | None) -> None:
        self._catalogue = catalogue
        self._notes: dict[tuple[Any, ...], Note] = {}
        self._results: list[Result] = []
        self._places: dict[UnitKey, _Place] = {}
        self._result_types: dict[UnitKey, str] = {}
        self.counts: Counter[Kind] = Counter()
        self.unreadable = 0
        #: results that the gateway would reject
        self.rejected = 0
        #: (faculty or sport, the name that the catalogue has not) → results
        self.unknown: Counter[tuple[str, str]] = Counter()

    @property
    def notes(self) -> list[Note]:
        """Everything there is to tell, grave things first."""
        return sorted(self._notes.values(), key=lambda it: not it.grave)

    @property
    def grave(self) -> int:
        """How many notes are grave."""
        return sum(it.grave for it in self._notes.values())

    @property
    def checked(self) -> int:
        """How many results were looked at together."""
        return len(self._results)

    def tell(self, source: str, remark: Remark) -> None:
        """Take up what an importer says."""
        key = (source, *remark[:1], remark.heading, *remark[4:])
        note = self._notes.get(key)
        if note is None:
            note = self._notes[key] = Note(
                remark.kind, source, remark.heading, remark.words, remark.remedy, remark.grave
            )
        note.add(remark.line, remark.value)

    def look_at(self, record: Record) -> None:
        """Take up a record, and of a result what it would be."""
        self.counts[record.kind] += 1
        if record.kind != "results" or self._catalogue is None:
            return
        try:
            raw = msgspec.json.decode(record.body)
            result = parse_result(raw, self._catalogue)
        except ResultError as error:
            if error.field in _NAMED and isinstance(raw.get(error.field), str):
                self.unknown[error.field, raw[error.field]] += 1
            self.rejected += 1
            self.refuse(
                record.source, record.line, error.field, error.error, "it would be rejected"
            )
            return
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return  # the gateway says what is wrong with it
        key = (result.sport, result.unit)
        if key not in self._places:
            self._places[key] = _Place(len(self._places), record.source, record.line)
        if record.result_type:
            self._result_types.setdefault(key, record.result_type)
        self._results.append(result)

    def refuse(self, source: str, line: int, where: str, error: str, words: str) -> None:
        """Take up a record that would not be counted, and why."""
        remark = Remark(NO_RESULT, line, where, error, words, "")
        self.tell(source, remark)

    def conclude(self, *, whole: bool) -> None:
        """Look at all results together."""
        if self._catalogue is None:
            return
        findings = examine(self._results, self._catalogue, result_types=self._result_types)
        if whole:
            # Of a unit that was sent before, a correction has a part.
            firsts = {(it.sport, it.unit) for it in self._results if it.version == 1}
            for it in without_medals(self._results, self._catalogue):
                if all((it.sport, unit) in firsts for unit in it.units):
                    findings.append(it)
        for finding in findings:
            place = min(self._places[finding.sport, unit] for unit in finding.units)
            remark = Remark(finding.kind, place.line, "", "", finding.words, finding.remedy)
            self.tell(place.source, remark)
        if not whole:
            words = f"only the first {self.checked:,} results were checked; --strict checks all"
            self.tell("all sources", Remark("not checked", 0, "", "", words, "", grave=False))

    def show(self, console: Console, *, only_grave: bool = False) -> None:
        """Print what there is to tell, the first few of every kind."""
        kinds: Counter[str] = Counter()
        for note in self.notes:
            if only_grave and not note.grave:
                continue
            kinds[note.kind] += 1
            if kinds[note.kind] <= _SHOWN_NOTES:
                style = "yellow" if note.grave else "dim"
                console.print(Text(plain(note.as_text()), style=style), soft_wrap=True)
        for kind, count in kinds.items():
            if count > _SHOWN_NOTES:
                text = f"and {count - _SHOWN_NOTES:,} more of this kind: {kind.replace('_', ' ')}"
                console.print(Text(text, style="yellow"), soft_wrap=True)
        self._show_unknown(console)

    def _show_unknown(self, console: Console) -> None:
        """Print the names that the catalogue does not have, as the beginning of a mapping file."""
        for kind, plural in _NAMED.items():
            names = [(name, it) for (its, name), it in self.unknown.most_common() if its == kind]
            if not names:
                continue
            console.print(
                f"{plural.capitalize()} that the catalogue does not have: {len(names):,}. To do: "
                "give them as aliases in the catalogue, or write a file for --map, with a name of "
                f"the catalogue (`medallero catalogue show`) in the place of each ?:\n[{plural}]",
                style="yellow",
                soft_wrap=True,
            )
            for name, count in names[:_SHOWN_UNITS]:
                key = plain(json.dumps(name, ensure_ascii=not name.isprintable()))
                console.print(Text(f'{key} = "?"  # {_many(count, "result")}'), soft_wrap=True)
            if len(names) > _SHOWN_UNITS:
                console.print(f"# and {len(names) - _SHOWN_UNITS:,} more")

    def show_units(self, console: Console) -> None:
        """Print the units, and who would take a medal if nothing else counted."""
        assert self._catalogue is not None
        units: dict[UnitKey, list[Result]] = {}
        for result in self._results:
            units.setdefault((result.sport, result.unit), []).append(result)
        for number, ((sport, unit), results) in enumerate(units.items()):
            if number >= _SHOWN_UNITS:
                console.print(f"and {len(units) - number:,} more units")
                break
            phase = self._catalogue.sports[sport].phase_of(unit) or results[0].phase
            medals = "; ".join(_medals(results, self._catalogue))
            text = f"{sport} · {unit} · {phase} · {_many(len(results), 'result')}"
            console.print(Text(plain(text + (f" · {medals}" if medals else ""))), soft_wrap=True)


#: Fields whose text the catalogue must have, in the plural.
_NAMED: Final[Mapping[str, str]] = {"sport": "sports", "faculty": "faculties"}


def _medals(results: Iterable[Result], catalogue: Catalogue) -> Iterator[str]:
    for row in unit_standings(results, catalogue):
        if row.medal not in (None, "none"):
            who = row.result.competitor.name or row.competitor
            yield f"{row.medal} {who} ({row.result.faculty})"


def _many(count: int, word: str) -> str:
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def inspect(
    inputs: Sequence[Input], reading: Reading, catalogue: Catalogue | None, *, whole: bool
) -> Inspection:
    """Read all sources that can be read more than once. ``whole``: check all results together.

    Raises InputError.
    """
    inspection = Inspection(catalogue)
    all_checked = True
    for source in inputs:
        for remark in source.remarks:
            inspection.tell(source.source, remark)
        if source.once:
            continue

        def tell(remark: Remark, name: str = source.source) -> None:
            inspection.tell(name, remark)

        for it in source.records(replace(reading, tell=tell)):
            if not whole and inspection.checked >= CHECKED_RESULTS:
                all_checked = False
                if source.table is None:
                    break
                continue  # what the importer says of the rest of a table is told
            if isinstance(it, Record):
                inspection.look_at(it)
            else:
                inspection.unreadable += 1
                inspection.refuse(it.source, it.line, it.field, it.error, "it is not sent")
    inspection.conclude(whole=all_checked)
    return inspection
