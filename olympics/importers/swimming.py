"""What the formats of swimming share: names of events, and times as they write them."""

from __future__ import annotations

import re
from typing import Final

#: The sport, by the feed's code and by its name: a catalogue may know one of them.
SPORT: Final = {"sport_code": "SWM", "sport": "swimming"}

_WHO: Final = {"M": "Men's", "F": "Women's", "X": "Mixed"}
_STROKES: Final = {
    "FREE": "freestyle",
    "BACK": "backstroke",
    "BREAST": "breaststroke",
    "FLY": "butterfly",
    "MEDLEY": "medley",
}


def event_title(gender: str, distance: str, stroke: str, legs: int = 1) -> str:
    """Return an event's name: ``Women's 4 x 100 m freestyle relay``.

    ``gender`` is M, F, X or nothing; ``distance`` has its unit; ``stroke`` is one of Lenex's, or a
    text of its own; ``legs``: more than one in a relay, 0 for one whose legs are not known.
    """
    name = _STROKES.get(stroke, stroke.replace("_", " ").lower())
    if stroke == "MEDLEY" and legs == 1:
        name = f"individual {name}"
    parts = [_WHO.get(gender, ""), f"{legs} x {distance}" if legs > 1 else distance, name]
    if legs != 1:
        parts.append("relay")
    return " ".join(it for it in parts if it)


def swim_time(text: str) -> str:
    """Return a time as a mark, without leading zeros; "" for none (``NT``, ``0.00``)."""
    bare = text.strip()
    if not re.search(r"[1-9]", bare):
        return ""
    return re.sub(r"^[0:]+(?=[0-9])", "", bare)


def age_group(youngest: str, oldest: str) -> str:
    """Return the name of a group by its ages, "" for everybody; what is no bound is empty."""
    if youngest and oldest:
        return f"{youngest}-{oldest}"
    if youngest:
        return f"{youngest} and over"
    return f"{oldest} and under" if oldest else ""
