"""From rows of fields to objects for ``parse_result``, and what has to be said on the way.

``parse_result`` knows the catalogue and has the last word. Here a row's words become our fields:
which unit it is, which phase, whose result. The rows of a file are looked at twice, since a file's
last row can say which unit of an event was its final:

- where an event has "Final results" (golf, decathlon), these are the final, and no other unit is;
- a small final of two with won and lost is a bronze match, any other decides places;
- a jump-off separates those who share a rank in the final, and awards nothing itself;
- heats of a timed final, which rank as one, are one unit.

Nothing is left out without a remark: every cell with text is used, or told.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, cast

from olympics.importers.headings import (
    FACULTY_FIELDS,
    IDENTITY_FIELDS,
    MARK_FIELDS,
    SPORT_FIELDS,
)
from olympics.importers.irms import read_irm
from olympics.importers.outcomes import is_letter, letters_of, outcome_of, outcome_word
from olympics.importers.stages import Stage, read_stage, read_stage_in_name, stage_words
from olympics.importers.table import Remark, Row, Table
from olympics.mark import parse_mark, why_no_mark
from olympics.plausibility import ORDER_OF_TYPE
from olympics.rank import printed_rank
from olympics.result import MAX_AGE, MAX_RANK, ResultError
from olympics.rsc import default_phase, parse_rsc
from olympics.text import folded, shown
from olympics.words import Medal, Outcome, Phase


class Imported(NamedTuple):
    """What a row says, as an object for ``parse_result``, and what it says besides.

    ``event``, ``sport_title`` and ``faculty_title`` are the texts of the file; ``result_type`` is
    TIME, DISTANCE, POINTS or what else the file calls its marks, "" if it does not.
    """

    line: int
    result: dict[str, Any]
    row: Row
    result_type: str = ""
    event: str = ""
    sport_title: str = ""
    faculty_title: str = ""


class Unusable(NamedTuple):
    """A row of which no result can be made: the column as the file calls it, what was expected."""

    line: int
    field: str
    error: str
    row: Row


Tell = Callable[[Remark], None]


def import_rows(
    table: Table, *, ignore_rank: bool = False, tell: Tell | None = None
) -> Iterator[Imported | Unusable]:
    """Import all rows of a table, in order, one value for every row.

    ``tell`` is called with every remark, those on the file as a whole first. Raises TableError.
    """
    survey = Survey.of(table.rows(), table.headings)
    say = tell or _nothing
    for remark in (*table.remarks, *survey.remarks(table.headings, ignore_rank=ignore_rank)):
        say(remark)
    for row in table.rows():
        if row.problem:
            yield Unusable(row.line, "", row.problem, row)
            continue
        try:
            yield import_row(
                row, survey, headings=table.headings, ignore_rank=ignore_rank, tell=say
            )
        except ResultError as error:
            yield Unusable(row.line, table.headings.get(error.field, error.field), error.error, row)


def _nothing(_: Remark) -> None:
    pass


@dataclass
class _UnitFacts:
    """What the rows of one unit say together."""

    event: str
    stage: Stage
    line: int
    rows: int = 0
    outcomes: int = 0
    has_unit: bool = True
    #: competitor → rank, of finals and jump-offs alone
    ranks: dict[str, int | None] = field(default_factory=dict)


@dataclass
class Survey:
    """What a file's rows say together: made by ``of`` in a first reading."""

    #: events whose final is a unit called "Final results"
    totals: frozenset[str] = frozenset()
    #: heats of a timed final → the unit that they are
    merged: Mapping[str, str] = field(default_factory=dict)
    #: small finals that are bronze matches
    bronze_matches: frozenset[str] = frozenset()
    #: (final, competitor) → the rank after the jump-off
    after_jump_off: Mapping[tuple[str, str], int] = field(default_factory=dict)
    #: finals whose shared ranks a jump-off should separate and does not, by the jump-off's line
    open_jump_offs: Mapping[str, int] = field(default_factory=dict)
    has_medals: bool = False
    #: letters of finals: "Final B" and "Final C" say that "Final D" is the fourth
    letters: frozenset[str] = frozenset()
    #: what letters for won, lost and tied mean in this file
    outcomes: Mapping[str, Outcome] | None = None
    #: up to three of the games that the rows name
    games: tuple[str, ...] = ()

    @classmethod
    def of(cls, rows: Iterable[Row], headings: Mapping[str, str] | None = None) -> Survey:
        """Look at all rows of a file; *headings* are its columns by their fields."""
        units: dict[str, _UnitFacts] = {}
        outcomes: set[str] = set()
        games: dict[str, None] = {}
        has_medals = False
        for row in rows:
            cells = row.cells
            unit, stage = _unit_of(cells), _stage_of(cells)
            facts = units.get(unit)
            if facts is None:
                facts = units[unit] = _UnitFacts(_event_of(cells, unit), stage, row.line)
                facts.has_unit = not cells.keys().isdisjoint(("unit", "bout"))
            facts.rows += 1
            outcome = _outcome_text(cells)
            facts.outcomes += bool(outcome)
            if len(outcome) <= _LONGEST_LETTER:
                outcomes.add(outcome)
            has_medals = has_medals or "medal" in cells
            if stage.jump_off or stage.phase == "final" or default_phase(unit) == "final":
                facts.ranks[_competitor_id(cells)] = _rank_or_none(cells.get("rank", ""))
            if len(games) < 3:
                games.setdefault(" ".join(cells[it] for it in ("games", "year") if it in cells))
        totals = frozenset(it.event for it in units.values() if it.stage.total)
        after_jump_off, open_jump_offs = _jump_offs(units)
        return cls(
            totals=totals,
            merged=_timed_finals(units),
            bronze_matches=frozenset(
                unit
                for unit, it in units.items()
                if it.stage.small and it.rows == 2 and it.outcomes == 2
            ),
            after_jump_off=after_jump_off,
            open_jump_offs=open_jump_offs,
            has_medals=has_medals,
            letters=frozenset(it.stage.letter for it in units.values()),
            outcomes=letters_of(outcomes, (headings or {}).get("outcome", "")),
            games=tuple(it for it in games if it),
        )

    def remarks(self, headings: Mapping[str, str], *, ignore_rank: bool) -> Iterator[Remark]:
        """Yield what is to be told about the file as a whole."""
        if len(self.games) > 1:
            yield Remark(
                "several games",
                0,
                headings.get("games", headings.get("year", "")),
                ", ".join(self.games),
                "the rows are of several games, and their results would share units",
                "keep the rows of one",
            )
        if not {*headings} & set(SPORT_FIELDS):
            yield Remark(
                "no sport",
                0,
                "",
                "",
                "no column for the sport; only codes of the Olympic Data Feed say it",
                "add a column sport, or say it with --sport",
                grave=False,
            )
        identity = next((it for it in IDENTITY_FIELDS if it in headings), "")
        if identity in ("bib", "name", "family_name", "competitor"):
            yield Remark(
                "no id",
                0,
                headings[identity],
                "",
                "is the competitor's id, since there is no column for it",
                "",
                grave=False,
            )
        names = defaultdict(list)
        for unit, whole in self.merged.items():
            names[whole].append(unit)
        for whole, heats in names.items():
            if len(heats) < 2:
                continue
            yield Remark(
                "timed final",
                0,
                "",
                whole,
                f"{len(heats)} heats of a timed final, which rank as one, are one unit",
                "",
                grave=False,
            )
        for unit, line in self.open_jump_offs.items():
            yield Remark(
                "jump-off",
                line,
                headings.get("stage", ""),
                unit,
                "a jump-off decides this final, and the ranks do not say how",
                "give the ranks after the jump-off in the final",
            )
        if self.after_jump_off:
            ignored = ", but ranks are to be ignored" if ignore_rank else ""
            for final in dict.fromkeys(unit for unit, _ in self.after_jump_off):
                yield Remark(
                    "jump-off",
                    0,
                    headings.get("stage", ""),
                    final,
                    f"those who share a rank are separated by the jump-off{ignored}",
                    "",
                    grave=ignore_rank,
                )


