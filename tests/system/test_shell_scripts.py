"""The shell scripts have none of the mistakes that ShellCheck knows."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.system

ROOT = Path(__file__).parents[2]


def test_no_script_has_a_known_mistake() -> None:
    files = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    paths = [ROOT / name for name in files.stdout.split("\0") if name]
    scripts = [it for it in paths if it.is_file() and _is_shell(it)]
    assert scripts

    checked = subprocess.run(["shellcheck", *scripts], capture_output=True, text=True, check=False)

    assert checked.returncode == 0, checked.stdout


def _is_shell(file: Path) -> bool:
    with file.open("rb") as handle:
        first = handle.readline(100)
    return first.startswith(b"#!") and first.rstrip().endswith((b"sh", b"bash"))
