"""Results in words, for tables in the terminal."""

from __future__ import annotations

from datetime import datetime

from olympics.result import Competitor, Result


def evidence(result: Result) -> str:
    """Return what a result says, in one short line: mark, outcome, rank, IRM, medal."""
    parts = [
        result.mark,
        result.outcome,
        None if result.rank is None else f"rank {result.rank}",
        result.irm,
        None if result.medal is None else f"medal {result.medal}",
    ]
    return ", ".join(part for part in parts if part) or "–"


def who(competitor: Competitor) -> str:
    """Return the competitor's id, with the name if there is one."""
    return f"{competitor.id} ({competitor.name})" if competitor.name else competitor.id


def when(milliseconds: int) -> str:
    """Return a time of Kafka's in the time zone of this machine, with its offset."""
    moment = datetime.fromtimestamp(milliseconds / 1000).astimezone()
    return moment.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3] + moment.strftime("%z")
