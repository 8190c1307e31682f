"""Two sports of Paris 2024 as test data; see tests/data/README.md for their source."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Literal, NamedTuple

from olympics.catalogue import Catalogue, load_catalogue
from olympics.recount import Recount

SportName = Literal["swimming", "boxing"]
Medals = dict[str, tuple[int, int, int]]

DIRECTORY = Path(__file__).parent / "data" / "paris2024"
CATALOGUE = DIRECTORY / "catalogue.toml"


class Fact(NamedTuple):
    """A line of ``swimming.csv`` or ``boxing.csv``."""

    unit: str
    stage: str
    competitor: str
    committee: str
    rank: str
    mark: str
    outcome: str
    irm: str


def paris_catalogue() -> Catalogue:
    """The two sports, with Olympic committees as faculties."""
    return load_catalogue(CATALOGUE)


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
    catalogue = paris_catalogue()
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, _COLUMNS + _COLUMNS_OF[sport], extrasaction="ignore")
    writer.writeheader()
    for fact in facts(sport):
        title = catalogue.faculty(fact.committee).title
        event = fact.unit[:22].rstrip("-")
        writer.writerow(
            {
                "stage_code": fact.unit,
                "event_code": event,
                "event_name": event,
                "event_stage": f"{event} - {fact.stage}",
                "stage": fact.stage,
                "gender": fact.unit[3],
                "discipline_name": catalogue.sports[sport].title,
                "discipline_code": fact.unit[:3],
                "participant_code": fact.competitor,
                "participant_name": title,
                "participant_type": "Person" if fact.competitor.isdigit() else "Team",
                "participant_country_code": fact.committee,
                "participant_country": title,
                "rank": f"{fact.rank}.0" if fact.rank else "",
                "result": fact.mark,
                "result_type": _type(sport, fact),
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
_COLUMNS_OF: dict[SportName, list[str]] = {
    "swimming": ["rank", "result", "result_type", "result_IRM", "result_diff", "start_order"],
    "boxing": ["result", "result_type", "result_WLT"],
}


def _type(sport: SportName, fact: Fact) -> str:
    if sport == "swimming":
        return "TIME" if fact.mark else "IRM"
    return "POINTS" if fact.mark else "RM"
