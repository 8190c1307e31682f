"""Corrections against a running system: many from a file, and ranks that close up."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from medallero.cli import main
from tests.support.stack import Stack, unique_settings

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def games(kafka: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One stack for the module; each test has units of its own."""
    stack = Stack(unique_settings(kafka, redis_url), tmp_path_factory.mktemp("games"), {})
    try:
        stack.create_topics()
        stack.add_gateway()
        stack.add_worker()
        stack.wait_ready()
        stack.settled()
        yield stack
    finally:
        stack.stop()


def run(games: Stack, *arguments: str, stdin: str | None = None) -> Result:
    runner = CliRunner(env={**games.shell_environment(), "COLUMNS": "200"})
    return runner.invoke(main, arguments, input=stdin, catch_exceptions=False)


def done(ran: Result) -> str:
    assert ran.exit_code == 0, ran.output
    return ran.stdout


def send(games: Stack, *records: dict[str, Any]) -> None:
    done(run(games, "send", "-q", "-", stdin="".join(json.dumps(it) + "\n" for it in records)))


def swim(unit: str, competitor: str, **fields: Any) -> dict[str, Any]:
    faculty = "agronomy" if competitor == "2" else "engineering"
    plain = {"sport": "swimming", "unit": unit, "phase": "final", "faculty": faculty}
    return {**plain, "competitor": {"id": competitor, "name": f"Name {competitor}"}, **fields}


def survivors(games: Stack, unit: str, sport: str = "swimming") -> dict[str, dict[str, Any]]:
    """Return what counts of a unit's results, by competitor."""
    lines = done(run(games, "history", sport, unit, "--json")).splitlines()
    rows = [row for row in map(json.loads, lines) if row["fate"] != "replaced"]
    return {row["result"]["competitor"]["id"]: row["result"] for row in rows}


def medals(games: Stack) -> dict[str, tuple[int, ...]]:
    games.settled()
    faculties = json.loads(done(run(games, "board", "--json")))["faculties"]
    return {it["faculty"]: (it["gold"], it["silver"], it["bronze"]) for it in faculties}


def test_many_corrections_go_in_together_and_once(games: Stack, tmp_path: Path) -> None:
    units = [f"many {number}" for number in range(50)]
    send(games, *(swim(unit, str(it), mark=f"5{it}.5") for unit in units for it in range(1, 5)))
    before = medals(games)
    path = tmp_path / "corrections.csv"
    rows = [f"SWM;{unit};2;50,1;;\nSWM;{unit};1;;DSQ;Eva\n" for unit in units]
    path.write_text("sport;unit;competitor;mark;irm;name\n" + "".join(rows))

    shown = done(run(games, "correct", "--from", str(path), "--dry-run"))
    assert "mark 52.500 → 50.100" in shown
    assert "rank 2, loser, silver" in shown
    assert "100 corrections in 50 units" in shown
    assert "What changes in the medal table" in shown
    assert all(it["version"] == 1 for it in survivors(games, units[0]).values())

    said = done(run(games, "correct", "--from", str(path), "--yes"))
    assert "100 corrections are written" in said
    now = survivors(games, units[7])
    assert (now["2"]["mark"], now["2"]["version"]) == ("50.100", 2)
    assert now["2"]["competitor"]["name"] == "Name 2"  # what is not named stays
    assert (now["1"]["irm"], now["1"]["mark"]) == ("DSQ", "51.500")
    assert now["1"]["competitor"]["name"] == "Eva"
    assert now["3"]["version"] == 1
    gained = {name: counts[0] - before[name][0] for name, counts in medals(games).items()}
    assert (gained["agronomy"], gained["engineering"]) == (50, -50)

    assert "Nothing to change" in done(run(games, "correct", "--from", str(path), "--yes"))
    assert survivors(games, units[7]) == now


def test_the_medal_table_shown_is_the_one_that_comes(games: Stack, tmp_path: Path) -> None:
    send(games, swim("table", "1", mark="50"), swim("table", "2", mark="51"))
    before = medals(games)
    path = tmp_path / "one.ndjson"
    row = {"sport": "swimming", "unit": "table", "competitor": "2", "mark": "49.5"}
    path.write_text(json.dumps(row))

    shown = done(run(games, "correct", "--from", str(path), "--yes"))

    after = medals(games)
    table = shown.partition("What changes in the medal table:")[2]
    for name in ("engineering", "agronomy"):
        (line,) = [it for it in table.splitlines() if it.strip().startswith(f"{name} ")]
        assert f"{before[name][0]} → {after[name][0]}" in line
        assert f"{before[name][1]} → {after[name][1]}" in line


