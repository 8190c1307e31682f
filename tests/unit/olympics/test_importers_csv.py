"""CSV in the dialects that spreadsheets and programs write."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from olympics.importers import CsvTable, NoHeader, TableError
from olympics.importers.headings import FIELDS_WITHOUT_USE, HEADINGS, field_of
from olympics.importers.stages import read_stage

HEADER = "sport,unit,phase,competitor_id,faculty,mark"
ROW = "swimming,u1,final,7,ENG,55.78"


def table(text: str, **options: Any) -> CsvTable:
    lines = text.splitlines(keepends=True)
    return CsvTable(lambda: lines, **options)


def cells(text: str, **options: Any) -> list[dict[str, str]]:
    return [dict(it.cells) for it in table(text, **options).rows()]


WHOLE = {
    "sport": "swimming",
    "unit": "u1",
    "stage": "final",
    "competitor_id": "7",
    "faculty": "ENG",
    "mark": "55.78",
}


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_separators_line_ends_and_byte_order_marks(separator: str, end: str, mark: str) -> None:
    text = f"{HEADER}\n{ROW}\n".replace(",", separator).replace("\n", end)
    assert cells(mark + text) == [WHOLE]


@pytest.mark.parametrize("separator", [";", "|", ","])
def test_a_first_line_that_names_the_separator(separator: str) -> None:
    text = f"\ufeffsep={separator}\n" + f"{HEADER}\n{ROW}\n".replace(",", separator)
    assert cells(text) == [WHOLE]
    assert [it.line for it in table(text).rows()] == [3]
    assert not table(text).remarks


def test_empty_rows_and_empty_cells_at_the_end_are_left_out() -> None:
    text = f"{HEADER},,\n\n{ROW},,,,\n,,,,,,,\n   \n{ROW}\n"
    assert cells(text) == [WHOLE, WHOLE]
    assert [it.line for it in table(text).rows()] == [3, 6]


def test_text_beyond_the_headings_is_a_problem_of_its_row() -> None:
    first, second = table(f"{HEADER}\n{ROW},x\n{ROW}\n").rows()
    assert "no more cells than there are headings (6), got 'x'" in first.problem
    assert first.text == f"{ROW},x"
    assert not second.problem


def test_a_shorter_row_lacks_cells() -> None:
    assert cells(f"{HEADER}\nswimming,u1\n") == [{"sport": "swimming", "unit": "u1"}]


def test_quoted_cells_may_hold_separators_quotes_and_line_breaks() -> None:
    text = f'{HEADER},name\n"swimming","u, 1",final,7,ENG,55.78,"Ana ""Anita""\nRuiz"\n{ROW},Eva\n'
    first, second = table(text).rows()
    assert first.cells["unit"] == "u, 1"
    assert first.cells["name"] == 'Ana "Anita"\nRuiz'
    assert (first.line, second.line) == (3, 4)


def test_a_quotation_mark_that_is_never_closed_is_told_with_its_line() -> None:
    with pytest.raises(TableError, match="never closed") as error:
        table(f'{HEADER}\n{ROW}\nswimming,"u1,final,8,ENG,56\n{ROW}\n')
    assert error.value.line == 3


def test_a_cell_of_megabytes_is_told_with_its_line() -> None:
    with pytest.raises(TableError, match="expected CSV") as error:
        table(f'{HEADER}\n{ROW}\nu,"{"x" * 200_000}"\n')
    assert error.value.line == 3


def test_headings_may_come_after_titles_which_are_told() -> None:
    text = f"University Games 2026,,,,,\n,,,,,\n{HEADER}\n{ROW}\n"
    assert cells(text) == [WHOLE]
    (remark,) = table(text).remarks
    assert (remark.kind, remark.value, remark.grave) == (
        "line before the headings",
        "University Games 2026,,,,,",
        False,
    )


def test_headings_in_the_middle_are_left_out() -> None:
    assert cells(f"{HEADER}\n{ROW}\n{HEADER}\n{ROW}\n") == [WHOLE, WHOLE]


def test_unknown_columns_with_values_are_told() -> None:
    unknown = table(f"{HEADER},wind,empty,\n{ROW},,,\n{ROW},1.2,,what\n").remarks
    assert [(it.kind, it.heading, it.line) for it in unknown] == [
        ("unknown column", "wind", 3),
        ("unknown column", "(column 9, without a heading)", 3),
    ]
    assert "--column wind=-" in unknown[0].remedy


def test_columns_can_be_named_and_left_out() -> None:
    text = f"{HEADER},viento,Nom\n{ROW},1.2,Ana\n"
    options = {"columns": {"Viento": "-", "nom": "name"}}
    assert cells(text, **options) == [WHOLE | {"name": "Ana"}]
    assert not table(text, **options).remarks


@pytest.mark.parametrize(
    ("headings", "one", "other"),
    [
        ("rank,Puesto", "rank", "Puesto"),
        ("rank,rank", "rank", "rank"),
        ("time,x", "mark", "time"),
        ("x,Facultad", "faculty", "Facultad"),
        ("stage,x", "phase", "stage"),
    ],
)
def test_two_columns_for_one_field_are_an_error_that_names_both(
    headings: str, one: str, other: str
) -> None:
    with pytest.raises(TableError, match="two columns") as error:
        table(f"{HEADER},{headings}\n{ROW},1,2\n")
    assert f"'{one}' and '{other}'" in error.value.problem
    assert "--column" in error.value.problem


def test_of_two_columns_for_one_field_the_one_with_values_is_read() -> None:
    assert cells(f"{HEADER},time\n{ROW},\n") == [WHOLE]
    empty_first = f"time,{HEADER}\n,{ROW}\n"
    assert cells(empty_first) == [WHOLE]
    full_time = f"{HEADER},time\nswimming,u1,final,7,ENG,,55.78\n"
    assert cells(full_time)[0]["time"] == "55.78"


def test_columns_without_use_are_told_in_one_line_and_may_be_there_twice() -> None:
    text = f"{HEADER},lane,Carril,country,fecha\n{ROW},4,4,GT,2026\n"
    (remark,) = table(text).remarks
    assert (remark.kind, remark.heading) == (
        "column without use",
        "Carril, country, fecha, lane",
    )
    assert not remark.grave


@pytest.mark.parametrize(
    "text",
    ["", "\n", "a,b,c\n1,2,3\n", "stage_code,participant_code\n1,2\n", "one word\n", "\ufeff\n"],
)
def test_a_file_without_the_columns_is_refused_as_a_whole(text: str) -> None:
    with pytest.raises(NoHeader):
        table(text)


def test_what_lacks_is_named_with_headings_that_would_do() -> None:
    with pytest.raises(NoHeader) as error:
        table("Deporte,Puesto,Viento\nNatación,1,2\n")
    for text in ("the unit or event", "the competitor", "the faculty", "Deporte, Puesto, Viento"):
        assert text in error.value.problem


@pytest.mark.parametrize(
    ("heading", "field"),
    [
        *(("Stage_Code", "unit"), ("STAGE CODE", "unit"), ("StageCode", "unit")),
        *(("Marca (m)", "mark"), ("Posición", "rank"), ("posicion", "rank"), ("W/L", "outcome")),
        *(("competitor.id", "competitor_id"), ("Atleta", "competitor"), ("Tiempo", "time")),
        *(("deporte", "sport"), ("prueba", "event"), ("fase", "stage"), ("facultad", "faculty")),
        *(("medalla", "medal"), ("nombre", "name"), ("phase", "stage"), ("viento", None)),
    ],
)
def test_headings_are_known_in_any_spelling(heading: str, field: str | None) -> None:
    assert field_of(heading) == field


def test_every_heading_means_one_field() -> None:
    for field, headings in HEADINGS.items():
        assert {field_of(it) for it in headings} == {field}
        assert field_of(field) == field
    assert "mark" not in FIELDS_WITHOUT_USE
    assert "date" in FIELDS_WITHOUT_USE


GUIDE = Path(__file__).parents[3] / "docs" / "guide" / "importing.md"


def test_the_guide_names_headings_that_are_known_and_every_field() -> None:
    text = GUIDE.read_text("utf-8").partition("### Headings")[2].partition("### Phases")[0]
    rows = [it.split("|") for it in text.splitlines() if it.startswith("| ") and "---" not in it]
    # What comes after the headings of rank, outcome and medal are their values.
    headings = [re.split("; `(?:1|gold|won)`,", row[2])[0] for row in rows[1:]]
    listed = [it for texts in headings for it in re.findall(r"`([^`]+)`", texts)]
    fields = {field_of(it) for it in listed}
    assert None not in fields, [it for it in listed if field_of(it) is None]
    assert fields >= set(HEADINGS) - set(FIELDS_WITHOUT_USE) - {"games", "year", "country_code"}


def test_the_guides_words_of_phases_mean_them() -> None:
    text = GUIDE.read_text("utf-8").partition("### Phases")[2].partition("\n- ")[0]
    rows = re.findall(r"^\| `(\w+)` \| (.+) \|$", text, re.MULTILINE)
    assert len(rows) == 5
    for phase, words in rows:
        for word in words.split(", "):
            assert (word, read_stage(word).phase) == (word, phase)
