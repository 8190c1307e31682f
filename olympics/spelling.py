"""What the Olympic Data Feed's codes of units mean, in words: ``Men's 50 m freestyle · Final``.

The codes of events and phases are the feed's own for all games. What is not in the tables here
stays as it is written: an unknown event keeps its code, and the rest is spelled out.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from olympics.catalogue import Sport
from olympics.rsc import Rsc, parse_rsc

#: English and Spanish.
_Words = tuple[str, str]


class Title(NamedTuple):
    """What people call a unit: its event and its stage, as far as either is known.

    Where ``title`` is None, the unit's own text is what people call it. ``titles`` and ``stages``:
    the same by language, two letters. ``event``: the event's code, if the unit is a code.
    ``words``: other words for it, by which it is looked for.
    """

    title: str | None
    titles: Mapping[str, str]
    stage: str | None = None
    stages: Mapping[str, str] = MappingProxyType({})
    event: str | None = None
    words: tuple[str, ...] = ()


@functools.lru_cache(maxsize=4096)
def title_of(sport: Sport, unit: str) -> Title:
    """Return the catalogue's title of *unit*, else what its code says, if it is one."""
    titled = sport.titled_by(unit)
    title = titled.title if titled else None
    titles = dict(titled.titles) if titled else {}
    rsc = parse_rsc(unit)
    if rsc is None:
        return Title(title, titles)
    spelled = _event(rsc)
    if titled is None:
        title, titles = spelled[0], {"es": spelled[1]}
    stage = _stage(rsc)
    return Title(
        title,
        titles,
        stage and stage[0],
        {"es": stage[1]} if stage else {},
        (rsc.discipline + rsc.gender + rsc.event).rstrip("-"),
        (*spelled, *_other_words(rsc)),
    )


def _event(rsc: Rsc) -> _Words:
    english, spanish = _ungendered(rsc.event.strip("-"))
    men, masculine = _GENDERS.get(rsc.gender, ("", ""))
    return f"{men} {english}".strip(), f"{spanish} {masculine}".strip()


def _ungendered(code: str) -> _Words:
    known = _EVENTS.get(code)
    if known is not None:
        return known
    if match := _DISTANCE(code):
        relay, distance, measure, style = match.groups()
        words = _STYLES.get(style)
        if words is not None:
            legs = f"{relay[:-1]} × " if relay else ""
            length = f"{legs}{distance} {measure.lower()}"
            return f"{length} {words[0]}".strip(), f"{length} {words[1]}".strip()
    if match := _WEIGHT(code):
        over, weight = match.groups()
        text = f"{'+' if over else ''}{weight} kg"
        return text, text
    return code, code


def _stage(rsc: Rsc) -> _Words | None:
    code = rsc.phase.rstrip("-")
    if not code:
        return None
    english, spanish = _PHASES.get(code, (code, code))
    # 000300: the third unit. The first final, or a phase's only unit, needs no number.
    unit = rsc.unit.rstrip("-")
    number = int(unit[:4]) if unit[:4].isdigit() else 0
    told = ""
    if number > (1 if code in _ALONE else 0):
        told = f" {number}" if code in _NUMBERED else f" ({number})"
    if part := unit[4:].strip("0"):
        told += f" {part}"
    return english + told, spanish + told


def _other_words(rsc: Rsc) -> tuple[str, ...]:
    words = list(_OTHER_GENDERS.get(rsc.gender, ()))
    if match := _DISTANCE(rsc.event.strip("-")):
        style = match[4]
        words += [style, *_OTHER_STYLES.get(style, ())]
    return tuple(words)


_DISTANCE: Final = re.compile(r"(\d+X)?(\d+)(KM|M)([A-Z]*)").fullmatch
_WEIGHT: Final = re.compile(r"(O)?(\d+)KG").fullmatch

