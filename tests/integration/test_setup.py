"""The package can be installed where nothing can be compiled, and says so."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.support.clients import ROOT


def test_without_a_c_compiler_what_would_be_compiled_is_left_out(tmp_path: Path) -> None:
    # given what the build needs, and no compiler
    for name in ("setup.py", "setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path)
    for package in ("olympics", "streams", "medallero"):
        shutil.copytree(
            ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("*.so", "__pycache__")
        )
    # when
    built = subprocess.run(
        [sys.executable, "setup.py", "--quiet", "build"],
        cwd=tmp_path,
        env={**os.environ, "CC": "/nonexistent/cc"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    # then
    assert built.returncode == 0, built.stderr
    for name in ("olympics.whole", "streams.canonical"):
        assert f"{name} is left out" in built.stdout + built.stderr
    assert not list(tmp_path.rglob("*.so"))
