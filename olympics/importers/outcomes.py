"""Won, lost and tied as people write them: words, and letters that depend on the language.

D is a draw beside W and L, and a defeat (*derrota*) beside V. So the letters of a column are looked
at together: ``letters_of`` finds the only meaning under which all of them can stand side by side.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping
from typing import Final

from olympics.importers.stages import stage_words
from olympics.words import Outcome

_WON: Final = """
    won win wins winner gano gana ganador ganadora ganadores victoria victorioso triunfo triunfa
    vencedor vencedora vencio venceu ganhou vitoria victoire gagne gagnant vainqueur vinto vittoria
    vincitore vincitrice sieg sieger gewonnen
"""
_LOST: Final = """
    lost loss lose loses loser perdio pierde perdedor perdedora perdedores derrota derrotado
    derrotada vencido vencida perdeu defeat defeated beaten defaite perdu perdant perso sconfitta
    niederlage verloren verlierer
"""
_TIED: Final = """
    tied tie draw drawn empate empato empatado empatada empatados empatou pareggio nul unentschieden
    remis
"""
_WORDS: Final[Mapping[str, Outcome]] = {
    **dict.fromkeys(_WON.split(), "won"),
    **dict.fromkeys(_LOST.split(), "lost"),
    **dict.fromkeys((*_TIED.split(), "match nul"), "tied"),
}
# In a column for outcomes alone: "Ganó: sí".
_ANSWERS: Final[Mapping[str, Outcome]] = {
    **dict.fromkeys(("si", "yes", "sim", "oui", "ja", "true", "verdadero"), "won"),
    **dict.fromkeys(("no", "nao", "non", "nein", "false", "falso"), "lost"),
}
# Letters for won, lost and tied that are used together, by language.
_SYSTEMS: Final = tuple(
    {won: "won", lost: "lost", **dict.fromkeys(tied, "tied")}
    for won, lost, tied in (
        *(("w", "l", "dt"), ("w", "d", ""), ("1", "0", "")),
        *(("g", "p", "e"), ("v", "d", "e"), ("v", "p", "e"), ("g", "d", "e"), ("v", "d", "n")),
        *(("g", "p", "n"), ("v", "s", "p"), ("s", "n", "u"), ("y", "n", "")),
    )
)
_LETTERS: Final = frozenset(itertools.chain.from_iterable(_SYSTEMS))


def outcome_word(text: str) -> Outcome | None:
    """Return what words say in any column: "Ganó", "Defeat", "Victoria por puntos"."""
    words = stage_words(text)
    first, _, rest = words.partition(" ")
    return _WORDS.get(words) or (_WORDS.get(first) if _HOW(f"{rest} ") else None)


def outcome_of(text: str, letters: Mapping[str, Outcome]) -> Outcome | None:
    """Return what a cell of a column for outcomes says; *letters* are those of the column."""
    words = stage_words(text)
    return outcome_word(text) or letters.get(words) or _ANSWERS.get(words)


def is_letter(text: str) -> bool:
    """Whether a text is a letter that is used for won, lost or tied in any language."""
    return stage_words(text) in _LETTERS and text.isalpha()


def letters_of(texts: Iterable[str], heading: str = "") -> dict[str, Outcome]:
    """Return what the letters of a column mean, without those that could mean several things.

    The heading counts too, if it names the letters: "V/D", "WLT".
    """
    seen = {stage_words(it) for it in texts}
    tokens = stage_words(heading).split()
    singles = [it for it in tokens if len(it) == 1]
    seen.update(singles if len(singles) > 1 else ())
    seen.update(*filter(_COMPACT, tokens))
    seen &= _LETTERS
    systems = [it for it in _SYSTEMS if seen <= it.keys()]
    # Where somebody won, somebody has lost.
    whole = [it for it in systems if {"won", "lost"} <= {it[letter] for letter in seen}]
    meanings: dict[str, Outcome] = {}
    for letter in seen:
        its = {it[letter] for it in whole or systems}
        if len(its) == 1:
            meanings[letter] = its.pop()  # type: ignore[assignment]
    return meanings


_COMPACT = re.compile(r"w[ldt]{1,2}|wdl|[gv][pden]{1,2}|gep|ved|vep|vnd|gnp|sn").fullmatch
_HOW = re.compile(r"(?:[0-9]|(?:por|by|on|par|per|durch|a|nach|in|en) )").match
