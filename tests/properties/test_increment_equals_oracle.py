"""The counts kept as results arrive are those of the oracle, after every batch of any history."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from olympics.latest import STATUS_NAMES, decode_latest, encode_latest, latest_of
from olympics.ranking import Ranking
from olympics.recount import recount, unit_standings
from olympics.result import Result, encode, key_of
from olympics.tally import COMPILED, Tally
from tests.properties.games import (
    CATALOGUE,
    SPORTS,
    bouts,
    histories,
    made,
    one_unit,
    results,
)

both_ways = pytest.mark.parametrize("compiled", [True, False] if COMPILED else [False])


class Row(NamedTuple):
    """What both standings say of a competitor."""

    rank: int | None
    competitor: str
    faculty: str
    split: str | None
    medal: str | None
    status: str


class Kept(Tally):
    """A tally that remembers what it would write to a changelog: the last value of each key."""

    def __init__(self, *, compiled: bool) -> None:
        super().__init__(CATALOGUE, compiled=compiled)
        self.compiled = compiled
        self.changelog: dict[bytes, bytes] = {}

    def put(
        self, units: dict[bytes, list[bytes]], changes: dict[bytes, bytes] | None = None
    ) -> int:
        changed: dict[bytes, bytes] = {}
        highest = super().put(units, changed)
        for name, encoded in changed.items():
            assert name.partition(b"\0")[2] == decode_latest(encoded).competitor.encode()
        self.changelog |= changed
        return highest


def feed(tally: Tally, batch: Iterable[tuple[int, Result]]) -> None:
    units: dict[bytes, list[bytes]] = {}
    for offset, result in batch:
        encoded = encode_latest(latest_of(result, encode(result), offset))
        units.setdefault(key_of(result.sport, result.unit), []).append(encoded)
    highest = max([decode_latest(one).offset for news in units.values() for one in news] or [-1])
    assert tally.put(units) == highest


def restored(tallies: Iterable[Kept], shuffle: st.DataObject | None = None) -> Kept:
    """A tally made of nothing but the encoded results that survive in others."""
    tallies = list(tallies)
    stored = [change for tally in tallies for change in tally.changelog.items()]
    size = len(stored) or 1
    if shuffle is not None:
        stored = shuffle.draw(st.permutations(stored))
        size = shuffle.draw(st.integers(1, size))
    fresh = Kept(compiled=tallies[0].compiled)
    for start in range(0, len(stored), size):
        units: dict[bytes, list[bytes]] = {}
        for name, encoded in stored[start : start + size]:
            units.setdefault(name.partition(b"\0")[0], []).append(encoded)
        fresh.put(units)
    return fresh


def assert_equal(tally: Tally, history: list[Result]) -> None:
    expected = recount((encode(result) for result in history), CATALOGUE)
    assert dict(tally.counts()) == expected.pairs
    assert tally.results == expected.results
    assert tally.provisional == expected.provisional
    assert tally.conflicts == expected.conflicts
    for (sport, name), its_results in by_unit(history).items():
        rows = incremental_rows(made(tally.ranking(key_of(sport, name))))
        assert rows == [
            Row(
                row.rank,
                row.competitor,
                row.result.faculty,
                row.split,
                row.medal,
                row.result.status,
            )
            for row in unit_standings(its_results, CATALOGUE)
        ]


def incremental_rows(ranking: Ranking) -> list[Row]:
    return [
        Row(
            place.rank,
            place.competitor,
            place.latest.faculty,
            place.split,
            place.medal,
            STATUS_NAMES[place.latest.status],
        )
        for place in ranking.places()
    ]


def by_unit(history: list[Result]) -> dict[tuple[str, str], list[Result]]:
    units: dict[tuple[str, str], list[Result]] = {}
    for result in history:
        units.setdefault((result.sport, result.unit), []).append(result)
    return units


@both_ways
@settings(max_examples=250, deadline=None)
@given(st.lists(one_unit(max_size=6), max_size=4))
def test_after_every_batch_of_one_history_both_agree(
    compiled: bool, batches: list[list[Result]]
) -> None:
    tally = Kept(compiled=compiled)
    history: list[Result] = []
    for batch in batches:
        feed(tally, enumerate(batch, start=len(history)))
        history += batch
        assert_equal(tally, history)


@both_ways
@settings(max_examples=1500, deadline=None)
@given(bouts(), st.booleans())
def test_in_a_bout_of_any_ranks_both_agree(
    compiled: bool, bout: list[Result], one_by_one: bool
) -> None:
    tally = Kept(compiled=compiled)
    for begin in range(len(bout)) if one_by_one else ():
        feed(tally, [(begin, bout[begin])])
    feed(tally, enumerate(bout))
    assert_equal(tally, bout)


@both_ways
@settings(max_examples=300, deadline=None)
@given(one_unit(max_size=20), st.sampled_from((1, 1, 3, 8)))
def test_in_a_unit_that_changes_often_both_agree(
    compiled: bool, history: list[Result], batch: int
) -> None:
    tally = Kept(compiled=compiled)
    for begin in range(0, len(history), batch):
        feed(tally, enumerate(history[begin : begin + batch], start=begin))
        assert_equal(tally, history[: begin + batch])


@both_ways
@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(SPORTS).flatmap(
        lambda sport: st.lists(
            results((sport, "bout"), tuple(map(str, range(60))), "semifinal"), max_size=150
        )
    ),
    st.sampled_from((1, 2, 9, 40)),
)
def test_in_a_unit_of_many_both_agree(compiled: bool, history: list[Result], batch: int) -> None:
    tally = Kept(compiled=compiled)
    for begin in range(0, len(history), batch):
        feed(tally, enumerate(history[begin : begin + batch], start=begin))
    assert_equal(tally, history)


@both_ways
@settings(max_examples=120, deadline=None)
@given(histories(), st.data())
def test_order_duplicates_and_batches_do_not_matter(
    compiled: bool, history: list[Result], data: st.DataObject
) -> None:
    again = data.draw(st.lists(st.sampled_from(history), max_size=10)) if history else []
    shuffled = data.draw(st.permutations(history + again))
    tally = Kept(compiled=compiled)
    while shuffled:
        batch = data.draw(st.integers(1, len(shuffled)))
        feed(tally, enumerate(shuffled[:batch]))
        shuffled = shuffled[batch:]
    assert_equal(tally, history)


@both_ways
@settings(max_examples=100, deadline=None)
@given(histories(), st.data())
def test_what_several_owners_stored_joins_to_what_one_would_have(
    compiled: bool, history: list[Result], data: st.DataObject
) -> None:
    """Workers that overlap see different parts of the log, and store what survives there."""
    owners = [Kept(compiled=compiled) for _ in range(3)]
    for offset, result in enumerate(history):
        seen_by = data.draw(st.sets(st.integers(0, 2), min_size=1))
        for owner in seen_by:
            feed(owners[owner], [(offset, result)])
    tally = restored(owners, data)
    assert_equal(tally, history)
    feed(tally, enumerate(history))  # after a restore the log is read again from the commit
    assert_equal(tally, history)


class Worker(RuleBasedStateMachine):
    """One partition's life: results, corrections, repetitions, restores, replays from anywhere."""

    compiled = COMPILED

    @initialize()
    def begin(self) -> None:
        self.log: list[Result] = []
        self.tally = Kept(compiled=self.compiled)
        self.stored = Kept(compiled=self.compiled)  # what earlier owners left behind

    @rule(batch=st.lists(results(), min_size=1, max_size=8))
    def apply_new(self, batch: list[Result]) -> None:
        feed(self.tally, enumerate(batch, start=len(self.log)))
        self.log += batch

    @rule(batch=one_unit(max_size=10))
    def apply_new_of_one_unit(self, batch: list[Result]) -> None:
        self.apply_new(batch)

    @rule(data=st.data(), correction=results())
    def correct(self, data: st.DataObject, correction: Result) -> None:
        """A higher version of something, which may change anything but the identity."""
        if self.log:
            old = data.draw(st.sampled_from(self.log))
            self.apply_new(
                [
                    msgspec.structs.replace(
                        correction,
                        sport=old.sport,
                        unit=old.unit,
                        competitor=msgspec.structs.replace(
                            correction.competitor, id=old.competitor.id
                        ),
                        version=old.version + 1,
                    )
                ]
            )

    @rule(data=st.data())
    def withdraw(self, data: st.DataObject) -> None:
        if self.log:
            old = data.draw(st.sampled_from(self.log))
            self.apply_new([msgspec.structs.replace(old, status="withdrawn")])

    @rule(data=st.data())
    def replay(self, data: st.DataObject) -> None:
        begin = data.draw(st.integers(0, len(self.log)))
        feed(self.tally, enumerate(self.log[begin:], start=begin))

    @rule(data=st.data())
    def restore(self, data: st.DataObject) -> None:
        """Another process takes over: it joins all that was ever stored."""
        self.stored = restored([self.stored, self.tally], data)
        self.tally = restored([self.stored])

    @invariant()
    def counts_are_the_oracles(self) -> None:
        assert_equal(self.tally, self.log)


class WorkerInPython(Worker):
    compiled = False


TestWorker = Worker.TestCase
TestWorkerInPython = WorkerInPython.TestCase
for machine in (TestWorker, TestWorkerInPython):
    machine.settings = settings(max_examples=60, stateful_step_count=20, deadline=None)
