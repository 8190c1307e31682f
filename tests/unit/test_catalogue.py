"""The catalogue: names in any spelling, and clear words about a file that cannot be used."""

from __future__ import annotations

import fnmatch
import random
from pathlib import Path

import pytest

from olympics.catalogue import (
    CatalogueError,
    UnknownName,
    load_catalogue,
    make_catalogue,
    rules_revision,
)

SMALL = """
revision = 7
[sports.rowing]
code = "ROW"
number = 0
order = "lower"
[faculties.law]
"""


@pytest.mark.parametrize(
    "text",
    [
        *(1, "1", "swimming", "SWIMMING", " Swimming ", "SWM", "swm"),
        *("Natación", "natacion", "NATACIÓN", "  natación\t", "Natacio\u0301n"),
    ],
)
def test_a_sport_is_known_by_name_code_number_and_alias_in_any_spelling(text: object) -> None:
    assert load_catalogue().sport(text).name == "swimming"


@pytest.mark.parametrize(
    "text", ["Ingeniería", "ingenieria", "ENGINEERING", "facultad  de  INGENIERÍA"]
)
def test_a_faculty_is_known_in_any_spelling(text: str) -> None:
    assert load_catalogue().faculty(text).name == "engineering"


def test_a_title_in_another_language_is_a_name_too() -> None:
    catalogue = make_catalogue(SMALL + 'title = "Law"\ntitles = { es = "Derecho" }\n')

    assert catalogue.faculty("DERECHO").titles == (("es", "Derecho"),)


def test_titles_are_by_languages_of_two_letters() -> None:
    with pytest.raises(CatalogueError, match=r"faculties\.law: .*\[a-z\]\{2\}.*titles"):
        make_catalogue(SMALL + 'titles = { spanish = "Derecho" }\n')


@pytest.mark.parametrize(
    "text", ["", " ", "chess", None, True, False, 1.0, 10**30, -1, [], {}, "s" * 10**6, "\ud800"]
)
def test_what_names_no_sport_is_unknown_whatever_it_is(text: object) -> None:
    with pytest.raises(UnknownName, match="expected a sport of the catalogue: swimming, ") as error:
        load_catalogue().sport(text)
    assert error.value.kind == "sport"
    assert error.value.known == ("swimming", "athletics", "boxing")
    assert len(str(error.value)) < 200


def test_of_a_long_list_of_names_only_one_is_told() -> None:
    faculties = "".join(f"[faculties.f{number}]\n" for number in range(100))
    catalogue = make_catalogue(SMALL + faculties)
    with pytest.raises(UnknownName, match=r"one of the 101 names of a faculty .* such as law"):
        catalogue.faculty("none")


@pytest.mark.parametrize(
    ("unit", "order"),
    [
        ("ATHM100M--------------FNL-000100--", "lower"),
        ("ATHMLJ----------------FNL-000100--", "higher"),
        ("ATHWTJ----------------QUAL000100--", "higher"),
        ("ATHWPV----------------FNL-000100--", "higher"),
        ("ATHMDECATH------------FNL-000100--", "higher"),
        ("ATHMDECATH------------LJ----------", "higher"),
        ("ATHMDECATH------------100---------", "lower"),
        ("ATHMDECATH------------1500--------", "lower"),
        ("ATHWHEPTATH-----------200---------", "lower"),
        ("Long jump, women", "higher"),
        ("salto-largo", "higher"),
        ("100m-final", "lower"),
    ],
)
def test_jumps_throws_and_totals_of_athletics_rank_higher_and_races_lower(
    unit: str, order: str
) -> None:
    assert load_catalogue().sports["athletics"].order_of(unit) == order


def test_the_first_pattern_that_matches_decides() -> None:
    catalogue = make_catalogue(
        SMALL.replace(
            'order = "lower"',
            'order = "lower"\nevents = [{units = "*erg*", order = "higher"},'
            ' {units = "*", order = "head-to-head"}]',
        )
    )
    rowing = catalogue.sports["rowing"]
    assert rowing.order_of("erg 2000") == "higher"
    assert rowing.order_of("single scull") == "head-to-head"


def test_every_list_of_patterns_means_what_the_patterns_mean_one_by_one() -> None:
    pieces = ("*", "**", "?", "[ab]", "[!A]", "[B-", "a", "B", "c.", "é", "")
    chance = random.Random(1)
    for _ in range(500):
        patterns = [
            "".join(chance.choices(pieces, k=chance.randint(1, 4))) or "*"
            for _ in range(chance.randint(0, 4))
        ]
        orders = chance.choices(("lower", "higher"), k=len(patterns))
        listed = ", ".join(
            f'{{units = "{pattern}", order = "{order}"}}'
            for pattern, order in zip(patterns, orders, strict=True)
        )
        catalogue = make_catalogue(
            SMALL.replace('order = "lower"', f'order = "head-to-head"\nevents = [{listed}]')
        )
        for _ in range(20):
            unit = "".join(chance.choices("abBCc.É-", k=chance.randint(1, 5)))
            expected = next(
                (
                    order
                    for pattern, order in zip(patterns, orders, strict=True)
                    if fnmatch.fnmatchcase(unit.lower(), pattern.lower())
                ),
                "head-to-head",
            )
            assert catalogue.sports["rowing"].order_of(unit) == expected, (patterns, unit)


def test_boxing_is_head_to_head_and_gives_two_bronzes() -> None:
    boxing = load_catalogue().sports["boxing"]
    assert boxing.order_of("anything") == "head-to-head"
    assert boxing.two_bronzes


