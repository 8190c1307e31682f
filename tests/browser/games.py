"""A running system that has the results of Paris, or those of one's own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.paris2024 import CATALOGUE, SportName, odf_csv
from tests.support.stack import Stack, unique_settings

SPORTS: tuple[SportName, ...] = ("swimming", "boxing")


@contextmanager
def running_games(
    kafka: str,
    redis: str,
    directory: Path,
    environment: Mapping[str, str] | None = None,
    **fields: Any,
) -> Iterator[Stack]:
    """Run a gateway and a worker; further arguments are fields of the settings."""
    games = Stack(unique_settings(kafka, redis, **fields), directory, environment or {})
    try:
        games.create_topics()
        games.add_gateway()
        games.add_worker()
        games.wait_ready()
        yield games
    finally:
        games.stop()


@contextmanager
def paris_games(
    kafka: str,
    redis: str,
    directory: Path,
    environment: Mapping[str, str] | None = None,
    *options: str,
) -> Iterator[Stack]:
    """Run a system that has counted swimming and boxing of Paris 2024.

    *options* are those of the command that sends the results.
    """
    with running_games(kafka, redis, directory, environment, catalogue=CATALOGUE) as games:
        files = []
        for sport in SPORTS:
            path = directory / f"{sport}.csv"
            path.write_text(odf_csv(sport), encoding="utf-8")
            files.append(str(path))
        subprocess.run(
            games.command("send", *files, "--quiet", *options),
            env={**os.environ, **games.shell_environment()},
            check=True,
            timeout=120,
        )
        games.settled()
        yield games
