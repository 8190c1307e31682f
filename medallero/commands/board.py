"""`medallero board`: the live medal table and splits in the terminal."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import termios
import time
import tty
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import click
from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from contracts.settings import CommonSettings
from contracts.snapshot import Snapshot
from medallero.formatting import plain
from medallero.snapshot_reader import SnapshotReader, SnapshotUnavailable, open_snapshot
from medallero.terminal import (
    CANNOT,
    CannotDo,
    echo_json,
    quiet_libraries,
    read_settings,
    stderr,
    stdout,
)
from olympics.catalogue import Catalogue, CatalogueError, load_catalogue

# Older than this, the board says so in red: snapshots are written every second.
_STALE_AFTER: Final = 5.0
_NARROW: Final = 64
# Of more faculties or sports than this, those without a single entry are left out.
_MANY: Final = 20
# Entries, and all that they are made up of: title, count, style. DNS: did not start.
_SPLITS: Final = (
    ("Entries", "entries", ""),
    ("Won", "winners", "green"),
    ("Lost", "losers", "red"),
    ("Tied", "ties", ""),
    ("DNS", "did_not_start", "dim"),
)
_QUIT: Final = frozenset(b"qQ\x03\x04\x1b")


@click.command(name="board")
@click.option("--once", is_flag=True, help="Print one frame and exit.")
@click.option("--json", "as_json", is_flag=True, help="Print the snapshot as JSON and exit.")
@click.option(
    "--interval",
    type=click.FloatRange(0.1),
    default=1.0,
    show_default=True,
    metavar="SECONDS",
    help="Time between two frames.",
)
def command(once: bool, as_json: bool, interval: float) -> None:
    """Watch the medal table, and who won and lost in every sport.

    It reads the snapshot in Redis (MEDALLERO_REDIS) once a second; q leaves. If Redis or the
    workers are away it waits, says so, and goes on by itself.

    \b
    Examples:
      medallero board
      medallero board --once | mail -s "Medals" dean@example.org
      medallero board --json | jq '.faculties[0]'
    """
    quiet_libraries()
    settings = read_settings()
    names = _Names(settings)
    live = not (once or as_json) and stdout().is_terminal
    try:
        if live:
            asyncio.run(_watch(settings, names, interval))
        else:
            _print_once(asyncio.run(_read_once(settings)), names, as_json)
    except SnapshotUnavailable as error:
        raise CannotDo(error.problem, error.remedy) from None
    except KeyboardInterrupt:
        pass


def snapshot_as_json(snapshot: Snapshot) -> dict[str, Any]:
    """Return the snapshot as one object: meta, offsets, faculties in order, sports, pairs."""
    pairs: dict[str, dict[str, Any]] = {}
    for (sport, faculty), counts in sorted(snapshot.pairs.items()):
        pairs.setdefault(sport, {})[faculty] = counts
    return {
        "meta": snapshot.meta,
        "offsets": {str(it): place[0] for it, place in sorted(snapshot.offsets.items())},
        "faculties": snapshot.faculties,
        "sports": dict(sorted(snapshot.sports.items())),
        "pairs": pairs,
    }


def frame(
    snapshot: Snapshot, names: _Names, now: float, width: int, height: int | None
) -> RenderableType:
    """Return the board as it looks at *now* (Unix seconds) in so many columns and lines."""
    narrow = width < _NARROW
    sports = _shown([{"sport": name, **counts} for name, counts in sorted(snapshot.sports.items())])
    faculties = _shown(snapshot.faculties)
    room = None
    if height is not None:
        # Title, state, two headers with their rules, blank lines, the sports, one line for "more".
        room = max(3, height - len(sports) - (11 if narrow else 10))
    return Group(
        _state(snapshot, now, narrow),
        _medal_table(faculties, names, narrow, room),
        _splits(sports, names, narrow),
    )


class _Names:
    """Titles of sports and faculties, where the catalogue has them; else the plain names."""

    def __init__(self, settings: CommonSettings) -> None:
        self._catalogue: Catalogue | None = None
        # The board shows what is counted; a catalogue that cannot be read is others' business.
        with contextlib.suppress(CatalogueError):
            self._catalogue = load_catalogue(settings.catalogue)

    def sport(self, name: str) -> str:
        known = self._catalogue.sports.get(name) if self._catalogue else None
        return plain(known.title if known else name)

    def faculty(self, name: str) -> str:
        known = self._catalogue.faculties.get(name) if self._catalogue else None
        return plain(known.title if known else name)


def _shown(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    if len(rows) <= _MANY:
        return list(rows)
    return [row for row in rows if row["entries"]] or list(rows[:_MANY])


def _state(snapshot: Snapshot, now: float, narrow: bool) -> Text:
    meta = snapshot.meta
    # What the snapshot's newest news was when it was written, and how long ago that is.
    age = max(0.0, now - meta["updated_at"]) + meta["age"]
    stale = age > _STALE_AFTER
    text = Text()
    text.append("Medallero", style="bold")
    text.append("\n" if narrow else "  ")
    text.append(f"{age:.1f} s old" if age < 120 else f"{age / 60:.0f} min old")
    if stale:
        text.stylize("bold red", len(text) - 8)
        text.append(" (no news: medallero doctor)", style="red")
    if meta["next_revision"]:
        done = f"{meta['next_partitions']} of {len(snapshot.offsets)}"
        text.append(f" · new rules: {done} partitions", style="yellow")
    if meta["older_partitions"]:
        text.append(f" · {meta['older_partitions']} counted by older rules", style="red")
    text.append(f" · {meta['results']:,} results")
    for name, style in (("provisional", "yellow"), ("rejected", "red"), ("conflicts", "red")):
        text.append(" · ")
        text.append(f"{meta[name]:,} {name}", style=style if meta[name] else "dim")
    return text


def _medal_table(
    rows: Sequence[Mapping[str, Any]], names: _Names, narrow: bool, room: int | None
) -> RenderableType:
    table = _table()
    table.add_column("#", justify="right", style="dim", no_wrap=True)
    table.add_column("Faculty", no_wrap=True, overflow="ellipsis", ratio=1)
    for title, style in (("Gold", "yellow"), ("Silver", "white"), ("Bronze", "dark_orange3")):
        table.add_column(title[:1] if narrow else title, justify="right", style=style, no_wrap=True)
    table.add_column("Σ" if narrow else "Total", justify="right", style="bold", no_wrap=True)
    if not narrow:
        for title, _, style in _SPLITS:
            table.add_column(title, justify="right", style=style, no_wrap=True)
    listed = rows if room is None or len(rows) <= room else rows[: room - 1]
    for row in listed:
        cells: list[str | Text] = [str(row["rank"]), Text(names.faculty(row["faculty"]))]
        cells += [f"{row[name]:,}" for name in ("gold", "silver", "bronze", "total")]
        if not narrow:
            cells += [f"{row[name]:,}" for _, name, _ in _SPLITS]
        table.add_row(*cells)
    if len(listed) < len(rows):
        return Group(table, Text(f"  and {len(rows) - len(listed)} more", style="dim"))
    return table


def _splits(rows: Sequence[Mapping[str, Any]], names: _Names, narrow: bool) -> Table:
    table = _table()
    table.add_column("Sport", no_wrap=True, overflow="ellipsis", ratio=1)
    columns = list(_SPLITS[1:] if narrow else _SPLITS)
    if not narrow:
        columns += [("Gold", "gold", "yellow"), ("Silver", "silver", "white")]
        columns.append(("Bronze", "bronze", "dark_orange3"))
    for title, _, style in columns:
        table.add_column(title, justify="right", style=style, no_wrap=True)
    for row in rows:
        table.add_row(
            Text(names.sport(row["sport"])), *(f"{row[name]:,}" for _, name, _ in columns)
        )
    return table


def _table() -> Table:
    return Table(box=box.SIMPLE_HEAD, expand=True, padding=(0, 0, 0, 1), pad_edge=False)


async def _read_once(settings: CommonSettings) -> Snapshot | None:
    async with open_snapshot(settings) as mirror:
        return await mirror.read()


def _print_once(snapshot: Snapshot | None, names: _Names, as_json: bool) -> None:
    if snapshot is None:
        stderr().print(_NOTHING_YET)
        raise SystemExit(CANNOT)
    if as_json:
        echo_json(snapshot_as_json(snapshot))
        return
    out = stdout()
    out.print(frame(snapshot, names, time.time(), out.width, None))


_NOTHING_YET: Final = "No standings yet: no worker has written any. Start one with `medallero up`."


async def _watch(settings: CommonSettings, names: _Names, interval: float) -> None:
    over = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, over.set)
    console = stdout()
    with (
        _keys(loop, over),
        Live(console=console, screen=True, auto_refresh=False, vertical_overflow="crop") as live,
    ):
        async with open_snapshot(settings) as mirror:
            last: Snapshot | None = None
            while not over.is_set():
                last, shown = await _next_frame(mirror, last, names, console)
                live.update(shown, refresh=True)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(over.wait(), interval)


async def _next_frame(
    mirror: SnapshotReader, last: Snapshot | None, names: _Names, console: Console
) -> tuple[Snapshot | None, RenderableType]:
    """Return the newest snapshot known, and what to show of it."""
    height = console.height - 2
    try:
        snapshot = await mirror.read()
    except SnapshotUnavailable as error:
        notice = Text(f"Waiting: {error.problem}.\n{error.remedy}.", style="red")
        if last is None:
            return None, notice
        # What was last seen stays, with its age going up.
        return last, Group(frame(last, names, time.time(), console.width, height - 3), notice)
    if snapshot is None:
        return None, Text(f"Waiting. {_NOTHING_YET}", style="yellow")
    shown = frame(snapshot, names, time.time(), console.width, height)
    return snapshot, Group(shown, Text("q leaves", style="dim"))


@contextlib.contextmanager
def _keys(loop: asyncio.AbstractEventLoop, over: asyncio.Event) -> Iterator[None]:
    """Set *over* when q is pressed, if there is a keyboard; the terminal is left as it was."""
    try:
        keyboard = sys.stdin.fileno()
        before = termios.tcgetattr(keyboard)
    except (termios.error, OSError, ValueError):
        yield
        return

    def pressed() -> None:
        data = os.read(keyboard, 64)
        # An arrow key begins with escape too, but does not end there.
        if not data or (data[:2] != b"\x1b[" and not _QUIT.isdisjoint(data)):
            over.set()

    tty.setcbreak(keyboard)
    loop.add_reader(keyboard, pressed)
    try:
        yield
    finally:
        loop.remove_reader(keyboard)
        termios.tcsetattr(keyboard, termios.TCSADRAIN, before)
