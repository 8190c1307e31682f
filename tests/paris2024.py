"""Sports of Paris 2024 as test data; see tests/data/README.md for their source."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Literal, NamedTuple, get_args

from olympics.catalogue import Catalogue, load_catalogue
from olympics.recount import Recount

SportName = Literal[
    "swimming",
    "boxing",
    "canoe-slalom",
    "cycling-track",
    "equestrian",
    "judo",
    "shooting",
    "sport-climbing",
]
SPORTS: tuple[SportName, ...] = get_args(SportName)
Medals = dict[str, tuple[int, int, int]]

DIRECTORY = Path(__file__).parent / "data" / "paris2024"
#: swimming and boxing
CATALOGUE = DIRECTORY / "catalogue.toml"
#: all sports
GAMES = DIRECTORY / "games.toml"


class Fact(NamedTuple):
    """A line of a sport's file."""

    unit: str
    event: str
    stage: str
    competitor: str
    committee: str
    rank: str
    mark: str
    type: str
    outcome: str
    irm: str


def paris_catalogue() -> Catalogue:
    """Swimming and boxing, with Olympic committees as faculties."""
    return load_catalogue(CATALOGUE)


def games_catalogue() -> Catalogue:
    """All sports, with Olympic committees as faculties."""
    return load_catalogue(GAMES)


def committees() -> dict[str, str]:
    """The names of the Olympic committees by their codes."""
    with (DIRECTORY / "committees.csv").open(encoding="utf-8", newline="") as lines:
        return {row["committee"]: row["name"] for row in csv.DictReader(lines)}


def facts(sport: SportName) -> list[Fact]:
    """All results of a sport, in the source's order."""
    with (DIRECTORY / f"{sport}.csv").open(encoding="utf-8", newline="") as lines:
        return [Fact(**row) for row in csv.DictReader(lines)]


def official_medals(sport: SportName) -> Medals:
    """The official (gold, silver, bronze) of every committee that has any."""
    with (DIRECTORY / f"{sport}_medals.csv").open(encoding="utf-8", newline="") as lines:
        return {
            row["committee"]: (int(row["gold"]), int(row["silver"]), int(row["bronze"]))
            for row in csv.DictReader(lines)
        }


def counted_medals(recounted: Recount) -> Medals:
    """The medals of a recount in the form of ``official_medals``."""
    return {
        committee: (counts.gold, counts.silver, counts.bronze)
        for committee, counts in recounted.by_faculty().items()
        if counts.gold or counts.silver or counts.bronze
    }


def odf_csv(sport: SportName) -> str:
    """All results of a sport as CSV, with the columns that the Olympic Data Feed has for it.

    What the facts do not hold is empty, or the committee's name.
    """
    names = committees()
    text = io.StringIO(newline="")
    columns = _COLUMNS + [it for it in _EVIDENCE if it not in _ABSENT.get(sport, ())]
    writer = csv.DictWriter(text, columns, extrasaction="ignore")
    writer.writeheader()
    for fact in facts(sport):
        name = names[fact.committee]
        writer.writerow(
            {
                "stage_code": fact.unit,
                "event_code": fact.unit[:22].rstrip("-"),
                "event_name": fact.event,
                "event_stage": f"{fact.event} - {fact.stage}",
                "stage": fact.stage,
                "gender": fact.unit[3],
                "discipline_name": sport.replace("-", " ").title(),
                "discipline_code": fact.unit[:3],
                "participant_code": fact.competitor,
                "participant_name": name,
                "participant_type": "Person" if fact.competitor.isdigit() else "Team",
                "participant_country_code": fact.committee,
                "participant_country": name,
                "rank": f"{fact.rank}.0" if fact.rank else "",
                "result": fact.mark,
                "result_type": fact.type,
                "result_IRM": fact.irm,
                "result_WLT": fact.outcome,
            }
        )
    return text.getvalue()


_COLUMNS = [
    "date",
    "stage_code",
    "event_code",
    "event_name",
    "event_stage",
    "stage",
    "gender",
    "discipline_name",
    "discipline_code",
    "venue",
    "participant_code",
    "participant_name",
    "participant_type",
    "participant_country_code",
    "participant_country",
]
_EVIDENCE = ["rank", "result", "result_type", "result_WLT", "result_IRM", "qualification_mark"]
# Columns that the feed's files of these sports do not have.
_ABSENT: dict[SportName, tuple[str, ...]] = {
    "boxing": ("rank", "result_IRM", "qualification_mark"),
    "judo": ("rank", "qualification_mark"),
    "swimming": ("result_WLT", "qualification_mark"),
    "canoe-slalom": ("result_WLT",),
    "cycling-track": ("result_WLT",),
    "equestrian": ("result_WLT",),
    "shooting": ("result_WLT",),
}
