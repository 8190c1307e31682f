"""All that is wrong with a catalogue at once, each with its line."""

from __future__ import annotations

import pytest

from medallero.catalogue.check import check_text, line_of, todos_of
from olympics.catalogue import load_catalogue

WRONG = """\
# Everything that can be wrong, in one file.
revison = 3

[sports.swimming]
code = "swm"
order = "lowest"
times = "yes"

[sports.rowing]
order = "lower"
colour = "red"
events = [
  { units = "*erg*", order = "higher" },
  { units = "*x*" },
  { words = ["a", "–"], order = "up" },
]

[[sports.chess.events]]
words = "blitz"
phase = "finale"

[sports."bad name"]
code = "BAD"
order = "lower"

[faculties.law]
colour = "blue"
[faculties.arts]
aliases = ["Art", "LÁW"]
short = "far too long a short name"
[faculties.inf]

[irm]
did_not_start = ["DNX"]
disqualified = ["DNX"]
[games]
begins = 2026-11-20
ends = 2026-11-10
"""


def test_everything_that_is_wrong_is_told_with_its_line() -> None:
    catalogue, problems = check_text(WRONG)

    assert catalogue is None
    assert [(it.line, it.place) for it in problems] == [
        (None, ""),
        (2, "revison"),
        (5, "sports.swimming.code"),
        (6, "sports.swimming.order"),
        (7, "sports.swimming.times"),
        (9, "sports.rowing"),
        (11, "sports.rowing.colour"),
        (14, "sports.rowing.events[1]"),
        (15, "sports.rowing.events[2].order"),
        (15, "sports.rowing.events[2].words[1]"),
        (18, "sports.chess"),
        (18, "sports.chess"),
        (20, "sports.chess.events[0].phase"),
        (22, "sports.bad name"),
        (27, "faculties.law.colour"),
        (29, "faculties.arts"),
        (30, "faculties.arts.short"),
        (31, "faculties.inf"),
        (35, "irm.disqualified[0]"),
        (38, "games.ends"),
    ]
    told = {it.place: it.expected for it in problems}
    assert told["revison"] == "this key means nothing here; perhaps revision is meant"
    assert told[""] == "expected the key revision"
    assert (
        told["sports.swimming.order"] == "expected one of lower, higher, head-to-head, got 'lowest'"
    )
    assert "three capitals" in told["sports.swimming.code"]
    assert "'LÁW' also names law" in told["faculties.arts"]


@pytest.mark.parametrize(
    ("text", "line", "expected"),
    [
        ("a = [", 1, "expected TOML"),
        ("revision = 1\nrevision = 2\n", 2, "cannot overwrite"),
        ("\n\n[sports\n", 3, "expected TOML"),
    ],
)
def test_what_is_no_toml_is_told_with_its_line(text: str, line: int, expected: str) -> None:
    catalogue, problems = check_text(text)

    assert catalogue is None
    assert [it.line for it in problems] == [line]
    assert expected in problems[0].expected


@pytest.mark.parametrize(
    "text", ["", "sports = 3", "sports = []", "[sports]\n[faculties]\n", "[sports.x]\nevents = 3\n"]
)
def test_whatever_the_text_is_it_is_told_and_nothing_breaks(text: str) -> None:
    catalogue, problems = check_text(text)

    assert catalogue is None
    assert problems


def test_a_right_catalogue_has_no_problems() -> None:
    text = (
        "revision = 1\n[sports.rowing]\ncode = 'ROW'\norder = 'lower'\n[faculties.law]\ntitle = 'L'"
    )
    catalogue, problems = check_text(text)

    assert not problems
    assert catalogue is not None
    assert list(catalogue.sports) == ["rowing"]
    assert load_catalogue().sports.keys() != catalogue.sports.keys()


def test_todos_are_found_with_their_lines() -> None:
    text = "a = 1\n# TODO: one thing\n# that goes on\nb = 2\n  # TODO: another\n# TODO: third\n"

    assert [tuple(it) for it in todos_of(text)] == [
        (2, "one thing that goes on"),
        (5, "another"),
        (6, "third"),
    ]


@pytest.mark.parametrize(
    ("place", "line"),
    [
        ("sports.a.events[0].order", 4),
        ("sports.a.events[1].words[0]", 7),
        ("sports.b.events[1].phase", 16),
        ("sports.b.code", 10),
        ("sports.c", None),
        ("faculties.f.titles.es", 20),
    ],
)
def test_the_line_of_a_key(place: str, line: int | None) -> None:
    text = """\
[sports.a]
code = "AAA"  # events = [
events = [
  { units = "{", order = "lower" },
  # { units = "x" },
  {
    words = ["x"], order = "lower" },
]
[sports.b]
code = "BBB"
[[sports.b.events]]
units = "1"
phase = "final"
[[sports.b.events]]
units = "2"
phase = "bronze"

[ faculties . f ]
title = "es"
titles = { en = "x", es = "y" }
"""
    assert line_of(text, place) == line
