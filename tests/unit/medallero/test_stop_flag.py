"""The flag that a signal's handler sets: no moment of waiting may block it."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from medallero.stop_flag import StopFlag

#: Waits for the flag, and raises SIGTERM at the line with the number argv[1] that it executes
#: after the first one of `wait`, whatever library that line belongs to.
WAIT = """
import signal, sys
from medallero.stop_flag import StopFlag

flag = StopFlag()
signal.signal(signal.SIGTERM, lambda *_: flag.set())
left = int(sys.argv[1])


def trace(frame, event, _argument):
    global left
    if event == "line":
        if left == 0:
            signal.raise_signal(signal.SIGTERM)
        left -= 1
    return trace


sys.settrace(trace)
while not flag.wait(0.01):
    pass
"""


@pytest.mark.parametrize("line", range(14))
def test_a_signal_at_any_line_of_the_wait_ends_it(line: int) -> None:
    done = subprocess.run([sys.executable, "-c", WAIT, str(line)], timeout=120)

    assert done.returncode == 0


def test_the_time_is_waited_when_nobody_sets_the_flag() -> None:
    began = time.monotonic()

    assert not StopFlag().wait(0.2)
    assert time.monotonic() - began >= 0.2
