"""The oracle: the same numbers from a plain list of records, in the most obvious way there is.

Everything that counts reports is tested against it, and ``medallero audit`` runs it over the
topic. It shares no line of counting with ``weather.counts``.
"""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from weather.report import Report, ReportError, decode
from weather.summary import Measured, Summary


class Recount(NamedTuple):
    """The numbers, and how many records could not be read."""

    summary: Summary
    rejected: int


def recount(values: Iterable[bytes]) -> Recount:
    """Count encoded records, in any order; of those under one id the least (at, bytes)."""
    by_id: dict[str, list[tuple[int, bytes, Report]]] = {}
    rejected = 0
    for value in values:
        try:
            report = decode(value)
        except ReportError:
            rejected += 1
            continue
        by_id.setdefault(report.id, []).append((report.at, value, report))
    reports = [min(them, key=lambda it: it[:2])[2] for them in by_id.values()]
    return Recount(
        Summary(
            reports=len(reports),
            places=Counter((it.place_kind, it.place) for it in reports),
            weathers=Counter(it.weather for it in reports),
            conditions=Counter((it.place_kind, it.weather) for it in reports),
            pairs=Counter((it.place_kind, it.place, it.weather) for it in reports),
            minutes=Counter(it.at // 1000 // 60 for it in reports),
            measured=_measured(reports),
        ),
        rejected,
    )


def _measured(reports: list[Report]) -> dict[tuple[str, str, str], Measured]:
    values: dict[tuple[str, str, str], list[int]] = {}
    for it in reports:
        for name, value in (("temperature", it.temperature), ("humidity", it.humidity)):
            if value is not None:
                values.setdefault((name, it.place_kind, it.place), []).append(value)
    return {
        place: Measured(len(them), sum(them), _nearest_tenth(min(them)), _nearest_tenth(max(them)))
        for place, them in values.items()
    }


def _nearest_tenth(hundredths: int) -> int:
    tenth, rest = divmod(hundredths, 10)
    return tenth + 1 if rest >= 5 else tenth