def import_row(
    row: Row,
    survey: Survey,
    *,
    headings: Mapping[str, str] | None = None,
    ignore_rank: bool = False,
    tell: Tell = _nothing,
) -> Imported:
    """Return what a row says. Raises ResultError (its field is one of the table's fields)."""
    return _RowImport(row, survey, headings or {}, ignore_rank, tell).imported()


class _RowImport:
    """One row, on its way to an object for ``parse_result``."""

    def __init__(
        self,
        row: Row,
        survey: Survey,
        headings: Mapping[str, str],
        ignore_rank: bool,
        tell: Tell,
    ) -> None:
        self._row = row
        self._cells = row.cells
        self._survey = survey
        self._headings = headings
        self._ignore_rank = ignore_rank
        self._tell = tell
        self._result_type = row.cells.get("result_type", "").upper()

    def imported(self) -> Imported:
        cells = self._cells
        unit = self._required("unit", _unit_of(cells))
        competitor = self._competitor()
        faculty_field = next((it for it in FACULTY_FIELDS if it in cells), "")
        faculty = self._required("faculty", cells.get(faculty_field, ""))
        evidence = self._evidence(unit, competitor["id"])
        bye = ("BYE", "LIBRE")
        if (
            competitor["id"].upper() in bye
            or competitor.get("name", "").upper() in bye
            or evidence.get("irm") == "BYE"
        ):
            raise ResultError("", "expected a result, got a bye, which is none")
        status = self._status(evidence)
        if not evidence and status != "withdrawn":
            raise ResultError(
                self._mark_field(),
                f"expected a rank, a mark, won or lost, an IRM or a medal; {self._found()}",
            )
        result: dict[str, Any] = {}
        sport = next((cells[it] for it in SPORT_FIELDS if it in cells), "")
        if sport:
            result["sport"] = sport
        result["unit"] = self._survey.merged.get(unit, unit)
        phase = self._phase(unit, evidence)
        if phase is not None:
            result["phase"] = phase
        result["competitor"] = competitor
        result["faculty"] = faculty
        result.update(evidence)
        if status != "official":
            result["status"] = status
        if "version" in cells:
            result["version"] = _whole(cells["version"])
        title_field = "country" if "country" in cells else "club"
        return Imported(
            self._row.line,
            result,
            self._row,
            self._type_of_marks(),
            cells.get("event", ""),
            cells.get("sport", ""),
            "" if title_field == faculty_field else cells.get(title_field, ""),
        )

    # Who and whose.

    def _competitor(self) -> dict[str, Any]:
        cells = self._cells
        identity = self._required("competitor_id", _competitor_id(cells))
        competitor: dict[str, Any] = {"id": identity}
        name = _name(cells)
        if name:
            competitor["name"] = name
        if "age" in cells and cells["age"].upper() not in _NOTHING:
            age = _whole(cells["age"])
            if age.isdecimal() and len(age) <= 3 and int(age) <= MAX_AGE:
                competitor["age"] = int(age)
            else:
                self._say("age", "is no age in years and is not sent", "write whole years")
        return competitor

    # What was achieved.

    def _evidence(self, unit: str, competitor: str) -> dict[str, Any]:
        cells = self._cells
        evidence: dict[str, Any] = {}
        medal = self._medal()
        rank, instead = _rank(cells.get("rank", ""))
        if rank is not None and not self._ignore_rank:
            evidence["rank"] = self._survey.after_jump_off.get((unit, competitor), rank)
        self._outcome(evidence)
        medal = self._irm(evidence, medal)
        medal = self._word_instead("rank", instead, evidence, medal)
        mark_field = self._mark_field()
        mark = cells.get(mark_field, "")
        if mark.upper() in _NOTHING:
            mark = ""
        if mark and self._result_type == "IRM" and "irm" in evidence and mark.isdecimal():
            self._say(mark_field, f"beside {evidence['irm']} is not sent", "", grave=False)
        elif mark and self._result_type == "IRM":
            self._set_irm(evidence, mark_field, read_irm(mark) or mark.upper())
        elif mark and (value := _mark_of(mark)) is not None:
            if value == 0 and "irm" in evidence:  # programs write 0.00 for no time
                self._say(mark_field, f"beside {evidence['irm']} is not sent", "", grave=False)
            else:
                evidence["mark"] = mark
        elif mark and (irm := read_irm(mark)) and (irm != "W/O" or not evidence):
            self._set_irm(evidence, mark_field, irm)
        elif mark and _medal_word(mark):
            medal = self._word_instead(mark_field, mark, evidence, medal)
        elif mark and (outcome := self._outcome_in(mark)) is not None:
            if evidence.setdefault("outcome", outcome) != outcome:
                said = evidence["outcome"]
                self._say(mark_field, f"contradicts {said}, which is sent", "keep one of the two")
        elif mark and not evidence and not medal and _CODE(mark.upper()):
            self._set_irm(evidence, mark_field, mark.upper())
        elif mark and (evidence or medal):
            # A file that calls the text something else than a mark has not lost one.
            decides = "rank" in evidence and self._result_type in ("", *ORDER_OF_TYPE)
            self._say(
                mark_field,
                "cannot be read as a mark and is not sent; "
                + ("the rank counts" if "rank" in evidence else "the rest of the row counts"),
                why_no_mark(mark) or "write the mark as 58.40, 1:02.34 or 6.12",
                grave=decides,
            )
        self._notes(evidence)
        if medal:
            evidence["medal"] = medal
        return evidence

    def _notes(self, evidence: dict[str, Any]) -> None:
        """Take an IRM that stands among remarks."""
        text = self._cells.get("notes", "")
        if text.upper() in _NOTHING:
            return
        code = read_irm(text)
        if code:
            self._set_irm(evidence, "notes", code)
        else:
            self._say("notes", "is no part of a result, and is not sent", "", grave=False)

    def _outcome(self, evidence: dict[str, Any]) -> None:
        text = self._cells.get("outcome", "")
        if not text or text.upper() in _NOTHING:
            return
        outcome = outcome_of(text, self._letters(text))
        if outcome is not None:
            evidence["outcome"] = outcome
        elif irm := read_irm(text):
            self._set_irm(evidence, "outcome", irm)
        else:
            why = "may mean several things" if is_letter(text) else "is none of them"
            raise ResultError("outcome", f"expected won, lost or tied; {shown(text)} {why}")

    def _outcome_in(self, mark: str) -> Outcome | None:
        """Return what a mark's text says that is no mark: "Ganó", "V"."""
        if is_letter(mark):
            return outcome_of(mark, self._letters(mark))
        return outcome_word(mark)

    def _letters(self, text: str) -> Mapping[str, Outcome]:
        known = self._survey.outcomes
        return letters_of((text,)) if known is None else known

    def _irm(self, evidence: dict[str, Any], medal: Medal | None) -> Medal | None:
        """Take what the column for IRMs says; return the medal of the row, which it may say too."""
        text = self._cells.get("irm", "")
        if text.upper() in _NOTHING:
            return medal
        code = read_irm(text)
        if code:
            self._set_irm(evidence, "irm", code)
        elif _medal_word(text):
            return self._word_instead("irm", text, evidence, medal)
        elif stage_words(text) in _NO_IRMS:
            self._say("irm", "says nothing of an invalid result, and is not sent", "", grave=False)
        elif _UNKNOWN_CODE(text) or _CODE(text.upper()):
            self._set_irm(evidence, "irm", text.upper())
        else:
            self._say(
                "irm",
                "is no code of an invalid result, and is not sent",
                "write DNS, DNF, DSQ or another code; if these are medals, name the column medal",
            )
        return medal

    def _word_instead(
        self, name: str, text: str, evidence: dict[str, Any], medal: Medal | None
    ) -> Medal | None:
        """Take a code or a medal that stands in the column *name*; return the row's medal."""
        word = _medal_word(text)
        if word is None:
            if text:
                self._set_irm(evidence, name, text)
            return medal
        if medal not in (None, word):
            self._say(name, f"contradicts {medal}, which is sent", "keep one of the two")
            return medal
        # A medal that officials gave overrules the rank.
        contradicts = evidence.get("rank", _RANKS[word]) != _RANKS[word]
        self._say(name, f"is read as the medal {word}", "", grave=contradicts)
        return word

    def _set_irm(self, evidence: dict[str, Any], name: str, code: str) -> None:
        """Take an IRM, unless an earlier cell of the row has said another one."""
        if evidence.setdefault("irm", code) != code:
            self._say(name, f"contradicts {evidence['irm']}, which is sent", "keep one of the two")

    def _medal(self) -> Medal | None:
        text = self._cells.get("medal", "")
        if not text or text.upper() in _NOTHING:
            return None
        medal = _MEDALS.get(stage_words(text)) or _medal_word(text)
        if medal is None:
            others = ("rank", "outcome", "irm", *MARK_FIELDS)
            if not any(it in self._cells for it in others):
                raise ResultError("medal", f"expected gold, silver, bronze; got {shown(text)}")
            self._say("medal", "is no medal and is not sent", "write gold, silver or bronze")
        return medal

    def _mark_field(self) -> str:
        return next((it for it in MARK_FIELDS if it in self._cells), self._headed(MARK_FIELDS))

    def _headed(self, fields: Iterable[str]) -> str:
        return next((it for it in fields if it in self._headings), "mark")

    def _type_of_marks(self) -> str:
        if self._result_type:
            return self._result_type
        return next((MARK_FIELDS[it] for it in MARK_FIELDS if it in self._cells), "")

    def _found(self) -> str:
        mark = self._cells.get(self._mark_field(), "")
        if mark:
            why = why_no_mark(mark)
            return f"{shown(mark)} is no mark" + (f": {why}" if why else "")
        ignored = self._ignore_rank and "rank" in self._cells
        return "the rank was to be ignored" if ignored else "got nothing"

    def _status(self, evidence: dict[str, Any]) -> str:
        cells = self._cells
        running = cells.get("stage_status", "").upper() not in _FINISHED
        text = cells.get("status", "")
        status = _STATUSES.get(folded(text))
        if status is None:
            code = read_irm(text)
            if not code and (evidence or _medal_word(text) or not _CODE(text.upper())):
                raise ResultError("status", f"expected official or unofficial, got {shown(text)}")
            self._set_irm(evidence, "status", code or text.upper())
            status = "official"
        return "unofficial" if running and status == "official" else status

    # What it decides.

    def _phase(self, unit: str, evidence: Mapping[str, Any]) -> Phase | None:
        """Return the phase, None for what the unit's code says; and tell what is not known."""
        cells = self._cells
        if "phase" in cells:
            return _said_phase(cells)
        stage = _stage_of(cells)
        phase = stage.phase
        text = _stage_text(cells)
        rsc = parse_rsc(unit)
        has_total = _event_of(cells, unit) in self._survey.totals
        if stage.small and unit in self._survey.bronze_matches:
            phase = "bronze"
        if rsc is not None and phase is None and rsc.phase == "REPF":
            phase = "bronze"
        if not text and rsc is None:
            phase = self._phase_of_name(unit, evidence)
        elif phase is None and not has_total and (rsc is None or _is_open(unit)):
            self._say(
                "stage" if "stage" in cells else "event_stage",
                "is no stage that is known: its results count as a round, which gives no medals",
                "write round, semifinal, final, bronze or other",
            )
        if stage.letter in _LETTERS_OF_GENDERS and "b" not in self._survey.letters:
            self._say(
                next((it for it in ("stage", "event_stage", "unit", "event") if it in cells), ""),
                "is taken for a final that decides places, and gives no medals",
                "if the letter means men or women, give them a column gender, and write final",
            )
        if has_total and not stage.total:
            return "other" if (phase or default_phase(unit)) == "final" else _not_round(phase)
        return _not_round(phase)

    def _phase_of_name(self, unit: str, evidence: Mapping[str, Any]) -> Phase | None:
        """Return the phase that the words of a unit without a stage tell."""
        phase = _stage_of(self._cells).phase
        heading = self._headings.get("unit", self._headings.get("event", ""))
        if phase is None:
            if not set(evidence) <= {"medal", "irm", "mark"} or "medal" not in evidence:
                self._tell(
                    Remark(
                        "no stage",
                        self._row.line,
                        heading,
                        "",
                        "no stage: its results count as a round, which gives no medals",
                        "add a column phase: round, semifinal, final, bronze or other",
                        grave=not self._survey.has_medals,
                    )
                )
        elif phase != "round":
            self._tell(
                Remark(
                    "stage by name",
                    self._row.line,
                    heading,
                    unit,
                    f"no stage; by its name this is a {phase}",
                    "",
                    grave=False,
                )
            )
        return phase

    def _required(self, name: str, text: str) -> str:
        if text:
            return text
        fields: Iterable[str] = {
            "unit": ("unit", "event", "event_code", "bout", "weight", "category", "stage"),
            "competitor_id": IDENTITY_FIELDS,
            "faculty": FACULTY_FIELDS,
        }[name]
        raise ResultError(
            next((it for it in fields if it in self._headings), name), "expected text, got nothing"
        )

    def _say(self, name: str, words: str, remedy: str, *, grave: bool = True) -> None:
        self._tell(
            Remark(
                f"unreadable {name.replace('_', ' ')}",
                self._row.line,
                self._headings.get(name, name),
                self._cells.get(name, ""),
                words,
                remedy,
                grave,
            )
        )


