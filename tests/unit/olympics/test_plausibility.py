"""What is valid and probably not meant: each check finds its case and leaves good results alone."""

from __future__ import annotations

from typing import Any

import pytest

from olympics.catalogue import Catalogue, make_catalogue
from olympics.plausibility import Finding, comparable, examine, without_heat, without_medals
from olympics.result import Result, parse_result
from tests.paris2024 import facts, paris_catalogue

CATALOGUE = """
revision = 1
[sports.swimming]
code = "SWM"
order = "lower"
times = true
[sports.athletics]
code = "ATH"
order = "lower"
times = true
events = [
  { units = "*jump*", order = "higher" },
  { units = "*100 m*", order = "lower" },
  { units = "*opening*", phase = "other", order = "lower", times = false },
]
[sports.boxing]
code = "BOX"
order = "head-to-head"
[faculties.engineering]
[faculties.agronomy]
[faculties.medicine]
"""


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return make_catalogue(CATALOGUE)


FACULTIES = ("engineering", "agronomy", "medicine")


def result(number: int = 1, unit: str = "50 m final", **fields: Any) -> dict[str, Any]:
    return {
        "sport": "swimming",
        "unit": unit,
        "phase": "final",
        "competitor": {"id": str(number)},
        "faculty": FACULTIES[number % 3],
    } | fields


def found(
    catalogue: Catalogue, *raw: dict[str, Any], types: dict[tuple[str, str], str] | None = None
) -> list[Finding]:
    results = [parse_result(it, catalogue) for it in raw]
    return examine(results, catalogue, result_types=types)


def kinds(catalogue: Catalogue, *raw: dict[str, Any]) -> list[str]:
    return [it.kind for it in found(catalogue, *raw)]


def test_what_was_meant_is_left_alone(catalogue: Catalogue) -> None:
    assert not found(
        catalogue,
        *(result(n, mark=f"2{n}.40") for n in range(1, 9)),
        result(9, irm="DNS"),
        *(result(n, "50 m heat 1", phase="round", mark="30") for n in range(3)),
        *(result(n, "50 m heat 2", phase="round", mark="30") for n in range(3, 6)),
        *(result(n, "high jump", sport="athletics", mark=f"1.{n}") for n in range(1, 4)),
        *(result(n, "71 kg", sport="boxing", outcome="wl"[n]) for n in range(2)),
    )


def test_whole_sports_of_paris_are_left_alone() -> None:
    catalogue = paris_catalogue()
    results = []
    for sport in ("swimming", "boxing"):
        for fact in facts(sport):
            raw = {
                "unit": fact.unit,
                "competitor": {"id": fact.competitor},
                "faculty": fact.committee,
                "rank": fact.rank,
                "mark": fact.mark,
                "outcome": fact.outcome,
                "irm": fact.irm,
            }
            results.append(parse_result(raw, catalogue))
    assert examine(results, catalogue) == []


def test_an_event_that_no_pattern_knows_is_told_where_marks_rank_it(catalogue: Catalogue) -> None:
    marked = [result(n, "javelin", sport="athletics", mark=f"6{n}") for n in (1, 2)]
    (finding,) = found(catalogue, *marked)
    assert (finding.kind, finding.sport, finding.units) == (
        "unrecognised",
        "athletics",
        ("javelin",),
    )
    assert "the lowest first" in finding.words
    assert "sports.athletics.events" in finding.remedy
    assert not found(catalogue, *(it | {"rank": n} for n, it in enumerate(marked, 1)))
    assert not found(catalogue, *(it | {"unit": "100 m"} for it in marked))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("100m Freestyle Final", "100m freestyle final"),
        ("100m freestyle final", "Final 100m freestyle"),
        ("100 m libre, final", "100m libre – Final"),
        ("Salto de altura (mujeres)", "mujeres salto de altura"),
        ("Pértiga final", "PERTIGA, Final"),
        ("4x100 m", "4×100m"),
        ("Women's 50m", "Womens 50 m"),
        ("Men 50m", "50m Men's"),
    ],
)
def test_two_spellings_of_one_unit_are_told(catalogue: Catalogue, one: str, other: str) -> None:
    (finding,) = found(catalogue, result(1, one, mark="58"), result(2, other, mark="59"))
    assert finding.kind == "look_alikes"
    assert finding.units == tuple(sorted((one, other)))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("100m final", "200m final"),
        ("Round 1 match 2", "Round 2 match 1"),
        ("-78 kg", "+78 kg"),
        ("Pool A court B", "Pool B court A"),
        ("Kenya - Uganda", "Uganda - Kenya"),
        ("Pool II match I", "Pool I match II"),
        ("1.5 km", "15 km"),
        ("男子100米", "女子100米"),
        ("50 m men", "50 m women"),
        ("SWMM100MBA------------HEAT000100--", "SWMM100MBA------------HEAT000200--"),
    ],
)
def test_names_that_differ_in_meaning_are_not_alike(one: str, other: str) -> None:
    assert comparable(one) != comparable(other)


