"""What corrections change, shown before they are sent: unit by unit, and in the medal table."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from rich import box
from rich.console import Console
from rich.table import Table

from contracts.snapshot import COUNTS
from contracts.unit_log import UnitLog
from medallero.client.connect import GatewayAddress
from medallero.client.reading import read_medal_table
from medallero.corrections.closing_up import Open, Standings, is_out, standings
from medallero.formatting import who
from medallero.terminal import CannotDo
from olympics.catalogue import Catalogue
from olympics.counts import Counts
from olympics.medal_table import medal_table
from olympics.recount import UnitRow
from olympics.result import Result

_FIELDS: Final = tuple(it for it in Result.__struct_fields__ if it not in ("sport", "unit"))
_MEDALS: Final = ("gold", "silver", "bronze")
_NARROW: Final = 64


class UnitChange(NamedTuple):
    """The corrections of one unit.

    ``changes``: what results become, by competitor; some may stay as they are. ``open``: what
    officials still have to decide afterwards. ``moved``: competitor → (rank, rank after closing
    up).
    """

    log: UnitLog
    changes: Mapping[str, Result]
    open: Open
    moved: Mapping[str, tuple[int, int]]

    def now(self, competitor: str) -> Result:
        """Return the competitor's result as it counts now."""
        return self.log.competitors[competitor][0].result

    @property
    def corrected(self) -> dict[str, Result]:
        """The results that are to be sent, by competitor."""
        return {it: after for it, after in self.changes.items() if after != self.now(it)}


class Preview:
    """Shows what corrections change."""

    def __init__(self, gateway: GatewayAddress, catalogue: Catalogue, out: Console) -> None:
        self._gateway = gateway
        self._catalogue = catalogue
        self._out = out

    async def show(self, units: Sequence[UnitChange]) -> None:
        """Show the units one after the other, and then the medal table."""
        moved: Counter[tuple[str, str]] = Counter()
        for unit in units:
            both = standings(unit.log.survivors(), unit.changes, self._catalogue)
            self._show_unit(unit, both, alone=len(units) == 1)
            moved.update(_medals(both.after))
            moved.subtract(_medals(both.before))
        await self._show_medals({key: count for key, count in moved.items() if count})
        if len(units) > 1:
            corrections = sum(len(unit.corrected) for unit in units)
            self._out.print(f"{corrections:,} corrections in {len(units):,} units.")

    def _show_unit(self, unit: UnitChange, both: Standings, *, alone: bool) -> None:
        out, log = self._out, unit.log
        corrected = unit.corrected
        named = [it for it in corrected if it not in unit.moved]
        if alone and len(named) == 1:
            result = unit.now(named[0])
            out.print(f"{log.sport}: {log.unit}, {who(result.competitor)}", style="bold")
            out.print(_fields(result, corrected[named[0]]))
        else:
            out.print(f"{log.sport}: {log.unit}", style="bold")
        self._show_standings(unit, both, with_changes=not (alone and len(named) == 1))
        for competitor in corrected:
            if rivals := log.conflicting(competitor):
                out.print(
                    f"{competitor}: version {unit.now(competitor).version} stands in "
                    f"{len(rivals)} different contents on the topic (a conflict); the new version "
                    "settles it.",
                    style="yellow",
                    soft_wrap=True,
                )
        for note in _notes(unit, both, self._catalogue):
            out.print(note, style="yellow", soft_wrap=True)

    def _show_standings(self, unit: UnitChange, both: Standings, *, with_changes: bool) -> None:
        out, corrected = self._out, unit.corrected
        everybody = [*both.after, *(it for it in both.before if it not in both.after)]
        # What was withdrawn, and stays so, is in neither.
        everybody += [it for it in corrected if it not in everybody]
        changed = [
            it
            for it in everybody
            if len(set(_both_words(both, it))) > 1 or (with_changes and it in corrected)
        ]
        if not changed:
            out.print("The unit's standings stay as they are.")
            return
        if not with_changes:
            out.print("What changes in the unit's standings:")
        table = Table(box=box.SIMPLE_HEAD)
        narrow = out.width < _NARROW
        titles = ["Competitor", "Faculty", "Correction", "Now", "After"]
        shown = [not narrow or it != "Faculty" for it in titles]
        shown[2] = with_changes
        for title, is_shown in zip(titles, shown, strict=True):
            if is_shown:
                table.add_column(title, overflow="fold")
        for it in changed:
            result = corrected.get(it) or unit.now(it)
            told = _differences(unit.now(it), corrected[it]) if it in corrected else ""
            cells = [who(result.competitor), result.faculty, told, *_both_words(both, it)]
            table.add_row(*(cell for cell, shows in zip(cells, shown, strict=True) if shows))
        out.print(table)
        if len(everybody) > len(changed):
            unchanged = len(everybody) - len(changed)
            out.print(f"Others, which stay as they are: {unchanged:,}.", style="dim")

    async def _show_medals(self, moved: Mapping[tuple[str, str], int]) -> None:
        if not moved:
            self._out.print("The medal table stays as it is.")
            return
        try:
            rows = await read_medal_table(self._gateway)
        except CannotDo as error:
            self._out.print(f"The medal table cannot be shown. {error.message}", style="yellow")
            rows = []
        if not rows:
            for (faculty, medal), count in sorted(moved.items()):
                self._out.print(f"{faculty}: {count:+} {medal}")
            return
        self._out.print("What changes in the medal table:")
        self._out.print(_medal_table(rows, moved))


