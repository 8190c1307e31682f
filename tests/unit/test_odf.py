"""The importer: any sport's columns of the Olympic Data Feed, and no row lost in silence."""

from __future__ import annotations

from typing import Any

import pytest

from olympics.odf import (
    Imported,
    Row,
    Unusable,
    events_with_total,
    import_csv,
    import_row,
    phase_of,
    read_csv,
)
from olympics.result import ResultError, parse_result
from tests.paris2024 import facts, odf_csv, paris_catalogue

FINAL = "SWMM100MBA------------FNL-000100--"
HEAT = "SWMM100MBA------------HEAT000100--"


def row(**cells: str | None) -> Row:
    return {
        "stage_code": HEAT,
        "participant_code": "8",
        "participant_country_code": "ESP",
        "result": "55.78",
    } | cells


def test_a_full_row_becomes_an_object_for_the_parser() -> None:
    imported = import_row(
        row(
            stage="Heat 1",
            discipline_code="SWM",
            participant_name="Spain",
            rank="1.0",
            result_type="TIME",
            result_IRM="",
        )
    )
    assert imported == {
        "sport": "SWM",
        "unit": HEAT,
        "competitor": {"id": "8", "name": "Spain"},
        "faculty": "ESP",
        "rank": 1,
        "mark": "55.78",
    }
    assert parse_result(imported, paris_catalogue()).rank == 1


def test_every_other_column_may_be_absent_or_empty() -> None:
    bare = {"unit": HEAT, "competitor": {"id": "8"}, "faculty": "ESP", "mark": "55.78"}
    assert import_row(row()) == bare
    nothing = dict.fromkeys(("rank", "stage", "result_WLT", "result_IRM", "discipline_code"))
    assert import_row(row(**nothing)) == bare
    assert import_row(row(**dict.fromkeys(nothing, "  "))) == bare
    assert parse_result(bare, paris_catalogue()).sport == "swimming"


def test_whole_sports_are_imported_row_by_row() -> None:
    for sport in ("swimming", "boxing"):
        rows = list(import_csv(odf_csv(sport).splitlines(keepends=True)))
        assert [it.line for it in rows] == list(range(2, 2 + len(facts(sport))))
        for imported, fact in zip(rows, facts(sport), strict=True):
            assert isinstance(imported, Imported)
            result = imported.result
            assert result["competitor"]["id"] == fact.competitor
            assert str(result.get("rank", "")) == fact.rank
            assert result.get("mark", "") == fact.mark
            assert result.get("outcome", "") == fact.outcome
            assert result.get("irm", "") == fact.irm


@pytest.mark.parametrize(
    ("text", "rank"),
    [
        *(("1", 1), ("1.0", 1), ("12.00", 12), (" 3 ", 3), ("=3", 3), ("3=", 3), ("T3", 3)),
        *(("", None), ("-", None), ("–", None), ("0", None), ("0.0", None)),
    ],
)
def test_ranks_are_read_as_officials_and_spreadsheets_write_them(
    text: str, rank: int | None
) -> None:
    assert import_row(row(rank=text)).get("rank") == rank


@pytest.mark.parametrize("text", ["1.5", "first", "1 2", "-1", "1000000"])
def test_a_rank_that_cannot_be_read_is_an_error_since_a_computed_one_might_contradict_it(
    text: str,
) -> None:
    with pytest.raises(ResultError) as error:
        import_row(row(rank=text))
    assert error.value.field == "rank"


def test_ranks_can_be_left_out() -> None:
    assert "rank" not in import_row(row(rank="2.0"), ignore_rank=True)
    with pytest.raises(ResultError, match="the rank was to be ignored"):
        import_row(row(rank="2.0", result=""), ignore_rank=True)


def test_a_rank_that_disagrees_with_the_mark_is_kept_beside_it() -> None:
    imported = import_row(row(rank="7", result="40.00"))
    assert (imported["rank"], imported["mark"]) == (7, "40.00")