def test_nothing_is_sent_if_one_row_is_wrong(games: Stack, tmp_path: Path) -> None:
    send(games, swim("all or none", "1", mark="50"), swim("all or none", "2", mark="51"))
    path = tmp_path / "corrections.csv"
    path.write_text(
        "sport,unit,competitor,mark,status\n"
        "swimming,all or none,1,49,\n"
        "swiming,all or none,1,49,\n"
        "swimming,all or nnone,1,49,\n"
        "swimming,all or none,9,49,\n"
        "swimming,all or none,2,fast,\n"
        "swimming,all or none,1,48,\n"
    )

    ran = run(games, "correct", "--from", str(path), "--yes")

    assert ran.exit_code == 2
    assert "5 of 6 corrections cannot be made; nothing was sent" in ran.stderr
    for line, said in (
        (3, "There is no sport 'swiming'"),
        (4, "There is no unit 'all or nnone' of swimming"),
        (5, "There is no competitor '9'"),
        (6, "mark: expected"),
        (7, f"It corrects the same result as {path}, line 2"),
    ):
        assert f"{path}, line {line}: " in ran.stderr
        assert said in ran.stderr
    assert "all or none" in ran.stderr.partition("line 4")[2].partition("line 5")[0]
    assert all(it["version"] == 1 for it in survivors(games, "all or none").values())


def test_withdrawals_come_from_a_file_too(games: Stack, tmp_path: Path) -> None:
    send(games, swim("taken back", "1", mark="50"), swim("taken back", "2", mark="51"))
    path = tmp_path / "withdrawn.csv"
    path.write_text("sport,unit,competitor\nswimming,taken back,1\n")

    assert "rank 1, winner, gold" in done(run(games, "withdraw", "--from", str(path), "--yes"))
    assert survivors(games, "taken back")["1"]["status"] == "withdrawn"
    assert "Nothing to change" in done(run(games, "withdraw", "--from", str(path), "--yes"))


def ranked(games: Stack, unit: str) -> None:
    send(games, *(swim(unit, str(it), rank=it) for it in range(1, 5)))


def ranks(games: Stack, unit: str) -> dict[str, int | None]:
    return {name: it.get("rank") for name, it in survivors(games, unit).items()}


def test_a_disqualification_says_which_ranks_stay(games: Stack) -> None:
    ranked(games, "stays open")

    said = done(run(games, "correct", "swimming", "stays open", "1", "--irm", "DSQ", "--yes"))

    assert "2 to 4" in said
    assert "nobody takes gold" in said
    assert "--close-up" in said
    assert ranks(games, "stays open") == {"1": 1, "2": 2, "3": 3, "4": 4}


def test_ranks_behind_close_up_when_asked_and_only_once(games: Stack) -> None:
    ranked(games, "closes up")
    command = ("correct", "swimming", "closes up", "1", "--irm", "DSQ", "--close-up", "--yes")

    said = done(run(games, *command))

    assert "Ranks that move up: 2: 2 → 1, 3: 3 → 2, 4: 4 → 3." in said
    assert "rank 1, winner, gold" in said
    assert ranks(games, "closes up") == {"1": None, "2": 1, "3": 2, "4": 3}
    again = run(games, *command)
    assert (again.exit_code, "Nothing would change" in again.stderr) == (2, True)
    assert ranks(games, "closes up") == {"1": None, "2": 1, "3": 2, "4": 3}


def test_a_vacant_place_can_be_closed_later(games: Stack) -> None:
    ranked(games, "closes later")
    done(run(games, "correct", "swimming", "closes later", "2", "--irm", "DSQ", "--yes"))

    done(run(games, "correct", "swimming", "closes later", "2", "--irm", "DSQ", "--close-up", "-y"))

    assert ranks(games, "closes later") == {"1": 1, "2": None, "3": 2, "4": 3}


@pytest.mark.parametrize(("answers", "moved"), [("y\ny\n", True), ("n\ny\n", False)])
def test_an_official_is_asked_whether_ranks_move_up(
    games: Stack, answers: str, moved: bool
) -> None:
    unit = f"asked {moved}"
    ranked(games, unit)

    done(run(games, "withdraw", "swimming", unit, "1", stdin=answers))

    assert ranks(games, unit)["2"] == (1 if moved else 2)
    assert survivors(games, unit)["1"]["status"] == "withdrawn"


def test_ranks_close_up_in_a_file_for_all_of_its_units(games: Stack, tmp_path: Path) -> None:
    for unit in ("file a", "file b"):
        ranked(games, unit)
    path = tmp_path / "dsq.csv"
    path.write_text(
        "sport,unit,competitor,irm\nswimming,file a,1,DSQ\nswimming,file a,2,DSQ\n"
        "swimming,file b,3,DSQ\n"
    )

    for _ in range(2):  # the second time nothing moves any more
        done(run(games, "correct", "--from", str(path), "--close-up", "--yes"))
        assert ranks(games, "file a") == {"1": None, "2": None, "3": 1, "4": 2}
        assert ranks(games, "file b") == {"1": 1, "2": 2, "3": None, "4": 3}


def test_outcomes_and_medals_that_officials_wrote_are_named(games: Stack) -> None:
    bout = {"sport": "boxing", "unit": "final 71 kg", "phase": "final", "faculty": "engineering"}
    send(
        games,
        {**bout, "competitor": {"id": "red"}, "outcome": "won"},
        {**bout, "competitor": {"id": "blue"}, "outcome": "lost", "medal": "silver"},
    )

    said = done(run(games, "correct", "boxing", "final 71 kg", "red", "--irm", "DSQ", "--yes"))

    assert "medallero correct boxing 'final 71 kg' blue --outcome won" in said
    assert "blue keeps the officials' word on its medal, silver" in said
    assert "nobody takes gold" in said
