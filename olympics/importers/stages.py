"""The words of a stage, in English and Spanish, and the phase that they mean.

``read_stage`` reads what schedules and lists of results call the part of an event: "Heat 2",
"Semifinal", "Final A", "Combate por el bronce", "Timed final heat 1 of 3". Codes of the Olympic
Data Feed for phases (``FNL``, ``SFNL``, ``HEAT`` …) and the phases' own names are read too.

A stage that is not known has no phase, and the caller says so: a final that is taken for a round
gives no medals.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple

from olympics.text import folded
from olympics.words import Phase


class Stage(NamedTuple):
    """What a stage's words say.

    ``phase`` is None where the words are not known. ``heat``: the number of the heat, if it is a
    part ("Final heat 2"). ``total``: it ranks the event as a whole ("Final results"). ``small``: a
    small final, which is a bronze match or a placing. ``jump_off``: it separates those who are
    level in the final.
    """

    phase: Phase | None
    heat: str = ""
    total: bool = False
    small: bool = False
    jump_off: bool = False


@lru_cache(maxsize=8192)
def read_stage(text: str) -> Stage:
    """Read the words of a stage; of an empty text nothing is known."""
    words = stage_words(text)
    if not words:
        return Stage(None)
    if words in _EXACT:
        return Stage(_EXACT[words])
    words, heat = _split_heat(words)
    if not words:
        return Stage("round", heat)
    if _TOTAL(words):
        return Stage("final", total=True)
    if _JUMP_OFF(words) and not _SEMIFINAL(words):
        return Stage("other", jump_off=True)
    if _SMALL(words):
        return Stage("other", heat, small=True)
    for matches, phase in _PHASES:
        if matches(words):
            return Stage(phase, heat)
    tokens = [_FINALS.get(it, it) for it in words.split()]
    if "final" in tokens and (tokens[-1] == "final" or _HARMLESS.issuperset(tokens)):
        return Stage("final", heat)
    is_round = _ROUND(words) or (heat and "final" not in tokens)
    return Stage("round" if is_round else None, heat)


def stage_words(text: str) -> str:
    """Return the words and numbers of a text: no case, accents or punctuation."""
    # "3.er" and "4.º" are one word; "Men's" too.
    bare = folded(re.sub("[ºª°'’]|(?<=[0-9])[.](?=[A-Za-zºª°])", "", text)).replace("ł", "l")
    return " ".join(re.findall(r"[^\W_]+", bare))


def _split_heat(words: str) -> tuple[str, str]:
    """Return the words without the number of a heat, and that number."""
    match = _HEAT(words)
    if match is None:
        return words, ""
    rest = f"{words[: match.start()]} {words[match.end() :]}".split()
    return " ".join(rest), match["heat"] or match["final"] or match["of"]


# "Heat 2", "serie 1 de 3", "Final 2 of 3", "Final 2"; but "Final 7 12" is of places.
_HEAT = re.compile(
    r"\b(?:heats?|series?|mangas?|tandas?|eliminatorias?|hit|h) (?P<heat>[0-9]{1,3})"
    r"(?: (?:of|de) [0-9]{1,3})?(?![0-9 ]*[0-9])"
    r"|(?<=\bfinal )(?P<of>[0-9]{1,3}) (?:of|de) [0-9]{1,3}\b"
    r"|(?<=\bfinal )(?P<final>[0-9]{1,2})$"
).search

_EXACT: Final[dict[str, Phase]] = {
    **dict.fromkeys(("final", "fnl", "f", "fin", "final a", "a final"), "final"),
    **dict.fromkeys(("semifinal", "sfnl", "sf", "sem"), "semifinal"),
    **dict.fromkeys(("bronze", "bronce", "repf", "brz"), "bronze"),
    **dict.fromkeys(("other", "otra", "otro", "otros"), "other"),
    **dict.fromkeys(("round", "ronda", "qfnl", "qf", "8fnl", "16fl", "32fl", "64fl"), "round"),
    **dict.fromkeys(("r16", "r32", "r64", "r128", "heat", "qual", "prel", "rep", "gp"), "round"),
}

_TOTAL = re.compile(
    r"(?:final (?:results?|standings?|rankings?|table|overall|general)"
    r"|(?:resultados?|clasificacion|tabla|posiciones|ranking) (?:general |total )?final(?:es)?"
    r"|(?:overall|total) (?:results?|standings?|rankings?)|overall"
    r"|(?:resultados?|clasificacion|tabla) (?:generale?s?|total))"
).fullmatch
_JUMP_OFF = re.compile(r"\bjump ?offs?\b|\bbarrage\b|\bdesempates?\b").search
_SMALL = re.compile(
    r"\b(?:small|little|minor|petite) finale?s?\b|\b(?:pequena|chica|menor) finale?s?\b"
    r"|\bfinale?s? (?:pequena|chica|menor)\b"
).search
_SEMIFINALS = r"\bsemi ?finale?s?\b|\bsemis?\b|\bsf ?[0-9]+\b|\b1 2 (?:de )?finale?s?\b"
_SEMIFINAL = re.compile(_SEMIFINALS).search

_FIRST = r"(?:1st|first|primer|primera|primero|1er|1ra|1ro|1)"
_THIRD = r"(?:3rd|third|tercer|tercera|tercero|3er|3ra|3ro|3)"
_FOURTH = r"(?:4th|fourth|cuarta|cuarto|4to|4ta|4o|4)"
_PLACE = r"(?:place|places|lugar|lugares|puesto|puestos|posicion|posiciones)"

# The order matters: a bronze match may be called "Final - Bronze", a placing match "Final 5-8".
_PHASE_WORDS: Final[tuple[tuple[str, Phase | None], ...]] = (
    (r"\bconsol", "other"),
    (r"\b(?:bronze|bronce)s?\b", "bronze"),
    (r"\b(?:gold|oro)\b", "final"),
    (rf"\b{_PLACE} 1(?: (?:a|al|to))? 2$|\b{_FIRST} {_PLACE}\b", "final"),
    (rf"\b{_THIRD} (?:(?:and|y|e|o|to|a) )?(?:{_FOURTH} )?{_PLACE}\b", "bronze"),
    (rf"\b(?:for|por el|por la|finale?s?|match|{_PLACE}) {_THIRD}$", "bronze"),
    (
        rf"\b(?:for|por el|final|match|play ?off|{_PLACE}) {_THIRD} "
        rf"(?:(?:and|y|to|a|al) )?{_FOURTH}$",
        "bronze",
    ),
    (r"\bfinals? 1 (?:(?:to|a|al) )?[0-9]+$", "final"),  # "Final 1-6"
    (r"\bfinals? [0-9]+ (?:(?:to|a|al) )?[0-9]+$", "other"),  # "Final 7-12"
    (r"\bfinale?s? [b-h]\b|\b[b-h] finale?s?\b", "other"),
    (rf"\bplac(?:ing|ings|ement)\b|\b{_PLACE}\b|\bclassif|\branking\b", "other"),
    (r"\bclasificacion (?:del )?[0-9]+", "other"),
    (r"\bfor [0-9]+th\b|\bpor el (?:quinto|sexto|septimo|noveno|[0-9]+)", "other"),
    (r"\b(?:round|ronda|jornada) [0-9]+\b", "other"),  # but not "Round of 16"
    (r"\brepe(?:chage|chaje|sca)s?\b.*\bfinale?s?\b|\bfinale?s?\b.*\brepe(?:ch|sc)", None),
    (_SEMIFINALS, "semifinal"),
    (r"\b(?:quarter|eighth|sixteenth) ?finale?s?\b|\bcuartos\b|\boctavos\b|avos\b", "round"),
    (r"\b(?:1 )?(?:4|8|16|32|64)(?:th)? (?:de )?finale?s?\b|\b[sq]?f ?[0-9]\b", "round"),
    (r"\b(?:qualif|clasificat|preliminar|eliminat)", "round"),
)
_PHASES: Final = tuple((re.compile(pattern).search, phase) for pattern, phase in _PHASE_WORDS)
_FINALS: Final = dict.fromkeys(("finals", "finale", "finales", "endlauf"), "final")
_HARMLESS: Final = frozenset(
    (
        *("final", "a", "the", "la", "el", "de", "del", "por", "en", "of", "y"),
        *("timed", "time", "tiempo", "tiempos", "direct", "directa", "directo", "unica"),
        *("gran", "grand", "big", "super", "round", "ronda", "stage", "fase", "etapa"),
        *("individual", "team", "teams", "equipo", "equipos", "open", "absoluta", "absoluto"),
        *("men", "mens", "women", "womens", "mixed", "masculina", "femenina", "mixta"),
        *("masculino", "femenino", "mixto", "varones", "damas", "hombres", "mujeres", "varonil"),
        *("femenil",),
        *("race", "carrera", "match", "partido", "bout", "combate", "encuentro", "game", "juego"),
        *("event", "championship", "campeonato", "straight", "slow", "fast", "main"),
    )
)
_ROUND = re.compile(
    r"\b(?:heats?|series?|mangas?|tandas?|hits?|eliminator\w*|eliminac\w*|eliminat\w*|elimination"
    r"|prelims?|preliminar\w*|qualif\w*|clasif\w*|repechages?|repechajes?|repescas?"
    r"|first round|second round|third round|primera ronda|segunda ronda|tercera ronda"
    r"|round of|ronda de|groups?|grupos?|pools?|seeding|opening|initial|inicial)\b"
).search
