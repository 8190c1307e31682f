"""Inputs of `send`: how files are recognised, and what is said of those that cannot be read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from medallero.files.inputs import InputError, Reading, Record, TextOptions, Unreadable, open_input
from olympics.importers import Names, Remark

RESULT = {"sport": "swimming", "unit": "100m", "competitor": {"id": "7"}, "mark": "58.40"}
ENTRY = {"student": "Ana", "age": 20, "faculty": "Ingeniería", "discipline": 1}


AS_IT_IS = Reading()

CSV = """stage_code,participant_code,participant_country_code,participant_name,rank,result
SWMM100MBA------------HEAT000100--,1,GUA,"PÉREZ, Ana",1.0,55.78
SWMM100MBA------------HEAT000100--,2,GUA,LÓPEZ,,
SWMM100MBA------------FNL-000100--,1,GUA,PÉREZ,2,3:10.61
"""


def read(path: Path, reading: Reading = AS_IT_IS, **options: Any) -> list[Record | Unreadable]:
    source = open_input(str(path), text=TextOptions(**options))
    try:
        return list(source.records(reading))
    finally:
        source.close()


def records(path: Path, reading: Reading = AS_IT_IS) -> list[Record]:
    found = read(path, reading)
    assert all(isinstance(it, Record) for it in found), found
    return [it for it in found if isinstance(it, Record)]


def write(tmp_path: Path, text: str | bytes) -> Path:
    path = tmp_path / "input"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_each_line_of_ndjson_is_a_record(tmp_path: Path) -> None:
    path = write(tmp_path, f"{json.dumps(RESULT)}\n\n{json.dumps(ENTRY)}")

    first, second = records(path)

    assert (first.kind, first.line, first.place) == ("results", 1, 0)
    assert (second.kind, second.line, second.place) == ("entries", 3, 1)


def test_a_record_is_sent_as_it_stands_in_the_file(tmp_path: Path) -> None:
    line = '{"sport":"swimming",  "unit":"a","mark":1.10,"mark":1.20}'

    (record,) = records(write(tmp_path, line))

    assert record.body == line.encode()


@pytest.mark.parametrize("indent", [None, 2])
def test_an_array_may_be_spread_over_lines(tmp_path: Path, indent: int | None) -> None:
    path = write(tmp_path, json.dumps([ENTRY, RESULT, ENTRY], indent=indent, ensure_ascii=False))

    found = records(path)

    assert [it.kind for it in found] == ["entries", "results", "entries"]
    assert b"\n" not in found[1].body
    assert json.loads(found[1].body) == RESULT


def test_an_array_longer_than_what_is_read_at_once(tmp_path: Path) -> None:
    many = [{**RESULT, "unit": f"unit {n} ñ"} for n in range(20_000)]
    path = write(tmp_path, json.dumps(many, ensure_ascii=False))

    found = records(path)

    assert [json.loads(it.body) for it in found] == many


def test_one_object_over_several_lines_is_one_record(tmp_path: Path) -> None:
    path = write(tmp_path, json.dumps(RESULT, indent=2) + "\n" + json.dumps(RESULT, indent=2))

    assert [json.loads(it.body) for it in records(path)] == [RESULT, RESULT]


def test_an_empty_array_has_no_records(tmp_path: Path) -> None:
    assert read(write(tmp_path, " [\n ] \n")) == []


def test_a_byte_order_mark_is_no_part_of_the_first_record(tmp_path: Path) -> None:
    path = write(tmp_path, b"\xef\xbb\xbf" + json.dumps(RESULT).encode())

    assert json.loads(records(path)[0].body) == RESULT


@pytest.mark.parametrize(
    "record",
    [
        ENTRY,
        {"name": "Ana", "age": 20, "faculty": "x", "discipline": 1},
        {"nombre": "Ana", "edad": 20, "facultad": "x", "disciplina": 1},
        {"name": "Ana", "faculty": "x", "sport": "boxing"},
    ],
)
def test_what_has_a_students_fields_is_an_entry(tmp_path: Path, record: dict[str, object]) -> None:
    assert records(write(tmp_path, json.dumps(record)))[0].kind == "entries"


@pytest.mark.parametrize("place", ["country", "municipality"])
def test_what_has_weather_and_a_place_is_a_weather_report(tmp_path: Path, place: str) -> None:
    report = {place: "GT", "weather": "Lluvioso", "name": "somebody"}

    (found,) = records(write(tmp_path, json.dumps(report)))

    assert (found.kind, found.minted) == ("reports", True)
    assert json.loads(found.body)["id"] == found.lane


def test_the_kind_can_be_said(tmp_path: Path) -> None:
    path = write(tmp_path, json.dumps(ENTRY))

    assert records(path, Reading(kind="results"))[0].kind == "results"


def test_an_entry_without_an_id_gets_one_that_the_run_decides(tmp_path: Path) -> None:
    path = write(tmp_path, "\n".join([json.dumps(ENTRY)] * 3))

    first = [json.loads(it.body)["id"] for it in records(path, Reading(run="a"))]
    again = [json.loads(it.body)["id"] for it in records(path, Reading(run="a"))]
    other = [json.loads(it.body)["id"] for it in records(path, Reading(run="b"))]

    assert first == again
    assert len({*first, *other}) == 6


def test_an_entrys_own_id_is_kept(tmp_path: Path) -> None:
    (record,) = records(write(tmp_path, json.dumps({**ENTRY, "id": "e1"})))

    assert json.loads(record.body)["id"] == "e1"
    assert not record.minted


def test_officials_ranks_can_be_left_out(tmp_path: Path) -> None:
    path = write(tmp_path, json.dumps({**RESULT, "rank": 3}))

    assert json.loads(records(path, Reading(ignore_rank=True))[0].body) == RESULT
    assert json.loads(records(path)[0].body)["rank"] == 3


def test_results_of_a_unit_share_a_lane_however_the_sport_is_spelled(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "\n".join(json.dumps({**RESULT, "sport": name}) for name in ("swimming", "SWM", "1")),
    )

    assert len({it.lane for it in records(path)}) == 1


def test_a_line_of_a_rejected_file_can_be_sent_again(tmp_path: Path) -> None:
    line = {"source": "x", "line": 4, "index": 3, "field": "mark", "error": "…", "record": RESULT}

    (record,) = records(write(tmp_path, json.dumps(line)))

    assert json.loads(record.body) == RESULT


def test_a_broken_line_concerns_that_line_alone(tmp_path: Path) -> None:
    good = json.dumps(RESULT)
    path = write(tmp_path, f'{good}\n{{"sport": \n[1]\nnull\n{{"mark": NaN}}\n{good}\n')

    found = read(path)

    assert [type(it).__name__ for it in found] == [
        "Record",
        "Unreadable",
        "Unreadable",
        "Unreadable",
        "Unreadable",
        "Record",
    ]
    broken = [it for it in found if isinstance(it, Unreadable)]
    assert [it.line for it in broken] == [2, 3, 4, 5]
    assert broken[1].error == "expected an object, found a list"
    assert broken[2].error == "expected an object, found null"


def test_a_line_of_megabytes_is_refused_and_the_next_is_read(tmp_path: Path) -> None:
    good = json.dumps(RESULT)
    path = write(tmp_path, f'{good}\n{{"x": "{"a" * 3_000_000}"}}\n{good}')

    found = read(path)

    assert [it.line for it in found] == [1, 2, 3]
    assert isinstance(found[1], Unreadable)
    assert "1048576 bytes" in found[1].error
    assert len(found[1].text) <= 1000


def test_deep_nesting_is_refused(tmp_path: Path) -> None:
    deep = "[" * 100_000 + "]" * 100_000
    path = write(tmp_path, f'{json.dumps(RESULT)}\n{{"mark": {deep}}}')

    assert isinstance(read(path)[1], Unreadable)


def test_rows_of_a_data_feed_are_results(tmp_path: Path) -> None:
    first, second, third = read(write(tmp_path, "\n" + CSV))

    assert isinstance(first, Record)
    assert (first.line, first.place) == (3, 0)
    assert json.loads(first.body) == {
        "unit": "SWMM100MBA------------HEAT000100--",
        "competitor": {"id": "1", "name": "PÉREZ, Ana"},
        "faculty": "GUA",
        "rank": 1,
        "mark": "55.78",
    }
    assert isinstance(second, Unreadable)
    assert (second.line, second.place, second.field) == (4, 1, "result")
    assert "LÓPEZ" in second.text
    assert isinstance(third, Record)
    assert third.place == 2


def test_ranks_of_a_data_feed_can_be_left_out(tmp_path: Path) -> None:
    first, *_ = read(write(tmp_path, CSV), Reading(ignore_rank=True))

    assert isinstance(first, Record)
    assert "rank" not in json.loads(first.body)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b" \n\n", "is empty"),
        (b"\x00\x01\x02\x03", "this is binary"),
        (b"\x1f\x8b\x08\x00", "gunzip"),
        (b"PK\x03\x04...", "spreadsheet"),
        (b"\n\xff\xfe\x80abc", "line 2"),
        (b"\x89PNG\r\n", "PNG"),
        (b"hello world", "expected a table"),
        (b"a,b,c\n1,2,3\n", "line 1: CSV with no column for the unit or event"),
        (b"unit,x,y\n1,2,3\n\x81,,,\n", "line 3: expected UTF-8 or Windows-1252"),
        (CSV.encode() + "López,2,3\n".encode("cp1252"), "line 5: this line is not in UTF-8"),
        (CSV.replace("participant_name", "Puesto").encode(), "two columns for the rank: 'Puesto'"),
        (b"<LENEX/>", "Lenex"),
        (b"42", "expected a table"),
    ],
)
def test_what_is_no_input_is_refused_whole(tmp_path: Path, content: bytes, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read(write(tmp_path, content))


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('[{"a": 1},\n{"b": 2}', 2),
        ('[{"a": 1},\n\n{"b": }]', 3),
        ('[{"a": 1}\n{"b": 2}]', 2),
        ('[{"a": 1}]\n\n[]', 3),
        ('[{"a": NaN}]', 1),
        ('{"a":\n 1,\n}', 1),
    ],
)
def test_a_broken_array_is_told_with_its_line(tmp_path: Path, text: str, line: int) -> None:
    with pytest.raises(InputError) as caught:
        read(write(tmp_path, text))

    assert caught.value.line == line


def test_a_missing_file_a_directory_and_a_forbidden_file_are_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        open_input(str(tmp_path / "missing"))
    with pytest.raises(InputError, match="is a directory"):
        open_input(str(tmp_path))


SPANISH = """Deporte;Prueba;Fase;Carné;Atleta;Facultad;Tiempo;Puesto
Natación;100 m libre;Final;011;Inés Núñez;Ingeniería;58,40;1
"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
def test_a_sheet_in_spanish_is_read_in_the_encodings_of_spreadsheets(
    tmp_path: Path, encoding: str
) -> None:
    for text in (SPANISH, SPANISH.replace("\n", "\r\n"), SPANISH.replace("\n", "\r")):
        (record,) = read(write(tmp_path, text.encode(encoding)))
        assert isinstance(record, Record)
        assert json.loads(record.body) == {
            "sport": "Natación",
            "unit": "100 m libre Final",
            "phase": "final",
            "competitor": {"id": "011", "name": "Inés Núñez"},
            "faculty": "Ingeniería",
            "rank": 1,
            "mark": "58,40",
        }
        assert (record.line, record.result_type) == (2, "TIME")