def test_what_is_left_out_has_a_default() -> None:
    catalogue = make_catalogue(SMALL)
    assert catalogue.sports["rowing"].title == "rowing"
    assert catalogue.sport(0) is catalogue.sports["rowing"]
    assert not catalogue.sports["rowing"].two_bronzes
    assert catalogue.faculties["law"].aliases == ()


def test_the_rules_revision_grows_with_the_catalogues() -> None:
    older = make_catalogue(SMALL)
    newer = make_catalogue(SMALL.replace("revision = 7", "revision = 8"))
    assert rules_revision(newer) == rules_revision(older) + 1


def test_the_fingerprint_tells_content_not_order() -> None:
    one = make_catalogue(SMALL + "[faculties.arts]\n[faculties.music]\n")
    same = make_catalogue(SMALL + "[faculties.music]\n[faculties.arts]\n")
    other = make_catalogue(SMALL + '[faculties.music]\n[faculties.arts]\ntitle = "Arts"')
    assert one.fingerprint == same.fingerprint != other.fingerprint


def test_how_marks_look_is_not_in_the_fingerprint() -> None:
    one = make_catalogue(SMALL)
    timed = make_catalogue(SMALL.replace('order = "lower"', 'order = "lower"\ntimes = true', 1))
    assert one != timed
    assert one.fingerprint == timed.fingerprint


@pytest.mark.parametrize(
    ("old", "new", "place", "expected"),
    [
        ("revision = 7", "", "", "missing required field `revision`"),
        ("revision = 7", "revision = 1000000", "revision", "expected `int`"),
        ("revision = 7", "revision = 7\nspeed = 3", "", "unknown field `speed`"),
        ("revision = 7", "revision = ", "", "expected TOML"),
        ('code = "ROW"', "", "sports.rowing", "missing required field `code`"),
        ('code = "ROW"', 'code = "rowing"', "sports.rowing.code", "`str` matching regex"),
        ('order = "lower"', 'order = "fastest"', "sports.rowing.order", "'fastest'"),
        ("number = 0", "number = -1", "sports.rowing.number", "expected `int` >= 0"),
        ("number = 0", 'aliases = "x"', "sports.rowing.aliases", "expected `array`"),
        ("number = 0", 'aliases = ["´"]', "sports.rowing", "names with letters"),
        ("number = 0", "events = [{units = 3}]", "sports.rowing.events[0].units", "`str`"),
        ("[faculties.law]", "", "", "missing required field `faculties`"),
        ("[faculties.law]", "[faculties]", "faculties", "at least one"),
        ("[faculties.law]", '[faculties."a b"]', "faculties.a b", "letters"),
        ("[faculties.law]", '[faculties."a:b"]', "faculties.a:b", "letters"),
        ("[faculties.law]", '[faculties."Á"]', "faculties.Á", "letters"),
        ("[faculties.law]", "[faculties.NaN]", "faculties.NaN", "takes for a number"),
        ("[faculties.law]", "[faculties.INF]", "faculties.INF", "takes for a number"),
        ("[faculties.law]", "[faculties.-Infinity]", "faculties.-Infinity", "for a number"),
        ("[faculties.law]", "[faculties.1e5]", "faculties.1e5", "takes for a number"),
        ("[faculties.law]", "[faculties.0x1p-2]", "faculties.0x1p-2", "takes for a number"),
        ("[faculties.law]", "[faculties.2024]", "faculties.2024", "takes for a number"),
        ("[faculties.law]", '[faculties.law]\ntitle = ""', "faculties.law.title", "not empty"),
        (
            *("[faculties.law]", '[faculties.law]\ntitle = "a\\u0000"'),
            *("faculties.law.title", "without control characters"),
        ),
        (
            *("[faculties.law]", '[faculties.law]\n[faculties.arts]\naliases = ["LÁW"]'),
            *("faculties.arts", "'LÁW' also names law"),
        ),
        (
            *("[faculties.law]", '[sports.run]\ncode = "RUN"\naliases = ["0"]\norder = "lower"'),
            *("sports.run", "'0' also names rowing"),
        ),
    ],
)
def test_an_error_names_the_file_the_place_and_what_was_expected(
    old: str, new: str, place: str, expected: str
) -> None:
    text = SMALL.replace(old, new)
    if "[sports" in new:
        text += "\n[faculties.law]"

    with pytest.raises(CatalogueError) as error:
        make_catalogue(text, file="games.toml")

    assert error.value.file == "games.toml"
    assert error.value.place == place
    assert expected.lower() in error.value.expected.lower()
    assert str(error.value).startswith("games.toml: ")


def test_names_that_merely_look_like_numbers_are_fine() -> None:
    names = ["3x3", "infinite", "nano", "e5", "1e", "inf-1", "0x"]
    catalogue = make_catalogue(SMALL + "".join(f"[faculties.{name}]\n" for name in names))
    assert set(names) < set(catalogue.faculties)


def test_a_missing_file_a_directory_and_another_encoding_are_told_apart(tmp_path: Path) -> None:
    latin = tmp_path / "latin.toml"
    latin.write_bytes(SMALL.replace("law", '"técnica"').encode("latin-1"))
    for path, expected in (
        (tmp_path / "absent.toml", "No such file"),
        (tmp_path, "Is a directory"),
        (latin, "expected UTF-8"),
    ):
        with pytest.raises(CatalogueError, match=expected) as error:
            load_catalogue(path)
        assert error.value.file == str(path)


def test_a_catalogue_of_ones_own_is_read_from_its_path(tmp_path: Path) -> None:
    path = tmp_path / "games.toml"
    path.write_text(SMALL, "utf-8")
    assert list(load_catalogue(path).sports) == ["rowing"]
