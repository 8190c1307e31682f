"""Marks as people and meet programs write them: read where nothing is lost, else told what to do.

Read are digits of any script, the signs of typography (``1′02″34``, ``−1.5``), units that the
number has anyway (``54.30 s``, ``6.12 m``, ``276.7867 pts``, ``85 kg``), clocks with words
(``2h06:26``, ``1 min 02.3 s``), thousands set apart by spaces (``8 847``), and the wind
(``10.52w``, ``8.12 (+1.2)``), which does not change the order of a unit and is not kept.

Not read is what would change the number or its meaning: hand times, other units, feet and inches,
points and commas as separators of thousands, remarks.
"""

from __future__ import annotations

import re
import unicodedata

# What is longer holds more than a mark.
_LONGEST = 60

_SIGNS = str.maketrans(
    {
        **dict.fromkeys("′’‘‛ʹʼ´`＇", "'"),
        **dict.fromkeys("″”“„‟ʺ〃＂", '"'),
        **dict.fromkeys("−–‐‑‒﹣－", "-"),
        **dict.fromkeys("：∶ː", ":"),
        **dict.fromkeys("．｡․", "."),
        **dict.fromkeys("，٫﹐", ","),
        **dict.fromkeys("＋﹢", "+"),
    }
)

_HOURS = r"(?:h|hrs?|hours?|horas?)\.?"
_MINUTES = r"(?:'|min|mins|minutes?|minutos?)\.?"
_SECONDS = r"(?:\"|''|s|secs?|seconds?|segs?|segundos?)\.?"
_MEASURES = r"(?:m|mts?|mtrs?|met(?:re|er|ro)s?|kgs?|kilos?|p|pts?|ptos?|points?|puntos?)\.?"

_WIND = re.compile(
    r"(?<=[0-9]) ?(?:w(?: ?\([+-][0-9]{1,2}(?:[.,][0-9])?(?: ?m/s)?\))?"
    r"|\([+-][0-9]{1,2}(?:[.,][0-9])?(?: ?m/s)?\)|\(?nwi\)?)",
    re.ASCII | re.IGNORECASE,
)
# A bare "m" is minutes only where seconds are marked as such: 1m85 is a height in half of Europe.
_CLOCK = re.compile(
    rf"(?:(?:(?P<hours>[0-9]{{1,6}}) ?(?:{_HOURS}|:) ?(?P<of_hour>[0-5][0-9])"
    rf"|(?P<minutes>[0-9]{{1,8}})) ?(?:{_MINUTES}|:|(?P<m>m)) ?(?P<seconds>[0-5][0-9])"
    r"|(?P<number>[0-9]{1,20}))"
    rf"(?:(?:[.,]|(?P<mark>{_SECONDS}))(?P<decimals>[0-9]{{1,20}}))?(?P<end> ?{_SECONDS})?",
    re.ASCII | re.IGNORECASE,
)
_MEASURE = re.compile(
    r"(?P<sign>[+-]?)(?P<number>[0-9]{1,20}|[0-9]{1,3}(?: [0-9]{3}){1,2})"
    rf"(?:[.,](?P<decimals>[0-9]{{1,20}}))?(?: ?{_MEASURES})?",
    re.ASCII | re.IGNORECASE,
)


def plain_spelling(text: str, *, time: bool | None) -> str | None:
    """Return the same mark as a plain decimal or time; None if it is not one of those above.

    *time*: whether marks are times where this one was reached; None if that is not known.
    """
    if len(text) > _LONGEST:
        return None
    tidy = _tidied(text)
    wind = _WIND.search(tidy)
    if wind is not None and wind.end() == len(tidy):
        tidy = tidy[: wind.start()]
    if time is not False and (clock := _CLOCK.fullmatch(tidy)) is not None:
        hours, of_hour, minutes, m, seconds, number, _, decimals, end = clock.group(
            *("hours", "of_hour", "minutes", "m", "seconds", "number", "mark", "decimals", "end")
        )
        if m is None or decimals is not None or end is not None:
            whole = [part for part in (hours, of_hour, minutes, seconds, number) if part]
            return ":".join(whole) + ("" if decimals is None else f".{decimals}")
    if time is not True and (measure := _MEASURE.fullmatch(tidy)) is not None:
        sign, number, decimals = measure.group("sign", "number", "decimals")
        return f"{sign}{number.replace(' ', '')}" + ("" if decimals is None else f".{decimals}")
    return tidy


