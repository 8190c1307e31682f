"""The gateway's bench: nothing is left out in silence, and broken promises are told."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest

from bench.gateway import report
from bench.gateway.compare import Comparison, Measured
from bench.gateway.overload import Memory, problems
from bench.gateway.page import with_figures
from bench.gateway.peers import peers
from bench.gateway.workloads import write_bodies, write_messages
from olympics.catalogue import load_catalogue
from olympics.result import parse_result
from protos.medallero.v1 import intake_pb2


def _overload(**fields: Any) -> dict[str, Any]:
    topic = {
        **{"records": 1_010, "acknowledged": 1_000, "unacknowledged": 10},
        **dict.fromkeys(("lost", "refused", "twice", "strange"), 0),
        **fields.pop("topic", {}),
    }
    numbers = ("accepted_p50_ms", "accepted_p99_ms", "accepted_max_ms", "refused_p99_ms")
    return {
        **dict.fromkeys(numbers, 5.0),
        **{
            "memory_bytes_most": 2**30,
            "seconds": 60.0,
            "connections": 2_560,
            "batch": 1,
            "memory_growth": 1.0,
        },
        **{"statuses": {"202": 1_000, "429": 5, "503": 10}, "broken": 0},
        **{"refused_without_retry_after": 0, "goodput": 90.0, "offered": 900.0, "best": 100.0},
        **{"goodput_of_best": 0.9, "problems": [], "topic": topic},
        **fields,
    }


def _report() -> dict[str, Any]:
    comparison = Comparison(missing={"karapace": "no such package"})
    for name, rates in {"ours": (300.0, 100.0, 200.0), "go_well": (400.0, 400.0, 400.0)}.items():
        for rate in rates:
            comparison.add(name, "singles_64", Measured(rate=rate, p50_ms=1.0, p99_ms=2.0, cpu=0.1))
    comparison.add("fastapi", "singles_64", Measured(rate=9.0, problem="wrk saw 3 × status"))
    return {
        "machine": {"processor": "test", "cores": 2, "memory_bytes": 2**30},
        "when": "2026-01-01T00:00:00+00:00",
        "quick": False,
        "workloads": {"singles_64": "one result a request, 64 connections"},
        "peers": {
            peer.name: {"title": peer.title, "kind": peer.kind, **comparison.to_json(peer.name)}
            for peer in peers(Path())
        },
        "ratios": comparison.ratios(),
        "grpc": {"missing": "not on the PATH: go", "workloads": {}, "ours": {"workloads": {}}},
        "overload": {"missing": None, "kinds": {"singles": _overload()}},
    }


def test_ratios_are_of_medians_and_leave_out_who_was_wrong_once() -> None:
    assert _report()["ratios"] == {"singles_64": {"ours/go_well": 0.5}}


def test_missing_and_wrong_peers_are_in_every_form_of_the_report(tmp_path: Path) -> None:
    report.save(tmp_path, _report())

    content = json.loads((tmp_path / "gateway.json").read_text(encoding="utf-8"))
    assert content["peers"]["karapace"]["missing"] == "no such package"
    assert content["peers"]["fastapi"]["workloads"]["singles_64"]["rate"] is None
    for name in ("gateway.txt", "gateway.md"):
        text = (tmp_path / name).read_text(encoding="utf-8")
        assert "missing: no such" in text
        assert "missing: not on" in text
        assert "not counted: wrk" in text


def test_the_tables_replace_what_stood_between_the_marks_of_the_page() -> None:
    page = "a\n<!-- figures: how -->\nold\n<!-- end of figures -->\nz\n"

    once = with_figures(page, report.markdown(_report()))

    assert "old" not in once
    assert "0.50 ×" in once
    assert once.startswith("a\n<!-- figures: how -->\n")
    assert once.endswith("<!-- end of figures -->\nz\n")
    assert with_figures(once, report.markdown(_report())) == once
    with pytest.raises(ValueError, match="marks"):
        with_figures("nothing", "new")


def test_an_overload_that_keeps_every_promise_has_no_problems() -> None:
    assert problems(_overload()) == []


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        ({"topic": {"lost": 3}}, "3 acknowledged records are not on the topic"),
        ({"topic": {"refused": 1}}, "refused with 429 are on the topic"),
        ({"topic": {"twice": 2}}, "more often than sent"),
        ({"refused_without_retry_after": 4}, "no Retry-After"),
        ({"broken": 5}, "no answer"),
        ({"statuses": {"202": 1, "500": 7}}, "7 answers were neither"),
        ({"goodput_of_best": 0.79}, "goodput is 79%"),
    ],
)
def test_each_broken_promise_under_overload_is_told(broken: dict[str, Any], told: str) -> None:
    (problem,) = problems(_overload(**broken))
    assert told in problem


def test_memory_that_grows_is_seen_and_what_fills_at_the_start_is_not() -> None:
    memory = Memory.__new__(Memory)
    memory.samples = [(at / 10, 50 if at < 25 else 100 if at < 75 else 150) for at in range(100)]

    figures = memory.figures(10.0)

    assert figures["memory_growth"] == 1.5
    assert figures["memory_bytes_most"] == 150


def test_what_is_sent_over_http_and_grpc_is_the_same_and_good(tmp_path: Path) -> None:
    catalogue = load_catalogue()
    lists = [json.loads(line) for line in write_bodies(tmp_path, 500).read_bytes().splitlines()]
    content = write_messages(tmp_path, 500).read_bytes()
    (size,) = struct.unpack(">I", content[:4])
    first = intake_pb2.SubmitRequest.FromString(content[4 : 4 + size])

    results = [parse_result(it, catalogue) for it in lists[0]]

    assert all(len(it) == 500 for it in lists)
    assert [(it.unit, it.competitor.id, it.mark) for it in first.results] == [
        (it["unit"], it["competitor"]["id"], it["mark"]) for it in lists[0]
    ]
    assert len({(it.unit, it.competitor.id) for it in results}) == 500