@pytest.mark.parametrize(
    ("cells", "irm", "mark"),
    [
        ({"result_IRM": "DNS", "result": ""}, "DNS", None),
        ({"result_IRM": "dsq", "result": "55.78"}, "DSQ", "55.78"),
        ({"result_IRM": "NOBODY_LISTED", "result": ""}, "NOBODY_LISTED", None),
        ({"result_IRM": "DSQ / R 162.7", "result": ""}, "DSQ", None),
        ({"result_type": "IRM", "result": "dnf"}, "DNF", None),
        ({"result": "DNS"}, "DNS", None),
        ({"result": "w/o"}, "W/O", None),
        ({"rank": "DNF", "result": ""}, "DNF", None),
        ({"result_WLT": "W", "result": "KO"}, None, None),
        ({"rank": "1", "result": "W/O"}, None, None),
        ({"rank": "1", "result": "6-4 6-2"}, None, None),
        ({"rank": "1", "result": "55.7801"}, None, None),
        ({"result": "2:06:26"}, None, "2:06:26"),
        ({"result": "86,45"}, None, "86,45"),
    ],
)
def test_irms_and_marks_are_told_apart_wherever_they_stand(
    cells: dict[str, str], irm: str | None, mark: str | None
) -> None:
    imported = import_row(row(**cells))
    assert (imported.get("irm"), imported.get("mark")) == (irm, mark)


@pytest.mark.parametrize(
    ("cells", "field"),
    [
        ({"stage_code": ""}, "stage_code"),
        ({"stage_code": None}, "stage_code"),
        ({"participant_code": " "}, "participant_code"),
        ({"participant_country_code": ""}, "participant_country_code"),
        ({"result": ""}, "result"),
        ({"result": None}, "result"),
        ({"result": "6-4 6-2"}, "result"),
        ({"result": "55.7801"}, "result"),
        ({"participant_name": "BYE", "result_WLT": "L"}, ""),
        ({"result_IRM": "BYE", "result": "", "result_WLT": "W"}, ""),
    ],
)
def test_a_row_without_a_result_is_an_error_that_names_the_column(
    cells: dict[str, str | None], field: str
) -> None:
    with pytest.raises(ResultError, match="expected") as error:
        import_row(row(**cells))
    assert error.value.field == field


def test_teams_and_ids_that_a_spreadsheet_took_for_numbers() -> None:
    assert import_row(row(participant_code="SWMM4X100MFRCHN01"))["competitor"] == {
        "id": "SWMM4X100MFRCHN01"
    }
    assert import_row(row(participant_code="1901276.0"))["competitor"] == {"id": "1901276"}
    assert import_row(row(participant_code="17.01"))["competitor"] == {"id": "17.01"}


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        *(("", None), ("FINISHED", None), ("Official", None)),
        *(("RUNNING", "unofficial"), ("UNOFFICIAL", "unofficial"), ("LIVE", "unofficial")),
    ],
)
def test_a_unit_that_is_still_running_is_unofficial(status: str, expected: str | None) -> None:
    assert import_row(row(stage_status=status)).get("status") == expected


@pytest.mark.parametrize(
    ("stage", "phase"),
    [
        *(("Final", "final"), ("Finals", "final"), ("Final A", "final"), ("Final 1-6", "final")),
        *(("Gold Medal Match", "final"), ("Final - Gold", "final"), ("Women's Final", "final")),
        *(("Big Final", "final"), ("Men’s Gold Medal Contest", "final")),
        *(("Bronze Medal Game", "bronze"), ("Final - Bronze", "bronze"), ("BRONZE", "bronze")),
        *(("Bronze Medal Contest A", "bronze"), ("For Bronze", "bronze")),
        *(("Final B", "other"), ("B Final", "other"), ("Small Final", "other")),
        *(("Final 7-12", "other"), ("Final C", "other"), ("Placing 5-8", "other")),
        *(("Placement 5-8", "other"), ("5th Place Match", "other"), ("Placing", "other")),
        *(("Classification 9-10", "other"), ("Classification 5th-8th", "other")),
        *(("Semifinal 5-8 Classification", "other"), ("Ranking Round", "other")),
        *(("Round 1", "other"), ("Round 18", "other"), ("Final - Round 2", "other")),
        *(("Semifinal", "semifinal"), ("Semi-finals", "semifinal"), ("Semifinal 2", "semifinal")),
        *(("Preliminaries - Round of 16", None), ("Quarterfinal", None), ("Quarter-final", None)),
        *(("1/8 Finals", None), ("Eighth-final", None), ("8th Finals", None), ("Heat 1", None)),
        *(("Repechage", None), ("Medal Race", None), ("Final, Run 1", None), ("", None)),
    ],
)
def test_the_stages_words_tell_the_phase_where_they_can(stage: str, phase: str | None) -> None:
    assert phase_of(stage, HEAT) == phase
    assert import_row(row(stage=stage)).get("phase") == phase


