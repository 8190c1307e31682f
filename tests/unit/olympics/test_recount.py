"""The rules, one by one, as the oracle applies them; and two sports of Paris 2024, whole."""

from __future__ import annotations

import random
from typing import Any

import pytest

from olympics.catalogue import Catalogue, make_catalogue
from olympics.counts import Counts
from olympics.importers import CsvTable, Imported, import_rows
from olympics.medal_table import medal_table
from olympics.recount import Recount, UnitRow, recount, unit_standings
from olympics.result import Result, digest_of, encode, parse_result
from tests.paris2024 import (
    SportName,
    counted_medals,
    odf_csv,
    official_medals,
    paris_catalogue,
)

CATALOGUE = make_catalogue("""
revision = 1
[sports.swimming]
code = "SWM"
order = "lower"
[sports.athletics]
code = "ATH"
order = "lower"
events = [{ units = "*jump*", order = "higher" }]
[sports.boxing]
code = "BOX"
order = "head-to-head"
two_bronzes = true
irm = { did_not_start = ["WDR"] }
events = [{ units = "*team*", two_bronzes = false }]
[sports.judo]
code = "JUD"
order = "head-to-head"
two_bronzes = true  # which judo does not use: its contests decide
[sports.climbing]
code = "CLB"
order = "lower"
events = [
  { units = "*jump-off*", phase = "final" },
  { units = "jumping*final*", phase = "other" },
  { units = "speed*small final*", phase = "bronze" },
  { units = "*small final*", phase = "other" },
  { units = "* bronzes*", two_bronzes = true },
]
[sports.chess]
code = "CHS"
order = "head-to-head"
[faculties.law]
[faculties.arts]
[faculties.music]
[faculties.science]
""")
# competitor → the fields of its result
Evidence = dict[str, dict[str, Any]]

FACULTIES = dict(zip("abcd", ("law", "arts", "music", "science"), strict=True))


def result(competitor: str, sport: str = "swimming", unit: str = "u", **fields: Any) -> Result:
    """A result of competitor a, b, c or d: each stands for a faculty of its own."""
    return parse_result(
        {
            "sport": sport,
            "unit": unit,
            "competitor": {"id": competitor},
            "faculty": FACULTIES[competitor[0]],
        }
        | fields,
        CATALOGUE,
    )


def count(*results: Result) -> Recount:
    return recount([encode(it) for it in results], CATALOGUE)


def one_unit(evidence: Evidence, sport: str = "swimming", **common: Any) -> dict[str, str]:
    """Count a unit; return what each competitor was counted as, such as "winner gold"."""
    counted = count(*(result(c, sport, **(common | fields)) for c, fields in evidence.items()))
    told = {}
    for competitor in evidence:
        counts = counted.pairs[sport, FACULTIES[competitor]]
        assert counts.entries == 1
        told[competitor] = " ".join(
            name.removesuffix("s") if name.endswith("ers") else name
            for name, number in counts._asdict().items()
            if number and name != "entries"
        ).replace("ties", "tie")
    return told


def marks(**by_competitor: Any) -> Evidence:
    return {competitor: {"mark": mark} for competitor, mark in by_competitor.items()}


def outcomes(**by_competitor: str) -> Evidence:
    return {competitor: {"outcome": outcome} for competitor, outcome in by_competitor.items()}


def test_the_lowest_time_wins_a_race() -> None:
    assert one_unit(marks(a="55.78", b="1:01.0", c="54.9")) == {
        "a": "loser",
        "b": "loser",
        "c": "winner",
    }


def test_the_highest_mark_wins_where_the_catalogue_says_so() -> None:
    jump = marks(a="8.01", b="8.36", c="-1")
    assert one_unit(jump, "athletics", unit="long jump") == {
        "a": "loser",
        "b": "winner",
        "c": "loser",
    }
    assert one_unit(jump, "athletics", unit="100 m")["c"] == "winner"
    assert one_unit(jump, "boxing", unit="points")["b"] == "winner"


