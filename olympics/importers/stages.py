"""The words of a stage, and the phase that they mean.

``read_stage`` reads what schedules and lists of results call the part of an event: "Heat 2",
"Semifinal", "Final A", "Combate por el bronce", "Timed final heat 1 of 3". Codes of the Olympic
Data Feed for phases (``FNL``, ``SFNL``, ``HEAT`` …) and the phases' own names are read too. The
words are English and Spanish, and the usual ones in Portuguese, French, Italian and German.

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
    level in the final. ``letter``: that of a final of places ("b" of "Final B").
    """

    phase: Phase | None
    heat: str = ""
    total: bool = False
    small: bool = False
    jump_off: bool = False
    letter: str = ""


@lru_cache(maxsize=8192)
def read_stage(text: str) -> Stage:
    """Read the words of a stage; of an empty text nothing is known."""
    return _read(text, in_name=False)


@lru_cache(maxsize=8192)
def read_stage_in_name(text: str) -> Stage:
    """Read the name of an event or a unit, in which a stage stands among other words.

    So "Final" is one wherever it stands: "100 m - Final F". It knows what ``read_stage`` knows.
    """
    return _read(text, in_name=True)


def _read(text: str, *, in_name: bool) -> Stage:
    words = stage_words(text)
    if not words:
        return Stage(None)
    if words in _EXACT:
        return Stage(_EXACT[words])
    if words in _FRACTIONS and _FRACTION(text):
        return Stage("semifinal" if words == "1 2" else "round")
    words, heat = _split_heat(words)
    words = " ".join(it for it in words.split() if it not in _GENDERS)
    if not words:
        return Stage("round" if heat else None, heat)
    if words in _EXACT:
        return Stage(_EXACT[words], heat)
    if _TOTAL(words):
        return Stage("final", total=True)
    if _JUMP_OFF(words) and not _SEMIFINAL(words):
        return Stage("other", jump_off=True)
    if _SMALL(words):
        return Stage("other", heat, small=True)
    words = _GOLD_CUP(" ", words)
    if _FRACTION(text) and _PLACES_OR_PART(words):
        return Stage(None, heat)
    for matches, phase in _PHASES:
        if matches(words):
            lettered = _LETTERED(words) if phase == "other" else None
            letter = (lettered["after"] or lettered["before"]) if lettered else ""
            return Stage(phase, heat, letter=letter)
    tokens = _ANY_FINAL("final", words).split()
    if "final" in tokens:
        if _OTHER_FINAL(" ".join(tokens)) or _FRACTION_OF_FINAL(folded(text)):
            return Stage(None, heat)
        if in_name or tokens[-1] == "final" or _HARMLESS.issuperset(tokens):
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
    r"\b(?:heats?|series?|mangas?|tandas?|eliminatorias?|hit|h|baterias?|batteri[ae]|vorlauf) "
    r"(?P<heat>[0-9]{1,3})(?: (?:of|de|di|von|sur) [0-9]{1,3})?(?![0-9 ]*[0-9])"
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

_FRACTIONS: Final = frozenset(("1 2", "1 4", "1 8", "1 16", "1 32", "1 64"))

#: Of men and women, which says nothing about a stage.
_GENDERS: Final = frozenset(
    (
        *("men", "mens", "women", "womens", "male", "female", "boys", "girls", "mixed"),
        *("masculina", "femenina", "mixta", "masculino", "femenino", "mixto", "feminino"),
        *("feminina", "mista", "misto", "varones", "damas", "hombres", "mujeres", "varonil"),
        *("femenil", "hommes", "femmes", "messieurs", "dames", "uomini", "donne", "herren"),
        *("damen", "frauen", "manner", "homens", "mulheres"),
    )
)

_TOTAL = re.compile(
    r"(?:final (?:results?|standings?|rankings?|table|overall|general)"
    r"|(?:resultados?|clasificacion|tabla|posiciones|ranking) (?:general |total )?final(?:es)?"
    r"|(?:overall|total) (?:results?|standings?|rankings?)|overall"
    r"|(?:resultados?|clasificacion|tabla) (?:generale?s?|total))"
).fullmatch
_JUMP_OFF = re.compile(r"\bjump ?offs?\b|\bbarrage\b|\bdesempates?\b").search

# Finals, in the languages whose names of events the packaged catalogue knows.
_ANY_FINAL = re.compile(r"\b(?:finals|finale[ns]?|finali|finais|endl[a]?uf\w*)\b").sub
_F = r"(?:finals?|finale[ns]?|finali|finais)"
_OF = r"(?:(?:de|di|d|da|do|of|por|para) )?(?:(?:la|el|the) )?"

