"""Reports of the benchmarks: nothing is left out in silence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bench.builds import Missing, PythonBuild
from bench.worker import report
from bench.worker.compare import Comparison, Measured, Sizes, takes_part
from bench.worker.peers import Peer, peers
from bench.worker.workloads import WORKLOADS


def _report(comparison: Comparison) -> dict[str, Any]:
    return {
        "machine": {"processor": "test", "cores": 2, "memory_bytes": 2**30},
        "when": "2026-01-01T00:00:00+00:00",
        "workloads": {"A": "8 competitors a unit"},
        "peers": {
            peer.name: {"title": peer.title, "kind": peer.kind, **comparison.to_json(peer.name)}
            for peer in peers(Path())
        },
        "ratios": comparison.ratios(),
    }


def _comparison() -> Comparison:
    return Comparison(
        runs={
            "ours": {
                "A": [Measured(rate=r, warm_rate=r, records=9) for r in (300.0, 100.0, 200.0)]
            },
            "textbook": {"A": [Measured(rate=2.0, records=9)]},
            "quix": {
                "A": [
                    Measured(rate=50.0, records=9),
                    Measured(rate=50.0, records=9, problem="wrong numbers: gold of …"),
                ]
            },
        },
        missing={"kafka_streams": "not on the PATH: mvn (Debian: apt-get install maven)"},
    )


def test_the_rate_of_a_peer_is_the_median_of_its_runs() -> None:
    assert _comparison().middle("ours", "A") == 200.0


def test_a_peer_that_was_wrong_once_has_no_rate_and_no_ratio() -> None:
    comparison = _comparison()
    assert comparison.middle("quix", "A") is None
    assert comparison.ratios() == {"A": {"ours/textbook": 100.0}}


def test_missing_and_wrong_peers_are_in_the_table_and_in_the_json(tmp_path: Path) -> None:
    report.save(tmp_path, _report(_comparison()))
    text = (tmp_path / "worker.txt").read_text(encoding="utf-8")
    assert "missing: not on" in text
    assert "not counted" in text
    content = json.loads((tmp_path / "worker.json").read_text(encoding="utf-8"))
    assert content["peers"]["kafka_streams"]["missing"].startswith("not on the PATH")
    assert content["peers"]["quix"]["workloads"]["A"]["problem"].startswith("wrong numbers")
    assert content["ratios"]["A"]["ours/textbook"] == 100.0


def test_what_an_earlier_run_found_is_read_back(tmp_path: Path) -> None:
    assert report.load(tmp_path / "worker.json") == {}
    report.save(tmp_path, _report(_comparison()))
    assert report.load(tmp_path / "worker.json")["peers"]["ours"]["kind"] == "full"


def test_counters_take_no_part_in_corrections() -> None:
    by_name = {peer.name: peer for peer in peers(Path())}
    assert not takes_part(by_name["textbook"], WORKLOADS["C"])
    assert takes_part(by_name["quix"], WORKLOADS["C"])


def test_slow_peers_are_given_less_to_do() -> None:
    sizes = Sizes(count=300_000, medium=50_000, slow=2_000, rounds=1)
    pace = {peer.name: sizes.topic(peer) for peer in peers(Path())}
    assert pace["ours"] == pace["kafka_streams"] == 300_000
    assert pace["faust_take"] == pace["textbook"] == 50_000


def test_a_peer_without_its_compiler_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    java: Peer = next(peer for peer in peers(tmp_path) if peer.name == "kafka_streams")
    with pytest.raises(Missing, match=r"mvn.*apt-get install .*maven"):
        java.build()


def test_the_environment_of_quix_is_made_once_for_a_set_of_packages(tmp_path: Path) -> None:
    quix = PythonBuild(tmp_path, "quix", ("quixstreams",))
    (quix.python.parent.parent).mkdir(parents=True)
    (quix.python.parent.parent / "installed").touch()
    quix()
    assert not quix.python.exists()