def test_a_final_awards_gold_silver_and_bronze_by_rank() -> None:
    final = marks(a="55", b="54", c="57", d="56")
    assert one_unit(final, phase="final") == {
        "a": "loser silver",
        "b": "winner gold",
        "c": "loser",
        "d": "loser bronze",
    }


@pytest.mark.parametrize("phase", ["round", "semifinal", "other"])
def test_other_phases_award_nothing(phase: str) -> None:
    assert one_unit(marks(a="55", b="54"), phase=phase) == {"a": "loser", "b": "winner"}


def test_two_golds_leave_no_silver() -> None:
    assert one_unit(marks(a="54", b="54.000", c="55", d="56"), phase="final") == {
        "a": "winner gold",
        "b": "winner gold",
        "c": "loser bronze",
        "d": "loser",
    }


def test_two_silvers_leave_no_bronze() -> None:
    assert one_unit(marks(a="54", b="55", c="55", d="56"), phase="final") == {
        "a": "winner gold",
        "b": "loser silver",
        "c": "loser silver",
        "d": "loser",
    }


def test_officials_ranks_beat_marks() -> None:
    photo_finish: Evidence = {
        "a": {"mark": "9.79", "rank": 2},
        "b": {"mark": "9.79", "rank": 1},
        "c": {"mark": "9.81"},
    }
    assert one_unit(photo_finish, "athletics", phase="final") == {
        "a": "loser silver",
        "b": "winner gold",
        "c": "loser bronze",
    }


def test_a_rank_from_marks_counts_those_who_have_a_rank_of_their_own_too() -> None:
    assert one_unit({"a": {"mark": "50", "rank": 3}, "b": {"mark": "51"}}, phase="final") == {
        "a": "loser bronze",
        "b": "loser silver",  # the gold stays vacant
    }


def test_an_outcome_decides_even_against_a_rank() -> None:
    assert one_unit({"a": {"rank": 1, "outcome": "lost"}, "b": {"rank": 2, "outcome": "won"}}) == {
        "a": "loser",
        "b": "winner",
    }


def test_who_does_not_start_is_neither_winner_nor_loser() -> None:
    assert one_unit({"a": {"irm": "DNS"}, "b": {"mark": "60"}}, phase="final") == {
        "a": "did_not_start",
        "b": "winner gold",
    }


@pytest.mark.parametrize("irm", ["DNF", "DSQ", "DQB", "LAP", "W/O"])
def test_another_irm_without_outcome_and_rank_makes_an_unranked_loser(irm: str) -> None:
    assert one_unit({"a": {"irm": irm, "mark": "50"}, "b": {"mark": "60"}}, phase="final") == {
        "a": "loser",
        "b": "winner gold",
    }


def test_an_irm_leaves_outcome_and_rank_in_force() -> None:
    walkover = {"a": {"irm": "W/O", "outcome": "won"}, "b": {"irm": "DNS", "outcome": "lost"}}
    assert one_unit(walkover, "chess", phase="final") == {"a": "winner gold", "b": "loser silver"}
    assert one_unit({"a": {"irm": "DNS", "rank": 1}, "b": {"irm": "DNF", "rank": 2}}) == {
        "a": "winner",
        "b": "loser",
    }


def test_a_walkovers_loser_keeps_what_losing_a_semifinal_earns() -> None:
    walkover = {"a": {"outcome": "won"}, "b": {"irm": "DNS", "outcome": "lost"}}
    assert one_unit(walkover, "boxing", phase="semifinal") == {"a": "winner", "b": "loser bronze"}


@pytest.mark.parametrize("irm", ["NS", "SCR", "SICK", "DFS"])
def test_other_marks_say_too_that_somebody_did_not_start(irm: str) -> None:
    assert one_unit({"a": {"irm": irm}, "b": {"mark": "60"}}, phase="final") == {
        "a": "did_not_start",
        "b": "winner gold",
    }
    assert one_unit({"a": {"irm": irm, "mark": "50"}}) == {"a": "did_not_start"}
    assert one_unit({"a": {"irm": irm, "rank": 2}}, phase="final") == {"a": "loser silver"}
    assert one_unit({"a": {"irm": irm, "outcome": "lost"}}, "boxing", phase="semifinal") == {
        "a": "loser bronze"
    }