def test_an_encoding_that_was_found_is_told_and_one_can_be_said(tmp_path: Path) -> None:
    path = write(tmp_path, SPANISH.encode("cp1252"))
    source = open_input(str(path))
    assert [it.words for it in source.remarks] == [
        'not in UTF-8: read as Windows-1252, such as "Carné"'
    ]
    source.close()
    old = write(tmp_path, SPANISH.encode("cp850"))
    with pytest.raises(InputError, match="--encoding"):
        read(old)
    (record,) = read(old, encoding="cp850")
    assert "Ingeniería" in getattr(record, "body", b"").decode()
    for wrong, said in (("utf-8", "is not in"), ("nothing", "is no encoding"), ("hex", "no enc")):
        with pytest.raises(InputError, match=said):
            read(old, encoding=wrong)


def test_json_in_utf_16_is_read(tmp_path: Path) -> None:
    for text in (json.dumps(RESULT), json.dumps([RESULT], indent=1)):
        (record,) = read(write(tmp_path, text.encode("utf-16")))
        assert json.loads(getattr(record, "body", b"")) == RESULT


def test_what_an_importer_says_is_told_and_columns_can_be_named(tmp_path: Path) -> None:
    path = write(tmp_path, SPANISH.replace("Puesto", "Viento"))
    said: list[Remark] = []
    read(path, Reading(tell=said.append))
    assert [(it.kind, it.heading) for it in said if it.grave] == [("unknown column", "Viento")]
    (record,) = read(path, names=Names(columns={"viento": "rank"}))
    assert json.loads(getattr(record, "body", b""))["rank"] == 1
