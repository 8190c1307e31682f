"""Text from people: one canonical form, and nothing that deceives the eye."""

from __future__ import annotations

import pytest

from olympics.text import canonical_text, folded, is_canonical, shown


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("Alvaro García", "Alvaro García"),
        ("  Alvaro   García\r\n", "Alvaro García"),
        ("Alvaro\tGarci\u0301a", "Alvaro García"),
        ("Alvaro\u00a0\u2003García", "Alvaro García"),
        ("one\u2028two", "one two"),
        ("Mül\u00adler-Lü\u00addenscheidt", "Müller-Lüdenscheidt"),
        ("\u200eLeón", "León"),
        ("Ana\u200bRuiz", "AnaRuiz"),
        ("محمد\u200f علي", "محمد علي"),
        ("\ufeffAna \u2066Ruiz\u2069\u202c", "Ana Ruiz"),
        ("e\u2060\u0301", "é"),
        ("a\u200cb\u200d", "ab"),
        ("\u00ad", ""),
        ("", ""),
        (" \n", ""),
        ("名前", "名前"),
        ("🏊", "🏊"),
    ],
)
def test_white_space_and_composition_are_normalised(text: str, canonical: str) -> None:
    assert canonical_text(text) == canonical
    assert is_canonical(canonical)
    assert is_canonical(text) == (text == canonical)


@pytest.mark.parametrize(
    ("character", "kind"),
    [
        *(("\0", "control"), ("\x1b", "control"), ("\x1c", "control"), ("\x85", "control")),
        *(("\u0600", "format"), ("\u06dd", "format"), ("\U000110bd", "format")),
        *(("\ud800", "surrogates"), ("\udfff", "surrogates")),
    ],
    ids=ascii,
)
@pytest.mark.parametrize("place", ["{}ab", "a{}b", "ab{}"])
def test_controls_surrogates_and_formats_that_are_seen_are_refused(
    character: str, kind: str, place: str
) -> None:
    with pytest.raises(ValueError, match=kind):
        canonical_text(place.format(character))
    assert not is_canonical(place.format(character))


def test_joiners_are_kept_only_where_asked_for() -> None:
    name = "مریم\u200cزاده"
    assert canonical_text(name, joiners=True) == name
    assert is_canonical(name, joiners=True)
    assert not is_canonical(name)
    assert canonical_text(name) == name.replace("\u200c", "")


def test_folding_forgets_case_accents_and_repeated_white_space() -> None:
    assert folded(" NATACIÓN  libre ") == folded("natacio\u0301n libre") == "natacion libre"
    assert folded("Straße") == folded("STRASSE")
    assert folded("İzmir") == "izmir"
    assert folded("ＳＷＭ") == "swm"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", "'a'"),
        ("a\0\u202e\ud800", r"'a\x00\u202e\ud800'"),
        ("x" * 10**7, repr("x" * 39 + "…")),
        (None, "nothing"),
        (True, "true"),
        (12, "12"),
        (10**5_000, "a huge number"),
        (1.5, "1.5"),
        ({"a": 1}, "an object"),
        ([[[]]], "an array"),
        (object(), "a value of type object"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_in_error_messages_are_short_and_safe(value: object, text: str) -> None:
    assert shown(value) == text
