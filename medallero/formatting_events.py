"""Events and medallists in words for the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from rich.text import Text

from medallero.terminal import stderr

_STYLES: Final = {"gold": "yellow", "silver": "bright_white", "bronze": "dark_orange3"}


def event_name(event: Mapping[str, Any]) -> str:
    """Return the sport, and what people call the event and its stage."""
    parts = [event["title"] or event["unit"], event["stage"]]
    if event["stage"] is None and event["phase"] in ("final", "semifinal", "bronze"):
        parts[1] = event["phase"]
    return f"{event['sport']}: {' · '.join(part for part in parts if part)}"


def placed(it: Mapping[str, Any]) -> Text:
    """Return who has a medal, or leads, in one line."""
    medal, rank = it["medal"], it["rank"]
    place = medal or (f"{rank}." if rank is not None else "–")
    line = Text(f"{place:6} ", style=_STYLES.get(medal, ""))
    line.append(it["name"] or it["competitor"], style="bold")
    line.append(f", {it['faculty']}")
    said = [it["mark_text"], it["outcome"], it["irm"]]
    if told := " ".join(part for part in said if part):
        line.append(f"  {told}")
    return line


def tell_missing(partitions: Sequence[int]) -> None:
    """Say, on the standard error stream, which partitions an answer leaves out, if any."""
    if partitions:
        stderr().print(
            f"Nothing is told about partitions {partitions}: a worker is away.", style="red"
        )
