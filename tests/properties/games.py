"""Random games for property tests: few sports, units, competitors and marks, so that they collide.

Every kind of evidence, phase and status occurs, alone and together with others that contradict it.
"""

from __future__ import annotations

from typing import TypeVar, cast, get_args

from hypothesis import strategies as st

from olympics.catalogue import make_catalogue
from olympics.mark import format_mark
from olympics.ranking import Steps
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
irm = { did_not_start = ["WDR"], disqualified = ["W/O"] }
events = [
  { units = "long*", two_bronzes = false },
  { units = "a/*", phase = "bronze" },
  { units = "*bout", order = "lower", title = "A bout" },
]
[sports.rowing]
code = "ROW"
order = "lower"
irm = { out_of_competition = ["WDR"] }
events = [{ units = "*final", phase = "semifinal", two_bronzes = true }]
[sports.running]
code = "RUN"
order = "lower"
times = true
events = [{ units = "*erg", times = false }, { units = "*hold", order = "higher", times = true }]
[irm]
out_of_competition = ["GUEST"]
[faculties.law]
[faculties.arts]
[faculties.music]
""")

# Of the others, any mark may be a result's.
TIMED = "running"
SPORTS = tuple(name for name in CATALOGUE.sports if name != TIMED)
FACULTIES = tuple(CATALOGUE.faculties)
UNITS = ("final", "long jump", "a/bout")
COMPETITORS = ("1", "2", "3", "4", "5", "6")
IRMS = ("DNS", "SCR", "WDR", "DNF", "DSQ", "DQ", "EXH", "GUEST", "W/O", "NOBODY-KNOWS")


_Text = TypeVar("_Text", bound=str)
_Value = TypeVar("_Value")


def made(steps: Steps[_Value]) -> _Value:
    """Take all *steps* at once; return what they make."""
    while True:
        try:
            next(steps)
        except StopIteration as done:
            return cast(_Value, done.value)


def _optional(values: st.SearchStrategy[_Text], present: int) -> st.SearchStrategy[_Text | None]:
    """Values that are there in about ``present`` of eight cases."""
    return st.integers(0, 7).flatmap(lambda dice: values if dice < present else st.none())


phases: st.SearchStrategy[Phase] = st.sampled_from(get_args(Phase))
statuses: st.SearchStrategy[Status] = st.sampled_from(
    ("official", "official", "official", "official", "unofficial", "withdrawn")
)
marks = st.sampled_from(
    [format_mark(mark) for mark in (-10_000, 0, 97_900, 97_901, 97_909, 98_000)]
)
outcomes: st.SearchStrategy[Outcome] = st.sampled_from(get_args(Outcome))
medals: st.SearchStrategy[Medal] = st.sampled_from(get_args(Medal))


@st.composite
def results(
    draw: st.DrawFn,
    unit: tuple[str, str] | None = None,
    competitors: tuple[str, ...] = COMPETITORS,
    phase: Phase | None = None,
) -> Result:
    """A result with at least some evidence; half of them have a mark and no more, as in races.

    ``unit`` is a pair of sport and unit; what is not given is drawn.
    """
    plain = draw(st.booleans())
    mark = draw(marks) if plain else draw(_optional(marks, 4))
    outcome = None if plain else draw(_optional(outcomes, 3))
    irm = None if plain else draw(_optional(st.sampled_from(IRMS), 2))
    medal = None if plain else draw(_optional(medals, 1))
    rank = None if plain else draw(st.none() | st.integers(1, 4))
    if mark is None and outcome is None and irm is None and medal is None:
        rank = rank or 1
    sport, name = unit or (draw(st.sampled_from(SPORTS)), draw(st.sampled_from(UNITS)))
    return Result(
        sport=sport,
        unit=name,
        phase=draw(phases) if phase is None else phase,
        competitor=Competitor(
            draw(st.sampled_from(competitors)), name=draw(st.sampled_from((None, "Ana", "Luz")))
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


@st.composite
def bouts(draw: st.DrawFn) -> list[Result]:
    """All results of a unit of one to three competitors, with little evidence that fits together.

    Ranks count on from the places before, marks are equal: what is first then is the question.
    """
    sport, unit = draw(st.sampled_from((*SPORTS, "boxing", "boxing"))), draw(st.sampled_from(UNITS))
    phase = draw(st.sampled_from((*get_args(Phase), "bronze", "bronze")))
    bout: list[Result] = []
    for competitor in COMPETITORS[: draw(st.sampled_from((1, 2, 2, 2, 3)))]:
        mark = draw(st.sampled_from((None, "9.790", "9.790", "9.790", "9.800")))
        rank = draw(st.sampled_from((None, 3, 4)))
        irm = draw(_optional(st.sampled_from(IRMS), 1))
        outcome = draw(_optional(outcomes, 1))
        if mark is None and outcome is None and irm is None:
            rank = rank or 3
        bout.append(
            Result(
                sport=sport,
                unit=unit,
                phase=phase,
                competitor=Competitor(competitor),
                faculty=FACULTIES[len(bout)],
                status=draw(st.sampled_from(("official",) * 7 + ("unofficial",))),
                version=1,
                mark=mark,
                outcome=outcome,
                rank=rank,
                irm=irm,
            )
        )
    return bout


def histories(max_size: int = 25) -> st.SearchStrategy[list[Result]]:
    """Results in any order; many of them of the same few identities."""
    return st.lists(results(), max_size=max_size)


@st.composite
def one_unit(draw: st.DrawFn, max_size: int = 20) -> list[Result]:
    """Results of one unit of any sport, with one to six competitors.

    In half of the units all results agree on the phase, so that finals are complete ones.
    """
    unit = (draw(st.sampled_from(SPORTS)), draw(st.sampled_from(UNITS)))
    competitors = COMPETITORS[: draw(st.sampled_from((1, 2, 2, 3, 6)))]
    phase = draw(st.none() | phases)
    return draw(st.lists(results(unit, competitors, phase), max_size=max_size))