def test_a_mark_has_the_class_that_the_catalogue_gives_it_in_the_sport() -> None:
    assert one_unit({"a": {"irm": "WDR"}}, "boxing") == {"a": "did_not_start"}
    assert one_unit({"a": {"irm": "WDR"}}, "chess") == {"a": "loser"}


DISQUALIFIED = ["DSQ", "DQ", "DISQ", "DQB", "DISQUALIFIED"]


@pytest.mark.parametrize("irm", DISQUALIFIED)
def test_the_disqualified_are_losers_whatever_stands_beside(irm: str) -> None:
    final: Evidence = {
        "a": {"irm": irm, "rank": 1, "mark": "50"},
        "b": {"irm": irm, "outcome": "won"},
        "c": {"irm": irm, "outcome": "tied"},
        "d": {"mark": "60"},
    }
    for phase in ("final", "bronze", "round", "other"):
        assert one_unit({it: final[it] for it in "abc"}, phase=phase) == dict.fromkeys(
            "abc", "loser"
        )
    assert one_unit(final, phase="final")["d"] == "winner gold"
    assert one_unit(
        {"a": {"irm": irm, "outcome": "won"}, "b": {"outcome": "lost"}}, "boxing", phase="final"
    ) == {"a": "loser", "b": "loser silver"}


@pytest.mark.parametrize("irm", DISQUALIFIED)
def test_the_disqualified_have_no_rank(irm: str) -> None:
    rows = unit_standings(
        [
            result("a", irm=irm, rank=1, mark="50"),
            result("b", irm=irm, rank=2, status="unofficial"),
            result("c", rank=3),
        ],
        CATALOGUE,
    )
    assert [(it.competitor, it.rank, it.provisional) for it in rows] == [
        ("c", 3, False),
        ("a", None, False),
        ("b", None, True),
    ]


def test_who_is_out_of_competition_is_shown_and_does_not_count() -> None:
    swim = [
        result("a", irm="EXH", mark="50", rank=1, medal="gold", phase="final"),
        result("b", mark="52", phase="final"),
        result("c", mark="51", phase="final"),
        result("d", irm="EXH", mark="49", phase="final", status="unofficial"),
    ]
    counted = count(*swim)

    assert counted.pairs == {
        ("swimming", "arts"): Counts(entries=1, losers=1, silver=1),
        ("swimming", "music"): Counts(entries=1, winners=1, gold=1),
    }
    assert (counted.results, counted.provisional) == (4, 1)
    assert unit_standings(swim, CATALOGUE) == [
        UnitRow(1, "c", swim[2], "winner", "gold", False),
        UnitRow(2, "b", swim[1], "loser", "silver", False),
        UnitRow(None, "a", swim[0], None, None, False),
        UnitRow(None, "d", swim[3], None, None, True),
    ]


def test_who_is_out_of_competition_decides_nothing_about_the_unit() -> None:
    guest = result("a", "chess", irm="EXH", mark="3", phase="final", version=9)
    drawn = [result(it, "chess", mark="3", phase="bronze") for it in "bc"]
    counted = count(guest, *drawn).by_faculty()
    assert counted["arts"] == counted["music"] == Counts(entries=1, ties=1, bronze=1)


@pytest.mark.parametrize("irm", ["DSQ", "DQB"])
def test_the_disqualified_never_earn_a_computed_medal(irm: str) -> None:
    for evidence in ({"outcome": "lost"}, {"rank": 2}):
        final: Evidence = {"a": {"irm": irm, **evidence}, "b": {"outcome": "won"}}
        assert one_unit(final, "boxing", phase="final") == {"a": "loser", "b": "winner gold"}
    semifinal = {"a": {"irm": irm, "outcome": "lost"}, "b": {"outcome": "won"}}
    assert one_unit(semifinal, "boxing", phase="semifinal")["a"] == "loser"