def _fields(now: Result, after: Result) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    for title in ("", "Now", "After"):
        table.add_column(title, overflow="fold")
    for name in _FIELDS:
        before, then = _word(now, name), _word(after, name)
        if before != then or (name != "competitor" and then != "–"):
            table.add_row(name, before, then, style="bold" if before != then else "dim")
    return table


def _differences(now: Result, after: Result) -> str:
    """Return what a correction changes, its version left aside."""
    return ", ".join(
        f"{name} {_word(now, name)} → {_word(after, name)}"
        for name in _FIELDS
        if name != "version" and getattr(now, name) != getattr(after, name)
    )


def _word(result: Result, name: str) -> str:
    value = getattr(result, name)
    if name == "competitor":
        age = "" if result.competitor.age is None else f", aged {result.competitor.age}"
        return who(result.competitor) + age
    return "–" if value is None else str(value)


def _both_words(both: Standings, competitor: str) -> tuple[str, str]:
    """Return the standing before and after; with the faculties where they are not the same."""
    now, after = both.before.get(competitor), both.after.get(competitor)
    before, then = _standing(now), _standing(after)
    if now and after and now.result.faculty != after.result.faculty:
        return f"{before}, for {now.result.faculty}", f"{then}, for {after.result.faculty}"
    return before, then


def _standing(row: UnitRow | None) -> str:
    if row is None:
        return "not counted"
    parts = ["unranked" if row.rank is None else f"rank {row.rank}"]
    if row.provisional:
        parts.append("provisional")
    elif row.split is None:
        parts.append("out of competition")
    else:
        parts.append(row.split.replace("_", " "))
        if row.medal:
            parts.append(row.medal)
    return ", ".join(part for part in parts if part)


def _notes(unit: UnitChange, both: Standings, catalogue: Catalogue) -> Iterator[str]:
    """Yield what the corrections do not settle by themselves, and what they moved."""
    if unit.moved:
        moves = ", ".join(f"{it}: {rank} → {up}" for it, (rank, up) in unit.moved.items())
        yield f"Ranks that move up: {moves}."
    vacant = " and ".join(unit.open.vacant)
    nobody = f"nobody takes {vacant}" if vacant else ""
    if ranks := unit.open.ranks:
        numbers = sorted({rank for rank, _ in ranks.values()})
        listed = f"{numbers[0]}" if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}"
        yield (
            f"{', '.join(unit.open.left)} leaves the ranking. Officials' ranks behind stay: "
            f"{listed}, of {len(ranks)} competitors{f'; {nobody}' if vacant else ''}. "
            "--close-up moves them up in the same correction."
        )
    elif vacant:
        yield f"After this {nobody} in this unit."
    yield from _medal_notes(unit, both)
    yield from _bout_notes(unit, both, catalogue)


def _medal_notes(unit: UnitChange, both: Standings) -> Iterator[str]:
    standing_changes = unit.open.left or unit.moved or _medals(both.before) != _medals(both.after)
    if not standing_changes:
        return
    for competitor, row in both.after.items():
        word = row.result.medal
        if word is None or unit.now(competitor).medal != word or row.provisional:
            continue
        remedy = f"{_command(unit.log, competitor)} --medal … or --clear medal"
        yield f"{competitor} keeps the officials' word on its medal, {word}: {remedy}"


def _bout_notes(unit: UnitChange, both: Standings, catalogue: Catalogue) -> Iterator[str]:
    if sum(not row.provisional for row in both.before.values()) != 2:
        return
    won_before = _with_outcome("won", both.before, catalogue)
    won = _with_outcome("won", both.after, catalogue)
    lost = _with_outcome("lost", both.after, catalogue)
    if won_before and not won:
        for competitor in lost:
            if competitor not in won_before:
                yield (
                    f"{competitor} still carries the outcome lost. If it is the winner now: "
                    f"{_command(unit.log, competitor)} --outcome won"
                )
    if len(won) == 2 or len(lost) == 2:
        both_are = "won" if won else "lost"
        yield f"Both competitors carry the outcome {both_are}: correct one of the two."


def _with_outcome(outcome: str, rows: Mapping[str, UnitRow], catalogue: Catalogue) -> list[str]:
    counted = (row for row in rows.values() if not row.provisional)
    return [
        row.competitor
        for row in counted
        if row.result.outcome == outcome and not is_out(row.result, catalogue)
    ]


def _command(log: UnitLog, competitor: str) -> str:
    return f"medallero correct {log.sport} {shlex.quote(log.unit)} {shlex.quote(competitor)}"


def _medals(rows: Mapping[str, UnitRow]) -> Counter[tuple[str, str]]:
    return Counter((row.result.faculty, row.medal) for row in rows.values() if row.medal in _MEDALS)


def _medal_table(rows: Sequence[Mapping[str, Any]], moved: Mapping[tuple[str, str], int]) -> Table:
    before = {row["faculty"]: Counts(**{name: row[name] for name in COUNTS}) for row in rows}
    after = dict(before)
    for (faculty, medal), count in moved.items():
        counts = after.get(faculty, Counts())
        after[faculty] = counts._replace(**{medal: getattr(counts, medal) + count})
    now = {line.faculty: line for line in medal_table(before)}
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("Faculty", overflow="fold")
    for title in ("Rank", "Gold", "Silver", "Bronze"):
        table.add_column(title, justify="right", no_wrap=True)
    for line in medal_table(after):
        was = now.get(line.faculty)
        if line != was:
            numbers = [
                (getattr(was, name, "–"), getattr(line, name)) for name in ("rank", *_MEDALS)
            ]
            cells = [f"{old} → {new}" if old != new else f"{new}" for old, new in numbers]
            table.add_row(line.faculty, *cells)
    return table
