"""The command line as a whole: its version, and what shells complete."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from medallero import __version__, version
from medallero.cli import _COMMANDS, main
from tests.support.clients import ROOT


def test_the_version_tells_number_commit_and_what_is_compiled() -> None:
    ran = CliRunner().invoke(main, ["--version"])

    assert ran.exit_code == 0
    told = dict(line.split(maxsplit=1) for line in ran.output.splitlines())
    assert told["medallero"] == __version__
    assert told["Python"] == ".".join(map(str, sys.version_info[:3]))
    compiled = [it for it in ("olympics.whole", "streams.canonical") if it in told["compiled"]]
    there = {
        name
        for name in ("olympics.whole", "streams.canonical")
        if list(ROOT.glob(name.replace(".", "/") + ".cpython*.so"))
    }
    assert set(compiled) == there


def test_the_commit_is_the_one_that_it_was_built_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = tmp_path / "commit.txt"
    monkeypatch.setattr(version, "COMMIT", built)
    built.write_text("0123456789ab\n")
    assert version.commit() == "0123456789ab"


def test_a_checked_out_commit_is_told_with_its_changes(tmp_path: Path) -> None:
    assert version.checked_out(tmp_path) is None
    git = ("git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b")
    for command in (("init", "-q"), ("commit", "-q", "--allow-empty", "-m", "first")):
        subprocess.run([*git, *command], check=True)
    clean = version.checked_out(tmp_path)
    assert re.fullmatch("[0-9a-f]{12}", clean or "")
    (tmp_path / "new").touch()
    subprocess.run([*git, "add", "new"], check=True)
    assert version.checked_out(tmp_path) == f"{clean}-dirty"


@pytest.mark.parametrize(
    "shell", ["bash", *(pytest.param(it, marks=pytest.mark.system) for it in ("zsh", "fish"))]
)
def test_a_shell_can_read_how_it_completes(shell: str, tmp_path: Path) -> None:
    ran = CliRunner().invoke(main, ["completion", shell])

    assert ran.exit_code == 0
    assert f"_MEDALLERO_COMPLETE={shell}_complete" in ran.output
    script = tmp_path / "completion"
    script.write_text(ran.output)
    subprocess.run([shell, "-n", str(script)], check=True)


def completed(*words: str) -> list[str]:
    """Return what bash is offered for the last of *words*."""
    environment = {
        "_MEDALLERO_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(("medallero", *words)),
        "COMP_CWORD": str(len(words)),
    }
    ran = CliRunner(env=environment).invoke(main, [], prog_name="medallero")
    return [line.partition(",")[2] for line in ran.output.splitlines()]


def test_commands_and_their_options_are_completed() -> None:
    assert completed("") == list(_COMMANDS)
    assert completed("me") == ["medallists"]
    assert completed("--ver") == ["--version"]
    assert "--speed" in completed("demo", "--s")
    assert completed("completion", "f") == ["fish"]


def test_completing_a_command_imports_none() -> None:
    code = (
        "import sys; from medallero.cli import main;"
        "main.shell_complete(main.context_class(main), '');"
        "print(*(it for it in sys.modules if it.startswith('medallero.commands')))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == ""
