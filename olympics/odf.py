"""Results in the Olympic Data Feed's columns, as CSV files of past games have them.

A row is one competitor (a person or a team) in one event unit. Of its columns these are read, and
every one but the first three may be absent:

=======================================  ==========================================================
``stage_code``                           the unit, usually a 34-character code (RSC)
``participant_code``                     the competitor's id
``participant_country_code``             the committee, which stands in the faculty's place
``participant_name``                     the competitor's name
``discipline_code``, ``discipline_name`` the sport; else the code of the unit says it
``stage`` (or ``event_stage``)           the phase in words, which know more than codes
``event_code``                           which units belong together; else the code of the unit
``rank``, ``result``, ``result_type``    officials' rank ("1.0", "=3"), a mark, what it is
``result_WLT``, ``result_IRM``           won, lost or tied; why a result is invalid
``stage_status``                         anything that is not final makes the result unofficial
=======================================  ==========================================================

What comes out are objects for ``olympics.result.parse_result``, which knows the catalogue and has
the last word. A row of which nothing can be used is an error, never silence.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, NamedTuple

from olympics.mark import parse_mark
from olympics.result import MAX_RANK, ResultError
from olympics.rsc import default_phase, parse_rsc
from olympics.text import folded, shown
from olympics.words import Phase

Row = Mapping[str, str | None]

REQUIRED_COLUMNS = ("stage_code", "participant_code", "participant_country_code")


class Imported(NamedTuple):
    """What a row says, as an object for ``parse_result``, and the row's last line in the file."""

    line: int
    result: dict[str, Any]


class Unusable(NamedTuple):
    """A row that says nothing: its last line in the file, the column, what was expected."""

    line: int
    field: str
    error: str


def import_csv(lines: Iterable[str], *, ignore_rank: bool = False) -> Iterator[Imported | Unusable]:
    """Import the lines of a CSV file with a header; in order, one value for every row.

    The whole file is held in memory, since an event's last row can say which of its units was the
    final. (For files of any size: ``events_with_total`` over the rows, then ``import_row``.)
    Raises ResultError if the file has no such header.
    """
    rows = list(read_csv(lines))
    totals = events_with_total(row for _, row in rows)
    for line, row in rows:
        try:
            yield Imported(line, import_row(row, totals=totals, ignore_rank=ignore_rank))
        except ResultError as error:
            yield Unusable(line, error.field, error.error)


def read_csv(lines: Iterable[str]) -> Iterator[tuple[int, Row]]:
    """Read the rows of a CSV file with the line where each ends; blank lines are left out.

    Fields may be separated by comma, semicolon or tab. Raises ResultError if the header lacks a
    column without which no row can be used.
    """
    numbered = iter(lines)
    header = next(numbered, "").removeprefix("\ufeff")
    separator = max(",;\t", key=header.count)
    columns = [name.strip() for name in next(csv.reader([header], delimiter=separator), [])]
    missing = [name for name in REQUIRED_COLUMNS if name not in columns]
    if missing:
        raise ResultError(missing[0], "expected a header line with this column")
    reader = csv.DictReader(numbered, columns, delimiter=separator)
    try:
        for row in reader:
            yield 1 + reader.line_num, row
    except csv.Error as error:
        raise ResultError("", f"expected CSV after line {1 + reader.line_num} ({error})") from None


def events_with_total(rows: Iterable[Row]) -> frozenset[str]:
    """Return the events that have a unit called "Final Results": it is the final, not the others.

    (Golf's rounds and the decathlon's disciplines are units too, some of them with a final's code.)
    """
    return frozenset(_event(row) for row in rows if _words(_stage(row)) == _TOTAL)


def import_row(
    row: Row, *, totals: AbstractSet[str] = frozenset(), ignore_rank: bool = False
) -> dict[str, Any]:
    """Return what a row says, as an object for ``parse_result``.

    ``totals`` are the events whose final is a unit called "Final Results"; ``ignore_rank`` leaves
    the officials' ranks out. Raises ResultError (its field is a column) if nothing can be used.
    """
    if None in row:  # where the csv module puts what no column is for
        raise ResultError("", "expected no more cells than the header has")
    unit = _cell(row, "stage_code")
    competitor = _cell(row, "participant_code")
    committee = _cell(row, "participant_country_code")
    name = _cell(row, "participant_name")
    for column, text in zip(REQUIRED_COLUMNS, (unit, competitor, committee), strict=True):
        if not text:
            raise ResultError(column, "expected text, got nothing")
    evidence = _evidence(row, ignore_rank)
    if "BYE" in (competitor.upper(), name.upper(), evidence.get("irm")):
        raise ResultError("", "expected a result, got a bye, which is none")
    if not evidence:
        raise ResultError(
            "result", f"expected a rank, a mark, won or lost, or an IRM; {_found(row, ignore_rank)}"
        )
    sport = _cell(row, "discipline_code") or _cell(row, "discipline_name")
    phase = phase_of(_stage(row), unit, has_total=_event(row) in totals)
    result: dict[str, Any] = {"sport": sport} if sport else {}
    result["unit"] = unit
    if phase is not None:
        result["phase"] = phase
    # Spreadsheets that take the column for numbers write them with a decimal.
    result["competitor"] = {"id": re.sub(r"^([0-9]+)\.0$", r"\1", competitor)}
    if name:
        result["competitor"]["name"] = name
    result["faculty"] = committee
    result.update(evidence)
    if _cell(row, "stage_status").upper() not in _FINISHED:
        result["status"] = "unofficial"
    return result


