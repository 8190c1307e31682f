"""Write what the course's clients send: ``python load/clients.py --count 1000``.

``VARIANTS`` has their paths, and what their bodies look like. The file has a line for each request:
the path, the key that makes its retry safe, the body, and what it counts for.
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

_FILE: Final = Path(__file__).with_name("clients.ndjson")

Kind = Literal["entries", "reports"]
#: What an item counts for: a sport and a faculty, or a place and a weather.
Pair = tuple[str, str]


class Variant(NamedTuple):
    """A body, the paths to which clients post such ones, and what its items count for."""

    kind: Kind
    paths: tuple[str, ...]
    body: Any
    counts: tuple[Pair, ...]


class Request(NamedTuple):
    """A request of a client."""

    path: str
    variant: Variant


_OF_ENGINEERING: Final = (
    *("/ingenieria", "/Ingenieria", "/engineering"),
    *("/send_student_inge", "/ingenieria/add_student"),
)
_OF_AGRONOMY: Final = (
    *("/agronomia", "/Agronomia", "/agronomy"),
    *("/send_student_agro", "/agronomia/add_student"),
)
_OF_ANY: Final = ("/", "/student", "/sendstudent", "/api/students", "/grpc-rust", "/grpc-go")
_OF_REPORTS: Final = (
    *("/input", "/clima", "/weather", "/weathertweet", "/api/weather"),
    *("/tweet", "/api/tweet", "/api/tweets"),
)

VARIANTS: Final = (
    Variant(
        "entries",
        _OF_ENGINEERING,
        {"student": "Alvaro García", "age": 20, "faculty": "Ingeniería", "discipline": 1},
        (("swimming", "engineering"),),
    ),
    Variant(
        "entries",
        _OF_AGRONOMY,
        {"name": "Lucía Pérez", "age": 22, "faculty": "Agronomia", "discipline": 2},
        (("athletics", "agronomy"),),
    ),
    Variant(
        "entries",
        ("/ingenieria",),
        {"nombre": "Noa Marín", "edad": 19, "facultad": "ingenieria", "disciplina": 3},
        (("boxing", "engineering"),),
    ),
    Variant(
        "entries",
        _OF_ENGINEERING,
        {"student": "Pau Roca", "age": "21", "discipline": "2"},
        (("athletics", "engineering"),),
    ),
    Variant(
        "entries",
        _OF_AGRONOMY,
        {"student": "Ana Ruiz", "discipline": "natación"},
        (("swimming", "agronomy"),),
    ),
    Variant(
        "entries",
        _OF_AGRONOMY,
        {"name": "José Núñez", "age": 24, "faculty": "Engineering", "discipline": 3},
        (("boxing", "engineering"),),
    ),
    Variant(
        "entries",
        _OF_ANY,
        {"name": "Ana Ruiz", "age": 18, "faculty": "INGENIERIA", "discipline": 1},
        (("swimming", "engineering"),),
    ),
    Variant(
        "entries",
        _OF_ANY,
        {"Student": "Pau Roca", "Age": 20, "Faculty": "agronomia", "Discipline": "Boxeo"},
        (("boxing", "agronomy"),),
    ),
    Variant(
        "entries",
        ("/student",),
        {"student": {"name": "Noa", "age": 23}, "faculty": "Agronomía", "discipline": 2.0},
        (("athletics", "agronomy"),),
    ),
    Variant(
        "entries",
        ("/students", "/api/students"),
        [
            {"student": "Lucía Pérez", "age": 20, "faculty": "Agronomía", "discipline": 1},
            {"student": "José Núñez", "age": 20, "faculty": "Ingeniería", "discipline": 2},
        ],
        (("swimming", "agronomy"), ("athletics", "engineering")),
    ),
    Variant(
        "entries",
        ("/participate",),
        {"Faculty": "Ingeniería", "Discipline": 3},
        (("boxing", "engineering"),),
    ),
    Variant(
        "reports",
        _OF_REPORTS,
        {"description": "Está lloviendo", "country": "GT", "weather": "Lluvioso"},
        (("GT", "lluvioso"),),
    ),
    Variant(
        "reports",
        ("/input",),
        [
            {"descripcion": "Hace sol", "Pais": "MX", "Clima": "Soleado"},
            {"descripcion": "Hay nubes", "Pais": "GT", "Clima": "Nubloso"},
        ],
        (("MX", "soleado"), ("GT", "nubloso")),
    ),
    Variant(
        "reports",
        _OF_REPORTS,
        {"municipality": "mixco", "temperature": 24, "humidity": 61, "weather": "sunny"},
        (("mixco", "sunny"),),
    ),
    Variant(
        "reports",
        _OF_REPORTS,
        {"municipality": 4, "temperature": -3, "humidity": 90, "weather": 4},
        (("chinautla", "foggy"),),
    ),
    Variant(
        "reports",
        ("/clima", "/weathertweet"),
        {"municipality": "3", "temperature": "18.5", "humidity": "80", "weather": "3"},
        (("amatitlan", "rainy"),),
    ),
    Variant(
        "reports",
        ("/clima",),
        {"municipio": "Guatemala", "temperatura": 20, "humedad": 70, "clima": "cloudy"},
        (("guatemala", "cloudy"),),
    ),
    Variant(
        "reports",
        ("/clima",),
        {"name": "francia", "temperatura": 20, "humedad": 50, "clima": "nublado"},
        (("FRANCIA", "nublado"),),
    ),
)


def requests(kind: Kind | None = None) -> Iterator[Request]:
    """Yield each variant at each of its paths, once; all kinds, or one."""
    for variant in VARIANTS:
        if kind in (None, variant.kind):
            for path in variant.paths:
                yield Request(path, variant)


def table(kind: Kind) -> str:
    """Return the table of a kind in Markdown, as docs/guide/clients.md has it."""
    things = "sport and faculty" if kind == "entries" else "place and weather"
    lines = [f"| paths | body | counts for ({things}) |", "| --- | --- | --- |"]
    for variant in VARIANTS:
        if variant.kind == kind:
            paths = " ".join(f"`{path}`" for path in variant.paths)
            body = json.dumps(variant.body, ensure_ascii=False)
            counts = "; ".join(", ".join(pair) for pair in variant.counts)
            lines.append(f"| {paths} | `{body}` | {counts} |")
    return "\n".join(lines)


def main() -> None:
    """Write the file, or print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--count", type=int, default=1_000, help="requests (default: %(default)s)")
    parser.add_argument("--kind", choices=("entries", "reports"), help="default: both")
    parser.add_argument(
        "--run",
        default="clients",
        help="beginning of the keys; the same keys again count once (default: %(default)s)",
    )
    parser.add_argument("--out", type=Path, default=_FILE, help="default: %(default)s")
    parser.add_argument("--table", action="store_true", help="print the variants instead")
    given = parser.parse_args()
    if given.table:
        print(table("entries"), table("reports"), sep="\n\n")
        return
    with given.out.open("w", encoding="utf-8") as out:
        wanted = itertools.islice(itertools.cycle(requests(given.kind)), given.count)
        for number, (path, variant) in enumerate(wanted):
            line = {
                "path": path,
                "key": f"{given.run}-{number}",
                "body": variant.body,
                "counts": variant.counts,
            }
            out.write(json.dumps(line, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