# What a row's cells say about its unit.


def _outcome_text(cells: Mapping[str, str]) -> str:
    """Return what a row has for won, lost or tied, which may stand in the place of a mark."""
    if "outcome" in cells:
        return cells["outcome"]
    mark = next((cells[it] for it in MARK_FIELDS if it in cells), "")
    return mark if is_letter(mark) or outcome_word(mark) is not None else ""


def _unit_of(cells: Mapping[str, str]) -> str:
    """Return the unit; of event, gender, category, stage and heat where there is no column for it.

    Heats of a timed final that rank as one lose their number later.
    """
    unit = cells.get("unit", "")
    if unit:
        return unit
    bout = cells.get("bout", "")
    of_an_event = any(it in cells for it in ("event", "event_code", "category", "weight"))
    if bout and not of_an_event and not _NUMBER_OF_BOUT(stage_words(bout)):
        return bout
    event = cells.get("event", "") or cells.get("event_code", "")
    parts = [event] if event else []
    known = f" {stage_words(event)} "
    for name in ("gender", "category", "weight", "stage"):
        text = cells.get(name, "")
        words = stage_words(text)
        # The M of a gender may also be that of "100 m".
        said = _GENDER(known) if name == "gender" else words and f" {words} " in known
        if text.upper() in _NOTHING or said:
            continue
        parts.append(text)
    if "group" in cells:
        parts.append(cells["group"] if _ROUND_OF(cells["group"]) else f"group {cells['group']}")
    if bout:
        parts.append(f"match {bout}" if bout.isdecimal() else bout)
    heat = cells.get("heat", "")
    if heat and parts:
        parts.append(heat if read_stage(heat).heat else f"heat {_whole(heat)}")
    return " ".join(parts)


