"""Events are named, ordered, found, and told page by page."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from typing import Any, NamedTuple

import pytest

from contracts.events import (
    EventsQuestion,
    MedallistsQuestion,
    cursor_of,
    place_of,
)
from contracts.partitioning import partition_of
from olympics.catalogue import Catalogue, make_catalogue
from olympics.events import natural, order_of
from olympics.result import encode, key_of, parse_result
from olympics.search import Search, searchable
from olympics.spelling import title_of
from streams.events import Events
from streams.standings import Standings
from tests.support.waiting import wait_until

CATALOGUE = make_catalogue("""
revision = 1
[sports.swimming]
title = "Swimming"
titles = { es = "Natación" }
code = "SWM"
order = "lower"
events = [{ units = "*MARATHON*", title = "Open water", titles = { es = "Aguas abiertas" } }]
[sports.boxing]
code = "BOX"
order = "head-to-head"
[faculties.law]
[faculties.arts]
""")
PARTITIONS = 3
SWIMMING = CATALOGUE.sports["swimming"]
FINAL = "SWMM50MFR-------------FNL-000100--"


class Record(NamedTuple):
    offset: int
    key: bytes
    value: bytes


class Partitions:
    """The states of some partitions, as a worker owns them, and what they answer."""

    def __init__(self, results: Sequence[dict[str, Any]], catalogue: Catalogue = CATALOGUE) -> None:
        self.states = {it: Standings(it, PARTITIONS, catalogue) for it in range(PARTITIONS)}
        for state in self.states.values():
            state.restored(0, 0)
        self.events = Events(catalogue, lambda: self.states.items())
        self.put(results, catalogue)

    def put(self, results: Sequence[dict[str, Any]], catalogue: Catalogue = CATALOGUE) -> None:
        for fields in results:
            result = parse_result({"faculty": "law", "sport": "swimming", **fields}, catalogue)
            key = key_of(result.sport, result.unit)
            state = self.states[partition_of(key, PARTITIONS)]
            changes, rejected = state.apply([Record(state.offset, key, encode(result))])
            assert changes, rejected

    def ask(self, **fields: Any) -> Any:
        question = EventsQuestion(**{"partitions": (0, 1, 2), "limit": 100, **fields})
        return asyncio.run(self.events.events(question))

    def units(self, **fields: Any) -> list[str]:
        return [event.unit for event in self.ask(**fields).events]

    def medallists(self, **fields: Any) -> Any:
        question = MedallistsQuestion(**{"partitions": (0, 1, 2), "limit": 100, **fields})
        return asyncio.run(self.events.medallists(question))


def swum(unit: str, competitor: str, mark: str, **fields: Any) -> dict[str, Any]:
    known = {"id": competitor, "name": fields.pop("name", None)}
    return {"unit": unit, "competitor": known, "mark": mark, **fields}


@pytest.mark.parametrize(
    ("code", "english", "spanish"),
    [
        (FINAL, ("Men’s 50 m freestyle", "Final"), ("50 m libre masculino", "Final")),
        (
            "SWMW4X100MMD----------HEAT001000--",
            ("Women’s 4 × 100 m medley", "Heat 10"),
            ("4 × 100 m combinado femenino", "Serie 10"),
        ),
        (
            "BOXMO92KG-------------8FNL000700--",
            ("Men’s +92 kg", "Round of 16 (7)"),
            ("+92 kg masculino", "Octavos de final (7)"),
        ),
        (
            "ATHW100MH-------------SFNL000200--",
            ("Women’s 100 m hurdles", "Semi-final 2"),
            ("100 m vallas femenino", "Semifinal 2"),
        ),
        (
            "JUDXNEW---------------FNL-000200--",
            ("Mixed NEW", "Final 2"),
            ("NEW mixto", "Final 2"),
        ),
        (
            "CLBMSPEED-------------QUAL0002EL07",
            ("Men’s speed", "Qualification (2) EL07"),
            ("velocidad masculino", "Clasificación (2) EL07"),
        ),
        (
            "CTRMOMNIUM------------------------",
            ("Men’s omnium", None),
            ("ómnium masculino", None),
        ),
    ],
)
def test_codes_are_spelled_out(
    code: str, english: tuple[str, str | None], spanish: tuple[str, str | None]
) -> None:
    title = title_of(SWIMMING, code)

    assert (title.title, title.stage) == english
    assert (title.titles["es"], title.stages.get("es")) == spanish


def test_the_catalogue_names_an_event_and_the_code_its_stage() -> None:
    title = title_of(SWIMMING, "SWMMMARATHON----------HEAT000200--")

    assert (title.title, dict(title.titles)) == ("Open water", {"es": "Aguas abiertas"})
    assert (title.stage, dict(title.stages)) == ("Heat 2", {"es": "Serie 2"})
    assert title.event == "SWMMMARATHON"


def test_what_is_no_code_is_its_own_title() -> None:
    title = title_of(SWIMMING, "100 m final")

    assert (title.title, title.stage, title.event) == (None, None, None)


@pytest.mark.parametrize(
    "text",
    [
        "50 free men",
        "men 50 free",
        "MEN'S 50M FREESTYLE",
        "men’s 50 m freestyle final",
        "50 libre hombres",
        "natacion 50",
        "Natación 50 masculino",
        "mcevoy",
        "Mc Évoy 50",
        "SWMM50MFR",
        FINAL,
        "",
        " !? ",
    ],
)
def test_an_event_is_found_by_what_people_type(text: str) -> None:
    name = "Cameron McEvoy" if "Mc É" not in text else "Cameron Mc Evoy"
    partitions = Partitions([swum(FINAL, "1", "21.25", name=name)])

    assert partitions.units(text=text) == [FINAL]


@pytest.mark.parametrize("text", ["50 free women", "150 free men", "50 fly men", "xyz"])
def test_another_event_is_not_found(text: str) -> None:
    assert Partitions([swum(FINAL, "1", "21.25")]).units(text=text) == []


def test_words_are_letters_or_digits_of_any_script() -> None:
    searched = searchable(["4x100m Ñandú", "Финал 200"])

    assert searched == " 4 x 100 m nandu финал 200\n "
    assert Search("4×100 NANDU").matches(searched)
    assert Search("фин 200").matches(searched)


def test_numbers_are_ordered_by_their_value() -> None:
    units = ["heat 10", "heat 9", "heat", "heat 09", "10", "a", "heat 9 b"]

    assert sorted(units, key=natural) == [
        "10",
        "a",
        "heat",
        "heat 09",
        "heat 9",
        "heat 9 b",
        "heat 10",
    ]


def test_finals_come_first_and_all_pages_together_are_the_list() -> None:
    phases = ("round", "final", "semifinal", "other", "bronze")
    results = [
        swum(f"{phase} {number}", "1", "50", phase=phase)
        for number in range(1, 12)
        for phase in phases
    ]
    results.append({"sport": "boxing", **swum("final 1", "1", "50", phase="final")})
    partitions = Partitions(results)

    whole = partitions.ask()
    assert whole.total == len(results) == len(whole.events)
    places = [(it.sport, it.unit, it.phase) for it in whole.events]
    assert places == sorted(places, key=lambda it: order_of(*it))
    assert places[0] == ("boxing", "final 1", "final")
    for limit in (1, 7, 55):
        paged: list[Any] = []
        while page := partitions.ask(limit=limit, after=paged[-1].place() if paged else None):
            assert page.total == len(results)
            if not page.events:
                break
            assert len(page.events) <= limit
            paged += page.events
        assert paged == whole.events


def test_events_are_chosen_by_sport_phase_and_state() -> None:
    partitions = Partitions(
        [
            swum("a", "1", "50", phase="final"),
            swum("b", "1", "50", phase="final", status="unofficial"),
            swum("c", "1", "50", phase="semifinal"),
            swum("c", "2", "51", phase="semifinal", status="unofficial"),
            {"sport": "boxing", **swum("d", "1", "5", phase="final")},
        ]
    )

    assert partitions.units(sport="swimming") == ["a", "b", "c"]
    assert partitions.units(phase="final") == ["d", "a", "b"]
    assert partitions.units(state="official") == ["d", "a"]
    assert partitions.units(state="provisional") == ["b"]
    assert partitions.units(state="running") == ["c"]


def test_events_with_results_in_conflict_are_found_until_they_are_settled() -> None:
    swum_twice = [swum("final 1", "1", mark, phase="final") for mark in ("50", "51")]
    partitions = Partitions([*swum_twice, swum("final 2", "1", "50", phase="final")])

    (event,) = partitions.ask(conflicts=True).events
    assert (event.unit, event.conflicts) == ("final 1", 1)
    assert sorted(it.conflicts for it in partitions.ask().events) == [0, 1]

    partitions.put([swum("final 1", "1", "51", phase="final", version=2)])
    assert partitions.ask(conflicts=True).events == []


def test_an_event_tells_who_won_and_follows_corrections() -> None:
    partitions = Partitions(
        [swum("f", str(it), f"5{it}", phase="final", version=2) for it in range(5)]
    )
    (event,) = partitions.ask().events
    assert [(it.competitor, it.mark_text, it.medal) for it in event.leaders] == [
        ("0", "50.00", "gold"),
        ("1", "51.00", "silver"),
        ("2", "52.00", "bronze"),
    ]
    assert (event.state, event.results) == ("official", 5)

    partitions.put([swum("f", "0", "50", phase="final", version=3, irm="DSQ")])
    (event,) = partitions.ask().events
    assert [it.competitor for it in event.leaders] == ["1", "2", "3"]

    partitions.put(
        [swum("f", str(it), "50", phase="final", version=4, status="withdrawn") for it in range(5)]
    )
    assert partitions.ask().total == 0


def test_medals_are_listed_gold_first_and_page_by_page() -> None:
    partitions = Partitions(
        [
            swum(f"race {race}", str(it), f"5{it}", phase="final", faculty=faculty)
            for race in range(6)
            for it, faculty in enumerate(("law", "arts", "law"))
        ]
    )

    whole = partitions.medallists()
    medals = [(it.medal, it.unit) for it in whole.medallists]
    assert medals == [
        (it, f"race {race}") for it in ("gold", "silver", "bronze") for race in range(6)
    ]
    assert [(it.faculty, it.gold, it.silver, it.bronze) for it in whole.medals] == [
        ("arts", 0, 6, 0),
        ("law", 6, 0, 6),
    ]
    assert [it.medal for it in partitions.medallists(faculty="arts").medallists] == ["silver"] * 6
    paged: list[Any] = []
    while page := partitions.medallists(limit=5, after=paged[-1].place() if paged else None):
        assert page.medals == whole.medals
        if not page.medallists:
            break
        paged += page.medallists
    assert paged == whole.medallists


def test_those_who_share_a_medal_are_all_on_some_page() -> None:
    partitions = Partitions([swum("f", str(it), "50", phase="final") for it in range(4)])

    paged: list[str] = []
    after = None
    while page := partitions.medallists(limit=1, after=after).medallists:
        paged.append(page[0].competitor)
        after = page[0].place()

    assert paged == ["0", "1", "2", "3"]


def test_entries_of_the_course_are_a_number_beside_the_list() -> None:
    entry = {"phase": "other", "outcome": "won", "medal": "gold"}
    partitions = Partitions(
        [
            *({"unit": f"entry/{it}", "competitor": {"id": it}, **entry} for it in "abc"),
            swum("f", "1", "50", phase="final"),
        ]
    )

    told = partitions.ask()
    assert ([it.unit for it in told.events], told.entries) == (["f"], 3)
    medals = partitions.medallists()
    assert [(it.sport, it.faculty, it.gold) for it in medals.entries] == [("swimming", "law", 3)]
    assert [(it.sport, it.faculty, it.gold) for it in medals.medals] == [("swimming", "law", 1)]


def test_a_large_event_is_looked_at_once_in_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.events._LARGE", 3)
    monkeypatch.setattr("streams.events.FRESH", 2.0)
    partitions = Partitions([swum("f", str(it), "55", phase="final") for it in range(4)])
    assert partitions.ask().events[0].results == 4

    partitions.put([swum("f", "9", "50", phase="final")])
    told = partitions.ask()
    home = partition_of(key_of("swimming", "f"), PARTITIONS)
    assert (len(told.offsets), told.events[0].results) == (PARTITIONS, 4)
    # What is added up must be exact.
    assert home not in {it.partition for it in partitions.medallists().offsets}

    wait_until(
        lambda: home in {it.partition for it in partitions.medallists().offsets},
        timeout=30,
        what="the large event is looked at again",
    )
    assert partitions.ask().events[0].results == 5
    assert partitions.medallists().medallists[0].competitor == "9"


def test_every_question_goes_on_where_the_last_one_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_SLICE", "_PATIENCE", "_SHORT_PATIENCE"):
        monkeypatch.setattr(f"streams.events.{name}", 0.0)
    partitions = Partitions([swum(str(it), "1", "50") for it in range(60)])

    asked = 0
    while len(partitions.ask().offsets) < PARTITIONS:
        asked += 1
        assert asked < 1000

    assert asked > 10
    assert partitions.ask().total == 60


def test_partitions_of_others_and_those_not_live_are_left_out() -> None:
    partitions = Partitions([swum(str(it), "1", "50") for it in range(30)])
    ends = {it: state.offset for it, state in partitions.states.items()}
    del partitions.states[2]
    # The state knows of results beyond the offset at which it goes on.
    key, value = b"swimming/0", encode(parse_result(
        {"faculty": "law", "sport": "swimming", **swum("0", "1", "50")}, CATALOGUE
    ))  # fmt: skip
    home = partition_of(key, PARTITIONS)
    other = Standings(1, PARTITIONS, CATALOGUE)
    changes, _ = Standings(home, PARTITIONS, CATALOGUE).apply([Record(9, key, value)])
    other.restore((it, news) for it, news in changes.items())
    other.restored(5, 10)
    partitions.states[1] = other
    assert not other.live

    told = partitions.ask()

    assert [(it.partition, it.offset) for it in told.offsets] == [(0, ends[0])]
    assert told.total == ends[0]


def test_a_cursor_is_read_back_and_anything_else_refused() -> None:
    place = ("final", "swimming", "más / 1")
    assert place_of(cursor_of(place)) == list(place)
    longest = ("semifinal", "x" * 100, "\U0001f3ca" * 128)
    assert place_of(cursor_of(longest)) == list(longest)
    nested = base64.urlsafe_b64encode(b"[" * 3000).decode()
    # A number that no int is made of.
    digits = cursor_of(("final", "swimming", "9" * 5000))
    for text in ("é", "a", "%%%", "AAAA", "W10x", nested, digits):
        with pytest.raises(ValueError, match="cursor"):
            place_of(text)


def test_the_winner_of_a_bout_comes_before_its_loser() -> None:
    bout = {"sport": "boxing", "unit": "71kg final", "phase": "final"}
    partitions = Partitions(
        [
            {**bout, "competitor": {"id": "1"}, "outcome": "lost"},
            {**bout, "competitor": {"id": "2"}, "outcome": "won"},
        ]
    )

    (event,) = partitions.ask().events

    assert [(it.competitor, it.medal) for it in event.leaders] == [("2", "gold"), ("1", "silver")]
