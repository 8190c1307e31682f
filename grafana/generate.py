"""Writes the dashboards' JSON: ``python -m grafana.generate`` in the repository's root.

The files are what Grafana is provisioned with; a test compares them with what this writes.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Final

from grafana import cluster, pipeline, standings, weather

DIRECTORY: Final = Path(__file__).parent / "dashboards"


def files() -> dict[str, str]:
    """Return the content of every file by its name."""
    made = {
        "standings.json": standings.dashboard(),
        "pipeline.json": pipeline.dashboard(),
        "cluster.json": cluster.dashboard(),
        "weather.json": weather.dashboard(),
    }
    return {
        name: json.dumps(it.json(), indent=2, ensure_ascii=False) + "\n"
        for name, it in made.items()
    }


def main() -> None:
    """Write the files to where they belong, or into a directory given."""
    directory = Path(sys.argv[1]) if len(sys.argv) > 1 else DIRECTORY
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in files().items():
        (directory / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
