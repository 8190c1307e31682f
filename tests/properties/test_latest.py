"""The latest changes are a recount of the log's prefix, however it was read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import streams.latest
from contracts.latest import CHANGE_LEADERS, ChangeLine
from olympics.recount import LastChange, LogRecord, recount_log
from olympics.result import Competitor, Result, encode, key_of
from olympics.tally import NEWEST
from streams.standings import COMPILED, Standings
from tests.properties.games import CATALOGUE, FACULTIES, SPORTS, bouts, histories, made, one_unit
from tests.properties.test_events import as_entries


class Record(NamedTuple):
    offset: int
    timestamp: int
    key: bytes
    value: bytes


games = st.one_of(
    histories(40),
    one_unit(),
    bouts(),
    st.tuples(histories(20), histories(10).map(as_entries)).map(lambda it: it[0] + it[1]),
)


def log_of(results: Sequence[Result], gap: int = 0) -> list[Record]:
    """Return *results* as they lie on the topic; every fifth one comes behind a gap of offsets."""
    return [
        Record(n + n // 5 * gap, 1_700_000_000_000 - n * 7, key_of(it.sport, it.unit), encode(it))
        for n, it in enumerate(results)
    ]


def recounted(log: Sequence[Record]) -> list[LastChange]:
    records = [LogRecord(0, it.offset, it.timestamp, it.value) for it in log]
    _, changes = recount_log(records, CATALOGUE, NEWEST, len(log) + 1)
    return sorted(changes, key=lambda it: -it.offset)


def in_short(lines: Iterable[ChangeLine]) -> list[LastChange]:
    return [
        LastChange(
            it.sport,
            it.unit,
            0,
            it.offset,
            it.at,
            it.what,
            it.changed.competitor,
            it.state,
            it.results,
            [(leader.rank, leader.competitor, leader.medal) for leader in it.leaders],
        )
        for it in lines
    ]


def told(state: Standings) -> list[LastChange]:
    return in_short(made(state.latest.lines()))


def expected(log: Sequence[Record]) -> list[LastChange]:
    return [it._replace(leaders=it.leaders[:CHANGE_LEADERS]) for it in recounted(log)]


@pytest.mark.parametrize("compiled", [True, False] if COMPILED else [False])
@given(
    results=games.filter(bool),
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=12),
    restart=st.integers(0, 12),
    committed=st.integers(0, 12),
    lost=st.integers(0, 12),
    gap=st.integers(0, 2),
)
def test_whatever_batches_and_restarts_there_were_the_latest_changes_are_a_recount(
    compiled: bool,
    results: list[Result],
    sizes: list[int],
    restart: int,
    committed: int,
    lost: int,
    gap: int,
) -> None:
    """After *restart* batches another owner goes on, behind *committed* of them.

    Of the changes of the others so many never came to the changelog: the last ones.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("streams.standings.COMPILED", compiled)
        log = log_of(results, gap)
        state = Standings(0, 1, CATALOGUE)
        changelog: list[tuple[bytes, bytes]] = []
        ends, done, durable = [0], 0, [0]
        for number, size in enumerate([*sizes, len(results)]):
            if number == restart:
                committed = min(committed, number)
                del changelog[max(durable[committed], len(changelog) - lost) :]
                state = Standings(0, 1, CATALOGUE)
                state.restore(changelog)
                done = ends[committed]
                begin = log[done - 1].offset + 1 if done else 0
                assert state.restored(begin, log[-1].offset + 1) == begin
            batch = log[done : done + size]
            done += len(batch)
            ends.append(done)
            if batch:
                changes, rejected = state.apply(batch)
                assert not rejected
                state.latest.note(batch)
                changelog += changes.items()
            durable.append(len(changelog))
            if state.live:
                times = {it.offset: it.timestamp for it in log}
                state.latest.know({it: times[it] for it in state.latest.untimed()})
                assert told(state) == expected(log[:done])


@pytest.mark.parametrize("compiled", [True, False] if COMPILED else [False])
def test_of_many_units_the_newest_ones_are_told_after_a_restore_too(
    compiled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.standings.COMPILED", compiled)
    monkeypatch.setattr("olympics.tally._NEWEST_KEPT", 100)
    results = [
        Result(
            sport=SPORTS[0],
            unit=str(number * 37 % 211),
            phase="round",
            competitor=Competitor(str(number)),
            faculty=FACULTIES[0],
            status="official",
            version=1,
            rank=1,
        )
        for number in range(900)
    ]
    log = log_of(results)
    state = Standings(0, 1, CATALOGUE)
    changes: dict[bytes, bytes] = {}
    for begin in range(0, len(log), 70):
        batch = log[begin : begin + 70]
        changes |= state.apply(batch)[0]
        state.latest.note(batch)
    assert not state.latest.untimed(), "the batches told all times"
    assert told(state) == expected(log)
    assert len(told(state)) == NEWEST
    restored = Standings(0, 1, CATALOGUE)
    records = sorted(changes.items())
    for begin in range(0, len(records), 70):
        restored.restore(records[begin : begin + 70])
    restored.restored(len(log), len(log))
    untimed = restored.latest.untimed()
    assert len(untimed) == NEWEST
    restored.latest.know({it: log[it].timestamp for it in untimed})
    assert told(restored) == told(state)


@pytest.mark.parametrize("compiled", [True, False] if COMPILED else [False])
def test_what_a_replay_finds_before_what_was_known_is_not_the_last_change(
    compiled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a unit that is counted result by result: two phases
    monkeypatch.setattr("streams.standings.COMPILED", compiled)
    known = rounds_of(1, 6)
    known[1] = msgspec.structs.replace(known[1], phase="final")
    log = log_of(known)
    lost = key_of(known[4].sport, known[4].unit) + b"\0" + known[4].competitor.id.encode()
    state = Standings(0, 1, CATALOGUE)
    changes = state.apply(log)[0]
    restored = Standings(0, 1, CATALOGUE)
    # when its last but one result is missing
    restored.restore([it for it in changes.items() if it[0] not in (lost, state._rules_key)])
    restored.restored(0, len(log))
    for record in log:
        restored.apply([record])
        restored.latest.note([record])
    # then
    assert told(restored) == expected(log)


def rounds_of(units: int, count: int) -> list[Result]:
    """Return so many results, in turns of so many units."""
    return [
        Result(
            sport=SPORTS[0],
            unit=str(number % units),
            phase="round",
            competitor=Competitor(str(number)),
            faculty=FACULTIES[0],
            status="official",
            version=1,
            rank=1,
        )
        for number in range(count)
    ]


def test_what_comes_between_the_steps_changes_nothing_of_what_is_told() -> None:
    log = log_of(rounds_of(1000, 1000))
    state = Standings(0, 1, CATALOGUE)
    before, later = log[:100], log[100:]
    state.apply(before)
    state.latest.note(before)
    steps = state.latest.lines()
    next(steps)
    for begin in range(0, len(later), 100):
        batch = later[begin : begin + 100]
        state.apply(batch)
        state.latest.note(batch)
    assert in_short(made(steps)) == expected(before)
    assert told(state) == expected(log)


def test_few_units_that_change_again_and_again_take_no_more_memory() -> None:
    log = log_of(rounds_of(3, 600))
    state = Standings(0, 1, CATALOGUE)
    for record in log:
        state.apply([record])
        state.latest.note([record])
        assert len(state.latest._times) <= streams.latest._KEPT + NEWEST
    assert told(state) == expected(log)
