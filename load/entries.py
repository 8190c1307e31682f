"""Write the entries that the load is made of: ``python load/entries.py --count 10000``.

A line each: the path that a client posts to, the key that makes its retry safe, and the body. The
bodies are those of the course's clients: three sets of field names, faculties with and without
accents, disciplines as numbers and as words, and on a faculty's own path sometimes no faculty.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

_FILE: Final = Path(__file__).with_name("entries.ndjson")

_PATHS: Final = {
    "/ingenieria": "engineering",
    "/agronomia": "agronomy",
    "/engineering": "engineering",
    "/agronomy": "agronomy",
    "/v1/entries": None,
}
_FIELDS: Final = (
    ("student", "age", "faculty", "discipline"),
    ("name", "age", "faculty", "discipline"),
    ("nombre", "edad", "facultad", "disciplina"),
)
_FACULTIES: Final = {
    "engineering": ("Ingeniería", "ingenieria", "Engineering"),
    "agronomy": ("Agronomía", "agronomia", "Agronomy"),
}
_DISCIPLINES: Final = ((1, "1", "natación"), (2, "2", "Atletismo"), (3, "3", "boxing"))
_NAMES: Final = ("Alvaro García", "Lucía Pérez", "Noa Marín", "Pau Roca", "Ana Ruiz", "José Núñez")


def entries(count: int, games: str) -> Iterator[dict[str, Any]]:
    """Yield *count* entries; *games* is the beginning of their keys."""
    paths = list(_PATHS.items())
    for number in range(count):
        path, faculty = paths[number % len(paths)]
        student, age, its_faculty, discipline = _FIELDS[number // 5 % len(_FIELDS)]
        spellings = _FACULTIES[faculty or ("engineering", "agronomy")[number // 5 % 2]]
        body = {
            student: f"{_NAMES[number % len(_NAMES)]} {number}",
            age: 17 + number % 25,
            its_faculty: spellings[number // 3 % len(spellings)],
            discipline: _DISCIPLINES[number * 7 // 3 % 3][number // 2 % 3],
        }
        if faculty is not None and number % 4 == 0:
            del body[its_faculty]  # The path says it.
        yield {"path": path, "key": f"{games}-{number}", "body": body}


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--count", type=int, default=10_000, help="default: %(default)s")
    parser.add_argument(
        "--games",
        default="load",
        help="beginning of the keys; the same keys again count once (default: %(default)s)",
    )
    parser.add_argument("--out", type=Path, default=_FILE, help="default: %(default)s")
    given = parser.parse_args()
    with given.out.open("w", encoding="utf-8") as out:
        for entry in entries(given.count, given.games):
            out.write(json.dumps(entry, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