def test_units_of_different_sports_may_have_one_name(catalogue: Catalogue) -> None:
    units = (result(1, "Final", mark="58"), result(2, "final", sport="boxing", rank=1))
    assert kinds(catalogue, *units) == []


@pytest.mark.parametrize(
    "units",
    [
        ("800m heat 1", "800m heat 2"),
        ("800m Heat 1 of 3", "800m heat 2 of 3", "800 m heat 3 of 3"),
        ("800 m serie 1", "800 m serie 2"),
        ("800m final 1 de 2", "800m final 2 de 2"),
        ("800m Final A", "800m Final B"),
        ("800m final", "800m final heat 2"),
        ("SWMW800MFR------------FNL-000100--", "SWMW800MFR------------FNL-000200--"),
    ],
)
def test_several_finals_of_one_event_are_told(catalogue: Catalogue, units: tuple[str, ...]) -> None:
    raw = [result(n, unit, mark="9:10") for n, unit in enumerate(units)]
    (finding,) = found(catalogue, *raw)
    assert finding.kind == "heats_as_finals"
    assert finding.units == tuple(sorted(units))
    assert not found(catalogue, raw[0], *(it | {"phase": "other"} for it in raw[1:]))


def test_finals_of_places_are_of_their_own() -> None:
    assert without_heat("Final 7-12") != without_heat("Final 1-6")
    assert without_heat("Final 1 de 3") == without_heat("final 2 de 3")


@pytest.mark.parametrize("evidence", [{"rank": 1}, {"mark": "58"}, {"medal": "gold"}])
def test_members_of_a_team_as_rows_are_told(catalogue: Catalogue, evidence: dict[str, Any]) -> None:
    members = [result(n, faculty="engineering", **evidence) for n in range(4)]
    other = result(5, mark="59") if "mark" in evidence else result(5, rank=2)
    (finding,) = found(catalogue, *members, other | {"faculty": "medicine"})
    assert finding.kind == "shared_medals"
    assert "4 gold for engineering" in finding.words
    assert not found(catalogue, *(it | {"phase": "round"} for it in members))


def test_a_team_of_losers_listed_by_its_members_is_told(catalogue: Catalogue) -> None:
    won = result(1, sport="boxing", outcome="won", faculty="medicine")
    lost = [result(n, sport="boxing", outcome="lost", faculty="agronomy") for n in (2, 3)]
    (finding,) = found(catalogue, won, *lost)
    assert "2 silver for agronomy" in finding.words


