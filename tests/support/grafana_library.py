"""Grafana's own library over the frames of a dashboard's panels, in Node."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from medallero.up.settings import UpSettings

PROOF: Final = Path(__file__).parents[1] / "system" / "grafana"

Json = dict[str, Any]


def installed_library() -> Path:
    """Return where Grafana's library is, installed once for each content of its lock file."""
    lock = (PROOF / "package-lock.json").read_bytes()
    digest = hashlib.sha256(lock).hexdigest()[:16]
    home = UpSettings().cache_dir.expanduser().absolute() / f"grafana-data-{digest}"
    if not home.is_dir():
        # Elsewhere first: what broke off half-way is never taken for whole.
        fresh = home.with_name(f"{home.name}.{os.getpid()}")
        fresh.mkdir(parents=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(PROOF / name, fresh)
        installed = subprocess.run(
            ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"],
            cwd=fresh,
            capture_output=True,
            text=True,
            timeout=280,
            check=False,
        )
        assert installed.returncode == 0, installed.stderr
        try:
            fresh.rename(home)
        except OSError:  # another run was first
            shutil.rmtree(fresh)
    return home / "node_modules"


def show(library: Path, work: Sequence[Json]) -> dict[str, Json]:
    """Return what panels show, by their titles; *work* has a panel and its frames each."""
    done = subprocess.run(
        ["node", str(PROOF / "show.cjs")],
        input=json.dumps(work),
        env={**os.environ, "NODE_PATH": str(library)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    titles = [it["panel"]["title"] for it in work]
    assert len(set(titles)) == len(titles)
    return dict(zip(titles, json.loads(done.stdout), strict=True))


def rows(panel: Json) -> list[dict[str, Any]]:
    """Return the rows of the table that a panel gets."""
    names = [it["name"] for it in panel["columns"]]
    return [
        dict(zip(names, row, strict=True))
        for row in zip(*(it["values"] for it in panel["columns"]), strict=True)
    ]