def _event_of(cells: Mapping[str, str], unit: str) -> str:
    """Return what units of one event have in common."""
    rsc = parse_rsc(unit)
    if rsc is not None:
        return rsc.discipline + rsc.gender + rsc.event
    event = cells.get("event_code", "") or cells.get("event", "")
    names = [event, *(cells.get(it, "") for it in ("gender", "category", "weight"))]
    if not any(names):
        return unit
    sport = next((cells[it] for it in SPORT_FIELDS if it in cells), "")
    return "\n".join(folded(it) for it in (sport, *names))


def _stage_text(cells: Mapping[str, str]) -> str:
    stage = cells.get("stage", "")
    if stage:
        return stage
    # "Men's 100m Backstroke - Heat 1": the event's own name could hold any of the words.
    return cells.get("event_stage", "").removeprefix(cells.get("event", ""))


def _stage_of(cells: Mapping[str, str]) -> Stage:
    if "phase" in cells:
        return Stage(_said_phase(cells), _whole(cells.get("heat", "")))
    text = _stage_text(cells)
    stage = read_stage(text) if text else _stage_in_name(cells)
    if stage.phase == "final" and not stage.heat and "heat" in cells:
        return stage._replace(heat=_whole(cells["heat"]))
    return stage


def _said_phase(cells: Mapping[str, str]) -> Phase | None:
    """Return the phase that a format, or a mapping file, tells in our own words."""
    return cast("Phase | None", cells.get("phase"))


