"""What is told of an event and of a competitor is what a recount of the same results says."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from contracts.details import CompetitorQuestion, EventQuestion
from contracts.partitioning import partition_of
from olympics.recount import unit_standings
from olympics.result import Result, encode, key_of
from streams.details import Details
from streams.events import Events
from streams.standings import Standings
from tests.properties.games import CATALOGUE, bouts, histories, one_unit
from tests.unit.streams.test_events import Record

PARTITIONS = 2
ALL = (0, 1)


class Worker:
    """The states of all partitions, and what they answer."""

    def __init__(self) -> None:
        self.states = {it: Standings(it, PARTITIONS, CATALOGUE) for it in ALL}
        for state in self.states.values():
            state.restored(0, 0)
        self.details = Details(CATALOGUE, Events(CATALOGUE, lambda: self.states.items()))

    def put(self, results: list[Result]) -> None:
        batches: defaultdict[int, list[Record]] = defaultdict(list)
        for result in results:
            key = key_of(result.sport, result.unit)
            partition = partition_of(key, PARTITIONS)
            offset = self.states[partition].offset + len(batches[partition])
            batches[partition].append(Record(offset, key, encode(result)))
        for partition, batch in batches.items():
            self.states[partition].apply(batch)

    def event(self, sport: str, unit: str) -> Any:
        question = EventQuestion(ALL, 100, sport=sport, event=unit)
        return asyncio.run(self.details.event(question))

    def competitor(self, name: str) -> Any:
        question = CompetitorQuestion(ALL, 500, competitor=name)
        return asyncio.run(self.details.competitor(question))


@given(
    results=st.one_of(histories(40), one_unit(), bouts()),
    cut=st.integers(0, 40),
)
def test_events_and_competitors_are_a_recount(results: list[Result], cut: int) -> None:
    worker = Worker()
    for batch, known in ((results[:cut], results[:cut]), (results[cut:], results)):
        worker.put(batch)
        assert_recounted(worker, known)


def assert_recounted(worker: Worker, results: list[Result]) -> None:
    units: defaultdict[tuple[str, str], list[Result]] = defaultdict(list)
    for result in results:
        units[result.sport, result.unit].append(result)
    places: defaultdict[str, dict[tuple[str, str], tuple[Any, ...]]] = defaultdict(dict)
    for (sport, unit), of_unit in units.items():
        rows = unit_standings(of_unit, CATALOGUE)
        told = worker.event(sport, unit)
        if rows:
            (shown,) = told.units
            assert [(it.rank, it.competitor, it.medal, it.split) for it in shown.rows] == [
                (it.rank, it.competitor, it.medal, it.split) for it in rows
            ]
        else:
            assert told.units == []
        latest = {it.competitor.id: it.version for it in of_unit}
        for result in of_unit:
            latest[result.competitor.id] = max(latest[result.competitor.id], result.version)
        changed = {it.competitor: it.version for it in shown.changes} if rows else {}
        assert all(changed.get(it) == version for it, version in latest.items()
                   if rows and version > 1)  # fmt: skip
        for row in rows:
            places[row.competitor][sport, unit] = (row.rank, row.medal, row.split)
    for name in {it.competitor.id for it in results}:
        told = worker.competitor(name)
        shown_places = {(it.sport, it.unit): (it.rank, it.medal, it.split) for it in told.results}
        assert shown_places == places[name]
        assert sum(it.results for it in told.named) == len(places[name])
        medals = [it[1] for it in places[name].values()]
        assert [sum(getattr(row, it) for row in told.medals) for it in ("gold", "silver", "bronze")
                ] == [medals.count(it) for it in ("gold", "silver", "bronze")]  # fmt: skip