def test_ranks_from_marks_close_up_when_somebody_is_disqualified() -> None:
    final = marks(a="50", b="51", c="52", d="53") | {"a": {"irm": "DSQ", "mark": "50"}}
    assert one_unit(final, phase="final") == {
        "a": "loser",
        "b": "winner gold",
        "c": "loser silver",
        "d": "loser bronze",
    }


def test_ranks_of_officials_do_not_close_up() -> None:
    final: Evidence = {"a": {"irm": "DSQ", "rank": 1}, "b": {"rank": 2}, "c": {"rank": 3}}
    assert one_unit(final, phase="final") == {
        "a": "loser",
        "b": "loser silver",
        "c": "loser bronze",
    }


def test_only_the_winner_of_the_bronze_match_takes_a_medal() -> None:
    assert one_unit(outcomes(a="won", b="lost"), "chess", phase="bronze") == {
        "a": "winner bronze",
        "b": "loser",
    }
    assert one_unit(marks(a=3, b=2), "chess", phase="bronze") == {
        "a": "winner bronze",
        "b": "loser",
    }


@pytest.mark.parametrize("ranks", [(1, 2), (3, 4), (2, 7)])
def test_the_best_of_the_officials_ranks_wins_the_bronze_match(ranks: tuple[int, int]) -> None:
    first, second = ranks
    assert one_unit({"a": {"rank": second}, "b": {"rank": first}}, phase="bronze") == {
        "a": "loser",
        "b": "winner bronze",
    }
    assert one_unit({"a": {"rank": second}, "b": {"rank": first}}, phase="other") == {
        "a": "loser",
        "b": "winner",
    }


@pytest.mark.parametrize("phase", ["round", "semifinal", "final"])
def test_elsewhere_only_rank_1_wins(phase: str) -> None:
    counted = one_unit({"a": {"rank": 3}, "b": {"rank": 4}}, phase=phase)
    assert {it.split()[0] for it in counted.values()} == {"loser"}


def test_equal_best_ranks_share_the_bronze() -> None:
    match: Evidence = {"a": {"rank": 3}, "b": {"rank": 3}, "c": {"rank": 5}}
    assert one_unit(match, phase="bronze") == {
        "a": "winner bronze",
        "b": "winner bronze",
        "c": "loser",
    }


def test_outcomes_decide_a_bronze_match_against_ranks() -> None:
    match: Evidence = {"a": {"rank": 3, "outcome": "lost"}, "b": {"rank": 4, "outcome": "won"}}
    assert one_unit(match, phase="bronze") == {"a": "loser", "b": "winner bronze"}


def test_only_who_may_be_ranked_has_the_best_rank() -> None:
    match: Evidence = {
        "a": {"rank": 2, "irm": "DSQ"},
        "b": {"rank": 3, "irm": "EXH"},
        "c": {"rank": 4},
        "d": {"rank": 5},
    }
    best = result("d2", rank=1, status="unofficial", phase="bronze")
    others = [result(it, phase="bronze", **fields) for it, fields in match.items()]
    counted = count(best, *others).by_faculty()
    assert counted["law"] == Counts(entries=1, losers=1)
    assert counted["music"] == Counts(entries=1, winners=1, bronze=1)
    assert counted["science"] == Counts(entries=1, losers=1)
    assert "arts" not in counted


def test_a_rank_beside_a_start_that_was_not_taken_may_be_the_best() -> None:
    match: Evidence = {"a": {"rank": 3, "irm": "DNS"}, "b": {"rank": 4}}
    assert one_unit(match, phase="bronze") == {"a": "winner bronze", "b": "loser"}


def test_where_officials_gave_any_rank_marks_make_nobody_first() -> None:
    match: Evidence = {"a": {"rank": 4, "mark": "51"}, "b": {"mark": "50"}}
    assert one_unit(match, phase="bronze") == {"a": "winner bronze", "b": "loser"}
    assert one_unit(match, phase="other") == {"a": "winner", "b": "loser"}
    rows = unit_standings([result(it, phase="bronze", **match[it]) for it in "ab"], CATALOGUE)
    assert [(it.competitor, it.rank) for it in rows] == [("b", 1), ("a", 4)]


