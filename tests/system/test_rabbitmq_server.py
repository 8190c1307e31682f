"""The RabbitMQ that `up` and tests start."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.waiting import wait_until

pytestmark = pytest.mark.system

_STARTER = """
import sys, time
from pathlib import Path
from tests.support.rabbitmq import running_rabbitmq
with running_rabbitmq(Path(sys.argv[1])):
    print("up", flush=True)
    time.sleep(600)
"""


def test_it_ends_with_whoever_has_started_it_also_by_kill(tmp_path: Path) -> None:
    starter = subprocess.Popen(
        [sys.executable, "-c", _STARTER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert starter.stdout is not None
        assert starter.stdout.readline() == "up\n"
        assert _processes_of(tmp_path, besides=starter.pid)
    finally:
        starter.kill()
        starter.communicate()

    wait_until(lambda: not _processes_of(tmp_path), what=lambda: _processes_of(tmp_path))


def _processes_of(directory: Path, besides: int | None = None) -> list[str]:
    """Return the command lines of processes that name *directory*."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = file.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue  # it has ended
        if str(directory) in line and file.parent.name != str(besides):
            found.append(line)
    return found
