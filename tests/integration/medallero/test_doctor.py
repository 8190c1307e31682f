"""What `medallero doctor` finds among the results of a running system; its remedies help."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from medallero.cli import main
from olympics.catalogue import load_catalogue
from olympics.result import encode, parse_result
from tests.support.oracle import write_records
from tests.support.stack import Stack, unique_settings

pytestmark = pytest.mark.integration


@pytest.fixture
def games(kafka: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
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


def run(games: Stack, *arguments: str, stdin: str | None = None, **more: str) -> str:
    host, _, port = games.grpc[0].rpartition(":")
    environment = {
        **games.shell_environment(),
        "MEDALLERO_GRPC_HOST": host,
        "MEDALLERO_GRPC_PORT": port,
        "COLUMNS": "200",
        **more,
    }
    ran = CliRunner(env=environment).invoke(main, arguments, input=stdin, catch_exceptions=False)
    assert ran.exit_code == 0, ran.output
    return ran.stdout


def send(games: Stack, *records: dict[str, Any]) -> None:
    run(games, "send", "-q", "-", stdin="".join(json.dumps(it) + "\n" for it in records))
    games.settled()


def doctor(games: Stack, *arguments: str, **more: str) -> dict[str, dict[str, str]]:
    findings = json.loads(run(games, "doctor", "--json", *arguments, **more))
    return {it["name"]: it for it in findings}


def result(sport: str, unit: str, competitor: str, **fields: Any) -> dict[str, Any]:
    plain = {"sport": sport, "unit": unit, "phase": "final", "faculty": "engineering"}
    return {**plain, "competitor": {"id": competitor}, **fields}


def test_what_nobody_meant_is_found_and_gone_when_it_is_corrected(
    games: Stack, tmp_path: Path
) -> None:
    send(
        games,
        result("swimming", "100m Free Final", "1", mark="58.4"),
        result("swimming", "100M  free final", "2", mark="58.5"),
        result("swimming", "800m heat 1", "1", mark="8:58.4"),
        result("swimming", "800m heat 2", "2", mark="8:58.5"),
        *(result("swimming", "4x100m", f"a{it}", rank=1) for it in range(4)),
        result("swimming", "mixed", "1", rank=1),
        result("swimming", "mixed", "2", mark="50", faculty="agronomy"),
        result("swimming", "contradicts itself", "1", mark="50", irm="DNS"),
        result("swimming", "contradicts itself", "2", mark="51"),
        result("boxing", "bronze 71 kg", "1", outcome="lost", phase="bronze"),
        result("boxing", "bronze 71 kg", "2", outcome="lost", phase="bronze"),
        result("athletics", "Gummistiefelweitwurf", "1", mark="31.2"),
        result("athletics", "Gummistiefelweitwurf", "2", mark="32.2"),
    )

    found = doctor(games)

    for name, words in (
        ("look-alike events", "'100M free final'"),
        ("several finals of one event", "'800m heat 1'"),
        ("several medals of one faculty", "'4x100m': 4 gold for engineering"),
        ("ranks beside marks", "'mixed': 1 with a rank"),
        ("contradictions", "'contradicts itself', competitor 1: DNS"),
        ("medals that nobody takes", "'bronze 71 kg': nobody takes bronze"),
        ("unknown events", "'Gummistiefelweitwurf'"),
    ):
        assert found[name]["state"] == "warn"
        assert words in found[name]["facts"], found[name]
        # Two who have lost against each other contradict themselves too.
        number = 2 if name == "contradictions" else 1
        assert found[name]["facts"].startswith(f"{number} found\n")
        assert found[name]["remedy"]
    assert doctor(games, "--quick").keys().isdisjoint({"look-alike events", "conflicts"})

    withdrawn = tmp_path / "withdrawn.csv"
    withdrawn.write_text(
        "sport,unit,competitor\nswimming,100M free final,2\nswimming,800m heat 2,2\n"
        "swimming,4x100m,a1\nswimming,4x100m,a2\nswimming,4x100m,a3\n"
        "athletics,Gummistiefelweitwurf,1\nathletics,Gummistiefelweitwurf,2\n"
    )
    run(games, "withdraw", "--from", str(withdrawn), "--yes")
    corrected = tmp_path / "corrected.ndjson"
    corrected.write_text(
        '{"sport":"swimming","unit":"mixed","competitor":"1","rank":null,"mark":"51"}\n'
        '{"sport":"swimming","unit":"contradicts itself","competitor":"1","mark":null}\n'
        '{"sport":"boxing","unit":"bronze 71 kg","competitor":"2","outcome":"won"}\n'
    )
    run(games, "correct", "--from", str(corrected), "--yes")
    games.settled()

    assert {name: it["facts"] for name, it in doctor(games).items() if it["state"] != "ok"} == {}


def test_findings_are_counted_and_only_the_first_are_listed(games: Stack) -> None:
    send(
        games,
        *(result("swimming", f"{it}m", "1", mark="50", irm="DNS") for it in range(100, 140)),
    )

    facts = doctor(games)["contradictions"]["facts"]

    assert facts.startswith("40 found\n")
    assert "and 35 more" in facts
    assert len(facts.splitlines()) == 7


def test_what_was_rejected_can_be_sent_again(games: Stack, tmp_path: Path) -> None:
    """A producer of somebody's own wrote a good result under a wrong key, and garbage."""
    value = encode(parse_result(result("swimming", "by hand", "1", mark="50"), load_catalogue()))
    write_records(games.settings, [(b"nonsense", value), (b"nonsense", b"\x1b[31m garbage")])
    games.settled()

    found = doctor(games)["rejected"]
    assert found["state"] == "warn"
    assert found["facts"].startswith("2 records that are not results")
    assert "would take 1 of them: medallero doctor --rejected FILE" in found["remedy"]

    path = tmp_path / "again.ndjson"
    assert "1 records written" in run(games, "doctor", "--rejected", str(path))
    run(games, "send", str(path))
    games.settled()

    assert '"mark":"50.000"' in run(games, "history", "swimming", "by hand", "--json").replace(
        " ", ""
    )
    assert "would take" not in doctor(games)["rejected"]["remedy"]
    assert "nothing was written" in run(games, "doctor", "--rejected", str(tmp_path / "none"))