def test_the_catalogues_phase_comes_before_the_results_phase() -> None:
    final = {"a": {"rank": 1}, "b": {"rank": 1}, "c": {"rank": 3}}
    assert one_unit(final, "climbing", unit="Jumping final", phase="final") == {
        "a": "winner",
        "b": "winner",
        "c": "loser",
    }
    jump_off = {"a": {"rank": 2}, "b": {"rank": 1}}
    assert one_unit(jump_off, "climbing", unit="Jump-off", phase="other") == {
        "a": "loser silver",
        "b": "winner gold",
    }
    small = {"a": {"rank": 3}, "b": {"rank": 4}}
    assert one_unit(small, "climbing", unit="Speed, small final", phase="final") == {
        "a": "winner bronze",
        "b": "loser",
    }
    assert one_unit(small, "climbing", unit="Boulder, small final", phase="final") == {
        "a": "winner",
        "b": "loser",
    }


def test_the_catalogue_says_of_units_whether_semifinals_give_two_bronzes() -> None:
    semifinal = outcomes(a="won", b="lost")
    assert one_unit(semifinal, "boxing", unit="Team, SF", phase="semifinal")["b"] == "loser"
    assert (
        one_unit(semifinal, "climbing", unit="two bronzes, SF", phase="semifinal")["b"]
        == "loser bronze"
    )
    assert one_unit(semifinal, "climbing", unit="SF", phase="semifinal")["b"] == "loser"


def test_judo_gives_a_bronze_for_each_of_its_bronze_contests() -> None:
    def bout(unit: str, phase: str, winner: str, loser: str) -> list[Result]:
        return [
            result(winner, "judo", unit, phase=phase, outcome="won"),
            result(loser, "judo", unit, phase=phase, outcome="lost"),
        ]

    counted = count(
        *bout("semi-final 1", "semifinal", "a1", "b1"),
        *bout("semi-final 2", "semifinal", "c1", "d1"),
        *bout("bronze 1", "bronze", "c2", "b1"),
        *bout("bronze 2", "bronze", "d1", "a2"),
        *bout("final", "final", "a1", "c1"),
    ).by_faculty()

    assert {name: counts[5:] for name, counts in counted.items()} == {
        "law": (1, 0, 0),
        "arts": (0, 0, 0),
        "music": (0, 1, 1),
        "science": (0, 0, 1),
    }


def test_losing_semifinalists_take_bronze_only_where_the_sport_gives_two() -> None:
    semifinal = outcomes(a="won", b="lost")
    assert one_unit(semifinal, "boxing", phase="semifinal")["b"] == "loser bronze"
    assert one_unit(semifinal, "chess", phase="semifinal")["b"] == "loser"


def test_a_drawn_final_gives_two_golds_and_a_drawn_bronze_match_two_bronzes() -> None:
    drawn = outcomes(a="tied", b="tied")
    assert one_unit(drawn, "chess", phase="final") == {"a": "tie gold", "b": "tie gold"}
    assert one_unit(drawn, "chess", phase="bronze") == {"a": "tie bronze", "b": "tie bronze"}


def test_equal_marks_of_two_draw_head_to_head_and_share_elsewhere() -> None:
    equal = marks(a="3", b="3.0")
    assert one_unit(equal, "chess") == {"a": "tie", "b": "tie"}
    assert one_unit(equal, "chess", phase="final") == {"a": "tie gold", "b": "tie gold"}
    assert one_unit(equal, "boxing", phase="semifinal") == {"a": "tie", "b": "tie"}
    assert one_unit(equal, "swimming") == {"a": "winner", "b": "winner"}
    assert one_unit(marks(a=3, b=3, c=3), "chess") == dict.fromkeys("abc", "winner")


