"""`medallero latest` against a gateway that answers as the test says."""

from __future__ import annotations

import json

import msgspec
import pytest
from click.testing import CliRunner

from contracts.events import Placed
from contracts.latest import ShownChange, told
from medallero.commands import latest
from tests.unit.medallero.fake_gateway import Busy, FakeGateway, serving


def placed(name: str, rank: int = 1) -> Placed:
    return Placed(rank, name, name, "law", "9.8", "9.80", None, None, None)


def change(offset: int, **fields: object) -> ShownChange:
    known = ShownChange(
        sport="swimming",
        unit=f"heat {offset}",
        event=None,
        title=None,
        titles={},
        stage=None,
        stages={},
        phase="round",
        state="official",
        results=2,
        leaders=[placed("Ana")],
        change="result",
        changed=placed("Ana"),
        at=1_700_000_000.0 + offset,
        partition=0,
        offset=offset,
    )
    return msgspec.structs.replace(known, **fields)


def answer(*changes: ShownChange) -> Busy:
    body = json.dumps({"latest": msgspec.to_builtins(changes)})
    return Busy(200, {"Content-Type": "application/json"}, body)


def test_who_follows_is_told_what_is_new_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latest, "_INTERVAL", 0.0)
    known = [change(offset) for offset in range(30, 0, -1)]
    gateway = FakeGateway()
    gateway.answers = [answer(*known), answer(change(31), *known), Busy(404)]
    with serving(gateway):
        ran = CliRunner().invoke(
            latest.command, ["--follow", "--limit", "2", "--json", "--endpoint", gateway.url]
        )
    assert [json.loads(line)["offset"] for line in ran.stdout.splitlines()] == [29, 30, 31]


@pytest.mark.parametrize("away", [Busy(503, body='{"error": "restarting"}'), Busy(502)])
def test_who_follows_waits_while_the_gateway_is_away(
    away: Busy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(latest, "_INTERVAL", 0.0)
    gateway = FakeGateway()
    gateway.answers = [away, answer(change(1)), away, away, answer(change(2)), Busy(404)]
    with serving(gateway):
        ran = CliRunner().invoke(latest.command, ["--follow", "--json", "--endpoint", gateway.url])
    assert [json.loads(line)["offset"] for line in ran.stdout.splitlines()] == [1, 2]
    assert ran.stderr.count("This goes on when there is an answer.") == 2
    assert "404" in ran.stderr


def test_who_follows_waits_for_a_gateway_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latest, "_INTERVAL", 0.0)
    gateway = FakeGateway()
    # The first one is asked again by the library.
    gateway.answers = [Busy(None), Busy(None), answer(change(1)), Busy(404)]
    with serving(gateway):
        ran = CliRunner().invoke(latest.command, ["--follow", "--json", "--endpoint", gateway.url])
    assert [json.loads(line)["offset"] for line in ran.stdout.splitlines()] == [1]


def test_before_the_first_result_it_says_so() -> None:
    gateway = FakeGateway()
    gateway.answers = [answer()]
    with serving(gateway):
        ran = CliRunner().invoke(latest.command, ["--endpoint", gateway.url])
    assert (ran.exit_code, ran.stdout, ran.stderr) == (0, "", "No result has come yet.\n")


def test_who_does_not_follow_is_told_that_the_gateway_is_away() -> None:
    gateway = FakeGateway()
    gateway.answers = [Busy(503, body='{"error": "restarting"}'), answer(change(1))]
    with serving(gateway):
        ran = CliRunner().invoke(latest.command, ["--endpoint", gateway.url])
    assert (ran.exit_code, ran.stdout) == (2, "")


@pytest.mark.parametrize(
    ("state", "names", "sentence"),
    [
        ("official", ["ana b"], "ana b (law) is first"),
        ("official", ["ana b", "Eva"], "ana b (law) and Eva (law) are first"),
        ("provisional", ["ana b"], "ana b (law) leads (provisional)"),
        ("running", ["ana b", "Eva"], "ana b (law) and Eva (law) lead (running)"),
        ("official", [], "Results are in"),
    ],
)
def test_who_leads_is_told_in_a_sentence_and_names_stay_as_they_are(
    state: str, names: list[str], sentence: str
) -> None:
    assert told(change(1, state=state, leaders=[placed(it) for it in names]), {}) == sentence


def test_medals_are_told_in_a_sentence() -> None:
    leaders = [
        msgspec.structs.replace(placed(name), medal=medal)
        for name, medal in (("Ana", "gold"), ("Eva", "silver"), ("Ida", "silver"))
    ]
    sentence = "Gold Ana (law), silver Eva (law) and Ida (law)"
    assert told(change(1, leaders=leaders), {}) == sentence