def _stage_in_name(cells: Mapping[str, str]) -> Stage:
    """Return the stage that the words of a unit's or an event's name tell."""
    if "unit" in cells:
        return read_stage_in_name(cells["unit"] if parse_rsc(cells["unit"]) is None else "")
    for name in ("bout", "event", "category"):
        stage = read_stage_in_name(cells.get(name, ""))
        if stage.phase is not None:
            return stage
    return Stage(None)


def _is_open(unit: str) -> bool:
    """Whether a code is of a final phase, and leaves open of what the unit decides."""
    rsc = parse_rsc(unit)
    return rsc is not None and rsc.phase == "FNL-" and default_phase(unit) == "round"


def _not_round(phase: Phase | None) -> Phase | None:
    """Return None for a round, which is what is meant where nothing is said, or by a code."""
    return None if phase == "round" else phase


def _competitor_id(cells: Mapping[str, str]) -> str:
    for name in IDENTITY_FIELDS:
        text = cells.get(name, "")
        if text:
            if name in ("name", "family_name"):
                return _name(cells) or text
            # Spreadsheets that take the column for numbers write them with a decimal.
            return _whole(text)
    return ""


def _name(cells: Mapping[str, str]) -> str:
    name = " ".join(cells[it] for it in ("name", "family_name") if it in cells)
    who = cells.get("competitor", "")
    is_id = not any(it in cells for it in ("competitor_id", "id", "bib"))
    return name or ("" if is_id and not re.search(r"[^\W\d_]{2}", who) else who)


