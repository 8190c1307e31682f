"""`medallero latest` against a gateway that answers as the test says."""

from __future__ import annotations

import json

import msgspec
import pytest
from click.testing import CliRunner

from contracts.events import Placed
from contracts.latest import ShownChange
from medallero.commands import latest
from tests.unit.fake_gateway import Busy, FakeGateway, serving


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
