"""`medallero catalogue`: what it prints, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from medallero.commands.catalogue import command
from olympics.catalogue import load_catalogue, make_catalogue

RESULTS = """sport,unit,phase,competitor_id,faculty,rank,mark
Log rolling,Final,final,1,Law,1,9.5
Log rolling,Final,final,2,Arts,2,9.1
"""


@pytest.fixture(autouse=True)
def packaged(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("MEDALLERO_CATALOGUE", raising=False)
    monkeypatch.chdir(tmp_path)


def run(*arguments: str, text: str | None = None, columns: int = 80) -> Result:
    result = CliRunner().invoke(
        command, arguments, input=text, env={"COLUMNS": str(columns), "TERM": "dumb"}
    )
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    return result


def test_check_tells_of_each_name_how_it_ranks_and_which_is_not_known() -> None:
    names = (
        "Shot put final\n# no name\nathletics: 100 m\nFinal\nBOXM60KG--------------SFNL000100--\n"
    )
    result = run("check", "--events", "-", "--sport", "ATH", "--json", text=names)

    assert result.exit_code == 1
    events = json.loads(result.output)["events"]
    assert [(it["sport"], it["order"], it["recognised"], it["phase"]) for it in events] == [
        ("athletics", "higher", True, None),
        ("athletics", "lower", True, None),
        ("athletics", "lower", False, None),
        ("boxing", "head-to-head", True, "semifinal"),
    ]


def test_check_says_which_two_bronzes_are_not_used(tmp_path: Path) -> None:
    file = tmp_path / "games.toml"
    file.write_text(
        'revision = 1\n[sports.judo]\ncode = "JUD"\norder = "head-to-head"\ntwo_bronzes = true\n'
        "[faculties.engineering]\n",
        "utf-8",
    )

    said = CliRunner().invoke(command, ["check", str(file)], catch_exceptions=False)

    assert said.exit_code == 0
    assert "sports.judo.two_bronzes is not used" in " ".join(said.output.split())


def test_check_tells_all_problems_with_their_lines() -> None:
    Path("games.toml").write_text("revison = 1\n[sports.x]\ncode = 3\n[faculties.y]\n")
    result = run("check", "games.toml", columns=200)

    assert result.exit_code == 1
    assert "games.toml, line 1: revison: " in result.output
    assert "games.toml, line 3: sports.x.code: " in result.output
    assert "It cannot be used." in result.output


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["check", "missing.toml"], "missing.toml cannot be read"),
        (["check", "--events", "missing.txt"], "missing.txt cannot be read"),
        (["check", "--events", "-"], "Of which sport is 'Final'?"),
        (["check", "--events", "-", "--sport", "chess"], "expected a sport of the catalogue"),
        (["show", "athletcs"], "Perhaps athletics"),
        (["from", "missing.csv"], "missing.csv"),
    ],
)
def test_what_cannot_be_done_is_told_with_a_remedy(arguments: list[str], told: str) -> None:
    result = run(*arguments, text="Final\n")

    assert result.exit_code == 2
    assert told in result.output


NO_SPORT = """Juegos universitarios
{}
Prueba;Fase;Atleta;Facultad;Lugar
-60 kg;Final;Ana;Law;1
"""


@pytest.mark.parametrize(
    ("title", "name", "options", "sport"),
    [
        ("JUDO - Resultados", "r.csv", [], "judo"),
        ("Resultados", "2026_Judo_varones.csv", [], "judo"),
        ("Voleibol de playa", "r.csv", [], "beach-volleyball"),
        ("Natación y atletismo", "r.csv", [], ""),
        ("Resultados", "r.csv", [], ""),
        ("Judo", "r.csv", ["--sport", "Lucha"], "wrestling"),
    ],
)
def test_from_takes_a_sport_that_no_column_tells(
    title: str, name: str, options: list[str], sport: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_text(NO_SPORT.format(title), "utf-8")
    made = run("from", name, "-o", "made.toml", *options)
    if sport:
        assert [*load_catalogue(tmp_path / "made.toml").sports] == [sport]
    else:
        assert made.exit_code == 2


def test_from_makes_a_catalogue_that_check_takes_and_overwrites_nothing() -> None:
    Path("results.csv").write_text(RESULTS)
    assert run("from", "results.csv", "-o", "games.toml").exit_code == 0

    catalogue = make_catalogue(Path("games.toml").read_text())
    assert catalogue.sports["log-rolling"].order == "higher"
    assert set(catalogue.faculties) == {"law", "arts"}
    assert run("check", "games.toml", "--events", "results.csv").exit_code == 0
    assert run("from", "results.csv", "-o", "games.toml").exit_code == 2


@pytest.mark.parametrize("columns", [40, 80])
def test_show_fits_the_terminal(columns: int) -> None:
    for arguments in (["show"], ["show", "ATH"]):
        result = run(*arguments, columns=columns)
        assert result.exit_code == 0
        assert max(map(len, result.output.splitlines())) <= columns
    assert "jabalina" in result.output


def test_show_as_json_has_everything() -> None:
    shown = json.loads(run("show", "--json").output)

    assert [it["name"] for it in shown["sports"]] == list(load_catalogue().sports)
    assert "jabalina" in shown["sports"][1]["events"][0]["words"]


BEFORE = """\
revision = 3
[sports.swimming]
code = "SWM"
title = "Swimming"
order = "lower"
events = [{ words = ["relay"], title = "Relay" }]
[faculties.law]
title = "Law"
"""


@pytest.mark.parametrize(
    ("old", "new", "place", "counts"),
    [
        ('title = "Law"', 'title = "Laws"', "faculties.law.title", False),
        ('title = "Law"', 'title = "Law"\nshort = "LAW"', "faculties.law.short", False),
        ('title = "Law"', 'title = "Law"\ncolour = "#1f77b4"', "faculties.law.colour", False),
        ('title = "Swimming"', 'aliases = ["Aquatics"]', "sports.swimming.aliases", False),
        ('title = "Relay"', 'title = "Relays"', "sports.swimming.events", False),
        ('title = "Relay"', 'order = "higher"', "sports.swimming.events", True),
        ('order = "lower"', 'order = "higher"', "sports.swimming.order", True),
        ('order = "lower"', 'order = "lower"\ntwo_bronzes = true', "swimming.two_bronzes", True),
        ('order = "lower"', 'order = "lower"\ntimes = true', "sports.swimming.times", True),
        ('code = "SWM"', 'code = "OWS"', "sports.swimming.code", True),
        (
            'order = "lower"',
            'order = "lower"\nirm = { disqualified = ["DISC"] }',
            "sports.swimming.irm",
            True,
        ),
        ("[faculties.law]", "[faculties.laws]", "faculties.law:", True),
        ("[sports.swimming]", "[sports.water]", "sports.water:", True),
        ("[faculties.law]", '[games]\nplace = "Here"\n[faculties.law]', "games.place", False),
    ],
)
def test_diff_says_what_changes_and_whether_results_are_counted_again(
    old: str, new: str, place: str, counts: bool, tmp_path: Path
) -> None:
    assert old in BEFORE
    (tmp_path / "old").write_text(BEFORE)
    changed = BEFORE.replace(old, new)
    (tmp_path / "new").write_text(changed)

    said = run("diff", str(tmp_path / "old"), str(tmp_path / "new"), columns=200)

    assert said.exit_code == int(counts)
    assert place in said.output
    assert (" (counts)" in said.output) == counts
    assert ("raise it above 3" in said.output) == counts
    # Workers go by the fingerprint.
    fingerprints = {make_catalogue(it).fingerprint for it in (BEFORE, changed)}
    assert (len(fingerprints) == 2) == counts


def test_diff_says_what_a_revision_alone_costs(tmp_path: Path) -> None:
    (tmp_path / "old").write_text(BEFORE)
    (tmp_path / "new").write_text(BEFORE.replace("revision = 3", "revision = 4"))

    said = run("diff", str(tmp_path / "old"), str(tmp_path / "new"), columns=200)

    assert said.exit_code == 0
    assert "Leave it at 3" in said.output
    (tmp_path / "new").write_text(BEFORE.replace("revision = 3", "revision = 2"))
    lower = run("diff", str(tmp_path / "old"), str(tmp_path / "new"), columns=200)
    assert "falls from 3 to 2: leave it at 3, or the standings stay as they are" in lower.output
    (tmp_path / "new").write_text("[sports")
    assert run("diff", str(tmp_path / "old"), str(tmp_path / "new")).exit_code == 2