def _whole(text: str) -> str:
    """Return a whole number without the decimal that a spreadsheet gave it."""
    match = _DECIMAL(text)
    return match[1] if match else text


def _jump_offs(
    units: Mapping[str, _UnitFacts],
) -> tuple[dict[tuple[str, str], int], dict[str, int]]:
    """Return the ranks that jump-offs give in finals, and the finals that stay undecided."""
    after: dict[tuple[str, str], int] = {}
    undecided: dict[str, int] = {}
    jump_offs = {it.event: it for it in units.values() if it.stage.jump_off}
    for unit, facts in units.items():
        jump_off = jump_offs.get(facts.event)
        is_final = not facts.stage.jump_off and (
            facts.stage.phase == "final" or default_phase(unit) == "final"
        )
        if jump_off is None or not is_final or facts.stage.heat:
            continue
        sharing: defaultdict[int, list[str]] = defaultdict(list)
        for competitor, rank in facts.ranks.items():
            if rank is not None:
                sharing[rank].append(competitor)
        if not sharing:
            undecided[unit] = jump_off.line
        for rank, competitors in sharing.items():
            places = [jump_off.ranks.get(it) for it in competitors]
            if len(competitors) < 2 or all(it is None for it in places):
                continue
            if any(it is None for it in places):
                undecided[unit] = jump_off.line
                continue
            for competitor, place in zip(competitors, places, strict=True):
                better = sum(it is not None and place is not None and it < place for it in places)
                after[unit, competitor] = rank + better
    return after, undecided