def test_what_was_rejected_and_counts_by_another_catalogue_is_told(
    games: Stack, tmp_path: Path
) -> None:
    """A faculty was missing while its results came in."""
    known = encode(parse_result(result("swimming", "law", "1", mark="50"), load_catalogue()))
    value = known.replace(b'"engineering"', b'"law"')
    write_records(games.settings, [(b"swimming/law", value)])
    games.settled()
    assert doctor(games)["rejected"]["state"] == "warn"

    packaged = Path("olympics/catalogue.toml").read_text()
    revision = load_catalogue().revision
    raised = packaged.replace(f"\nrevision = {revision}\n", f"\nrevision = {revision + 1}\n")
    catalogue = tmp_path / "catalogue.toml"
    catalogue.write_text(f'{raised}\n[faculties.law]\ntitle = "Law"\n')
    ran = CliRunner(
        env={**games.shell_environment(), "COLUMNS": "200", "MEDALLERO_CATALOGUE": str(catalogue)}
    ).invoke(main, ["doctor", "--json"])

    found = {it["name"]: it for it in json.loads(ran.stdout)}
    assert found["rejected"]["state"] == "ok"
    assert found["rejected before"]["state"] == "warn"
    assert found["rejected before"]["facts"].startswith("1 records")
    assert "restart the workers" in found["rejected before"]["remedy"]


def test_a_lower_revision_is_answered_with_the_one_to_exceed(games: Stack, tmp_path: Path) -> None:
    packaged = Path("olympics/catalogue.toml").read_text()
    revision = load_catalogue().revision
    catalogue = tmp_path / "catalogue.toml"
    catalogue.write_text(re.sub(r"^revision = \d+", "revision = 0", packaged, flags=re.MULTILINE))

    ran = CliRunner(
        env={**games.shell_environment(), "MEDALLERO_CATALOGUE": str(catalogue)}
    ).invoke(main, ["doctor", "--json", "--quick"])

    (found,) = [it for it in json.loads(ran.stdout) if it["name"] == "rules"]
    assert found["state"] == "fail"
    assert f"raise the revision of the catalogue above {revision}" in found["remedy"]
