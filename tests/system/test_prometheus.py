"""Prometheus' own tool finds nothing wrong in configurations and rules, and runs their tests."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

pytestmark = pytest.mark.system

DIRECTORY: Final = Path(__file__).parents[2] / "prometheus"


def promtool(*arguments: object, directory: Path = DIRECTORY) -> None:
    done = subprocess.run(
        ["promtool", *map(str, arguments)],
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "FAILED" not in done.stdout + done.stderr


@pytest.mark.parametrize("name", ["prometheus.yml", "compose.yml", "kubernetes.yml"])
def test_the_configuration_is_right(name: str, tmp_path: Path) -> None:
    shutil.copytree(DIRECTORY / "rules", tmp_path / "rules")
    text = (DIRECTORY / name).read_text("utf-8")
    # Debian's build has no discovery in Kubernetes; all but that is checked.
    text, places = re.subn(
        r"kubernetes_sd_configs:\n      - role: (pod|node|endpoints)\n",
        "static_configs:\n      - targets: [a:1]\n",
        text,
    )
    (tmp_path / name).write_text(text, encoding="utf-8")

    # The files of a service account exist in its pod only.
    syntax = ["--syntax-only"] if places else []
    promtool("check", "config", *syntax, name, directory=tmp_path)

    assert bool(places) == (name == "kubernetes.yml")
    assert {f"rules/{it}" for it in re.findall(r"- rules/(\S+)", text)} <= {
        f"rules/{it.name}" for it in (DIRECTORY / "rules").iterdir()
    }


def test_the_rules_are_right() -> None:
    promtool("check", "rules", *sorted((DIRECTORY / "rules").iterdir()))


def test_each_alert_fires_when_it_should_and_not_otherwise() -> None:
    promtool("test", "rules", *sorted((DIRECTORY / "tests").iterdir()))
