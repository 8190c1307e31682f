"""`medallero medallists` against a gateway that answers as the test says."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from medallero.commands import medallists
from tests.unit.medallero.fake_gateway import Busy, FakeGateway, serving


@pytest.mark.parametrize(
    ("gold", "said"),
    [(0, "No medallists.\n"), (2, "Beside these, entries of the course won 2 gold")],
)
def test_without_medallists_it_says_so(gold: int, said: str) -> None:
    entries = [{"faculty": "law", "gold": gold, "silver": 0, "bronze": 0}]
    body = json.dumps({"medallists": [], "entries": entries, "missing": [], "next": None})
    gateway = FakeGateway()
    gateway.answers = [Busy(200, {"Content-Type": "application/json"}, body)]
    with serving(gateway):
        ran = CliRunner().invoke(medallists.command, ["--endpoint", gateway.url])
    assert (ran.exit_code, ran.stdout) == (0, "")
    assert ran.stderr.startswith(said)