def test_officials_ranks_decide_a_bout_of_equal_marks() -> None:
    bout = {"a": {"mark": 3, "rank": 1}, "b": {"mark": 3, "rank": 2}}
    assert one_unit(bout, "chess") == {"a": "winner", "b": "loser"}


def test_the_officials_word_on_a_medal_counts_in_any_phase_for_its_competitor_alone() -> None:
    final: Evidence = {
        "a": {"mark": "50", "medal": "none"},
        "b": {"mark": "51"},
        "c": {"mark": "52", "medal": "gold"},
        "d": {"irm": "DSQ", "medal": "bronze"},
    }
    assert one_unit(final, phase="final") == {
        "a": "winner",
        "b": "loser silver",
        "c": "loser gold",
        "d": "loser bronze",
    }
    assert one_unit({"a": {"medal": "silver"}}, phase="round") == {"a": "loser silver"}
    assert one_unit({"a": {"irm": "DNS", "medal": "gold"}}) == {"a": "did_not_start gold"}


def test_only_official_results_count_anywhere() -> None:
    counted = count(
        result("a", mark="50", status="unofficial", phase="bronze", version=9),
        result("b", mark="51", status="withdrawn", phase="bronze", version=9),
        result("c", mark="52", phase="final"),
    )
    assert counted.pairs == {
        ("swimming", "music"): Counts(entries=1, winners=1, gold=1),
    }
    assert (counted.results, counted.provisional) == (3, 1)


def test_a_higher_version_replaces_a_lower_one_whole_even_its_faculty() -> None:
    first = result("a", mark="50", phase="final")
    corrected = result("a", mark="51", version=2, faculty="arts")
    for order in ([first, corrected], [corrected, first], [first, corrected, first, corrected]):
        assert count(*order).pairs == {("swimming", "arts"): Counts(entries=1, winners=1)}
        assert count(*order).conflicts == 0


def test_at_one_version_withdrawn_beats_official_beats_unofficial() -> None:
    unofficial, official, withdrawn = (
        result("a", mark="50", status=status) for status in ("unofficial", "official", "withdrawn")
    )
    assert count(withdrawn, official, unofficial).pairs == {}
    assert len(count(official, unofficial).pairs) == 1
    assert count(withdrawn, official, unofficial).conflicts == 0


def test_of_two_contents_the_greater_digest_survives_and_the_conflict_is_counted() -> None:
    one, other = result("a", faculty="law", rank=1), result("a", faculty="arts", rank=1)
    survivor = max(one, other, key=lambda it: digest_of(encode(it)))
    for order in ([one, other], [other, one, one]):
        counted = count(*order)
        assert list(counted.pairs) == [("swimming", survivor.faculty)]
        assert (counted.results, counted.conflicts) == (1, 1)


def test_a_conflict_ends_with_a_higher_version() -> None:
    conflicting = [result("a", rank=1), result("a", rank=2)]
    assert count(*conflicting, result("a", rank=3, version=2)).conflicts == 0
    assert count(*conflicting, result("a", version=1, status="withdrawn")).conflicts == 0


def test_the_same_content_twice_is_no_conflict() -> None:
    counted = count(result("a", rank=1), result("a", rank=1))
    assert (counted.results, counted.conflicts) == (1, 0)


def test_the_phase_is_that_of_the_official_result_with_the_highest_version() -> None:
    results = [
        result("a", rank=1, phase="final", version=2),
        result("b", rank=2, phase="round"),
        result("c", rank=3, phase="round", status="unofficial", version=3),
    ]
    assert count(*results).by_faculty()["law"].gold == 1
    assert count(*results, result("d", rank=4, version=5)).by_faculty()["law"].gold == 0


def test_units_with_one_name_in_two_sports_are_two() -> None:
    counted = count(result("a", "swimming", mark="50"), result("a", "athletics", mark="60"))
    assert counted.results == 2
    assert counted.by_sport() == {
        "swimming": Counts(entries=1, winners=1),
        "athletics": Counts(entries=1, winners=1),
    }
    assert counted.by_faculty() == {"law": Counts(entries=2, winners=2)}


