"""The index of events is what a recount of the same results says, however it came about."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import NamedTuple

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from olympics.events import MEDALS
from olympics.latest import encode_latest, latest_of
from olympics.recount import UnitRow, recount, unit_standings
from olympics.result import Result, digest_of, encode, key_of
from olympics.tally import COMPILED, Tally
from streams.events import EventIndex
from tests.properties.games import CATALOGUE, bouts, histories, one_unit

both_ways = pytest.mark.parametrize("compiled", [True, False] if COMPILED else [False])

Leader = tuple[int | None, str, str | None]


class Line(NamedTuple):
    """An event as a test compares it; leaders are (rank, competitor, medal)."""

    phase: str
    state: str
    results: int
    counted: int
    leaders: list[Leader]


def recounted(results: Iterable[Result]) -> dict[tuple[str, str], Line]:
    """Return the events that *results* make, sentence by sentence from the documents."""
    units: defaultdict[tuple[str, str], list[Result]] = defaultdict(list)
    for result in results:
        if not result.unit.startswith("entry/"):
            units[result.sport, result.unit].append(result)
    lines = {}
    for (sport, unit), of_unit in units.items():
        rows = unit_standings(of_unit, CATALOGUE)
        if not rows:
            continue
        provisional = [row for row in rows if row.provisional]
        state = "running"
        if not provisional:
            state = "official"
        elif len(provisional) == len(rows):
            state = "provisional"
        counted = [row for row in rows if row.split is not None]
        phase = CATALOGUE.sports[sport].phase_of(unit) or "round"
        if deciding := counted or provisional:
            first = min(
                deciding,
                key=lambda row: (
                    -row.result.version, -digest_of(encode(row.result)), row.competitor
                ),
            )  # fmt: skip
            phase = CATALOGUE.sports[sport].phase_of(unit) or first.result.phase
        leaders = leading(rows, official=state == "official")
        lines[sport, unit] = Line(
            phase,
            state,
            len(rows),
            len(counted),
            [(row.rank, row.competitor, row.medal) for row in leaders],
        )
    return lines


def leading(rows: list[UnitRow], *, official: bool) -> list[UnitRow]:
    """Return the medallists, else the winners, else the first."""
    if medallists := [row for row in rows if row.medal]:
        return sorted(medallists, key=lambda row: MEDALS.index(row.medal))
    if official:
        winners = [row for row in rows if row.split == "winner"]
    else:
        winners = [row for row in rows if row.result.outcome == "won" and row.result.irm is None]
    ranks = [row.rank for row in rows if row.rank is not None]
    return winners or [row for row in rows if ranks and row.rank == min(ranks)]


def shown(index: EventIndex) -> dict[tuple[str, str], Line]:
    return {
        (event.sport, event.unit): Line(
            event.phase,
            event.state,
            event.results,
            event.counted,
            [(it.rank, it.competitor, it.medal) for it in event.leaders],
        )
        for event in index.events()
    }


def as_entries(results: list[Result]) -> list[Result]:
    return [msgspec.structs.replace(it, unit=f"entry/{it.unit}") for it in results]


games = st.one_of(
    histories(40),
    one_unit(),
    bouts(),
    st.tuples(histories(20), histories(10).map(as_entries)).map(lambda it: it[0] + it[1]),
)


@both_ways
@given(
    results=games,
    batches=st.lists(
        st.tuples(st.integers(1, 9), st.none() | st.integers(0, 9)), min_size=1, max_size=20
    ),
)
def test_the_index_is_a_recount_whenever_it_is_asked(
    compiled: bool, results: list[Result], batches: list[tuple[int, int | None]]
) -> None:
    """*batches*: how many results come at once, and how many steps the index makes behind them.

    None: as many as it takes, and then it must be right.
    """
    tally = Tally(CATALOGUE, compiled=compiled)
    index = EventIndex(tally, CATALOGUE)
    done = 0
    for size, steps in [*batches, (len(results), None)]:
        batch = results[done : done + size]
        done += len(batch)
        units: defaultdict[bytes, list[bytes]] = defaultdict(list)
        for offset, result in enumerate(batch):
            latest = latest_of(result, encode(result), offset)
            units[key_of(result.sport, result.unit)].append(encode_latest(latest))
        tally.put(dict(units))
        for _ in range(steps or 0):
            index.update(0.0)
        if steps is None:
            while not index.update(0.0):
                pass
            assert shown(index) == recounted(results[:done])
            assert_the_medals_add_up(index, results[:done])


def assert_the_medals_add_up(index: EventIndex, results: list[Result]) -> None:
    """Compare with recounts of the table, and of the entries by themselves."""
    table = recount([encode(it) for it in results], CATALOGUE).pairs
    entries = recount([encode(it) for it in results if it.unit.startswith("entry/")], CATALOGUE)
    medals = {pair: (listed, of_entries) for pair, listed, of_entries in index.medals()}
    for pair, counts in table.items():
        listed, of_entries = medals[pair]
        own = entries.pairs.get(pair)
        assert of_entries == ([own.gold, own.silver, own.bronze] if own else [0, 0, 0])
        assert [a + b for a, b in zip(listed, of_entries, strict=True)] == [
            counts.gold, counts.silver, counts.bronze
        ]  # fmt: skip
    seen = Counter(
        (event.sport, it.latest.faculty, it.medal)
        for event in index.events()
        for it in event.leaders
        if it.medal
    )
    assert seen == Counter(
        {
            (*pair, medal): count
            for pair, (listed, _) in medals.items()
            for medal, count in zip(("gold", "silver", "bronze"), listed, strict=True)
            if count
        }
    )
    assert index.entries(None) == sum(it.entries for it in entries.pairs.values())
    for sport, counts in entries.by_sport().items():
        assert index.entries(sport) == counts.entries
