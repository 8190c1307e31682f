"""Text from people: how it is normalised, and when it is refused.

A text is *canonical* if it is in Unicode's normal form C, has no white space at its ends, only
single spaces inside, and nothing invisible or confusing: no control characters, no lone
surrogates and no format characters (soft hyphens, bidirectional controls, byte order marks …),
which would let two identities look the same on a screen. Names of people may contain the
zero-width joiners, because Persian and several Indic scripts need them.

Format characters come along with what is copied from web pages and word processors, and nobody
sees them, so they are left out: two texts that differ in them alone are one. Control characters
and surrogates are refused, and so are the few format characters that are seen.
"""

from __future__ import annotations

import re
import unicodedata

ZERO_WIDTH_JOINERS = frozenset("\u200c\u200d")

# Control characters that people type or paste as white space; every other one is refused.
_WHITE_CONTROLS = frozenset("\t\n\r\v\f")
_REFUSED = {"Cc": "control characters", "Cs": "lone surrogates"}
# Signs of Arabic, Syriac, Kaithi and Egyptian, which enclose or join what stands beside them.
_SEEN_FORMATS = re.compile(
    "[\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd\U00013430-\U0001345f]"
)


def canonical_text(text: str, *, joiners: bool = False) -> str:
    """Return the canonical form of ``text``; idempotent.

    Raises ValueError (its text says which kind of character) for what no text may contain.
    ``joiners`` keeps the two zero-width joiners.
    """
    if text.isprintable():  # true for ASCII without controls, and for most names: no bad category
        if not text.isascii():
            text = unicodedata.normalize("NFC", text)
        return text if " " not in text or is_tidy(text) else " ".join(text.split())
    kept: list[str] = []
    for character in text:
        category = unicodedata.category(character)
        if category == "Cf" and not _SEEN_FORMATS.match(character):
            if joiners and character in ZERO_WIDTH_JOINERS:
                kept.append(character)
            continue
        if category in _REFUSED and character not in _WHITE_CONTROLS:
            raise ValueError(f"text without {_REFUSED[category]} (U+{ord(character):04X})")
        if category == "Cf":
            raise ValueError(f"text without format characters (U+{ord(character):04X})")
        kept.append(character)
    return " ".join(unicodedata.normalize("NFC", "".join(kept)).split())


def is_canonical(text: str, *, joiners: bool = False) -> bool:
    """Whether ``canonical_text`` would return ``text`` unchanged."""
    if text.isprintable():
        if text.isascii():
            return " " not in text or is_tidy(text)
        return is_tidy(text) and unicodedata.is_normalized("NFC", text)
    try:
        return canonical_text(text, joiners=joiners) == text
    except ValueError:
        return False


def is_tidy(text: str) -> bool:
    """Whether a text without other white space has no space at its ends and no double ones."""
    return "  " not in text and text[:1] != " " and text[-1:] != " "


def folded(text: str) -> str:
    """Return the form in which names are compared: no case, no accents, single spaces.

    Idempotent. The case is folded on both sides of the decomposition, since each can bring up
    work for the other (U+0130 is a capital that folds into two characters; some compatibility
    letters decompose into capitals).
    """
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(c for c in decomposed if not unicodedata.combining(c))
    return " ".join(unicodedata.normalize("NFKC", bare.casefold()).split())


def shown(value: object) -> str:
    """Return a short, safe rendering of a value from outside, for an error message.

    Long texts are cut, invisible characters escaped; of containers only the type is told.
    """
    if isinstance(value, str):
        return repr(value if len(value) <= 40 else value[:39] + "…")
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value) if abs(value) < 10**20 else "a huge number"
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, (list, tuple)):
        return "an array"
    return f"a value of type {type(value).__name__}"
