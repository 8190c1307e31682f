"""A catalogue made of results: what can be concluded is written, and the rest is asked."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medallero.catalogue.draft import NothingSeen, Seen, draft, known_sports
from olympics.catalogue import Catalogue, load_catalogue, make_catalogue
from olympics.text import folded


def seen(unit: str = "Final", competitor: str = "1", **fields: object) -> Seen:
    values = {"sport": "Log rolling", "faculty": "Law", **fields}
    return Seen(unit=unit, competitor=competitor, **values)  # type: ignore[arg-type]


def ranked(unit: str, marks: list[str], **fields: object) -> list[Seen]:
    return [
        seen(unit, str(number), rank=number, mark=mark, **fields)
        for number, mark in enumerate(marks, 1)
    ]


def bout(unit: str, **fields: object) -> list[Seen]:
    outcomes = (("a", "won", "3"), ("b", "lost", "1"))
    return [seen(unit, who, outcome=how, mark=mark, **fields) for who, how, mark in outcomes]


def made(*results: Seen) -> tuple[Catalogue, list[str]]:
    it = draft(results)
    return make_catalogue(it.text), list(it.todos)


def test_a_known_sport_is_taken_with_what_is_known_of_it() -> None:
    catalogue, todos = made(*ranked("Shot put final", ["20.1", "19.5"], sport="Atletismo"))

    assert list(catalogue.sports) == ["athletics"]
    assert catalogue.sports["athletics"].events == load_catalogue().sports["athletics"].events
    assert not todos


@pytest.mark.parametrize(("marks", "order"), [(["9", "8", "7"], "higher"), (["7", "8"], "lower")])
def test_the_order_of_an_unknown_sport_follows_from_ranks_beside_marks(
    marks: list[str], order: str
) -> None:
    catalogue, todos = made(*ranked("a", marks), *ranked("b", marks))

    assert catalogue.sports["log-rolling"].order == order
    assert [it for it in todos if "better" in it] == []


@pytest.mark.parametrize(
    ("result_type", "order", "times"),
    [("TIME", "lower", True), ("POINTS", "higher", False), ("DISTANCE", "higher", False)],
)
def test_or_from_the_type_of_result(result_type: str, order: str, times: bool) -> None:
    catalogue, _ = made(seen(mark="9.5", result_type=result_type))

    sport = catalogue.sports["log-rolling"]
    assert (sport.order, sport.times) == (order, times)


def test_or_from_won_and_lost() -> None:
    catalogue, _ = made(*bout("1"), *bout("2"))

    assert catalogue.sports["log-rolling"].order == "head-to-head"


def test_else_it_is_asked() -> None:
    _, todos = made(seen(mark="9.5"))

    assert any("whether lower or higher marks are better" in it for it in todos)


def test_events_of_one_sport_may_rank_differently_and_all_are_recognised() -> None:
    catalogue, _ = made(
        *ranked("Men sprint final", ["7.1", "7.2", "7.3"], event="sprint", result_type="TIME"),
        *ranked("Relay final", ["27.1", "27.2", "28"], event="relay", result_type="TIME"),
        *ranked("Women boom run 3", ["9.2", "8.1", "7"], event="Boom run"),
    )
    sport = catalogue.sports["log-rolling"]

    assert sport.order == "lower"
    assert sport.order_of("Women boom run 3") == sport.order_of("BOOM-RUN final") == "higher"
    assert sport.order_of("Men sprint final") == "lower"
    assert sport.recognises("Relay final")
    assert not sport.recognises("something else")


HEPTATHLON = "ATHWHEPTATH-----------{}"


@pytest.mark.parametrize("event", ["", "Heptatlón"])
@pytest.mark.parametrize(
    ("race", "throw", "points"),
    [
        ("Heptatlón 100 m vallas", "Heptatlón jabalina", "Heptatlón"),
        ("Heptatlón 800 m", "Heptatlón lanzamiento de bala", "Heptatlón final"),
        *[tuple(HEPTATHLON.format(it) for it in ("100H--------", "JT----------", "FNL-000100--"))],
    ],
)
@pytest.mark.parametrize("types", [True, False])
def test_races_of_combined_events_rank_lowest_first_and_points_highest(
    event: str, race: str, throw: str, points: str, types: bool
) -> None:
    its = {"sport": "ATH", "event": event}
    catalogue, todos = made(
        *ranked(race, ["13.1", "13.2", "13.4"][: 2 + types], **its),
        *ranked(throw, ["55", "50", "45", "44"], **its),
        *ranked(points, ["6500", "6400", "6300"], **its, result_type="POINTS" if types else ""),
    )
    athletics = catalogue.sports["athletics"]
    assert athletics.order_of(race) == "lower"
    assert athletics.order_of(throw) == athletics.order_of(points) == "higher"
    assert not todos


def test_units_of_one_event_of_an_unknown_sport_may_rank_differently() -> None:
    catalogue, _ = made(
        *ranked("All-round run", ["7.1", "7.2", "7.3"], event="All-round"),
        *ranked("All-round balance", ["9", "8", "7"], event="All-round"),
        *ranked("All-round", ["50", "40", "30"], event="All-round"),
    )
    sport = catalogue.sports["log-rolling"]
    assert sport.order_of("All-round run") == "lower"
    assert sport.order_of("All-round balance") == sport.order_of("All-round") == "higher"


def test_a_sport_under_several_names_is_one() -> None:
    catalogue, _ = made(
        *ranked("50 m final", ["26.1", "27"], sport="Natación"),
        *ranked("100 m final", ["58", "59"], sport="Swimming"),
        *ranked("200 m final", ["128", "129"], sport="NADO", sport_title="Natación"),
        seen(sport="LOGS", sport_title="Log rolling"),
        seen(sport="log  rolling"),
        seen(sport="log-rolling"),
    )
    assert [*catalogue.sports] == ["log-rolling", "log-rolling-2", "swimming"]
    for text in ("Natación", "Swimming", "NADO"):
        assert catalogue.sport(text).name == "swimming"
    assert catalogue.sport("LOGS") is catalogue.sport("Log rolling")
    assert catalogue.sport("log-rolling") is not catalogue.sport("Log rolling")


def test_a_known_sport_that_the_ranks_contradict_is_asked_about() -> None:
    marks = ["900", "800", "700"]
    catalogue, todos = made(
        *ranked("SWMMSPLASH------------FNL-000100--", marks, sport="SWM"),
        *ranked("SWMM100MBA------------FNL-000100--", ["51.1", "52", "53"], sport="SWM"),
    )

    swimming = catalogue.sports["swimming"]
    assert swimming.order_of("SWMMSPLASH------------FNL-000100--") == "higher"
    assert swimming.order_of("SWMM100MBA------------FNL-000100--") == "lower"
    assert not swimming.recognises("x") or swimming.order_of("x") == "lower"
    assert any("the highest first" in it for it in todos)


def test_two_bronzes_where_no_bronze_match_is_fought() -> None:
    bouts = [
        *bout("s1", event="60 kg", phase="semifinal"),
        *bout("s2", event="60 kg", phase="semifinal"),
        *bout("f", event="60 kg", phase="final"),
    ]
    catalogue, todos = made(*bouts)
    assert catalogue.sports["log-rolling"].two_bronzes
    assert any("no bronze match is in the files" in it for it in todos)

    catalogue, todos = made(*bouts, *bout("b", event="60 kg", phase="bronze"))
    assert not catalogue.sports["log-rolling"].two_bronzes


def test_a_sport_with_two_bronzes_loses_them_where_bronze_is_fought_for() -> None:
    catalogue, todos = made(*bout("b", sport="BOX", event="60 kg", phase="bronze"))

    assert not catalogue.sports["boxing"].two_bronzes
    assert any("the files have bronze matches" in it for it in todos)


def test_phases_that_a_code_does_not_tell_and_titles_are_written() -> None:
    bronze = "TTEMSINGLES-----------FNL-000200--"
    catalogue, _ = made(
        *bout(bronze, sport="TTE", phase="bronze", event="Men's Singles"),
        *bout("TTEMSINGLES-----------FNL-000100--", sport="TTE", phase="final"),
    )
    sport = catalogue.sports["table-tennis"]

    assert sport.phase_of(bronze) == "bronze"
    assert sport.phase_of("TTEWSINGLES-----------FNL-000200--") == "bronze"
    assert sport.phase_of("TTEMSINGLES-----------FNL-000100--") is None
    assert sport.title_of(bronze, "en") == "Men's Singles"


def test_organisations_become_faculties_with_all_their_names() -> None:
    catalogue, _ = made(
        seen(faculty="GUA", faculty_title="Guatemala"),
        seen(faculty="GUA", faculty_title="Guatémala"),
        seen(faculty="GUA", faculty_title="República de Guatemala"),
        seen(faculty="Facultad de Ingeniería"),
        seen(faculty="1e5"),
        seen(faculty="nan"),
        seen(faculty="农学"),
    )

    assert catalogue.faculty("república de guatemala").name == "GUA"
    assert catalogue.faculty("FACULTAD DE INGENIERIA").name == "facultad-de-ingenieria"
    assert catalogue.faculty("1e5").name != "1e5"
    assert catalogue.faculty("农学").name == "faculty"


def test_two_organisations_of_one_title_are_kept_apart() -> None:
    catalogue, _ = made(seen(faculty="A1", faculty_title="Law"), seen(faculty="Law"))

    assert catalogue.faculty("A1") is not catalogue.faculty("Law")


def test_without_results_there_is_no_catalogue() -> None:
    with pytest.raises(NothingSeen):
        draft([])
    with pytest.raises(NothingSeen):
        draft([seen(sport="")])


TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc", "Cf")), max_size=12)
#: Names of which several become one without their punctuation, case and letters that are not Latin.
ALIKE = st.sampled_from(
    (
        "Law",
        "law!",
        "LAW",
        "l.a.w",
        "x-law",
        "law-2",
        "law 2",
        "法",
        "学",
        "LAW2",
        "1e5",
        "x-1e5",
        "ATH",
    )
)
UNITS = TEXTS | st.sampled_from(("BOXM60KG--------------FNL-000100--", "a*b[c]?", "entry/1"))


@given(
    st.lists(
        st.builds(
            Seen,
            sport=TEXTS | ALIKE | st.sampled_from(("BOX", "swimming", "1")),
            unit=UNITS,
            competitor=st.sampled_from("abc"),
            faculty=TEXTS | ALIKE | st.sampled_from(("GUA", "inf")),
            sport_title=TEXTS | ALIKE,
            faculty_title=TEXTS | ALIKE,
            event=TEXTS,
            phase=st.sampled_from((None, "final", "bronze", "semifinal", "round", "other")),
            rank=st.none() | st.integers(1, 3),
            mark=st.sampled_from((None, "1", "2.5", "x")),
            outcome=st.sampled_from((None, "won", "lost")),
            result_type=st.sampled_from(("", "TIME", "POINTS", "?")),
        ),
        max_size=12,
    )
)
def test_whatever_files_say_the_catalogue_can_be_used_and_knows_their_names(
    results: list[Seen],
) -> None:
    try:
        text = draft(results).text
    except NothingSeen:
        return
    catalogue = make_catalogue(text)
    for it in results:
        usable = it.unit and all(
            any(char.isalnum() for char in folded(name)) for name in (it.sport, it.faculty)
        )
        if usable:
            assert catalogue.faculty(" ".join(it.faculty.split())) in catalogue.faculties.values()
            assert catalogue.sport(" ".join(it.sport.split())) in catalogue.sports.values()


def test_the_known_sports_hold_the_packaged_ones_unchanged() -> None:
    known, _ = known_sports()

    for name, sport in load_catalogue().sports.items():
        its = known.sports[name]
        fields = [it for it in sport.__struct_fields__ if it != "number"]
        assert [getattr(its, it) for it in fields] == [getattr(sport, it) for it in fields]
    assert len(known.sports) > 40
