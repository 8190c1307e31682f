"""The Olympic Data Feed's codes for event units (RSC, "results system code").

34 characters: discipline (3), gender (1), event (18), phase (4), unit (8), each filled up with "-":
``SWMM100MBA------------HEAT000100--``.
"""

from __future__ import annotations

import functools
import re
from typing import NamedTuple

from olympics.words import Phase

RSC_LENGTH = 34
_EVENT_LENGTH = 22


class Rsc(NamedTuple):
    """The parts of a code, with their filling."""

    discipline: str
    gender: str
    event: str
    phase: str
    unit: str


def parse_rsc(text: str) -> Rsc | None:
    """Return the parts of a code; None if ``text`` has not the shape of one."""
    if len(text) != RSC_LENGTH:
        return None
    match = _SHAPE(text)
    return Rsc(*match.groups()) if match else None


def is_event_code(text: str) -> bool:
    """Whether *text* has the shape of what the codes of an event's units share, unfilled."""
    return len(text) <= _EVENT_LENGTH and _EVENT_SHAPE(text) is not None


# All competitors of a unit ask the same: the cache spares them a regular expression each.
@functools.lru_cache(maxsize=4096)
def default_phase(unit: str) -> Phase:
    """Return the phase of a unit that nothing else is known of.

    A code gives no more than this default: a bronze match and a Final B are ``FNL-`` too, and the
    totals of golf or decathlon stand elsewhere.
    """
    rsc = parse_rsc(unit)
    if rsc is None:
        return "round"
    if rsc.phase == "SFNL":
        return "semifinal"
    if rsc.phase == "FNL-" and rsc.unit == "000100--":
        return "final"
    return "round"


# Filling stands on the right of the phase and of the unit; inside the event it may also stand
# between an event and its modifier. Genders: men, women, mixed, open, none.
_SHAPE = re.compile(
    r"([A-Z][A-Z0-9]{2})"
    r"([MWXO-])"
    r"([A-Z0-9.+-]{18})"
    r"([A-Z0-9]{4}|[A-Z0-9]{3}-|[A-Z0-9]{2}--|[A-Z0-9]---|----)"
    r"([A-Z0-9]*-*)",
    re.ASCII,
).fullmatch
_EVENT_SHAPE = re.compile(r"[A-Z][A-Z0-9]{2}[MWXO-][A-Z0-9.+-]*", re.ASCII).fullmatch
