"""Results, and what else people wrote, in words for the terminal."""

from __future__ import annotations

import unicodedata
from datetime import datetime

from olympics.result import Competitor, Result
from olympics.text import ZERO_WIDTH_JOINERS


def plain(text: str, *, lines: bool = False) -> str:
    r"""Return *text* as characters that a terminal shows and does not obey.

    What is not printable is escaped as in Python (``\x1b``, ``\u202e``): control characters,
    controls of the direction of text, line separators and other invisible characters. Spaces and
    the zero-width joiners stay; with *lines* also line breaks. Idempotent.
    """
    if text.isprintable():
        return text
    return "".join(it if is_shown(it) or (lines and it == "\n") else _escaped(it) for it in text)


def is_shown(character: str) -> bool:
    """Whether a terminal shows *character* and does nothing else with it."""
    return (
        character.isprintable()
        or character in ZERO_WIDTH_JOINERS
        or unicodedata.category(character) == "Zs"
    )


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


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
