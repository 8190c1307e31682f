"""Messages as raw items: the same objects that HTTP's JSON gives, so that one parser reads both."""

from collections.abc import Iterable, Iterator
from typing import Any

from protos.medallero.v1.intake_pb2 import Competitor, Entry, Result
from protos.medallero.weather.v1.report_pb2 import Report


def results_of(results: Iterable[Result], start: int) -> Iterator[tuple[int, object]]:
    """Yield index, counted from *start*, and raw item of each result."""
    for index, result in enumerate(results, start):
        # In proto3 an empty text is an absent one; to the rules it is too.
        raw: dict[str, Any] = {
            "id": result.id,
            "sport": result.sport,
            "unit": result.unit,
            "phase": result.phase,
            "faculty": result.faculty,
            "mark": result.mark,
            "outcome": result.outcome,
            "irm": result.irm,
            "medal": result.medal,
            "status": result.status,
        }
        if result.HasField("rank"):
            raw["rank"] = result.rank
        if result.HasField("version"):
            raw["version"] = result.version
        if result.HasField("competitor"):
            raw["competitor"] = _competitor(result.competitor)
        yield index, raw


def entries_of(entries: Iterable[Entry], start: int) -> Iterator[tuple[int, object]]:
    """Yield index, counted from *start*, and raw item of each entry."""
    for index, entry in enumerate(entries, start):
        raw: dict[str, Any] = {
            "id": entry.id,
            "student": entry.student,
            "faculty": entry.faculty,
            "discipline": entry.discipline,
        }
        if entry.HasField("age"):
            raw["age"] = entry.age
        yield index, raw


def reports_of(reports: Iterable[Report], start: int) -> Iterator[tuple[int, object]]:
    """Yield index, counted from *start*, and raw item of each weather report."""
    for index, report in enumerate(reports, start):
        raw: dict[str, Any] = {
            "id": report.id,
            "country": report.country,
            "municipality": report.municipality,
            "weather": report.weather,
            "description": report.description,
        }
        if report.HasField("temperature"):
            raw["temperature"] = report.temperature
        if report.HasField("humidity"):
            raw["humidity"] = report.humidity
        if report.HasField("at"):
            raw["at"] = report.at
        yield index, raw


def _competitor(competitor: Competitor) -> dict[str, Any]:
    raw: dict[str, Any] = {"id": competitor.id, "name": competitor.name}
    if competitor.HasField("age"):
        raw["age"] = competitor.age
    return raw