def test_ranks_for_some_and_marks_for_others_are_told(catalogue: Catalogue) -> None:
    both = (result(1, rank=1, mark="58.90"), result(2, mark="58.40"))
    (finding,) = found(catalogue, *both)
    assert finding.kind == "ranks_and_marks"
    assert not found(catalogue, both[0], result(2, irm="DNF"))
    assert not found(catalogue, both[0], result(2, rank=2))


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"irm": "DNS", "mark": "57"}, "beside the mark"),
        ({"irm": "DNS", "rank": 4}, "beside rank 4"),
        ({"irm": "DNS", "outcome": "won"}, "beside won"),
        ({"irm": "DSQ", "outcome": "won"}, "disqualified"),
        ({"irm": "DSQ", "medal": "gold"}, "disqualified"),
        ({"irm": "DNF", "mark": "57"}, None),
        ({"irm": "DSQ", "mark": "57"}, None),
        ({"irm": "DNS", "outcome": "lost"}, None),
        ({"irm": "W/O", "outcome": "won"}, None),
    ],
)
def test_a_result_that_says_two_things_is_told(
    catalogue: Catalogue, fields: dict[str, Any], told: str | None
) -> None:
    findings = found(catalogue, result(**fields))
    if told is None:
        assert not findings
    else:
        assert [it.kind for it in findings] == ["contradiction"]
        assert told in findings[0].words


@pytest.mark.parametrize(
    ("one", "other", "words"),
    [
        ("won", "won", "both have won"),
        ("lost", "lost", "both have lost"),
        ("won", "tied", "one has tied, the other has not"),
        ("won", "lost", ""),
        ("tied", "tied", ""),
    ],
)
def test_a_bout_whose_outcomes_contradict_is_told(
    catalogue: Catalogue, one: str, other: str, words: str
) -> None:
    bout = [
        result(n, sport="boxing", unit="u", outcome=it, phase="round")
        for n, it in enumerate((one, other))
    ]
    told = [it.words for it in found(catalogue, *bout) if it.kind == "contradiction"]
    assert told == ([f"'u': {words}"] if words else [])


def test_two_losers_of_whom_one_did_not_start_are_no_contradiction(catalogue: Catalogue) -> None:
    bout = [result(n, sport="boxing", unit="u", outcome="lost", phase="round") for n in (1, 2)]
    assert not found(catalogue, bout[0], bout[1] | {"irm": "DNS"})


@pytest.mark.parametrize(
    ("sport", "rows", "told"),
    [
        ("swimming", [(1, "50"), (1, "50"), (2, "51")], ["ranks"]),
        ("swimming", [(1, "50"), (1, "50"), (3, "51")], []),
        ("swimming", [(1, None), (1, None), (2, None)], ["ranks"]),
        ("swimming", [(1, "51"), (2, "50"), (3, "52"), (4, "53")], ["ranks"]),
        ("swimming", [(1, "50"), (2, "50"), (3, "52"), (4, "53")], []),
        ("swimming", [(None, "1.02"), (None, "58.4"), (None, "59")], ["far_mark"]),
        ("swimming", [(None, "50"), (None, "58.4"), (None, "1:09")], []),
        ("athletics", [(None, "6.12"), (None, "6.05"), (None, "612")], ["far_mark"]),
        ("athletics", [(None, "6.12"), (None, "6.05"), (None, "9.05")], []),
        ("boxing", [(None, "1"), (None, "2"), (None, "3"), (None, "3")], ["far_mark"]),
        ("boxing", [(None, "2"), (None, "2")], ["drawn"]),
        ("boxing", [(None, "2"), (None, "1")], []),
    ],
)
def test_what_gives_a_wrong_medal_is_told(
    catalogue: Catalogue, sport: str, rows: list[tuple[int | None, str | None]], told: list[str]
) -> None:
    raw = [
        result(n, "long jump", sport=sport, rank=rank, mark=mark)
        for n, (rank, mark) in enumerate(rows)
    ]
    assert [it.kind for it in found(catalogue, *raw)] == told