_GENDERS: Final[dict[str, _Words]] = {
    "M": ("Men’s", "masculino"),
    "W": ("Women’s", "femenino"),
    "X": ("Mixed", "mixto"),
    "O": ("Open", "abierto"),
}
_OTHER_GENDERS: Final = {
    "M": ("man", "male", "boys", "hombres", "varones", "masculina"),
    "W": ("woman", "female", "ladies", "girls", "mujeres", "damas", "femenina"),
    "X": ("mixta",),
}
_STYLES: Final[dict[str, _Words]] = {
    "": ("", ""),
    "FR": ("freestyle", "libre"),
    "BA": ("backstroke", "espalda"),
    "BR": ("breaststroke", "pecho"),
    "BF": ("butterfly", "mariposa"),
    "IM": ("individual medley", "combinado individual"),
    "MD": ("medley", "combinado"),
    "H": ("hurdles", "vallas"),
    "SC": ("steeplechase", "obstáculos"),
    "W": ("race walk", "marcha"),
}
_OTHER_STYLES: Final = {
    "FR": ("free", "crol"),
    "BA": ("dorso",),
    "BR": ("braza",),
    "BF": ("fly",),
    "MD": ("relay", "relevos", "estilos"),
    "IM": ("estilos",),
}
_EVENTS: Final[dict[str, _Words]] = {
    "HIGHJUMP": ("high jump", "salto de altura"),
    "LONGJUMP": ("long jump", "salto de longitud"),
    "TRPLJUMP": ("triple jump", "salto triple"),
    "PLEVAULT": ("pole vault", "salto con pértiga"),
    "SHOTPUT": ("shot put", "lanzamiento de bala"),
    "DISCUS": ("discus throw", "lanzamiento de disco"),
    "HAMMER": ("hammer throw", "lanzamiento de martillo"),
    "JAVELIN": ("javelin throw", "lanzamiento de jabalina"),
    "DECATH": ("decathlon", "decatlón"),
    "HEPTATH": ("heptathlon", "heptatlón"),
    "MARATHON": ("marathon", "maratón"),
    "KEIRIN": ("keirin", "keirin"),
    "MADISON": ("madison", "madison"),
    "OMNIUM": ("omnium", "ómnium"),
    "SPRINT": ("sprint", "velocidad"),
    "SPRTEAM3": ("team sprint", "velocidad por equipos"),
    "PURTEAM4": ("team pursuit", "persecución por equipos"),
    "DRESINDV": ("dressage individual", "doma individual"),
    "DRESTEAM": ("dressage team", "doma por equipos"),
    "EVENINDV": ("eventing individual", "concurso completo individual"),
    "EVENTEAM": ("eventing team", "concurso completo por equipos"),
    "JUMPINDV": ("jumping individual", "salto individual"),
    "JUMPTEAM": ("jumping team", "salto por equipos"),
    "BLCOMB": ("boulder and lead", "búlder y dificultad"),
    "SPEED": ("speed", "velocidad"),
    "SINGLES": ("singles", "individual"),
    "DOUBLES": ("doubles", "dobles"),
    "C1": ("canoe single", "canoa individual"),
    "K1": ("kayak single", "kayak individual"),
    "X1": ("kayak cross", "kayak cross"),
    "SKM": ("skeet", "skeet"),
    "SKW": ("skeet", "skeet"),
    "TRM": ("trap", "foso"),
    "TRW": ("trap", "foso"),
    "APM": ("10 m air pistol", "pistola de aire 10 m"),
    "APW": ("10 m air pistol", "pistola de aire 10 m"),
    "ARM": ("10 m air rifle", "rifle de aire 10 m"),
    "ARW": ("10 m air rifle", "rifle de aire 10 m"),
    "APMT": ("10 m air pistol team", "pistola de aire 10 m por equipos"),
    "ARMT": ("10 m air rifle team", "rifle de aire 10 m por equipos"),
    "SKMT": ("skeet team", "skeet por equipos"),
}
_PHASES: Final[dict[str, _Words]] = {
    "FNL": ("Final", "Final"),
    "SFNL": ("Semi-final", "Semifinal"),
    "QFNL": ("Quarter-final", "Cuartos de final"),
    "8FNL": ("Round of 16", "Octavos de final"),
    "R32": ("Round of 32", "Dieciseisavos de final"),
    "R64": ("Round of 64", "Treintaidosavos de final"),
    "HEAT": ("Heat", "Serie"),
    "PREL": ("Preliminary round", "Ronda preliminar"),
    "QUAL": ("Qualification", "Clasificación"),
    "RND1": ("Round 1", "Ronda 1"),
    "RND2": ("Round 2", "Ronda 2"),
    "RND3": ("Round 3", "Ronda 3"),
    "REP": ("Repechage", "Repesca"),
    "REP1": ("Repechage 1", "Repesca 1"),
    "REP2": ("Repechage 2", "Repesca 2"),
    "REPF": ("Repechage final", "Final de repesca"),
    "GP": ("Grand Prix", "Gran Premio"),
}
_NUMBERED: Final = frozenset(("FNL", "SFNL", "QFNL", "HEAT"))
# Mostly one unit: its number would say nothing.
_ALONE: Final = frozenset(("FNL", "QUAL", "PREL", "GP"))