_SMALL = re.compile(
    rf"\b(?:small|little|minor|petite|piccola|kleines|pequena|chica|menor) {_OF}{_F}\b"
    rf"|\b{_F} (?:pequena|chica|menor)\b|\bfinalina\b"
).search
_SEMIFINALS = (
    rf"\b(?:semis?|demis?|medias?|half|halb|meias?|mezza|1 2|1 media) ?{_OF}{_F}\b"
    r"|\bsemis?\b|\bsf ?[0-9]+\b"
)
_SEMIFINAL = re.compile(_SEMIFINALS).search

# Parts of a final, as words ("octavos"), as ordinals ("8vos") and as fractions ("1/8").
_PART = (
    r"(?:quarters?|quarts?|quarti|quart[oa]s?|viertel|cuart[oa]s?|eighths?|octav[oa]s?|oitav[oa]s?"
    r"|ottavi|huitiemes?|achtel|sixteenths?|dieciseisavos?|deciseis\w*|seiziemes?|sedicesimi"
    r"|sechzehntel|treintaidosavos?|\w*avos|\w+iemes?|\w+esimi"
    r"|1 (?:4|8|16|32|64)|(?:1 )?[0-9]{1,2}(?:ths?|t[oa]s?|v[oa]s?|av[oa]s?|[oa]s|mos?))"
)
_PARTS = (
    r"\b(?:cuartos|octavos|quart[oa]s|oitavas|quarti|ottavi|4tos|8vos|viertel\w*|achtel\w*"
    r"|sechzehntel\w*|\w*avos)\b"
)

_FIRST = r"(?:1st|first|primer|primera|primero|1er|1ra|1ro|1)"
_SECOND = r"(?:2nd|second|segund[oa]|2d[oa]|2)"
_THIRD = (
    r"(?:3rd|third|tercer|tercera|tercero|3er|3ra|3ro|terceiro|terceira|terzo|terza|troisieme"
    r"|3e|3eme|3)"
)
_FOURTH = r"(?:4th|fourth|cuarta|cuarto|4to|4ta|4o|quarto|4)"
_PLACE = (
    r"(?:place|places|lugar|lugares|puesto|puestos|posicion|posiciones|platz|posto|posti|colocado)"
)
_AND = r"(?:(?:and|y|e|to|o|a|al) )?"
_CUP = (
    r"(?:copa|cup|coupe|coppa|liga|league|grupo|group|serie|division|nivel|level|categoria|torneo"
    r"|cuadro)"
)
_GOLD_CUP = re.compile(rf"\b{_CUP} (?:de |d )?(?:oro|gold|ouro)\b").sub

# "Final B" decides places; "Final D" too, unless it is the women's ("damas").
_LETTERED_FINALS = rf"\b{_F} (?P<after>[b-h])\b|\b(?P<before>[b-h]) {_OF}{_F}\b"
_LETTERED = re.compile(_LETTERED_FINALS).search

# The order matters: a bronze match may be called "Final - Bronze", a placing match "Final 5-8".
_PHASE_WORDS: Final[tuple[tuple[str, Phase | None], ...]] = (
    (r"\bconsol|\bconsuelo\b", "other"),
    (
        rf"\b{_CUP} (?:de |d )?(?:plata|silver|bronce|bronze)\b|\b{_F} {_OF}(?:plata|silver)$",
        "other",
    ),
    (r"\b(?:bronze|bronce|bronzo|bronzekampf)s?\b", "bronze"),
    (
        rf"\b(?:losers?|perdedor[ae]?s|plate|bowl|shield|silver|plata) {_OF}{_F}\b"
        rf"|\b{_F} .*\b(?:perdedor|losers?\b)",
        "other",
    ),
    (r"\bgold(?:en)? medals?\b|\bmedalla (?:de )?oro\b|\bfor gold\b", "final"),
    (r"\bpor el (?:oro|titulo|campeonato)\b", "final"),
    (
        rf"\b[5-9](?:th)? {_AND}[0-9]+(?:th)? semi ?finale?s?\b"
        rf"|\bsemi ?finale?s? [5-9](?:th)? {_AND}[0-9]+",
        "other",
    ),
    (rf"\b{_PLACE} 1 {_AND}2$|\b{_FIRST} {_AND}(?:{_SECOND} )?{_PLACE}\b", "final"),
    (rf"\b{_THIRD} {_AND}(?:{_FOURTH} )?{_PLACE}\b", "bronze"),
    (rf"\b(?:for|por el|por la|{_F}|match|{_PLACE}) {_THIRD}$", "bronze"),
    (
        rf"(?:\b(?:for|por el|{_F}|match|play ?off|{_PLACE}) |^){_THIRD} {_AND}{_FOURTH}$",
        "bronze",
    ),
    (r"\bfinals? 1 (?:(?:to|a|al) )?[0-9]+$", "final"),  # "Final 1-6"
    (r"\bfinals? [0-9]+ (?:(?:to|a|al) )?[0-9]+$", "other"),  # "Final 7-12"
    (rf"\bplac(?:ing|ings|ement)\b|\b{_PLACE}\b|\bclassif|\branking\b", "other"),
    (r"\bclasificacion (?:del )?[0-9]+", "other"),
    (r"\bfor [0-9]+th\b|\bpor el (?:quinto|sexto|septimo|noveno|[0-9]+)", "other"),
    (r"\b(?:round|ronda|jornada) [0-9]+\b", "other"),  # but not "Round of 16"
    (rf"\brepe(?:chage|chaje|sca)s?\b.*\b{_F}\b|\b{_F}\b.*\brepe(?:ch|sc)", None),
    (_SEMIFINALS, "semifinal"),
    (rf"\b{_PART} ?{_OF}{_F}\b|{_PARTS}|\b[sq]f ?[0-9]\b", "round"),
    (_LETTERED_FINALS, "other"),
    (r"\b(?:gold|oro|ouro)\b", "final"),
    (r"\b(?:qualif|clasificat|preliminar|eliminat)", "round"),
)
_PHASES: Final = tuple((re.compile(pattern).search, phase) for pattern, phase in _PHASE_WORDS)

