"""The program in docs/bulk.md runs, and does what the page says."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.bulk_lab import Lab
from tests.support.waiting import wait_until

pytestmark = pytest.mark.integration

_ROOT = Path(__file__).parents[3]
_PAGE = _ROOT / "docs/bulk.md"


def test_the_example_keeps_the_greatest_of_each_key(kafka: str, tmp_path: Path) -> None:
    # given the page's program, with topics of this test
    lab = Lab(kafka, tmp_path, "memory", partitions=2)
    [program] = re.findall(r"^```python\n(.*?)^```$", _PAGE.read_text(), re.DOTALL | re.MULTILINE)
    for name, ours in (
        ('"levels"', f'"{lab.name}"'),
        ('"readings"', f'"{lab.source}"'),
        ('"levels-greatest-changelog"', f'"{lab.changelog}"'),
    ):
        assert name in program
        program = program.replace(name, ours)
    (tmp_path / "levels.py").write_text(program)
    lab.write([("a", 3), ("b", 1), ("a", 7), ("a", 5)])
    # when
    with (tmp_path / "log").open("wb") as log:
        worker = subprocess.Popen(
            [sys.executable, "levels.py", "worker"],
            cwd=tmp_path,
            env={**os.environ, "KAFKA": kafka, "PYTHONPATH": str(_ROOT)},
            stdout=log,
            stderr=log,
        )
        try:
            # then
            wait_until(
                lambda: sum(offset or 0 for offset in lab.committed().values()) == 4,
                timeout=60,
                what=lambda: (tmp_path / "log").read_text(),
            )
            # and it stops in order
            worker.send_signal(signal.SIGTERM)
            assert worker.wait(30) == 0
        finally:
            worker.kill()
            worker.wait()
    greatest = {key[:-8]: value for _, key, value in lab.changes() if key is not None}
    assert greatest == {b"a": b"7", b"b": b"1"}


def test_every_promise_of_the_page_is_a_test() -> None:
    tests = {
        name
        for path in Path(__file__).parents[2].rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", path.read_text(), re.MULTILINE)
    }
    promised = set(re.findall(r"`(test_\w+)`", _PAGE.read_text()))
    assert promised
    assert promised <= tests
