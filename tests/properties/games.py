"""Random games for property tests: few sports, units, competitors and marks, so that they collide.

Every kind of evidence, phase and status occurs, alone and together with others that contradict it.
"""

from __future__ import annotations

from typing import TypeVar, get_args

from hypothesis import strategies as st

from olympics.catalogue import make_catalogue
from olympics.mark import format_mark
from olympics.result import Competitor, Medal, Outcome, Phase, Result, Status

CATALOGUE = make_catalogue("""
revision = 1
[sports.swimming]
code = "SWM"
order = "lower"
[sports.athletics]
code = "ATH"
order = "lower"
events = [{ units = "*jump", order = "higher" }, { units = "*bout", order = "head-to-head" }]
[sports.boxing]
code = "BOX"
order = "head-to-head"
two_bronzes = true
[faculties.law]
[faculties.arts]
[faculties.music]
""")

SPORTS = tuple(CATALOGUE.sports)
FACULTIES = tuple(CATALOGUE.faculties)
UNITS = ("final", "long jump", "a/bout")
COMPETITORS = ("1", "2", "3", "4", "5", "6")
IRMS = ("DNS", "DNF", "DSQ", "DQB", "W/O", "NOBODY-KNOWS")


_Text = TypeVar("_Text", bound=str)


def _optional(values: st.SearchStrategy[_Text], present: int) -> st.SearchStrategy[_Text | None]:
    """Values that are there in about ``present`` of eight cases."""
    return st.integers(0, 7).flatmap(lambda dice: values if dice < present else st.none())


phases: st.SearchStrategy[Phase] = st.sampled_from(get_args(Phase))
statuses: st.SearchStrategy[Status] = st.sampled_from(
    ("official", "official", "official", "official", "unofficial", "withdrawn")
)
marks = st.sampled_from([format_mark(mark) for mark in (-1_000, 0, 9_790, 9_800, 9_810)])
outcomes: st.SearchStrategy[Outcome] = st.sampled_from(get_args(Outcome))
medals: st.SearchStrategy[Medal] = st.sampled_from(get_args(Medal))


@st.composite
def results(
    draw: st.DrawFn,
    sports: st.SearchStrategy[str] = st.sampled_from(SPORTS),  # noqa: B008  # a strategy is a value
    units: st.SearchStrategy[str] = st.sampled_from(UNITS),  # noqa: B008
) -> Result:
    """A result with at least some evidence; half of them have a mark and no more, as in races."""
    plain = draw(st.booleans())
    mark = draw(marks) if plain else draw(_optional(marks, 4))
    outcome = None if plain else draw(_optional(outcomes, 3))
    irm = None if plain else draw(_optional(st.sampled_from(IRMS), 2))
    medal = None if plain else draw(_optional(medals, 1))
    rank = None if plain else draw(st.none() | st.integers(1, 4))
    if mark is None and outcome is None and irm is None and medal is None:
        rank = rank or 1
    return Result(
        sport=draw(sports),
        unit=draw(units),
        phase=draw(phases),
        competitor=Competitor(
            draw(st.sampled_from(COMPETITORS)), name=draw(st.sampled_from((None, "Ana", "Luz")))
        ),
        faculty=draw(st.sampled_from(FACULTIES)),
        status=draw(statuses),
        version=draw(st.sampled_from((1, 1, 1, 2, 3))),
        mark=mark,
        outcome=outcome,
        rank=rank,
        irm=irm,
        medal=medal,
    )


def histories(max_size: int = 40) -> st.SearchStrategy[list[Result]]:
    """Results in any order; many of them of the same few identities."""
    return st.lists(results(), max_size=max_size)


def one_unit(max_size: int = 20) -> st.SearchStrategy[list[Result]]:
    """Results of one unit of any sport."""
    return st.tuples(st.sampled_from(SPORTS), st.sampled_from(UNITS)).flatmap(
        lambda unit: st.lists(results(st.just(unit[0]), st.just(unit[1])), max_size=max_size)
    )