def _timed_finals(units: Mapping[str, _UnitFacts]) -> dict[str, str]:
    """Return the heats of timed finals with the unit that they are.

    A file says so by one event, numbers of heats, competitors who are in one heat each, and ranks
    that go on from heat to heat (or none, where the marks rank).
    """
    events: defaultdict[str, dict[str, _UnitFacts]] = defaultdict(dict)
    for unit, facts in units.items():
        if facts.stage.phase == "final" and not facts.stage.total and facts.event != unit:
            events[facts.event][unit] = facts
    merged: dict[str, str] = {}
    for finals in events.values():
        numbered = all(it.stage.heat or _HEAT_NUMBER.search(unit) for unit, it in finals.items())
        # One heat alone is told apart by its unit, if the file has one; else it is of the final.
        alone = len(finals) == 1 and all(it.has_unit for it in finals.values())
        if alone or not numbered or not _rank_as_one(finals.values()):
            continue
        names = sorted(finals)
        bases = {_without_heat_number(it) for it in names}
        merged.update(dict.fromkeys(names, bases.pop() if len(bases) == 1 else names[0]))
    return merged


def _rank_as_one(heats: Iterable[_UnitFacts]) -> bool:
    competitors: set[str] = set()
    ranks: set[int] = set()
    for heat in heats:
        its_ranks = {it for it in heat.ranks.values() if it is not None}
        if not competitors.isdisjoint(heat.ranks) or not ranks.isdisjoint(its_ranks):
            return False
        competitors |= heat.ranks.keys()
        ranks |= its_ranks
    return True


# How single cells are read.

_NOTHING: Final = frozenset(
    ("", "-", "–", "—", "NA", "N/A", "#N/A", "NAN", "NULL", "NONE", "NINGUNA", "NINGUNO")
)
# Of what a schedule says about a unit, these mean that its results are there to stay.
_FINISHED: Final = frozenset(("", "FINISHED", "OFFICIAL"))
_STATUSES: Final = {
    **dict.fromkeys(("", "official", "oficial", "finished", "ok", "definitivo"), "official"),
    **dict.fromkeys(("unofficial", "no oficial", "extraoficial", "provisional"), "unofficial"),
    **dict.fromkeys(("live", "running", "preliminary", "preliminar"), "unofficial"),
    "withdrawn": "withdrawn",
}
_MEDALS: Final[dict[str, Medal]] = {
    **dict.fromkeys(("g", "o", "or", "1", "1 0"), "gold"),
    **dict.fromkeys(("s", "p", "2", "2 0"), "silver"),
    **dict.fromkeys(("b", "3", "3 0"), "bronze"),
    **dict.fromkeys(("no", "no medal", "sin medalla", "0"), "none"),
}
_MEDAL_WORDS: Final[dict[str, Medal]] = {
    **dict.fromkeys(("gold", "oro", "ouro", "or", "dorada", "au"), "gold"),
    **dict.fromkeys(("silver", "plata", "prata", "argent", "argento", "silber", "ag"), "silver"),
    **dict.fromkeys(("bronze", "bronce", "bronzo", "cu"), "bronze"),
}
_ABOUT_MEDALS: Final = frozenset(
    ("medal", "medals", "medalla", "medalha", "medaille", "medaglia", "presea", "de", "d", "a")
)
_RANKS: Final[Mapping[Medal, int]] = {"gold": 1, "silver": 2, "bronze": 3}
_MEDAL_SIGNS: Final[dict[str, Medal]] = {"🥇": "gold", "🥈": "silver", "🥉": "bronze"}


