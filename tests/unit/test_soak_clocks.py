"""The clocks of a hostile soak are wrong where they should be, and nowhere else."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from tests.soak.clocks import Clocks

#: A process that tells its clock again for each line that it is given.
TELL = """
import sys, time
for line in sys.stdin:
    print(time.time(), time.monotonic(), flush=True)
"""


def test_a_clock_is_wrong_from_the_moment_that_it_is_set_also_in_a_running_process(
    tmp_path: Path,
) -> None:
    clocks = Clocks(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-c", TELL],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **clocks.environment("one")},
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None

        def off_by() -> tuple[float, float]:
            assert process.stdin is not None
            assert process.stdout is not None
            wall, monotonic = time.time(), time.monotonic()
            process.stdin.write("\n")
            process.stdin.flush()
            told = process.stdout.readline().split()
            return float(told[0]) - wall, float(told[1]) - monotonic

        found = []
        for seconds in (0, 7_200, -7_200):
            clocks.set("one", seconds)
            clocks.set("another", 1_000_000)
            wall, monotonic = off_by()
            found.append(round(wall / 600) * 600)
            # What is measured in seconds goes on.
            assert round(monotonic / 600) == 0
        process.stdin.close()
    assert found == [0, 7_200, -7_200]
