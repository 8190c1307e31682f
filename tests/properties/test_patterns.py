"""Phrases find whole words, and the first of many patterns decides, whatever else there is."""

from __future__ import annotations

import fnmatch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from olympics.patterns import Patterns, check_phrase, first_match, words_of


@pytest.mark.parametrize(
    ("unit", "words"),
    [
        ("Salto con Pértiga, Final", "salto con pertiga final"),
        ("LongJump-final", "long jump final"),
        ("SHOT_PUT (women)", "shot put women"),
        ("PÉRTIGA", "pertiga"),
        ("Kugelstoßen", "kugelstossen"),
        ("4x100m", "4 x 100 m"),
        ("4×100", "4 x 100"),
        ("10,000m", "10000 m"),
        ("1.500 metros", "1500 metros"),
        ("7.26 kg", "7 26 kg"),
        ("110mH", "110 m h"),
        ("l'asta", "l asta"),
        ("走高跳 final", "走高跳 final"),
        ("ATHMHIGHJUMP----------FNL-000100--", "highjump fnl"),
        ("ATHWSHOTPUT-F20-------QUAL000100--", "shotput f 20 qual"),
        ("ATHMDECATH------------110H000100--", "decath 110 h"),
        ("", ""),
        ("–", ""),
    ],
)
def test_the_words_of_a_unit(unit: str, words: str) -> None:
    assert words_of(unit) == tuple(words.split())


@pytest.mark.parametrize(
    ("phrase", "unit", "matches"),
    [
        ("disco", "Lanzamiento de disco", True),
        ("disco", "Discovery games", False),
        ("Pértiga", "PERTIGA FINAL", True),
        ("4x100", "4 x 100 m", True),
        ("high jump", "High-jump", True),
        ("high jump", "High school jump", False),
        ("high * jump", "High school jump", True),
        ("high * jump", "High jump", True),
        ("high * jump", "jump high", False),
        ("*sprung", "Weitsprung final", True),
        ("*sprung", "Springen, Weit sprungbrett", False),
        ("60 met*", "60 metres", True),
        ("60 met*", "60 m et", False),
        ("group [a-c]", "Group B", True),
        ("group [!a-c]", "Group B", False),
        ("group [!a-c]", "Group", False),
        ("group ?", "Group 12", False),
        ("* final", "Final", True),
    ],
)
def test_a_phrase_stands_for_whole_words_in_their_order(
    phrase: str, unit: str, matches: bool
) -> None:
    assert (first_match([(Patterns((), (phrase,)), "yes")])(unit) == "yes") is matches


@pytest.mark.parametrize("phrase", ["", " ", "*", "* *", "–", "* -"])
def test_a_phrase_has_words(phrase: str) -> None:
    with pytest.raises(ValueError, match="at least one word"):
        check_phrase(phrase)


def test_no_pattern_is_about_an_entry() -> None:
    assert first_match([(Patterns(("*",), ("entry",)), 1)])("entry/long jump") is None


WORDS = st.sampled_from(("a", "b", "ab", "1", "12"))
PHRASE_WORDS = st.sampled_from(("a", "b", "ab", "1", "a*", "?", "*b", "[ab]", "[!a]", "*"))
PHRASES = st.lists(PHRASE_WORDS, min_size=1, max_size=3).map(" ".join)
GLOBS = st.sampled_from(("a*", "*b", "*1*", "? *", "[ab]", "ab"))
PATTERNS = st.builds(
    Patterns,
    st.lists(GLOBS, max_size=2).map(tuple),
    st.lists(PHRASES.filter(lambda it: set(it.split()) != {"*"}), max_size=3).map(tuple),
)


def stands_in(phrase: list[str], words: list[str], begin: bool = True) -> bool:
    """The definition, word by word."""
    if begin and len(words) > 1 and stands_in(phrase, words[1:]):
        return True
    if not phrase:
        return True
    if phrase[0] == "*" and any(
        stands_in(phrase[1:], words[skipped:], False) for skipped in range(len(words) + 1)
    ):
        return True
    return (
        phrase[0] != "*"
        and bool(words)
        and fnmatch.fnmatchcase(words[0], phrase[0])
        and stands_in(phrase[1:], words[1:], False)
    )


@given(st.lists(PATTERNS, max_size=5), st.lists(WORDS, min_size=1, max_size=5).map(" ".join))
def test_many_patterns_mean_what_they_mean_one_by_one(patterns: list[Patterns], unit: str) -> None:
    words = list(words_of(unit))
    expected = next(
        (
            number
            for number, it in enumerate(patterns)
            if any(fnmatch.fnmatchcase(unit, glob) for glob in it.globs)
            or any(stands_in(phrase.split(), words) for phrase in it.phrases)
        ),
        None,
    )

    assert first_match([(it, number) for number, it in enumerate(patterns)])(unit) == expected
