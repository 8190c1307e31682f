"""Invalid-result marks as people write them: codes, abbreviations and words.

``read_irm`` reads "No se presentó", "Descalificada por salida en falso", "NP", "did not finish" and
the like, in English, Spanish, Portuguese, French, Italian and German.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from olympics.importers.stages import stage_words

#: Codes that are an IRM wherever they stand.
CODES: Final = frozenset(
    (
        *("DNS", "DNF", "DSQ", "DQ", "DQB", "DISQ", "NS", "SCR", "DFS", "SICK", "WDR", "EXH"),
        *("NM", "NH", "NT", "ND", "LAP", "OTL", "DNQ", "ABD", "SAN", "WO"),
    )
)


@lru_cache(maxsize=8192)
def read_irm(text: str) -> str:
    """Return the code that a text means, "" if it means none that is known."""
    words = stage_words(text.partition("(")[0])
    code = words.replace(" ", "").upper()
    if code in CODES:
        return "W/O" if "/" in text and code == "WO" else code
    if code in _ABBREVIATIONS:
        return _ABBREVIATIONS[code]
    for begins, meaning in _WORDS:
        match = begins(words)
        if match is None:
            continue
        rest = words[match.end() :].strip()
        if rest.startswith(("antes ", "before ")) and meaning == "DNF":
            return "DNS"
        # "DSQ / R 162.7" and "Descalificado por doping" go on with the reason; other words may turn
        # the meaning round.
        if not rest or _REASON(rest):
            return "DQB" if meaning == "DSQ" and _BEHAVIOUR(stage_words(text)) else meaning
    return ""


_ABBREVIATIONS: Final = {
    **dict.fromkeys(("NP", "NSP", "AUS", "AUSENTE"), "DNS"),
    **dict.fromkeys(("DESC", "DESCAL", "DESCALIF", "DISQUALIF"), "DSQ"),
    **dict.fromkeys(("AB", "ABN", "ABAN", "ABAND", "RET"), "DNF"),
    **dict.fromkeys(("SM", "NVM"), "NM"),
}

_NO = r"(?:no|nao|non) (?:se |s )?"
_NOT = r"(?:did not|didnt|does not|doesnt)"
_WORDS: Final = tuple(
    (re.compile(rf"(?:{pattern})\b").match, code)
    for pattern, code in (
        (
            rf"{_NO}(?:presento|presenta(?:do|da|dos|das|ron)?|salio|salieron|sale|partio|comparec\w*"
            r"|asist\w+|inicio|inicia|largo|largou|corrio|compitio|competiu|participo|participa"
            r"|arranco|partito|partant|iniciou|parti)"
            rf"|{_NOT} (?:start|show|show up|appear|compete)|not started|no shows?|non starters?"
            r"|ausentes?|ausencia|inasist\w+|incomparecencia|absente?|assente|forfait|scratch(?:ed)?"
            r"|nicht (?:am start|gestartet|angetreten)|dns|np|nsp",
            "DNS",
        ),
        (
            r"(?:se )?retir(?:o|ad[oa]s?|aron)"
            r"|(?:se )?abandon(?:a|o|os|ad[oa]s?|aron|ed|ment|ne|nee)?|abbandon\w+|desist\w+"
            r"|ritir(?:o|at[oa])|retired|retirement|aufgegeben|aufgabe"
            rf"|{_NO}(?:termin\w+|finaliz\w+|concluy\w+|complet\w+|lleg\w+|acab\w+|concluiu"
            r"|arrivat[oa])"
            rf"|sin (?:terminar|finalizar)|{_NOT} finish|not finished|no finish"
            r"|nicht (?:beendet|im ziel)|dnf",
            "DNF",
        ),
        (
            r"desc|descal(?:if)?|descalif\w+|desqualif\w+|desclassif\w+|disq|disqu\w+|squalif\w+|dsq"
            r"|dq",
            "DSQ",
        ),
        (
            r"exhibi\w+|fuera de (?:competencia|competicion|concurso)|hors (?:concours|competition)"
            r"|out of competition|fuori (?:gara|concorso)|ausser konkurrenz|invitad[oa]s?",
            "EXH",
        ),
        (
            rf"{_NO}(?:clasific\w+|califico|calificad[oa]s?|classific\w+|qualific\w+|qualifi\w+)"
            rf"|{_NOT} qualify|not qualified|nicht qualifiziert",
            "DNQ",
        ),
        (r"sin (?:marca|registro)(?: valid[oa])?|no (?:valid )?mark|nul[oa]s?|sem marca", "NM"),
        (r"sin tiempo|no time|sem tempo", "NT"),
        (r"sin altura|no height", "NH"),
        (r"fuera de tiempo(?: limite)?|over time limit", "OTL"),
        (r"walk ?over", "W/O"),
        (r"withdrawn|withdrew|withdrawal", "WDR"),
        (r"bye|exent[oa]|descansa", "BYE"),
    )
)
_REASON = re.compile(
    r"(?:[0-9]|(?:por|en|a|al|regla|rule|r|tr|art|articulo|km|for|due|in|at|nach|wegen|pour|per|su)\b)"
).match
_BEHAVIOUR = re.compile(r"conduct|antideportiv|unsports|doping|dopaje|behaviou?r").search