def test_bad_records_are_counted_and_change_nothing() -> None:
    good = encode(result("a", mark="50"))
    counted = recount([b"garbage", good, b"", b"garbage"], CATALOGUE)
    assert counted.rejected == 3
    assert counted.pairs == recount([good], CATALOGUE).pairs


def test_nothing_adds_up_to_nothing() -> None:
    assert count() == Recount({}, 0, 0, 0, 0)
    assert unit_standings([], CATALOGUE) == []


def test_standings_show_every_competitor_in_order_and_provisional_ones_as_such() -> None:
    official_a = result("a", mark="55", phase="final")
    official_b = result("b", mark="54", phase="final")
    unranked = result("c", irm="DNF", phase="final")
    provisional = result("d", mark="54.5", phase="final", status="unofficial")
    withdrawn = result("d2", mark="50", status="withdrawn")

    rows = unit_standings([official_a, official_b, unranked, provisional, withdrawn], CATALOGUE)

    assert rows == [
        UnitRow(1, "b", official_b, "winner", "gold", False),
        UnitRow(2, "a", official_a, "loser", "silver", False),
        UnitRow(2, "d", provisional, None, None, True),
        UnitRow(None, "c", unranked, "loser", None, False),
    ]


def test_standings_take_any_versions_in_any_order() -> None:
    old, new = result("a", mark="50"), result("a", mark="51", version=2)
    assert [row.result for row in unit_standings([new, old, new], CATALOGUE)] == [new]


# Real games. The importer's columns, officials' ranks or times, any order, any repetition.


def records(sport: SportName, catalogue: Catalogue, *, ignore_rank: bool) -> list[bytes]:
    lines = odf_csv(sport).splitlines(keepends=True)
    rows = list(import_rows(CsvTable(lambda: lines), ignore_rank=ignore_rank))
    assert all(isinstance(row, Imported) for row in rows)
    return [
        encode(parse_result(row.result, catalogue)) for row in rows if isinstance(row, Imported)
    ]


@pytest.mark.parametrize("copies", [1, 3])
@pytest.mark.parametrize(
    ("sport", "ignore_rank", "results", "medals"),
    [
        ("swimming", False, 1654, (35, 36, 34)),
        ("swimming", True, 1654, (35, 36, 34)),
        ("boxing", True, 470, (13, 13, 26)),
    ],
)
def test_the_medals_of_paris_come_out_exactly(
    sport: SportName, ignore_rank: bool, results: int, medals: tuple[int, int, int], copies: int
) -> None:
    catalogue = paris_catalogue()
    log = records(sport, catalogue, ignore_rank=ignore_rank) * copies
    random.Random(20240726).shuffle(log)

    counted = recount(log, catalogue)

    assert counted_medals(counted) == official_medals(sport)
    total = counted.by_sport()[sport]
    assert (total.gold, total.silver, total.bronze) == medals
    assert total.entries == counted.results == results
    assert (counted.provisional, counted.conflicts, counted.rejected) == (0, 0, 0)


def test_boxing_needs_no_points() -> None:
    catalogue = paris_catalogue()
    lines = odf_csv("boxing").splitlines(keepends=True)
    rows = import_rows(CsvTable(lambda: lines))
    bare = [
        {key: value for key, value in row.result.items() if key != "mark"}
        for row in rows
        if isinstance(row, Imported)
    ]
    log = [encode(parse_result(it, catalogue)) for it in bare]
    assert counted_medals(recount(log, catalogue)) == official_medals("boxing")


def test_the_table_of_swimming_is_led_by_the_united_states() -> None:
    catalogue = paris_catalogue()
    counted = recount(records("swimming", catalogue, ignore_rank=True), catalogue)
    table = medal_table(counted.by_faculty())
    assert [(row.rank, row.faculty) for row in table[:3]] == [(1, "USA"), (2, "AUS"), (3, "FRA")]
    assert len(table) == 189
