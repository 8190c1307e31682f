"""`make audit-dependencies` does not take silence for good news."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

SCRIPT: Final = Path(__file__).parents[2] / ".ci/audit-dependencies"

FINE: Final = {"name": "aiohttp", "version": "3.14.5", "vulns": []}
SKIPPED: Final = {"name": "faust-streaming", "skip_reason": "not found"}
BAD: Final = {
    "name": "requests",
    "version": "2.19.0",
    "vulns": [{"id": "PYSEC-2018-28", "fix_versions": ["2.20.0"], "aliases": []}],
}


def audited(directory: Path, **answers: list[dict[str, Any]]) -> subprocess.CompletedProcess[str]:
    """Run the script with a pip-audit that says this; nothing: the service is away.

    What it says depends on the world outside, so it cannot be the real one.
    """
    said = {
        name: json.dumps({"dependencies": packages, "fixes": []})
        for name, packages in answers.items()
    }
    program = directory / "pip-audit"
    program.write_text(
        f"#!{sys.executable}\n"
        "import sys\n"
        f"said = {said!r}.get(sys.argv[sys.argv.index('--vulnerability-service') + 1])\n"
        "print(said) if said else sys.exit('ERROR: could not connect')\n",
        encoding="utf-8",
    )
    program.chmod(0o755)
    return subprocess.run(
        [sys.executable, str(SCRIPT), str(program)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_known_weakness_is_told_with_its_remedy(tmp_path: Path) -> None:
    done = audited(tmp_path, pypi=[FINE, BAD])

    assert done.returncode == 1
    assert "requests 2.19.0: PYSEC-2018-28, mended in 2.20.0" in done.stdout


def test_none_is_said_only_if_every_package_was_asked_about(tmp_path: Path) -> None:
    done = audited(tmp_path, pypi=[FINE])

    assert (done.returncode, done.stdout) == (
        0,
        "1 packages, 0 with advisories, says the package index\n",
    )


def test_the_next_service_is_asked_if_the_first_does_not_know_them_all(tmp_path: Path) -> None:
    done = audited(tmp_path, pypi=[FINE, SKIPPED], osv=[FINE, BAD])

    assert done.returncode == 1
    assert "says OSV" in done.stdout


@pytest.mark.parametrize("answers", [{}, {"pypi": [FINE, SKIPPED]}])
def test_silence_is_no_good_news(tmp_path: Path, answers: dict[str, Any]) -> None:
    done = audited(tmp_path, **answers)

    assert done.returncode == 2
    assert "Not audited" in done.stderr
    assert done.stdout == ""
