"""Takes the pictures of the docs from a running system: ``python -m tests.browser.pictures``.

Kafka, Redis, a gateway and a worker are started for it; what is shown are the results of Paris 2024
in ``tests/data/``, the entries of the course's load, and games of two hundred faculties. Needs
Chromium and, for the pictures to look everywhere the same, the font Inter.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from tests.browser.games import many_games, paris_games, running_games
from tests.browser.screen import Chromium
from tests.paris2024 import GAMES, SPORTS
from tests.support.servers import running_kafka, running_redis
from tests.support.stack import Stack

DIRECTORY: Final = Path(__file__).parents[2] / "docs" / "pictures"
_FINAL: Final = "SWMM50MFR-------------FNL-000100--"


class Picture(NamedTuple):
    """A picture: the games shown, the place on the page, the size and the theme."""

    name: str
    games: str
    place: str
    size: tuple[int, int]
    theme: str
    density: float = 1.0


PICTURES: Final = (
    Picture("page", "paris", "", (1280, 800), "light"),
    Picture("page-dark", "paris", "", (1280, 800), "dark"),
    Picture("page-es", "paris", "sports/boxing?lang=es", (1280, 800), "light"),
    Picture("unit", "paris", f"events/swimming/{_FINAL}", (1280, 620), "light"),
    Picture("kiosk", "paris", "?kiosk=600", (1920, 1080), "dark"),
    Picture("kiosk-light", "paris", "?kiosk=600", (1920, 1080), "light"),
    Picture("phone", "paris", "", (390, 780), "light", 1.5),
    Picture("phone-dark", "paris", f"events/swimming/{_FINAL}", (390, 780), "dark", 1.5),
    Picture("course", "course", "?lang=es", (1280, 800), "dark"),
    Picture("course-kiosk", "course", "?kiosk=600&lang=es", (1920, 1080), "dark"),
    Picture("course-light", "course", "?lang=es", (1280, 800), "light"),
    Picture("course-kiosk-light", "course", "?kiosk=600&lang=es", (1920, 1080), "light"),
    Picture("course-phone", "course", "?lang=es", (390, 780), "light", 1.5),
    Picture("course-phone-dark", "course", "?lang=es", (390, 780), "dark", 1.5),
    Picture("many", "many", "", (1280, 800), "light"),
    Picture("many-sports", "many", "?lang=es#/sports", (1280, 800), "dark"),
    Picture("many-phone", "many", "", (390, 844), "light", 1.5),
    Picture("many-phone-sports", "many", "?lang=es#/sports", (390, 844), "dark", 1.5),
    Picture("many-kiosk", "many", "?kiosk=600", (1920, 1080), "dark"),
    Picture("many-kiosk-small", "many", "?kiosk=600&lang=es", (1280, 720), "light"),
    Picture("many-kiosk-upright", "many", "?kiosk=600&lang=es", (1080, 1920), "dark"),
)


def main() -> None:
    """Take all pictures, or those named, into docs/pictures/ or elsewhere."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="pictures; default: all")
    parser.add_argument("--to", type=Path, default=DIRECTORY, help="directory")
    options = parser.parse_args()
    options.to.mkdir(parents=True, exist_ok=True)
    wanted = [it for it in PICTURES if not options.names or it.name in options.names]
    with (
        tempfile.TemporaryDirectory(prefix="medallero-pictures-") as scratch,
        _servers(Path(scratch)) as (kafka, redis),
    ):
        chromium = Chromium()
        try:
            starts = (("paris", _paris), ("course", course_games), ("many", many_games))
            for games, start in starts:
                of_these = [it for it in wanted if it.games == games]
                if of_these:
                    directory = Path(scratch) / games
                    directory.mkdir()
                    with start(kafka, redis, directory) as running:
                        for picture in of_these:
                            _take(chromium, running, picture, options.to)
        finally:
            chromium.close()


# So that the line of results a second has a shape within the time that sending takes.
_OFTEN: Final = {"history_interval": "0.5"}


def _paris(kafka: str, redis: str, directory: Path) -> AbstractContextManager[Stack]:
    options = ("--shuffle", "--rate", "120")
    return paris_games(kafka, redis, directory, _OFTEN, *options, catalogue=GAMES, sports=SPORTS)


@contextmanager
def course_games(kafka: str, redis: str, directory: Path) -> Iterator[Stack]:
    """Run a system that has counted ten thousand entries of the course, sent in waves."""
    with running_games(kafka, redis, directory, _OFTEN) as games:
        chance = random.Random(2026)
        for wave in range(100):
            entries = [
                {
                    "id": f"{wave}-{number}",
                    "student": "Alvaro García",
                    "age": 20,
                    "faculty": chance.choice(["Ingeniería", "Agronomía"]),
                    "discipline": chance.randint(1, 3),
                }
                for number in range(100)
            ]
            status, answer = games.gateway.request("POST", "/v1/entries", entries)
            if status != 202:
                raise SystemExit(f"the entries were not taken: {json.dumps(answer)}")
        games.settled()
        yield games


@contextmanager
def _servers(directory: Path) -> Iterator[tuple[str, str]]:
    with running_kafka(directory) as kafka, running_redis(directory) as redis:
        yield kafka.address, redis.address


def _take(chromium: Chromium, games: Stack, picture: Picture, directory: Path) -> None:
    path = directory / f"{picture.name}.png"
    width, height = picture.size
    context: dict[str, Any] = {
        "color_scheme": picture.theme,
        "device_scale_factor": picture.density,
        "reduced_motion": "reduce",
    }
    url = f"{games.gateway.url}/{picture.place}"
    with chromium.opened(url, width=width, height=height, **context) as screen:
        screen.until("document.querySelector('main tbody tr, .all-sports li')")
        screen.until("performance.getEntriesByName(`${location.origin}/v1/catalogue`).length")
        if picture.place in ("", "?lang=es") and picture.games != "many":
            screen.until("document.querySelector('.rate .line').getAttribute('d')")
        if "#/sports/" in picture.place:
            # All of its events: of a part of them the note says so after a dot.
            screen.until("/^\\d+ [^·]+$/.test(document.querySelector('.listing .aside').innerText)")
        screen.picture(path)
    if pngquant := shutil.which("pngquant"):
        subprocess.run(
            [pngquant, "--force", "--skip-if-larger", "--strip", "--output", path, "128", path],
            check=False,
        )
    print(f"{path.name}: {path.stat().st_size // 1024} kB")


if __name__ == "__main__":
    main()