def phase_of(stage: str, unit: str, *, has_total: bool = False) -> Phase | None:
    """Return the phase that a stage's words tell; None leaves it to the unit's code.

    ``has_total``: another unit of the event may be its "Final Results".
    """
    words = _words(stage)
    phase = _phase_in(words)
    if has_total:
        if words == _TOTAL:
            return "final"
        return "other" if (phase or default_phase(unit)) == "final" else phase
    return phase


_TOTAL = "final results"

# Of what a schedule says about a unit, these mean that its results are there to stay.
_FINISHED = frozenset(("", "FINISHED", "OFFICIAL"))

_CODE = re.compile(r"[A-Z]{2,4}|W/O", re.ASCII).fullmatch
_RANK = re.compile(r"[=T]?([0-9]{1,6})(?:\.0*)?=?", re.ASCII).fullmatch
_NO_RANK = frozenset(("", "-", "–", "0", "0.0"))

# The order matters: a bronze match may be called "Final - Bronze", a placing match "Final 5-8".
_PHASE_WORDS: tuple[tuple[str, Phase | None], ...] = (
    (r"\bbronze\b", "bronze"),
    (r"\bgold\b", "final"),
    (r"\bfinals? 1 [0-9]+$", "final"),  # "Final 1-6"
    (r"\bfinals? [0-9]+ [0-9]+$", "other"),  # "Final 7-12"
    (r"\bfinal [b-h]\b|\b[b-h] final\b|\bsmall final\b", "other"),
    (r"\bplac(?:e|es|ing|ings|ement)\b|\bclassif|\bconsolation\b|\branking\b", "other"),
    (r"\bround [0-9]+\b", "other"),  # but not "Round of 16"
    (r"\bsemi ?finals?\b", "semifinal"),
    # "Quarter-finals", "1/8 Finals", "Eighth-finals" are rounds, which their codes tell.
    (r"(?:\bquarter|\beighth|\bsixteenth|\b[0-9]+|\b[0-9]+th) ?finals?\b", None),
    (r"\bfinals?(?: a)?$", "final"),
)


def _phase_in(words: str) -> Phase | None:
    for pattern, phase in _PHASE_WORDS:
        if re.search(pattern, words):
            return phase
    return None


def _evidence(row: Row, ignore_rank: bool) -> dict[str, Any]:
    evidence: dict[str, Any] = {}
    rank, code_as_rank = _rank(_cell(row, "rank"))
    if rank is not None and not ignore_rank:
        evidence["rank"] = rank
    outcome = _cell(row, "result_WLT")
    if outcome:
        evidence["outcome"] = outcome
    # "DSQ / R 162.7" is the code and the rule that was broken.
    irm = next(iter(_cell(row, "result_IRM").upper().split()), "") or code_as_rank
    mark = _cell(row, "result")
    if _cell(row, "result_type").upper() == "IRM":
        irm = irm or mark.upper()
    elif mark:
        if _is_mark(mark):
            evidence["mark"] = mark
        elif not evidence and not irm and _CODE(mark.upper()):
            # A file without a column for it: "DNS". Beside a rank or an outcome such a text may be
            # anything ("KO"), and nothing depends on it.
            irm = mark.upper()
    if irm:
        evidence["irm"] = irm
    return evidence


def _rank(text: str) -> tuple[int | None, str]:
    """Return an officials' rank, and an IRM that stands in its place."""
    upper = text.upper()
    if upper in _NO_RANK:
        return None, ""
    match = _RANK(upper)
    if match and 1 <= int(match[1]) <= MAX_RANK:
        return int(match[1]), ""
    if _CODE(upper):
        return None, upper
    raise ResultError("rank", f"expected a whole number or nothing, got {shown(text)}")


def _is_mark(text: str) -> bool:
    try:
        parse_mark(text)
    except ValueError:
        return False
    return True


def _found(row: Row, ignore_rank: bool) -> str:
    mark = _cell(row, "result")
    if mark:
        return f"{shown(mark)} is no mark"
    return "the rank was to be ignored" if ignore_rank and _cell(row, "rank") else "got nothing"


def _stage(row: Row) -> str:
    stage = _cell(row, "stage")
    if stage:
        return stage
    # "Men's 100m Backstroke - Heat 1": the event's own name could hold any of the words.
    return _cell(row, "event_stage").removeprefix(_cell(row, "event_name"))


def _event(row: Row) -> str:
    unit = _cell(row, "stage_code")
    rsc = parse_rsc(unit)
    return rsc.discipline + rsc.gender + rsc.event if rsc else _cell(row, "event_code") or unit


def _words(text: str) -> str:
    return " ".join(re.findall(r"[a-z0-9]+", folded(text).replace("'", "").replace("’", "")))


def _cell(row: Row, column: str) -> str:
    return (row.get(column) or "").strip()
