"""What `medallero send` tells before anything is sent, and what --strict makes of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from medallero.commands.send import command
from tests.unit.medallero.fake_gateway import FakeGateway, serving

CATALOGUE = """
revision = 1
[sports.swimming]
code = "SWM"
order = "lower"
times = true
[sports.athletics]
code = "ATH"
order = "lower"
events = [{ units = "*jump*", order = "higher" }]
[faculties.engineering]
aliases = ["ENG"]
[faculties.agronomy]
"""


@pytest.fixture(autouse=True)
def catalogue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "catalogue.toml"
    path.write_text(CATALOGUE)
    monkeypatch.setenv("MEDALLERO_CATALOGUE", str(path))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def gateway() -> Any:
    with serving(FakeGateway()) as running:
        yield running


def send(gateway: FakeGateway, *arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(
        command, ["--endpoint", gateway.url, *arguments], input=stdin, catch_exceptions=False
    )


def result(number: int, **fields: Any) -> dict[str, Any]:
    return {
        "sport": "swimming",
        "unit": "50 m final",
        "phase": "final",
        "competitor": {"id": str(number)},
        "faculty": "engineering" if number % 2 else "agronomy",
    } | fields


def ndjson(path: Path, *records: dict[str, Any]) -> str:
    path.write_text("".join(json.dumps(it) + "\n" for it in records))
    return str(path)


CLEAN = [result(n, mark=f"5{n}") for n in (1, 2, 3)]

DOUBTFUL = {
    "relay by members": (
        [result(n, rank=1, faculty="engineering") for n in (1, 3)],
        "2 gold for engineering",
    ),
    "ranks and marks": ([result(1, rank=1, mark="58"), result(2, mark="57")], "1 with only a mark"),
    "two spellings": (
        [result(1, mark="58"), result(2, mark="57", unit="50 M Final")],
        "look like one unit",
    ),
    "heats as finals": (
        [result(1, mark="58", unit="800 m heat 1"), result(2, mark="57", unit="800 m heat 2")],
        "2 finals of one event",
    ),
    "unrecognised": (
        [result(n, mark=f"6{n}", unit="javelin", sport="athletics") for n in (1, 2)],
        "no pattern of athletics in the catalogue matches 'javelin'",
    ),
    "did not start with a mark": ([result(1, irm="DNS", mark="57")], "beside the mark 57"),
    "a final without gold": (
        [result(n, rank=n, unit="100 m final") for n in (2, 3)],
        "'100 m final': nobody takes gold",
    ),
    "an unknown IRM": (
        [result(1, rank=1), result(2, irm="ROJA")],
        "nobody knows the invalid-result mark 'ROJA'",
    ),
    "rejected": ([result(1, mark="fast")], "it would be rejected"),
}


@pytest.mark.parametrize(("records", "said"), DOUBTFUL.values(), ids=list(DOUBTFUL))
def test_what_is_doubtful_is_told_with_file_and_line_and_strict_sends_nothing(
    gateway: FakeGateway, tmp_path: Path, records: list[dict[str, Any]], said: str
) -> None:
    path = ndjson(tmp_path / "r.ndjson", *records)

    ran = send(gateway, path)
    assert f"{path}, line 1: " in ran.stderr
    assert said in ran.stderr.replace("58.000", "58").replace("57.000", "57")
    assert len(gateway.accepted) == len(records)

    ran = send(gateway, "--strict", path)
    assert ran.exit_code == 3
    assert said in ran.stderr
    assert "Nothing was sent: 1 finding" in ran.stderr
    assert len(gateway.accepted) == len(records)


def test_clean_results_are_sent_without_a_word(gateway: FakeGateway, tmp_path: Path) -> None:
    ran = send(gateway, "--strict", ndjson(tmp_path / "r.ndjson", *CLEAN))
    assert (ran.exit_code, ran.stderr) == (0, "")
    assert len(gateway.accepted) == 3


def test_a_correction_of_a_part_of_a_final_is_not_told(
    gateway: FakeGateway, tmp_path: Path
) -> None:
    path = ndjson(tmp_path / "r.ndjson", result(3, rank=3, version=2))
    assert send(gateway, "--strict", path).exit_code == 0


def test_results_of_several_files_are_looked_at_together(
    gateway: FakeGateway, tmp_path: Path
) -> None:
    one = ndjson(tmp_path / "one.ndjson", CLEAN[0])
    other = ndjson(tmp_path / "other.ndjson", CLEAN[1] | {"unit": "50 m FINAL"})
    ran = send(gateway, "--strict", one, other)
    assert ran.exit_code == 3
    assert f"{one}, line 1: '50 m FINAL', '50 m final' look like one unit" in ran.stderr


CSV = """Deporte;Prueba;Fase;Carné;Facultad;Marca;Puesto;Viento
swimming;50 m;Ultimate;1;ENG;58,4;1;1.0
swimming;50 m;Ultimate;2;ENG;x58;2;1.1
swimming;50 m;Ultimate;;ENG;x58;2;1.1
"""


def test_what_a_table_loses_is_told_with_heading_count_and_remedy(
    gateway: FakeGateway, tmp_path: Path
) -> None:
    path = tmp_path / "r.csv"
    path.write_text(CSV)
    for said in (
        f"{path}, line 2: Viento: is not known; its 3 values are not sent. To do: name its field",
        f"{path}, lines 2, 3: Fase: 'Ultimate' is no stage that is known",
        f"{path}, line 3: Marca: 'x58' cannot be read as a mark and is not sent; the rank counts",
        f"{path}, line 4: Carné: expected text, got nothing; it is not sent",
    ):
        assert said in send(gateway, "--quiet", str(path)).stderr
    assert send(gateway, "--strict", str(path)).exit_code == 3


def test_a_sport_that_no_column_tells_is_taken_from_option_title_or_name_and_told(
    gateway: FakeGateway, tmp_path: Path
) -> None:
    rows = "event;phase;id;faculty;time;sport\n50 m;final;1;ENG;58,4;\n50 m;final;2;ENG;58;ATH\n"
    no_column = rows.replace(";sport", "").replace(";\n", "\n").replace(";ATH", "")
    for name, text, options, sports, told in (
        ("a.csv", rows, ["--sport", "SWM"], ["SWM", "ATH"], False),
        ("a.csv", rows, [], [None, "ATH"], False),
        ("a.csv", no_column, ["--sport", "SWM"], ["SWM", "SWM"], False),
        ("a.csv", "SWIMMING, results\n" + no_column, [], ["swimming"] * 2, True),
        ("swimming-2.csv", no_column, [], ["swimming"] * 2, True),
        ("a.csv", "Swimming and athletics\n" + no_column, [], [None, None], False),
    ):
        (tmp_path / name).write_text(text)
        ran = send(gateway, "--dry-run", *options, str(tmp_path / name))
        made = [json.loads(it) for it in ran.stdout.splitlines()]
        assert [it.get("sport") for it in made] == sports, (name, text)
        assert ("is the sport of its rows" in ran.stderr) is told


def test_a_result_type_against_the_catalogue_is_told(gateway: FakeGateway, tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    path.write_text(
        "sport,unit,phase,id,faculty,distance\n"
        "swimming,plunge,final,1,ENG,18\nswimming,plunge,final,2,agronomy,19\n"
    )
    ran = send(gateway, "--strict", str(path))
    assert ran.exit_code == 3
    assert "the file says that its marks are DISTANCE" in ran.stderr


def test_many_findings_of_a_kind_are_counted(gateway: FakeGateway, tmp_path: Path) -> None:
    units = [it for n in range(30) for it in (f"{n + 50} m final", f"{n + 50} M final")]
    records = [result(n, mark="50", unit=unit) for n, unit in enumerate(units)]
    ran = send(gateway, "--dry-run", "--quiet", ndjson(tmp_path / "r.ndjson", *records))
    assert ran.stderr.count("look like one unit") == 12
    assert "and 18 more of this kind: look alikes" in ran.stderr


def test_a_dry_run_prints_what_would_be_sent_and_sends_nothing(
    gateway: FakeGateway, tmp_path: Path
) -> None:
    path = tmp_path / "r.csv"
    path.write_text("sport,unit,phase,id,faculty,mark\nswimming,50 m,final,1,ENG,58.4\n,,,2,,\n")

    ran = send(gateway, "--dry-run", str(path))

    assert ran.exit_code == 1
    assert [json.loads(it) for it in ran.stdout.splitlines()] == [
        {
            "sport": "swimming",
            "unit": "50 m",
            "phase": "final",
            "competitor": {"id": "1"},
            "faculty": "ENG",
            "mark": "58.4",
        }
    ]
    assert "swimming · 50 m · final · 1 result · gold 1 (engineering)" in ran.stderr
    assert "rows without a result: 1" in ran.stderr
    assert not gateway.requests
    assert not list(tmp_path.glob("*.rejected*"))

    ran = send(gateway, "--dry-run", "--json", str(path))
    summary = json.loads(ran.stdout)
    assert summary["would_send"] == {"results": 1, "entries": 0, "reports": 0}
    assert [it["kind"] for it in summary["findings"]] == ["no result"]
    assert send(gateway, "--dry-run", "--strict", str(path)).exit_code == 3


def test_a_dry_run_tells_how_many_results_the_gateway_would_reject(
    gateway: FakeGateway, tmp_path: Path
) -> None:
    path = tmp_path / "r.csv"
    path.write_text(
        "sport,unit,phase,id,faculty,mark\n"
        "swimming,50 m,final,1,ENG,58.4\n"
        "swimming,50 m,final,2,LAW,59\n"
    )

    ran = send(gateway, "--dry-run", str(path))

    assert ran.exit_code == 1
    assert "of these would be rejected: 1; rows without a result: 0" in ran.stderr
    summary = json.loads(send(gateway, "--dry-run", "--json", str(path)).stdout)
    assert summary["would_be_rejected"] == 1


@pytest.mark.parametrize("option", ["--strict", "--dry-run"])
def test_standard_input_is_checked_where_that_is_asked_for(
    gateway: FakeGateway, option: str
) -> None:
    text = "".join(json.dumps(it) + "\n" for it in DOUBTFUL["two spellings"][0])
    assert "look like one unit" in send(gateway, option, "-", stdin=text).stderr
    assert not gateway.requests
    assert "look like" not in send(gateway, "-", stdin=text).stderr
    assert len(gateway.accepted) == 2


def test_without_a_catalogue_results_are_sent_and_strict_is_refused(
    gateway: FakeGateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDALLERO_CATALOGUE", str(tmp_path / "nowhere.toml"))
    path = ndjson(tmp_path / "r.ndjson", *CLEAN)
    ran = send(gateway, "--strict", path)
    assert ran.exit_code == 2
    assert "nowhere.toml" in ran.stderr
    ran = send(gateway, path)
    assert ran.exit_code == 0
    assert "Not checked before it is sent" in ran.stderr


@pytest.mark.parametrize("given", ["Nombre", "=name", "Nombre=nombre"])
def test_a_column_is_named_as_a_field(gateway: FakeGateway, tmp_path: Path, given: str) -> None:
    ran = CliRunner().invoke(command, ["--column", given, ndjson(tmp_path / "r.ndjson", *CLEAN)])
    assert ran.exit_code == 2
    assert "--column" in ran.stderr


def test_rejected_records_of_a_directory_that_cannot_be_written_to_are_in_the_current_one(
    gateway: FakeGateway, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    path = data / "r.csv"
    path.write_text("sport,unit,id,faculty,mark\nswimming,50 m,1,ENG,\n")
    # A directory in the file's place: the one failure that root meets as everybody does.
    (data / "r.csv.rejected.ndjson").mkdir()

    ran = send(gateway, str(path))

    assert ran.exit_code == 1
    written = tmp_path / "r.csv.rejected.ndjson"
    assert json.loads(written.read_text())["line"] == 2
    assert str(written) in ran.stderr
    assert f"nothing can be written in {data}" in ran.stderr


def test_of_very_many_results_the_first_are_looked_at_and_that_is_said(
    gateway: FakeGateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("medallero.files.inspection.CHECKED_RESULTS", 2)
    last = result(9, mark="57", unit="50 M Final")
    path = ndjson(tmp_path / "r.ndjson", *CLEAN, last)
    ran = send(gateway, path)
    assert "only the first 2 results were checked" in ran.stderr
    assert "look like one unit" not in ran.stderr
    assert len(gateway.accepted) == 4
    assert "look like one unit" in send(gateway, "--strict", path).stderr


def test_what_an_importer_says_of_the_rest_of_a_table_is_told_all_the_same(
    gateway: FakeGateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("medallero.files.inspection.CHECKED_RESULTS", 1)
    path = tmp_path / "r.csv"
    path.write_text(
        "sport,unit,phase,id,faculty,rank,mark\n"
        + "".join(f"swimming,50 m,final,{n},ENG,{n},58\n" for n in (1, 2))
        + "swimming,50 m,final,3,ENG,3,fast\n"
    )
    assert f"{path}, line 4: mark: 'fast' cannot be read" in send(gateway, str(path)).stderr


UNKNOWN = """Deporte;Prueba;Fase;Carné;Facultad;Marca
Nado;50 m;Ronda de oro;1;FIUSAC;58.40
Nado;50 m;Ronda de oro;2;Agro;58.50
Nado;50 m;Ronda de oro;3;Agro;58.60
"""
NAMES = """
[columns]
"Carné" = "competitor_id"
[stages]
"ronda de oro" = "final"
[faculties]
"fiusac" = "engineering"
"AGRO" = "agronomy"
[sports]
"NADO" = "swimming"
"""


def test_names_that_the_catalogue_has_not_are_listed_as_a_mapping_file(
    gateway: FakeGateway, tmp_path: Path
) -> None:
    path, names = tmp_path / "r.csv", tmp_path / "names.toml"
    path.write_text(UNKNOWN)

    ran = send(gateway, str(path), "--strict")
    assert ran.exit_code == 3
    # A name in the place of the ? would be somebody's, if the list is taken as it is.
    assert 'each ?:\n[sports]\n"Nado" = "?"  # 3 results' in ran.stderr

    names.write_text('[sports]\n"Nado" = "swimming"')
    ran = send(gateway, str(path), "--strict", "--map", str(names))
    listed = '[faculties]\n"Agro" = "?"  # 2 results\n"FIUSAC" = "?"  # 1 result'
    assert listed in ran.stderr
    names.write_text(f'[sports]\n"Nado" = "swimming"\n{listed}')
    assert send(gateway, str(path), "--strict", "--map", str(names)).exit_code == 3

    names.write_text(NAMES)
    ran = send(gateway, str(path), "--strict", "--map", str(names))
    assert (ran.exit_code, ran.stderr) == (0, "")
    assert [it["faculty"] for it in gateway.accepted] == ["engineering", "agronomy", "agronomy"]
    assert {it["phase"] for it in gateway.accepted} == {"final"}
    assert {it["unit"] for it in gateway.accepted} == {"50 m Ronda de oro"}


def test_a_name_that_is_listed_is_never_a_control_of_the_terminal(
    gateway: FakeGateway, tmp_path: Path
) -> None:
    path = tmp_path / "r.csv"
    path.write_text(UNKNOWN.replace("Nado", "Na\x9b2J\u202edo"))
    ran = send(gateway, str(path), "--strict")
    assert '"Na\\u009b2J\\u202edo" = "?"' in ran.stderr
    assert "\x9b" not in ran.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[columns", "expected TOML"),
        ("[kolumns]", "expected columns, stages, faculties or sports; got [kolumns]"),
        ('[columns]\n"Nombre" = "nombre"', "[columns] 'Nombre': expected - or one of"),
        ('[stages]\n"A" = "b"', "expected round, semifinal, final, bronze or other; got 'b'"),
        ("[faculties]\nA = 1", '[faculties]: expected lines such as "name" = "name"'),
        ("sports = 1", "[sports]: expected lines"),
    ],
)
def test_a_mapping_file_that_is_wrong_is_refused_with_an_example(
    gateway: FakeGateway, tmp_path: Path, text: str, said: str
) -> None:
    path, names = tmp_path / "r.csv", tmp_path / "names.toml"
    path.write_text(UNKNOWN)
    names.write_text(text)
    ran = send(gateway, str(path), "--map", str(names))
    assert ran.exit_code == 2
    assert said in ran.stderr
    assert '"Organisation in the file" = "engineering"' in ran.stderr
    assert gateway.accepted == []
