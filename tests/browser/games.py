"""A running system that has the results of Paris, or those of one's own."""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any, Final

from medallero.catalogue.draft import KNOWN_SPORTS
from olympics.catalogue import load_catalogue
from olympics.result import parse_result
from tests.paris2024 import CATALOGUE, SportName, odf_csv
from tests.support.oracle import write_results
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
    catalogue: Path = CATALOGUE,
    sports: Sequence[SportName] = SPORTS,
) -> Iterator[Stack]:
    """Run a system that has counted swimming and boxing of Paris 2024, or other *sports*.

    *options* are those of the command that sends the results.
    """
    with running_games(kafka, redis, directory, environment, catalogue=catalogue) as games:
        files = []
        for sport in sports:
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


#: Fields of study and towns, each with a short name: two hundred faculties that are called alike.
FIELDS: Final = {
    "Agronomía": "AGRO",
    "Arquitectura y Diseño Industrial": "ARQ",
    "Bellas Artes": "ART",
    "Ciencias de la Comunicación": "COM",
    "Ciencias Económicas y Administrativas": "ECON",
    "Ciencias Jurídicas y Sociales": "DER",
    "Ciencias Políticas y Relaciones Internacionales": "POL",
    "Ciencias Químicas y Farmacia": "QUÍM",
    "Ciencias Veterinarias y Zootecnia": "VET",
    "Ciencias Veterinarias": "CVET",
    "Educación Física y Deporte": "EFD",
    "Enfermería": "ENF",
    "Humanidades": "HUM",
    "Ingeniería": "ING",
    "Ingeniería Civil y Ambiental": "ICA",
    "Lenguas Modernas": "LEN",
    "Matemática, Astronomía y Física": "FAMAF",
    "Medicina": "MED",
    "Odontología": "ODO",
    "Psicología": "PSI",
}
TOWNS: Final = {
    "Córdoba": "CBA",
    "San Carlos": "SC",
    "Quetzaltenango": "QUE",
    "Occidente": "OCC",
    "el Litoral": "LIT",
    "la Patagonia Austral": "PAT",
    "Chiquimula": "CHI",
    "Petén": "",
    "Jutiapa": "",
    "Santiago del Estero": "",
}
_FIRST: Final = ("Ana", "Bruno", "Camila", "Diego", "Elena", "Facundo", "Inés", "Joaquín", "Lucía")
_LAST: Final = ("Acosta", "Benítez", "Cabrera", "Domínguez", "Escobar", "Fernández", "Ibáñez")
MANY_SPORTS: Final = 40


def many_catalogue() -> str:
    """Return a catalogue of fifty sports and two hundred faculties; a few have no short name."""
    known = resources.files("olympics").joinpath(KNOWN_SPORTS).read_text("utf-8")
    sports, _, _ = known.partition("[faculties.")
    games = (
        '[games]\ntitle = "Inter-University Games of the South"\n'
        'titles = { es = "Juegos Interuniversitarios del Sur" }\n'
        'begins = 2026-11-20\nends = 2026-11-29\nplace = "Córdoba"\n'
    )
    faculties = []
    for number, (town, its_short) in enumerate(TOWNS.items()):
        for field, (study, short) in enumerate(FIELDS.items()):
            of = "del" if town.startswith("el ") else "de"
            name = town.removeprefix("el ")
            lines = [
                f"[faculties.f{number}{field:02}]",
                f'title = "Facultad de {study} {of} {name}"',
                f'colour = "#{field * 12 + 10:02x}{number * 25:02x}{255 - field * 12:02x}"',
            ]
            if its_short:
                lines.append(f'short = "{short} {its_short}"')
            faculties.append("\n".join(lines))
    return "\n\n".join((sports, games, *faculties, ""))


@contextmanager
def many_games(kafka: str, redis: str, directory: Path) -> Iterator[Stack]:
    """Run a system with results of two hundred faculties in forty sports."""
    path = directory / "catalogue.toml"
    path.write_text(many_catalogue(), encoding="utf-8")
    catalogue = load_catalogue(path)
    faculties = list(catalogue.faculties)
    chance = random.Random(2026)
    weights = [1 / (1 + place / 20) for place in range(len(faculties))]
    chance.shuffle(weights)
    results = [
        {
            "sport": sport,
            "unit": f"{whose} event {event}, final",
            "phase": "final",
            "competitor": {
                "id": f"{whose}{event}{place}",
                "name": f"{chance.choice(_FIRST)} {chance.choice(_LAST)}",
            },
            "faculty": chance.choices(faculties, weights)[0],
            "rank": place,
        }
        for sport in list(catalogue.sports)[:MANY_SPORTS]
        for whose in ("Women’s", "Men’s")
        for event in range(1, 1 + chance.randint(4, 9))
        for place in range(1, 9)
    ]
    with running_games(kafka, redis, directory, catalogue=path) as games:
        write_results(games.settings, [parse_result(it, catalogue) for it in results])
        games.settled()
        yield games
