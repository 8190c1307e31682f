"""The catalogue: names in any spelling, and clear words about a file that cannot be used."""

from __future__ import annotations

import fnmatch
import random
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from olympics.catalogue import (
    Catalogue,
    CatalogueError,
    Games,
    Sport,
    UnitRules,
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


def rowing_with(*events: str, sport: str = "") -> Sport:
    """Return the sport of SMALL with events, and with more lines."""
    listed = f"events = [{', '.join(f'{{ {it} }}' for it in events)}]\n{sport}"
    return make_catalogue(SMALL.replace("number = 0", listed)).sports["rowing"]


def test_marks_are_times_where_the_event_says_so_else_where_lower_is_better() -> None:
    rowing = rowing_with(
        'units = "*plank*", order = "higher", times = true',
        'units = "*points*", times = false',
        'units = "*erg*", order = "higher"',
        sport="times = true",
    )

    assert [rowing.times_of(it) for it in ("2000 m", "plank hold", "team points", "erg")] == [
        *(True, True, False, False),
    ]
    assert rowing.has_times()


def test_marks_are_no_times_unless_the_catalogue_says_so() -> None:
    assert not rowing_with('units = "*", order = "lower"').has_times()
    for sport in ("swimming", "athletics", "boxing"):
        assert load_catalogue().sports[sport].times_of("100 m") == (sport != "boxing")
    assert not load_catalogue().sports["athletics"].times_of("long jump")


def test_each_property_of_a_unit_is_that_of_the_first_pattern_that_matches_and_has_it() -> None:
    rowing = rowing_with(
        'units = "*final*", title = "A final"',
        'units = "*small final*", phase = "bronze", order = "head-to-head"',
        'units = "*", two_bronzes = true',
        'units = "*erg*", order = "higher", two_bronzes = false, phase = "other", title = "Erg"',
    )

    assert rowing.rules_of("small final") == UnitRules("head-to-head", "bronze", True)
    assert rowing.rules_of("ERG small final") == UnitRules("head-to-head", "bronze", True)
    assert rowing.rules_of("Erg final") == UnitRules("higher", "other", True)
    assert rowing.rules_of("heat 1") == UnitRules("lower", None, True)
    for unit in ("small final", "ERG small final", "Erg final", "heat 1"):
        assert rowing.rules_of(unit) == UnitRules(
            rowing.order_of(unit), rowing.phase_of(unit), rowing.two_bronzes_of(unit)
        )
    assert rowing.title_of("erg final", "en") == "A final"
    assert rowing.title_of("erg 2000", "en") == "Erg"
    assert rowing.title_of("heat 1", "en") is None


@pytest.mark.parametrize(
    ("name", "code"), [("judo", "JUD"), ("kampf", "WRE"), ("taekwondo", "XYZ"), ("karate", "KTE")]
)
def test_a_sport_that_fights_for_bronze_gives_none_to_losing_semi_finalists(
    name: str, code: str
) -> None:
    text = f"""
revision = 1
[sports.{name}]
code = "{code}"
order = "head-to-head"
two_bronzes = true
[faculties.engineering]
"""
    assert not make_catalogue(text).sports[name].two_bronzes_of("60 kg semi-final")


def test_a_pattern_may_take_two_bronzes_away() -> None:
    rowing = rowing_with('units = "*team*", two_bronzes = false', sport="two_bronzes = true")

    assert rowing.two_bronzes_of("71 kg semi-final")
    assert not rowing.two_bronzes_of("Team semi-final")


def test_a_unit_has_the_title_of_its_language_or_else_the_one_for_all() -> None:
    rowing = rowing_with(
        'units = "*erg*", title = "Ergometer", titles = { es = "Remoergómetro" }',
        'units = "*sprint*", titles = { es = "Velocidad" }',
    )

    assert rowing.title_of("ERG 2000", "es") == "Remoergómetro"
    assert rowing.title_of("ERG 2000", "en") == "Ergometer"
    assert rowing.title_of("sprint", "es") == "Velocidad"
    assert rowing.title_of("sprint", "en") is None


def test_a_unit_that_no_pattern_with_an_order_matches_is_not_recognised() -> None:
    rowing = rowing_with('units = "*erg*", order = "higher"', 'units = "*", phase = "other"')

    assert rowing.recognises("erg 2000")
    assert not rowing.recognises("single scull")


def test_a_sport_without_orders_in_its_patterns_recognises_everything() -> None:
    assert rowing_with('units = "*swim-off*", phase = "other"').recognises("single scull")
    assert rowing_with().recognises("single scull")


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
    other = make_catalogue(SMALL + "[faculties.music]\n[faculties.art]\n")
    assert one.fingerprint == same.fingerprint != other.fingerprint


def changed(sport: str = "", *, faculty: str = "", more: str = "") -> Catalogue:
    """Return the catalogue of SMALL with more lines for its sport, its faculty, or at the end."""
    text = SMALL.replace("number = 0", f"number = 0\n{sport}")
    return make_catalogue(f"{text}{faculty}\n{more}\n")


@pytest.mark.parametrize(
    "changes",
    [
        lambda: changed('title = "Rowing"\ntitles = { es = "Remo" }\naliases = ["Crew"]'),
        lambda: changed('events = [{ units = "*", title = "A race" }]'),
        lambda: changed(faculty='title = "Law"\nshort = "LAW"\ncolour = "#ffffff"'),
        lambda: changed(more='[games]\ntitle = "Games"'),
        lambda: changed('irm = { did_not_start = ["DNS"] }'),
    ],
)
def test_what_things_are_called_is_not_in_the_fingerprint(
    changes: Callable[[], Catalogue],
) -> None:
    assert changes().fingerprint == make_catalogue(SMALL).fingerprint


@pytest.mark.parametrize(
    "changes",
    [
        lambda: changed("two_bronzes = true"),
        lambda: changed("times = true"),
        lambda: changed('events = [{ units = "*", times = true }]'),
        lambda: changed('events = [{ units = "*", order = "lower" }]'),
        lambda: changed('events = [{ units = "*", phase = "final" }]'),
        lambda: changed('events = [{ units = "*", two_bronzes = false }]'),
        lambda: changed('irm = { did_not_start = ["WDR"] }'),
        lambda: changed(more='[irm]\ndisqualified = ["WDR"]'),
        lambda: changed(more="[faculties.arts]"),
    ],
)
def test_what_counts_is_in_the_fingerprint(changes: Callable[[], Catalogue]) -> None:
    assert changes().fingerprint != make_catalogue(SMALL).fingerprint


def test_the_order_of_patterns_is_in_the_fingerprint() -> None:
    events = ['{ units = "a*", order = "lower" }', '{ units = "*a", order = "higher" }']
    one = changed(f"events = [{', '.join(events)}]")
    other = changed(f"events = [{', '.join(reversed(events))}]")
    assert one.fingerprint != other.fingerprint


@pytest.mark.parametrize(
    ("code", "irm_class"),
    [
        *((it, "did_not_start") for it in ("DNS", "dns", " D N S ", "NS", "SCR", "SICK", "DFS")),
        *((it, "disqualified") for it in ("DSQ", "DQ", "DISQ", "DQB", "DISQUALIFIED", "Dq")),
        ("EXH", "out_of_competition"),
        *((it, None) for it in ("DNF", "W/O", "WDR", "")),
    ],
)
def test_invalid_result_marks_have_classes(code: str, irm_class: str | None) -> None:
    assert make_catalogue(SMALL).sports["rowing"].irm_class(code) == irm_class


def test_the_catalogue_adds_to_the_classes_of_invalid_result_marks() -> None:
    catalogue = make_catalogue(
        SMALL.replace("number = 0", 'irm = { did_not_start = ["w d r"], disqualified = ["exh"] }')
        + '[irm]\nout_of_competition = ["GUEST"]\ndid_not_start = ["DFS", "dfs", "RETIRED"]\n'
        + '[sports.judo]\ncode = "JUD"\norder = "head-to-head"\nirm.disqualified = ["RETIRED"]'
    )
    rowing, judo = catalogue.sports["rowing"], catalogue.sports["judo"]

    assert rowing.irm_class("WDR") == "did_not_start"
    assert rowing.irm_class("EXH") == "disqualified"
    assert rowing.irm_class("RETIRED") == "did_not_start"
    assert judo.irm_class("WDR") is None
    assert judo.irm_class("EXH") == "out_of_competition"
    assert judo.irm_class("RETIRED") == "disqualified"
    for sport in (rowing, judo):
        assert sport.irm_class("guest") == "out_of_competition"
        assert sport.irm_class("DQ") == "disqualified"


def test_the_games_have_a_name_days_and_a_place() -> None:
    assert make_catalogue(SMALL).games == Games()
    assert changed(
        more='[games]\ntitle = "Games"\ntitles = { es = "Juegos" }\n'
        'begins = 2026-11-20\nends = 2026-11-20\nplace = "Córdoba"'
    ).games == Games(
        title="Games",
        titles=(("es", "Juegos"),),
        begins=date(2026, 11, 20),
        ends=date(2026, 11, 20),
        place="Córdoba",
    )


def test_a_faculty_has_a_short_name_and_a_colour() -> None:
    law = changed(faculty='short = "LAW"\ncolour = "#A0b1C2"').faculty("law")
    assert (law.short, law.colour) == ("LAW", "#a0b1c2")
    arts = changed(faculty='short = "JUR"', more="[faculties.arts]").faculty("jur")
    assert (arts.name, arts.colour) == ("law", None)


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
        ("number = 0", "events = [{units = 3}]", "sports.rowing.events[0].units", "`str | array`"),
        ("number = 0", "events = [{units = []}]", "sports.rowing.events[0].units", "length >= 1"),
        ("number = 0", 'events = [{order = "lower"}]', "sports.rowing.events[0]", "units or words"),
        (
            *("number = 0", 'events = [{words = ["x", "* –"], order = "lower"}]'),
            *("sports.rowing.events[0].words[1]", "at least one word, of letters or digits"),
        ),
        ("number = 0", 'events = [{units = "*"}]', "sports.rowing.events[0]", "order, phase, two_"),
        (
            *("number = 0", 'events = [{units = "*", phase = "semi"}]'),
            *("sports.rowing.events[0].phase", "'semi'"),
        ),
        (
            *("number = 0", 'events = [{units = "*", title = " "}]'),
            *("sports.rowing.events[0].title", "not empty"),
        ),
        (
            *("number = 0", 'events = [{units = "*", two_bronzes = 1}]'),
            *("sports.rowing.events[0].two_bronzes", "`bool"),
        ),
        ("number = 0", 'irm = { lost = ["X"] }', "sports.rowing.irm", "unknown field `lost`"),
        (
            *("number = 0", 'irm = { did_not_start = ["W R", "´"] }'),
            *("sports.rowing.irm.did_not_start[1]", "a code such as DNS"),
        ),
        (
            *("number = 0", 'irm = { did_not_start = ["WDR"], disqualified = ["A", "wdr"] }'),
            *("sports.rowing.irm.disqualified[1]", "WDR is did_not_start too"),
        ),
        ("revision = 7", "revision = 7\nirm.disqualified = 3", "irm.disqualified", "`array`"),
        ("revision = 7", "revision = 7\ngames.venue = 3", "games", "unknown field `venue`"),
        ("revision = 7", 'revision = 7\ngames.begins = "soon"', "games.begins", "date"),
        (
            *("revision = 7", "revision = 7\ngames = {begins = 2026-11-29, ends = 2026-11-20}"),
            *("games.ends", "2026-11-29 (the day on which they begin) or later"),
        ),
        (
            *("[faculties.law]", '[faculties.law]\nshort = "Jurisprudence"'),
            *("faculties.law.short", "at most 12 characters, got 13"),
        ),
        (
            *("[faculties.law]", '[faculties.law]\ncolour = "red"'),
            *("faculties.law.colour", "such as #1f77b4, got 'red'"),
        ),
        (
            *("[faculties.law]", '[faculties.law]\nshort = "L"\n[faculties.arts]\nshort = "l"'),
            *("faculties.arts", "'l' also names law"),
        ),
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