def _medal_word(text: str) -> Medal | None:
    """Return the medal that a text means in whatever column it stands: "Medalla de oro"."""
    said = stage_words(text)
    words = [it for it in said.split() if it not in _ABOUT_MEDALS]
    # Outside its own column, French gold alone is rather an Olympic record.
    if len(words) == 1 and words[0] in _MEDAL_WORDS and said != "or":
        return _MEDAL_WORDS[words[0]]
    return next((it for sign, it in _MEDAL_SIGNS.items() if sign in text), None)


# What a code looks like in the place of a mark or a rank; it makes an IRM of an empty row alone.
_CODE = re.compile(r"[A-Z]{2,4}|W/O", re.ASCII).fullmatch
# And in the column for it, where organisers have codes of their own.
_UNKNOWN_CODE = re.compile(r"[A-Z][A-Z0-9_/.-]{1,15}", re.ASCII).fullmatch
# Of records, qualification and status; they stand in columns of remarks.
_NO_IRMS: Final = frozenset(
    (
        *("q", "pb", "sb", "nr", "rn", "wr", "rm", "or", "cr", "rc", "gr", "mr", "ar", "mp", "mmp"),
        *("ok", "clasificado", "clasificada", "clasifica", "qualified", "finished", "valido"),
        *("valida", "oficial", "official", "final", "finalizado", "record"),
    )
)
# "3", "A2" and "Combate 3" are no names of units by themselves.
_NUMBER_OF_BOUT = re.compile(
    r"(?:(?:bout|match|game|combate|partido|encuentro|juego|pelea|no|nro|num|numero) ?)*"
    r"[a-z]{0,2} ?[0-9]{1,4}"
).fullmatch
_ROUND_OF = re.compile(r"(?:group|pool|grupo|zona)\b", re.IGNORECASE).match
# Longer texts are words.
_LONGEST_LETTER: Final = 3
_DECIMAL = re.compile(r"([0-9]+)\.0+", re.ASCII).fullmatch
_GENDER = re.compile(
    r" (?:men|mens|women|womens|male|female|mixed|open|boys|girls|masculin[oa]|femenin[oa]|mixt[oa]"
    r"|hombres|mujeres|varones|damas|varonil|femenil|f|w) "
).search


# Damas, femenino, hombres; in rowing the fourth, sixth and eighth final.
_LETTERS_OF_GENDERS: Final = frozenset("dfh")


def _rank(text: str) -> tuple[int | None, str]:
    """Return an officials' rank, and an IRM or a medal that stands in its place."""
    upper = text.upper()
    if upper in _NOTHING or upper in ("0", "0.0"):
        return None, ""
    rank = printed_rank(text)
    if rank is not None and 1 <= rank <= MAX_RANK:
        return rank, ""
    instead = read_irm(text) or (text if _medal_word(text) else "")
    if instead or _CODE(upper):
        return None, instead or upper
    raise ResultError("rank", f"expected a whole number or nothing, got {shown(text)}")


def _rank_or_none(text: str) -> int | None:
    try:
        return _rank(text)[0]
    except ResultError:
        return None


def _mark_of(text: str) -> int | None:
    try:
        return parse_mark(text)
    except ValueError:
        return None


_HEAT_NUMBER = re.compile(
    r"\b(?:heats?|series?|mangas?|tandas?|h)\s*[-#:.]?\s*[0-9]{1,3}(?:\s*(?:of|de|/)\s*[0-9]{1,3})?"
    r"|(?<=\bfinal)\s+[0-9]{1,3}\s+(?:of|de)\s+[0-9]{1,3}",
    re.IGNORECASE,
)


def _without_heat_number(text: str) -> str:
    """Return a text as it is written, without the number of a heat."""
    bare = " ".join(_HEAT_NUMBER.sub(" ", text).split()).strip(" -–,.:(")
    return bare or text