# Of what is refused: what it seems to be, and what to do. The first that fits is told.
_REMEDIES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.ASCII | re.IGNORECASE), remedy)
    for pattern, remedy in (
        (r"-+|/", "where there is no mark, leave mark out and give irm"),
        (
            r"[a-z/.]{1,16}",
            "a code is not a mark: leave mark out and give the code as irm",
        ),
        (
            r"(?:[0-9]+:)*[+-]?[0-9]+[.,][0-9]{4,}",
            "marks have at most four decimals and are never rounded",
        ),
        (
            r"[0-9:]+(?:[.,][0-9]+)? ?(?:h|ht)\.?",
            "a hand time: leave the h out if the whole unit was timed by hand, else convert it",
        ),
        (
            r"(?:[0-9]{1,3}([.,]))[0-9]{3}(?:\1[0-9]{3})*(?!\1)[.,][0-9]+(?: ?[a-z]+\.?)?"
            r"|[0-9]{1,3}(?:\.[0-9]{3}){2,}|[0-9]{1,3}(?:,[0-9]{3}){2,}",
            "leave out what separates the thousands: 1234.5",
        ),
        (
            r"[0-9]{1,2}[.,][0-9]{2}[.,][0-9]+",
            "separate minutes and seconds with a colon: 1:02.34",
        ),
        (
            r"[0-9]+ ?(?:-|'|ft\.?|feet) ?[0-9.,/ ]+ ?(?:\"|''|in\.?|inches)?",
            "of feet and inches give metres, 3.18; of minutes and seconds, 3:18.00; of a score, "
            "each side's own points",
        ),
        (
            r"x ?[0-9:.,]+",
            "what is marked with an X does not count: leave the X out and give irm EXH",
        ),
        (
            r"[0-9:]+:[0-9]+(?:[.,][0-9]+)?",
            "minutes and seconds behind a colon have two digits, below 60",
        ),
    )
)
_FOLLOWED = re.compile(r"[+-]?[0-9][0-9:.,]*(?P<rest>[^0-9:.,].*)", re.ASCII)


def remedy_for(text: str, *, time: bool | None) -> str | None:
    """Return what a sender can do about a text that is no mark; None if there is no advice."""
    if len(text) > _LONGEST:
        return None
    tidy = _tidied(text)
    for pattern, remedy in _REMEDIES:
        if pattern.fullmatch(tidy):
            return remedy
    followed = _FOLLOWED.fullmatch(tidy)
    if followed is None:
        return None
    rest = followed["rest"].strip()
    if any(c.isdigit() for c in rest):
        return "write a time as 1:02.34 or 2:06:26, and anything else as a decimal: 1.85"
    if time and re.fullmatch(_MEASURES, rest, re.ASCII | re.IGNORECASE):
        return f"marks are times here: leave out {rest!r}, or write minutes as 6:12.00"
    return f"leave out {rest!r}; all marks of a unit are in the same measure, without its name"


def _tidied(text: str) -> str:
    """Return *text* with ASCII digits and signs, single spaces, and nothing invisible."""
    if not text.isascii():
        text = text.translate(_SIGNS)
        text = "".join(
            str(unicodedata.decimal(c)) if c.isdecimal() else c
            for c in text
            if unicodedata.category(c) != "Cf"
        )
    return " ".join(text.split())
