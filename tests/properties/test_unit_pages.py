"""The pages of a unit's ranking make up the oracle's, also while the unit changes."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Sequence
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.pages import Page
from contracts.units import told
from olympics.latest import STATUS_NAMES, encode_latest, latest_of
from olympics.ranking import Ranking
from olympics.recount import unit_standings
from olympics.result import Competitor, Result, encode, key_of
from olympics.tally import COMPILED, Tally
from streams.standings import Standings
from streams.units import Rankings, in_turns
from tests.properties.games import CATALOGUE, SPORTS, made, results

both_ways = pytest.mark.parametrize("compiled", [True, False] if COMPILED else [False])

#: rank, competitor, faculty, split, medal, status
Row = tuple[int | None, str, str, str | None, str | None, str]


@st.composite
def large_units(draw: st.DrawFn) -> list[Result]:
    """Results of one unit, many of them of competitors of their own."""
    unit = draw(st.sampled_from(SPORTS)), draw(st.sampled_from(("final", "bout")))
    phase = draw(st.sampled_from((None, "final", "bronze", "semifinal", "round")))
    some = results(unit, tuple(map(str, range(60))), phase)  # type: ignore[arg-type]
    return draw(st.lists(some, min_size=1, max_size=80))


def oracle(history: Sequence[Result]) -> list[Row]:
    return [
        (
            *(row.rank, row.competitor, row.result.faculty),
            *(row.split, row.medal, row.result.status),
        )
        for row in unit_standings(history, CATALOGUE)
    ]


@both_ways
@settings(max_examples=150, deadline=None)
@given(large_units(), st.integers(1, 90), st.integers(1, 9), st.data())
def test_what_comes_between_two_steps_is_not_in_the_ranking(
    compiled: bool, history: list[Result], batch: int, step: int, data: st.DataObject
) -> None:
    # given a unit, and results that come while it is being ranked
    tally = Tally(CATALOGUE, compiled=compiled)
    encoded = [encode_latest(latest_of(it, encode(it), at)) for at, it in enumerate(history)]
    key = key_of(history[0].sport, history[0].unit)
    before = data.draw(st.integers(1, len(history)))
    for begin in range(0, before, batch):
        tally.put({key: encoded[begin : min(begin + batch, before)]})
    # when one of them comes before each step
    steps = tally.ranking(key, step)
    ranking = None
    for one in encoded[before:]:
        tally.put({key: [one]})
        try:
            next(steps)
        except StopIteration as done:
            ranking = done.value
            break
    if ranking is None:
        ranking = made(steps)
    # then
    assert rows_of(ranking) == oracle(history[:before])


class Given(NamedTuple):
    """A record of the results topic."""

    offset: int
    key: bytes
    value: bytes


@settings(max_examples=200, deadline=None)
@given(large_units(), st.integers(1, 30), st.integers(0, 20), st.sampled_from((0.0, 60.0)))
def test_pages_of_one_digest_make_up_the_oracles_ranking(
    history: list[Result], limit: int, patience: int, fresh: float
) -> None:
    """*patience*: turns of others between two results, some of which come while pages are read."""
    sport, unit = history[0].sport, history[0].unit
    key = key_of(sport, unit)
    state = Standings(0, 1, CATALOGUE)
    rankings = Rankings(turn=0, fresh=fresh)
    pages: list[dict[str, Any]] = []

    async def write() -> None:
        for offset, result in enumerate(history):
            state.apply([Given(offset, key, encode(result))])
            for _ in range(patience):
                await asyncio.sleep(0)

    async def read() -> None:
        begin: int | None = 0
        while begin is not None:
            ranked = await rankings.ranking(state, key)
            assert ranked is not None
            page = Page(begin, limit)
            steps = told(ranked.ranking, CATALOGUE.sports[sport], unit, page)
            pages.append(await in_turns(steps, 0) | {"offset": ranked.offset})
            begin = pages[-1]["next"]
            await asyncio.sleep(0)

    async def story() -> None:
        writing = asyncio.create_task(write())
        await asyncio.sleep(0)
        while not writing.done():
            await read()
        await writing
        rankings.close()

    asyncio.run(story())

    by_digest: dict[str, list[Row]] = {}
    for page in pages:
        expected = oracle(history[: page["offset"]])
        assert by_digest.setdefault(page["digest"], expected) == expected
        end = page["from"] + limit
        assert [row_of(it) for it in page["rows"]] == expected[page["from"] : end]
        assert page["total"] == len(expected)
        assert page["next"] == (end if end < len(expected) else None)


def test_who_asks_when_nothing_comes_any_more_gets_the_newest() -> None:
    history = [a_result(number) for number in range(50)]
    key = key_of(history[0].sport, history[0].unit)
    state = Standings(0, 1, CATALOGUE)
    state.apply([Given(at, key, encode(result)) for at, result in enumerate(history)])

    async def story() -> tuple[list[int], set[str]]:
        rankings = Rankings(turn=0, fresh=0)
        sizes, digests = [], set()
        for number in (50, 51, 52):
            for _ in range(2):
                ranked = await rankings.ranking(state, key)
                assert ranked is not None
                sizes.append(len(ranked.ranking))
                digests.add(ranked.ranking.digest)
            state.apply([Given(number, key, encode(a_result(number)))])
        return sizes, digests

    sizes, digests = asyncio.run(story())
    assert sizes == [50, 50, 51, 51, 52, 52]
    assert len(digests) == 3


def test_of_a_unit_that_changes_all_the_time_one_ranking_is_kept() -> None:
    key = key_of(a_result(0).sport, a_result(0).unit)
    state = Standings(0, 1, CATALOGUE)
    made: weakref.WeakSet[Ranking] = weakref.WeakSet()

    async def story() -> None:
        rankings = Rankings(turn=0, fresh=0)
        for number in range(30):
            state.apply([Given(number, key, encode(a_result(number)))])
            ranked = await rankings.ranking(state, key)
            assert ranked is not None
            made.add(ranked.ranking)
        del ranked
        gc.collect()
        assert [len(it) for it in made] == [30]

    asyncio.run(story())


def test_a_large_unit_is_ranked_once_for_all_who_ask_at_a_time() -> None:
    history = [a_result(number) for number in range(50)]
    key = key_of(history[0].sport, history[0].unit)
    state = Standings(0, 1, CATALOGUE)
    state.apply([Given(at, key, encode(result)) for at, result in enumerate(history)])

    async def story() -> None:
        rankings = Rankings(turn=0, fresh=60)
        first = await asyncio.gather(*[rankings.ranking(state, key) for _ in range(10)])
        state.apply([Given(50, key, encode(a_result(50)))])
        again = await rankings.ranking(state, key)
        other = Standings(0, 1, CATALOGUE)  # the partition went away and came back
        other.apply([Given(0, key, encode(a_result(50)))])
        anew = await rankings.ranking(other, key)
        assert again is not None
        assert anew is not None
        assert {id(it.ranking) for it in first if it is not None} == {id(again.ranking)}
        assert (len(again.ranking), len(anew.ranking)) == (50, 1)

    asyncio.run(story())


def a_result(number: int) -> Result:
    return Result(
        sport="swimming",
        unit="final",
        phase="final",
        competitor=Competitor(str(number)),
        faculty="law",
        status="official",
        version=1,
        mark=f"{number + 1}.000",
    )


def rows_of(ranking: Ranking) -> list[Row]:
    return [
        (
            *(place.rank, place.competitor, place.latest.faculty),
            *(place.split, place.medal, STATUS_NAMES[place.latest.status]),
        )
        for place in ranking.places()
    ]


def row_of(told: dict[str, Any]) -> Row:
    return (
        *(told["rank"], told["competitor"], told["faculty"]),
        *(told["split"], told["medal"], told["status"]),
    )