# "Final 1/4" is a quarter-final, the first of four, or of four places.
_PLACES_OR_PART = re.compile(r"\bfinals? 1 [0-9]+$").search
_FRACTION = re.compile(r"[0-9]\s*[/⁄]\s*[0-9]|[½¼⅛]").search
_FRACTION_OF_FINAL = re.compile(r"[0-9]\s*[/⁄]\s*[0-9]+\S*[-\s]+(?:\w+ ){0,2}fina(?:l|is)").search
# Finals that are not the event's: of a group, a leg, a day, or what leads to a final.
_OTHER_FINAL = re.compile(
    r"\b(?:pre|ante|antes|previ[oa]s?|antesala|penultim[oa]s?|camino|rumbo|pase|acceso|hacia"
    r"|zonal(?:es)?|regional(?:es)?|provincial(?:es)?|departamental(?:es)?|conference|conferencias?"
    r"|triangular|cuadrangular|pentagonal|hexagonal|liguilla|four|ida|vuelta|leg)\b"
    r"|\b(?:grupos?|groups?|gruppe|pools?|poules?|zonas?) (?:[a-z]|[0-9]+)\b"
    r"|\bfinal (?:(?:de|of|del) )?(?:grupos?|groups?|zonas?|pools?)\b"
    r"|\b(?:para|to|for|pour|per|zum|fur|into|a la|a las|al|clasificacion) (?:\w{1,3} ){0,3}final\b"
    r"|\b(?:[0-9]+(?:st|nd|rd|th|ra|da|ta|a|e)|first|second|third|primera|segunda|tercera)"
    rf" {_OF}final\b|\b(?:2|4|8|16|32|64) {_OF}final\b"
    r"|\b(?:juego|game|partido|match|set|race|regata|run|carrera|round|ronda|day|dia) [0-9]+\b"
).search
_HARMLESS: Final = frozenset(
    (
        *("final", "a", "the", "la", "el", "de", "del", "por", "en", "of", "y", "m", "v", "w"),
        *("timed", "time", "tiempo", "tiempos", "direct", "directa", "directo", "unica"),
        *("gran", "grand", "big", "super", "round", "ronda", "stage", "fase", "etapa"),
        *("individual", "team", "teams", "equipo", "equipos", "open", "absoluta", "absoluto"),
        *("race", "carrera", "match", "partido", "bout", "combate", "encuentro", "game", "juego"),
        *("event", "championship", "campeonato", "straight", "slow", "fast", "main"),
    )
)
_ROUND = re.compile(
    r"\b(?:heats?|series?|mangas?|tandas?|hits?|eliminator\w*|eliminac\w*|eliminat\w*|elimination"
    r"|prelims?|preliminar\w*|qualif\w*|clasif\w*|repechages?|repechajes?|repescas?"
    r"|baterias?|batteri[ae]|vorl\w+|vorrunde|zwischen\w+|hoffnungsl\w+"
    r"|(?:first|second|third) round|(?:primera|segunda|tercera) (?:ronda|fase)|round robin"
    r"|fase (?:[0-9]+|previa|regular)|fecha [0-9]+|todos contra todos|gironi?"
    r"|round of|ronda de|groups?|grupos?|gruppen?\w*|poules?|pools?|seeding|opening|initial"
    r"|inicial)\b"
).search
