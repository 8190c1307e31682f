"""`medallero demo`: the whole day at high speed, on what it starts itself."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from medallero.demo.day import MOMENTS, facts
from tests.paris2024 import official_medals
from tests.support.ports import free_port
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(420)]

DEMO = (sys.executable, "-m", "medallero", "demo")


class Demo:
    """One `medallero demo`, which has a port for its page; its output goes to a file."""

    def __init__(self, directory: Path) -> None:
        self.data = directory / "data"
        self.port = free_port()
        self.output = directory / "output"
        # the shell of somebody whose games run elsewhere
        foreign = {"MEDALLERO_KAFKA": "127.0.0.1:1", "MEDALLERO_REDIS": "redis://127.0.0.1:1"}
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [*DEMO, "--speed=45", f"--http-port={self.port}", f"--data-dir={self.data}"],
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **foreign},
            )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def said(self) -> str:
        return self.output.read_text(encoding="utf-8")

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(f"{self.url}{path}", timeout=30) as answer:
            return json.load(answer)


@pytest.fixture
def demo(tmp_path: Path, kafka_jars: tuple[Path, ...]) -> Iterator[Demo]:
    it = Demo(tmp_path)
    yield it
    it.process.terminate()
    it.process.wait(90)


def test_the_day_is_played_shown_and_counted_right(demo: Demo) -> None:
    # while it is played, the latest changes tell what the day is made for
    latest: dict[tuple[str, str], dict[str, Any]] = {}

    def over() -> bool:
        assert demo.process.poll() is None, demo.said()
        if "The day begins" in demo.said():
            for it in demo.get("/v1/latest")["latest"]:
                latest[it["unit"], it["change"]] = it
        return "The day is over" in demo.said()

    wait_until(over, timeout=240, pause=0.3, what=demo.said)
    wait_until(lambda: demo.get("/v1/standings")["meta"]["results"] == len(facts()), timeout=60)
    tie, correction, moved, disqualification = (it.unit for it in MOMENTS)
    assert medals(latest[tie, "result"]) == {("gold", "ITA"), ("silver", "GBR"), ("silver", "USA")}
    assert latest[correction, "correction"]["changed"]["mark"] == "105.570"
    assert ("gold", "AUS") in medals(latest[moved, "correction"])
    assert latest[disqualification, "disqualification"]["changed"]["irm"] == "DSQ"
    assert ("bronze", "AUS") in medals(latest[disqualification, "disqualification"])
    for moment in MOMENTS:
        assert moment.line in demo.said()

    # the numbers are those of the facts, and of a recount
    assert_official(demo)
    shell = f'. "{demo.data}/env" && exec "{sys.executable}" -m medallero audit'
    subprocess.run(["sh", "-c", shell], check=True, timeout=120)

    # played once more, nothing changes
    again = subprocess.run(
        [*DEMO, "--gateway", demo.url, "--speed", "1000", "--seed", "2"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert again.returncode == 0, again.stdout + again.stderr
    assert f"{len(facts())} results are there already" in again.stdout
    assert_official(demo)

    # and both end with Ctrl-C
    with subprocess.Popen(
        [*DEMO, "--gateway", demo.url], stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout
        wait_until(lambda: "The morning" in other.stdout.readline())  # type: ignore[union-attr]
        other.send_signal(signal.SIGINT)
        assert other.wait(30) == 130
    demo.process.send_signal(signal.SIGINT)
    assert demo.process.wait(60) == 0
    assert "Stopped" in demo.said()


@pytest.mark.faults
def test_it_can_be_stopped_in_the_midst_of_the_day(tmp_path: Path) -> None:
    demo = Demo(tmp_path)
    try:
        wait_until(lambda: "finals and bouts" in demo.said(), timeout=180, what=demo.said)
        demo.process.send_signal(signal.SIGINT)
        assert demo.process.wait(60) == 0
    finally:
        demo.process.terminate()
    assert "The day is over" not in demo.said()
    assert "Traceback" not in demo.said()


def medals(change: dict[str, Any]) -> set[tuple[str, str]]:
    return {(it["medal"], it["faculty"]) for it in change["leaders"]}


def assert_official(demo: Demo) -> None:
    expected: dict[str, list[int]] = {}
    for sport in ("swimming", "boxing", "judo", "shooting"):
        for committee, its in official_medals(sport).items():
            sums = expected.setdefault(committee, [0, 0, 0])
            expected[committee] = [one + other for one, other in zip(sums, its, strict=True)]
    table = demo.get("/v1/standings")["medal_table"]
    shown = {it["faculty"]: [it["gold"], it["silver"], it["bronze"]] for it in table}
    assert {it: counts for it, counts in shown.items() if any(counts)} == expected