@pytest.mark.parametrize("sport", ["swimming", "boxing"])
def test_words_and_codes_agree_where_codes_know(sport: Any) -> None:
    for fact in facts(sport):
        in_words = phase_of(fact.stage, fact.unit)
        if "FNL-000100--" in fact.unit:
            assert in_words == "final"
        elif "SFNL" in fact.unit:
            assert in_words == "semifinal"
        else:
            assert in_words is None


def test_the_stage_of_a_file_without_that_column_is_taken_from_the_longer_one() -> None:
    cells = {"event_name": "Final Four Bronze", "event_stage": "Final Four Bronze - Gold"}
    assert import_row(row(**cells))["phase"] == "final"


DECATHLON = "ATHMDECATH------------{}"


@pytest.mark.parametrize(
    ("unit", "stage", "phase"),
    [
        (DECATHLON.format("FNL-000100--"), "Final Results", "final"),
        (DECATHLON.format("FNL-00010000"), "Final Results", "final"),
        (DECATHLON.format("LJ----------"), "Long Jump", None),
        (DECATHLON.format("FNL-000100--"), "1500m", "other"),
        (DECATHLON.format("1500--------"), "1500m - Final", "other"),
    ],
)
def test_where_an_event_has_final_results_they_are_its_only_final(
    unit: str, stage: str, phase: str | None
) -> None:
    totals = events_with_total(
        [
            row(stage_code=DECATHLON.format("FNL-000100--"), stage="Final results"),
            row(stage_code=FINAL, stage="Final"),
        ]
    )
    assert import_row(row(stage_code=unit, stage=stage), totals=totals).get("phase") == phase
    other_event = import_row(row(stage_code=FINAL, stage="Final"), totals=totals)
    assert other_event["phase"] == "final"


def test_units_that_are_no_codes_belong_together_by_their_event() -> None:
    rows = [
        row(stage_code="r1", event_code="golf", stage="Final"),
        row(stage_code="total", event_code="golf", stage="Final Results"),
        row(stage_code="r1", event_code="mixed", stage="Final"),
    ]
    totals = events_with_total(rows)
    assert [import_row(it, totals=totals)["phase"] for it in rows] == ["other", "final", "final"]


HEADER = "stage_code,participant_code,participant_country_code,result\n"


def imported_csv(text: str) -> list[Imported | Unusable]:
    return list(import_csv(text.splitlines(keepends=True)))


def test_a_bad_row_is_told_with_its_line_and_the_others_are_imported() -> None:
    text = f"{HEADER}u1,7,ESP,55.78\nu1,,ESP,55.79\n\nu1,9,ESP\nu1,10,ESP,57,what\nu1,11,ESP,58\n"
    rows = imported_csv(text)
    assert [(it.line, isinstance(it, Imported)) for it in rows] == [
        (2, True),
        (3, False),
        (5, False),
        (6, False),
        (7, True),
    ]
    assert rows[1] == Unusable(3, "participant_code", "expected text, got nothing")
    assert "no more cells than the header" in str(rows[3])


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_byte_order_marks_separators_and_quotes_of_spreadsheets_are_read(separator: str) -> None:
    text = "\ufeff" + HEADER.replace(",", separator) + separator.join(('"u 1"', "7", "ESP", "5"))
    assert imported_csv(text) == [
        Imported(2, {"unit": "u 1", "competitor": {"id": "7"}, "faculty": "ESP", "mark": "5"})
    ]


@pytest.mark.parametrize("text", ["", "\n", "a,b,c\n1,2,3\n", "stage_code,participant_code\n"])
def test_a_file_without_the_columns_is_refused_as_a_whole(text: str) -> None:
    with pytest.raises(ResultError, match="expected a header line with this column"):
        imported_csv(text)


def test_a_broken_file_is_told_by_its_line() -> None:
    text = f'{HEADER}u1,7,ESP,"{"x" * 200_000}"\n'
    with pytest.raises(ResultError, match="expected CSV after line 1"):
        list(read_csv(text.splitlines(keepends=True)))
