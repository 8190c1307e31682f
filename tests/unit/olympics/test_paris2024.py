"""Eight sports of Paris 2024: a catalogue made of their files gives exactly the official medals."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from medallero.catalogue.draft import Seen, draft
from medallero.catalogue.result_files import seen_in
from medallero.files.inputs import Reading, Record, open_input
from olympics.catalogue import Catalogue, make_catalogue
from olympics.plausibility import examine
from olympics.recount import recount
from olympics.result import Result, encode, parse_result
from tests.paris2024 import (
    GAMES,
    SPORTS,
    SportName,
    counted_medals,
    facts,
    games_catalogue,
    odf_csv,
    official_medals,
)

TOTALS: dict[SportName, tuple[int, int, int]] = {
    "swimming": (35, 36, 34),
    "boxing": (13, 13, 26),
    "canoe-slalom": (6, 6, 6),
    "cycling-track": (12, 12, 12),
    "equestrian": (6, 6, 6),
    "judo": (15, 15, 30),
    "shooting": (15, 15, 15),
    "sport-climbing": (4, 4, 4),
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[SportName, Path]:
    directory = tmp_path_factory.mktemp("paris2024")
    paths = {sport: directory / f"{sport}.csv" for sport in SPORTS}
    for sport, path in paths.items():
        path.write_text(odf_csv(sport), encoding="utf-8")
    return paths


def results_of(path: Path, catalogue: Catalogue) -> list[Result]:
    """What `medallero send` would send."""
    records = list(open_input(str(path)).records(Reading()))
    assert all(isinstance(it, Record) for it in records), records[:1]
    return [
        parse_result(json.loads(it.body), catalogue) for it in records if isinstance(it, Record)
    ]


def drafted(files: dict[SportName, Path]) -> str:
    rows = [it for path in files.values() for it in seen_in(open_input(str(path)))]
    made = draft(it for it in rows if isinstance(it, Seen))
    assert made.events == 106
    assert made.sports == len(SPORTS)
    assert not made.todos
    return made.text


@pytest.mark.parametrize("sport", SPORTS)
def test_the_completed_catalogue_gives_exactly_the_official_medals(
    sport: SportName, files: dict[SportName, Path]
) -> None:
    catalogue = games_catalogue()
    results = results_of(files[sport], catalogue)
    log = [encode(it) for it in results]
    random.Random(2024).shuffle(log)

    counted = recount(log, catalogue)

    assert counted_medals(counted) == official_medals(sport)
    total = counted.by_sport()[sport]
    assert (total.gold, total.silver, total.bronze) == TOTALS[sport]
    assert total.entries == counted.results == len(facts(sport)) == len(results)
    assert (counted.provisional, counted.conflicts, counted.rejected) == (0, 0, 0)


@pytest.mark.parametrize("sport", SPORTS)
def test_a_catalogue_as_it_is_made_gives_them_too(
    sport: SportName, files: dict[SportName, Path]
) -> None:
    catalogue = make_catalogue(drafted({sport: files[sport]} | files))
    log = [encode(it) for it in results_of(files[sport], catalogue)]

    assert counted_medals(recount(log, catalogue)) == official_medals(sport)


def test_a_person_added_to_the_catalogue_what_no_file_tells(files: dict[SportName, Path]) -> None:
    completed = GAMES.read_text(encoding="utf-8")
    before, _, rest = completed.partition("[games]\n")
    added, _, after = rest.partition("\n\n")

    assert added.splitlines() == [
        'title = "Olympic Games Paris 2024"',
        'titles = { es = "Juegos Olímpicos de París 2024" }',
        "begins = 2024-07-26",
        "ends = 2024-08-11",
        'place = "Paris"',
    ]
    assert before + after == drafted(files)


@pytest.mark.parametrize("sport", SPORTS)
def test_nothing_of_a_sport_ranks_by_default_or_against_its_ranks(
    sport: SportName, files: dict[SportName, Path]
) -> None:
    catalogue = games_catalogue()
    found = examine(results_of(files[sport], catalogue), catalogue)

    assert [it for it in found if it.kind in ("unrecognised", "order")] == []
