"""An `up` in the background: what is said of it, what it ends with, and what `status` sees."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

import pytest
from click.testing import CliRunner

from medallero.cli import main
from medallero.embedded.datadir import DataDir
from medallero.options import read
from medallero.terminal import CannotDo, stdout
from medallero.up.background import LAST_LINE, read_environment, start
from medallero.up.run import run
from medallero.up.settings import UpSettings
from tests.support.ports import free_port


@pytest.mark.parametrize(
    ("program", "code", "said"),
    [
        (
            f"""
            write({LAST_LINE.encode()[:10]!r})
            time.sleep(0.5)
            write({LAST_LINE.encode()[10:]!r} + b"\\n")
            """,
            0,
            ["`medallero down` stops everything; the standings stay."],
        ),
        (r'write(b"peque\xf1o\nno end")' + "\nsys.exit(3)", 3, ["peque\ufffdo", "no end"]),
        ('write(b"Starting\\n")', 1, ["Starting", "It was ended before everything ran."]),
        ("os.kill(os.getpid(), 9)", 1, ["It was ended before everything ran."]),
    ],
    ids=["a line in two parts", "an error", "ended in order", "killed"],
)
def test_what_is_said_in_the_background_is_said_in_whole_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, code: int, said: list[str]
) -> None:
    command = tmp_path / "medallero"
    beginning = "import os, sys, time\nwrite = lambda it: os.write(1, it)\n"
    command.write_text(beginning + textwrap.dedent(program))
    monkeypatch.setattr(sys, "argv", [str(command)])
    heard: list[str] = []

    assert start([], tmp_path, heard.append) == code

    assert heard == said


def test_while_it_starts_nothing_is_told_of_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    data = tmp_path / "data"
    with DataDir(data):
        (data / "env").write_text("export MEDALLERO_ENDPOINT=http://127.0.0.1:1\n")
    assert read_environment(data) == {"MEDALLERO_ENDPOINT": "http://127.0.0.1:1"}
    # It comes no further than to its ports, which are the same.
    port = str(free_port())
    settings = read(UpSettings, {"data_dir": str(data), "http_port": port, "grpc_port": port})
    with pytest.raises(CannotDo, match="is taken"):
        run(settings, stdout())

    with DataDir(data):
        ran = CliRunner().invoke(main, ["status", "--data-dir", "~/data"])

    assert ran.exit_code == 2
    assert f"It is starting. What `up --detach` says is in {data}/up.log" in ran.output