def test_an_irm_that_nobody_knows_is_told() -> None:
    known = make_catalogue(CATALOGUE + '[irm]\ndid_not_start = ["KEINE"]\n')
    rows = [result(n, irm=it) for n, it in enumerate(("DNS", "DNF", "KEINE", "ROJO", "ROJO"))]
    (told,) = [it for it in found(known, *rows) if it.kind == "unknown_irm"]
    assert "'ROJO' (2 results)" in told.words


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([{"rank": 2}, {"rank": 3}], True),
        ([{"outcome": "lost"}, {"outcome": "lost"}], True),
        ([{"medal": "silver"}, {"medal": "bronze"}], True),
        ([{"rank": 1}, {"rank": 2}], False),
        ([{"medal": "none", "rank": 1}, {"rank": 2}], False),
        ([{"rank": 2, "status": "unofficial"}], False),
        ([{"irm": "DNS"}], False),
    ],
)
def test_a_final_without_gold_is_told(
    catalogue: Catalogue, rows: list[dict[str, Any]], told: bool
) -> None:
    results = [parse_result(result(n, **it), catalogue) for n, it in enumerate(rows)]
    assert [it.kind for it in without_medals(results, catalogue)] == ["no_medal"] * told


def test_phases_that_disagree_are_told(catalogue: Catalogue) -> None:
    raw = (result(1, mark="58"), result(2, mark="59", phase="round"))
    assert kinds(catalogue, *raw) == ["phases"]
    opening = [it | {"sport": "athletics", "unit": "100 m opening"} for it in raw]
    assert kinds(catalogue, *opening) == []  # the catalogue decides


def test_a_competitor_with_two_results_of_one_version_is_told(catalogue: Catalogue) -> None:
    assert kinds(catalogue, result(1, mark="58"), result(1, mark="59")) == ["conflict"]
    assert kinds(catalogue, result(1, mark="58"), result(1, mark="58.0")) == []
    assert kinds(catalogue, result(1, mark="58"), result(1, mark="59", version=2)) == []


def test_withdrawn_results_and_entries_are_not_looked_at(catalogue: Catalogue) -> None:
    withdrawn = result(2, "50 M Final", mark="59", status="withdrawn", rank=1)
    assert kinds(catalogue, result(1, mark="58"), withdrawn | {"unit": "50 m final"}) == []
    coins = [result(n, f"entry/{n}", phase="other", outcome="won", medal="gold") for n in range(3)]
    assert kinds(catalogue, *coins) == []


@pytest.mark.parametrize(
    ("unit", "marks", "told"),
    [
        ("long jump", ("5", "6", "7"), True),
        ("long jump", ("7", "6", "5"), False),
        ("100 m", ("12", "11", "10"), True),
        ("100 m", ("10", "11", "12"), False),
        ("100 m", ("10", "12", "11"), False),
    ],
)
def test_ranks_against_the_order_of_the_catalogue_are_told(
    catalogue: Catalogue, unit: str, marks: tuple[str, ...], told: bool
) -> None:
    raw = [result(n, unit, sport="athletics", mark=mark, rank=n) for n, mark in enumerate(marks, 1)]
    assert [it for it in kinds(catalogue, *raw) if it != "ranks"] == (["order"] if told else [])


@pytest.mark.parametrize(
    ("unit", "result_type", "told"),
    [
        ("opening of penalties", "POINTS", False),
        ("100 m", "TIME", False),
        ("100 m", "DISTANCE", True),
        ("100 m", "points", True),
        ("long jump", "DISTANCE", False),
        ("long jump", "TIME", True),
        ("100 m", "IRM", False),
        ("100 m", "", False),
    ],
)
def test_a_result_type_against_the_order_of_the_catalogue_is_told(
    catalogue: Catalogue, unit: str, result_type: str, told: bool
) -> None:
    raw = [result(n, unit, sport="athletics", mark=f"1{n}") for n in (1, 2)]
    findings = found(catalogue, *raw, types={("athletics", unit): result_type})
    assert [it.kind for it in findings] == (["order"] if told else [])


def test_findings_come_in_a_fixed_order(catalogue: Catalogue) -> None:
    raw = [result(1, irm="DNS", mark="57"), result(2, mark="57"), result(2, "50 M final", rank=1)]
    results: list[Result] = [parse_result(it, catalogue) for it in raw]
    findings = examine(results, catalogue)
    assert [it.kind for it in findings] == ["look_alikes", "contradiction"]
    assert examine(reversed(results), catalogue) == findings
