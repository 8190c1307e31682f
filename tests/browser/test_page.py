"""The live page in a real Chromium, over a real system that has counted Paris 2024."""

from __future__ import annotations

import itertools
import json
import re
import time
from typing import Any
from urllib.parse import quote

import pytest
from redis import Redis

from contracts.redis_keys import SnapshotKeys
from contracts.topics import another_log
from olympics.catalogue import load_catalogue
from olympics.result import parse_result
from tests.browser.games import SPORTS
from tests.browser.screen import Chromium, Screen
from tests.paris2024 import GAMES, Medals, official_medals, paris_catalogue
from tests.support.oracle import write_results
from tests.support.stack import Stack
from tests.support.waiting import wait_until

# All in one process: they share the browser and the system.
pytestmark = [pytest.mark.system, pytest.mark.xdist_group("browser")]

FREESTYLE = "SWMM50MFR-------------FNL-000100--"
TITLES = {name: faculty.title for name, faculty in paris_catalogue().faculties.items()}

_units = itertools.count(1)


def post(games: Stack, **fields: Any) -> None:
    """Send a result of swimming."""
    result = {"sport": "swimming", "phase": "final", "competitor": {"id": "1"}, "faculty": "AFG"}
    status, answer = games.gateway.request("POST", "/v1/results", {**result, **fields})
    assert (status, answer["rejected_count"]) == (202, 0), answer


def a_unit() -> str:
    """Return the name of a unit that no other test uses."""
    return f"unit {next(_units)}"


def unit_url(games: Stack, unit: str, sport: str = "swimming") -> str:
    return f"{games.gateway.url}/events/{sport}/{quote(unit, safe='')}"


def medal_rows(medals: Medals) -> list[list[str]]:
    """Return the medal table as the page has to show it: those with medals, in order."""
    order = sorted(medals.items(), key=lambda it: ([-count for count in it[1]], it[0]))
    rows = []
    for place, (name, counts) in enumerate(order):
        rank = next(n for n, (_, it) in enumerate(order, start=1) if it == counts)
        assert rank <= place + 1
        rows.append([str(rank), TITLES[name], *map(str, counts), str(sum(counts))])
    return rows


def total_medals(games: Stack) -> Medals:
    """Return the medals of all sports, as Redis has them."""
    snapshot = games.snapshot()
    assert snapshot is not None
    return {
        row["faculty"]: (row["gold"], row["silver"], row["bronze"])
        for row in snapshot.faculties
        if row["total"]
    }


def settled_rows(games: Stack) -> list[list[str]]:
    games.settled()
    return medal_rows(total_medals(games))


def until_rows(screen: Screen, rows: list[list[str]]) -> None:
    """Wait until the table shows the first of *rows*, then compare all of them."""
    screen.until("document.querySelectorAll('main tbody tr').length > 0")
    first = screen.rows()
    if first != rows:
        screen.until_text("main tbody tr", rows[0][1])
    assert screen.rows() == rows


def test_the_medal_table_is_the_official_one(chromium: Chromium, paris: Stack) -> None:
    medals: dict[str, list[int]] = {}
    for sport in SPORTS:
        for name, counts in official_medals(sport).items():
            known = medals.setdefault(name, [0, 0, 0])
            medals[name] = [a + b for a, b in zip(known, counts, strict=True)]
    official = medal_rows({name: (it[0], it[1], it[2]) for name, it in medals.items()})

    with chromium.opened(paris.gateway.url) as screen:
        screen.until("document.querySelectorAll('main tbody tr').length > 30")

        assert screen.rows() == official
        assert screen.text("h1") == "Medal table"
        assert screen.text(".totals dd") == "2124"


@pytest.mark.parametrize("sport", SPORTS)
def test_a_sport_has_its_own_table_and_its_winners_and_losers(
    chromium: Chromium, paris: Stack, sport: Any
) -> None:
    snapshot = paris.snapshot()
    assert snapshot is not None
    counts = snapshot.sports[sport]

    with chromium.opened(paris.gateway.url) as screen:
        screen.until("document.querySelector('.sports a')")
        screen.click(f"li[data-sport={sport}] a")
        screen.until_text("h1", sport.title())

        shown = screen.rows()
        summary = screen.text(".summary")

    if sport == "boxing":  # other tests add swimmers
        assert shown == medal_rows(official_medals(sport))
    assert f"Won\n{counts['winners']}" in summary
    assert f"Lost\n{counts['losers']}" in summary


def test_a_result_moves_the_table_without_a_reload(chromium: Chromium, paris: Stack) -> None:
    with chromium.opened(paris.gateway.url, reduced_motion="no-preference") as screen:
        screen.until("document.querySelectorAll('main tbody tr').length > 30")
        # All rows are made anew once, when the catalogue's titles come.
        screen.until_text("main tbody tr[data-faculty=USA]", "United States")
        screen.run("window.unmoved = document.querySelector('[data-faculty=USA]')")

        for number in range(9):
            post(paris, unit=a_unit(), faculty="ALB", competitor={"id": str(number)}, mark="20.00")

        screen.until("document.querySelector('main tbody tr').dataset.faculty === 'ALB'")
        assert screen.rows()[:2] == settled_rows(paris)[:2]
        assert screen.rows()[0][:3] == ["1", "Albania", "9"]
        assert screen.run("window.unmoved === document.querySelector('[data-faculty=USA]')")
        screen.until_text("#announcement", "Albania leads: gold 9")


def test_a_unit_is_shown_by_link_and_follows_corrections(chromium: Chromium, paris: Stack) -> None:
    unit = "100 m / butterfly"
    ana, eva = {"id": "7", "name": "Ana Ruiz"}, {"id": "8", "name": "Eva Paz"}
    post(paris, unit=unit, competitor=ana, faculty="FRA", mark="1:05.10")
    post(paris, unit=unit, competitor=eva, faculty="ITA", mark="1:05.20")
    post(paris, unit=unit, competitor={"id": "9"}, faculty="USA", irm="DSQ")
    paris.settled()

    with chromium.opened(unit_url(paris, unit)) as screen:
        screen.until("document.querySelectorAll('main tbody tr').length === 3")
        assert screen.text("h1") == unit
        screen.until_text(".where", "Swimming · Final")  # the title comes with the catalogue
        assert screen.rows() == [
            ["1", "Ana Ruiz7", "France", "1:05.10", "Gold"],
            ["2", "Eva Paz8", "Italy", "1:05.20", "Silver"],
            ["–", "9", "United States", "DSQ", ""],
        ]

        post(paris, unit=unit, competitor=eva, faculty="ITA", mark="59.05", version=2)

        screen.until_text("main tbody tr", "Eva Paz")
        assert screen.rows()[0] == ["1", "Eva Paz8", "Italy", "59.05", "Gold"]

        # In another language it is there at once, not after a look at "Loading".
        shown = "document.querySelectorAll('main tbody tr').length"
        assert screen.run(f"(document.getElementById('language').click(), {shown})") == 3
        assert screen.text(".where") == "Natación · Final"


def test_an_event_is_found_by_its_code(chromium: Chromium, paris: Stack) -> None:
    with chromium.opened(f"{paris.gateway.url}/#/sports/swimming") as screen:
        screen.click("#filter")
        screen.type(FREESTYLE)
        screen.until_text(".events .aside", "1 event")
        screen.press("Enter")
        screen.press("Enter")

        screen.until("document.querySelectorAll('table.unit tbody tr').length === 8")
        assert screen.text("h1") == "Men’s 50 m freestyle"
        assert screen.text(".where") == "Swimming · Final · all rounds"
        assert screen.rows()[0] == ["1", "Australia1946161", "Australia", "21.25", "Gold"]

        screen.click(".where a:last-child")
        screen.until_text("h1", "Men’s 50 m freestyle")
        screen.until_text(".listing .aside", "13 races, bouts or heats")


@pytest.mark.parametrize(
    ("language", "text", "width", "found", "title"),
    [
        ("en", "50 free men", 1280, "Finals", "Men’s 50 m freestyle"),
        ("es", "hombres 50 LIBRE", 390, "Finales", "50 m libre masculino"),
    ],
)
def test_a_final_is_found_with_the_keyboard_alone(
    chromium: Chromium, paris: Stack, language: str, text: str, width: int, found: str, title: str
) -> None:
    with chromium.opened(f"{paris.gateway.url}/?lang={language}", width=width) as screen:
        screen.until("document.querySelectorAll('main tbody tr').length > 30")
        screen.press("Tab", "Tab", "Tab")
        assert screen.run("document.activeElement.id") == "query"
        screen.type(text)
        # What was found for the first letters may be listed before.
        screen.until(f"document.querySelector('.listing a')?.innerText === {json.dumps(title)}")
        assert found in screen.text(".listing")
        assert screen.run("document.activeElement.id") == "query"
        screen.press("Enter")
        assert screen.run("document.activeElement.textContent") == title
        screen.press("Enter")
        screen.until("document.querySelectorAll('table.unit tbody tr').length === 8")
        assert screen.text("h1") == title
        assert screen.run("document.getElementById('query').value") == ""

        # Back is where one was, with what was found; once more is the medal table.
        screen.run("history.back()")
        screen.until_text(".listing", found)
        assert screen.run("document.getElementById('query').value") == text
        screen.run("history.back()")
        screen.until("document.querySelectorAll('main tbody tr').length > 30")


def headings(screen: Screen) -> list[str]:
    """Return under what the events of a list stand."""
    found: list[str] = screen.run(
        "[...document.querySelectorAll('.groups h3')].map(it => it.innerText)"
    )
    return found


def test_a_sport_lists_its_events_with_their_medallists(chromium: Chromium, paris: Stack) -> None:
    with chromium.opened(f"{paris.gateway.url}/#/sports/boxing") as screen:
        screen.until("document.querySelectorAll('.listing .what a').length === 12")
        assert screen.text(".events .aside") == "235 events"
        assert screen.run(
            "[...document.querySelectorAll('.events h3')].map(it => it.innerText)"
        ) == ["Finals"]
        first = screen.run("document.querySelector('.event').innerText").split("\n")
        assert first == ["Men’s 51 kg", "Gold", "Uzbekistan", "5.00", "Silver", "France", "0.00"]

        screen.click(".events .more")
        screen.until("document.querySelectorAll('.listing .what a').length === 24")
        assert screen.run(
            "[...document.querySelectorAll('.events h3')].map(it => it.innerText)"
        ) == [
            "Finals",
            "Semi-finals",
        ]
        screen.until_text("#announcement", "24 are shown")


def test_a_list_moves_by_itself_and_keeps_who_is_on_it(chromium: Chromium, paris: Stack) -> None:
    unit, ana, eva = a_unit(), {"id": "a", "name": "Ana Zuleta"}, {"id": "b", "name": "Eva Paz"}
    post(paris, unit=unit, competitor=ana, faculty="FRA", mark="21.00", status="unofficial")
    post(paris, unit=f"{unit} b", competitor=ana, faculty="FRA", mark="21.00")
    paris.settled()
    with chromium.opened(f"{paris.gateway.url}/#/sports/swimming?q=zuleta%20{unit[5:]}") as screen:
        screen.until("document.querySelectorAll('.event').length === 2")
        assert screen.run("document.getElementById('filter').value") == f"zuleta {unit[5:]}"
        assert screen.text(".event").split("\n") == [
            f"{unit} provisional",
            "1.",
            "Ana Zuleta France",
            "21.00",
        ]
        screen.run("document.querySelectorAll('.event a')[0].focus()")

        post(paris, unit=unit, competitor=ana, faculty="FRA", mark="21.00", version=2)
        post(paris, unit=unit, competitor=eva, faculty="ITA", mark="20.90")

        screen.until_text(".event", "Eva Paz")
        screen.until("!document.querySelector('.event').innerText.includes('provisional')")
        assert screen.run("document.activeElement.textContent") == unit


def test_a_faculty_opens_its_medallists(chromium: Chromium, paris: Stack) -> None:
    with chromium.opened(paris.gateway.url) as screen:
        screen.until_text("[data-faculty=FRA]", "France")
        row = screen.text("[data-faculty=FRA]").split()
        gold, silver, bronze, total = (int(it) for it in row[-4:])
        screen.click("[data-faculty=FRA] a")
        screen.until_text("h1", "France")
        screen.until("document.querySelectorAll('.medallist').length > 0")

        counts = screen.run(
            "[...document.querySelectorAll('.groups section')]"
            ".map(it => it.querySelectorAll('.medallist').length)"
        )
        assert counts == [gold, silver, bronze]
        assert screen.text(".faculty .aside") == f"{total} medals"
        assert "Men’s 200 m butterfly" in screen.text(".groups")
        assert screen.run("document.title") == "France · Medallero"

        screen.click(".medallist .what a")
        screen.until("document.querySelectorAll('table.unit tbody tr').length > 1")
        screen.click("table.unit td.faculty a")
        screen.until("document.querySelectorAll('.medallist').length > 0")


def test_a_search_finds_sports_faculties_and_athletes_too(chromium: Chromium, paris: Stack) -> None:
    with chromium.opened(f"{paris.gateway.url}/#/search?q=BOXEO") as screen:
        screen.until_text(".names", "Boxing")
        screen.click("#query")
        screen.press("Control+a")
        screen.type("fran")
        screen.until_text(".names", "France")
        screen.type("zzz")
        screen.until_text(".listing", "No event has all these words.")
        assert not screen.visible(".names")
        assert screen.run("location.search") == "?q=franzzz"
        screen.press("Control+a")
        aoife = {"id": "aoife-1", "name": "Aoife O’Neill"}
        post(paris, unit=a_unit(), competitor=aoife, faculty="AUS", mark="31.00", phase="round")
        screen.type("oneill")
        screen.until_text(".names", "Aoife O’Neill")
        screen.press("Control+a", "Backspace")
        screen.until("document.querySelector('.names').hidden")
        zoe = {"id": "zoe-1", "name": "Zoë Ñandú"}
        post(paris, unit=a_unit(), competitor=zoe, faculty="AUS", mark="30.00", phase="round")
        screen.type("nan ZOE")
        screen.until_text(".names", "athlete · Australia")
        assert screen.violations() == []
        screen.press("Enter", "Enter")
        screen.until_text("h1", "Zoë Ñandú")
        assert screen.run("location.pathname") == "/competitors/zoe-1"


def test_a_unit_without_results_is_shown_as_soon_as_it_has_some(
    chromium: Chromium, paris: Stack
) -> None:
    unit = a_unit()
    with chromium.opened(unit_url(paris, unit), lasting=True) as screen:
        screen.until_text("main", "There are no results of this unit yet.")

        post(paris, unit=unit, mark="30.00")

        screen.until("document.querySelectorAll('main tbody tr').length === 1")


def test_a_large_unit_is_shown_further_and_further(chromium: Chromium, paris: Stack) -> None:
    unit = a_unit()
    swimmer = {"sport": "swimming", "unit": unit, "phase": "round", "faculty": "AFG"}
    runs = [
        {**swimmer, "competitor": {"id": f"s{place}"}, "mark": f"{20 + place / 10:.2f}"}
        for place in range(1, 1501)
    ]
    catalogue = paris_catalogue()
    write_results(paris.settings, [parse_result(it, catalogue) for it in runs])
    paris.settled()

    with chromium.opened(unit_url(paris, unit)) as screen:
        shown = "document.querySelectorAll('main tbody tr').length"
        screen.until(f"{shown} === 200")
        assert screen.text(".count") == "200 of 1500 places"
        assert screen.violations() == []

        # With the keyboard, and who cannot see it is told.
        screen.run("document.querySelector('.unit .more').focus()")
        for more, told in ((200, 400), (400, 800)):
            assert screen.text(".unit .more") == f"Show {more} more"
            screen.press("Enter")
            screen.until(f"{shown} === {told}")
            assert screen.run("document.activeElement.className") == "more"
            screen.until_text("#announcement", f"{told} of 1500 places")
        screen.press("Enter")
        screen.until(f"{shown} === 1500")
        assert screen.run("document.querySelector('.unit .more').hidden")
        assert screen.run("document.activeElement.textContent") == "1500 of 1500 places"
        assert screen.run("new Set([...document.querySelectorAll('main tbody th')]"
                          ".map((it) => it.textContent)).size") == 1500  # fmt: skip

        # What is shown stays shown, in another language and when results come.
        assert screen.run(f"(document.getElementById('language').click(), {shown})") == 1500
        assert screen.text(".count") == "1500 de 1500 puestos"
        last = {"id": "s1500"}
        post(paris, unit=unit, competitor=last, phase="round", mark="19.00", version=2)
        screen.until_text("main tbody tr", "s1500")
        assert screen.run(shown) == 1500


def test_provisional_results_are_marked_and_counted_apart(chromium: Chromium, paris: Stack) -> None:
    unit = a_unit()
    with chromium.opened(unit_url(paris, unit), lasting=True) as screen:
        post(paris, unit=unit, mark="31.00", status="unofficial")

        screen.until_text("main tbody tr", "provisional")
        assert screen.rows()[0][0] == "1"

        screen.goto(f"{paris.gateway.url}/#/")
        screen.until_text(".provisional", "Provisional\n1")
        post(paris, unit=unit, mark="31.00", version=2)
        screen.until_text(".provisional", "Provisional\n0")


def test_names_in_results_are_text_whatever_they_say(chromium: Chromium, paris: Stack) -> None:
    attack = "<img src=x onerror=document.title='hacked'>"
    unit = "<script>document.title='hacked'</script>"
    post(paris, unit=unit, competitor={"id": attack, "name": attack}, mark="40.00", irm="<b>")
    paris.settled()

    with chromium.opened(unit_url(paris, unit)) as screen:
        screen.until("document.querySelectorAll('main tbody tr').length === 1")

        assert attack in screen.rows()[0][1]
        assert screen.text("h1") == unit
        assert screen.run("document.querySelectorAll('main img, main script, main b').length") == 0
        assert "hacked" not in screen.run("document.title").replace(unit, "")


def test_old_data_is_told_and_forgotten_when_the_worker_is_back(
    chromium: Chromium, paris: Stack
) -> None:
    with chromium.opened(paris.gateway.url) as screen:
        screen.until("document.documentElement.dataset.state === 'live'")
        try:
            paris.workers[0].kill()

            screen.until_text("#notice", "these standings are old")
            assert screen.text("#state") == "Old data"
            assert screen.violations() == []
            assert len(screen.rows()) > 30  # what was known stays
        finally:
            paris.workers[0].start()
            paris.workers[0].wait_ready()

        screen.until("document.documentElement.dataset.state === 'live'")
        assert not screen.visible("#notice")


def test_a_lost_connection_is_told_and_comes_back_by_itself(
    chromium: Chromium, paris: Stack
) -> None:
    with chromium.opened(paris.gateway.url, lasting=True, color_scheme="dark") as screen:
        screen.until("document.documentElement.dataset.state === 'live'")
        screen.goto(f"{paris.gateway.url}/#/sports/boxing")
        screen.until("document.querySelector('#filter')")
        screen.click("#filter")
        screen.type("BOXW")
        screen.run("window.same = true")
        try:
            assert paris.gateway.stop() == 0

            screen.until_text("#notice", "The connection is gone")
            assert screen.violations() == []
        finally:
            paris.gateway.start()
            paris.gateway.wait_ready()

        screen.until("document.documentElement.dataset.state === 'live'")
        assert screen.run("window.same")
        assert screen.run("document.getElementById('filter').value") == "BOXW"
        screen.goto(f"{paris.gateway.url}/#/")
        post(paris, unit=a_unit(), faculty="AFG", mark="20.00")
        screen.until("document.querySelector('[data-faculty=AFG]')")


def test_it_can_be_used_with_the_keyboard_alone(chromium: Chromium, paris: Stack) -> None:
    with chromium.opened(paris.gateway.url) as screen:
        screen.until("document.querySelector('nav a')")

        screen.press("Tab")
        assert screen.run("document.activeElement.textContent") == "Skip to the standings"
        assert screen.run("document.activeElement.getBoundingClientRect().top") >= 0
        screen.press("Enter")
        assert screen.run("document.activeElement.id") == "main"

        screen.reload()
        screen.until("document.querySelector('nav a')")
        names = []
        for _ in range(9):
            screen.press("Tab")
            names.append(
                screen.run(
                    "document.activeElement.getAttribute('aria-label')"
                    " ?? document.activeElement.labels?.[0]?.textContent"
                    " ?? document.activeElement.textContent"
                )
            )
        assert names == [
            "Skip to the standings",
            "Medallero: to the medal table",
            "Search",
            "Español",
            "Dark theme",
            "Big screen",
            "Medal table",
            "Swimming",
            "Boxing",
        ]

        screen.run("document.querySelectorAll('nav a')[2].focus()")
        screen.press("Enter")
        screen.until_text("h1", "Boxing")
        assert screen.run("document.activeElement.tagName") == "H1"
        assert screen.run("document.title") == "Boxing · Medallero"


def test_it_speaks_the_language_of_the_browser_and_remembers_another(
    chromium: Chromium, paris: Stack
) -> None:
    with chromium.opened(paris.gateway.url, locale="es-GT") as screen:
        screen.until_text("nav", "Natación")
        assert screen.run("document.documentElement.lang") == "es"
        assert screen.text("h1") == "Medallero"

        screen.click("#language")
        screen.until_text("h1", "Medal table")
        assert screen.text("nav").split() == ["Medal", "table", "Swimming", "Boxing"]

        screen.reload()
        screen.until_text("h1", "Medal table")
        assert screen.run("document.documentElement.lang") == "en"


def test_a_name_leads_to_the_competitor_and_an_event_to_all_rounds(
    chromium: Chromium, paris: Stack
) -> None:
    final = f"/events/swimming/{FREESTYLE}"
    with chromium.opened(f"{paris.gateway.url}{final}?lang=es", width=390) as screen:
        screen.until("document.querySelectorAll('main tbody tr').length === 8")
        screen.click("tbody a.who")
        screen.until("document.querySelectorAll('.competitor .lines li').length > 1")
        assert screen.text("h1") == "Australia"
        assert screen.run("document.title") == "Australia · Medallero"
        assert "50 m libre masculino" in screen.text(".lines")
        assert "Oro · puesto 1 de 8" in screen.text(".lines")
        assert screen.run("location.search") == "?lang=es"

        # Its link is good for others: the whole page is read anew.
        screen.reload()
        screen.until("document.querySelectorAll('.competitor .lines li').length > 1")
        screen.run("history.back()")
        screen.until("document.querySelectorAll('main tbody tr').length === 8")
        assert screen.run("location.pathname") == final

        screen.click(".where a:last-child")
        screen.until("document.querySelectorAll('.lines table').length === 12")
        assert screen.text(".where") == "Natación · Final"
        assert screen.text(".listing .aside") == "13 carreras, combates o series"
        screen.click(".listing .more")
        screen.until("document.querySelectorAll('.lines table').length === 13")
        screen.click(".lines .what a")
        screen.until(f"location.pathname === '{final}'")


def test_corrections_are_told_and_what_runs_is_said(chromium: Chromium, paris: Stack) -> None:
    unit = a_unit()
    ana, eva = {"id": "7", "name": "Ana Ruiz"}, {"id": "8", "name": "Eva Paz"}
    post(paris, unit=unit, competitor=ana, faculty="FRA", mark="41.10", status="unofficial")
    paris.settled()
    with chromium.opened(f"{paris.gateway.url}/events/swimming/{unit}") as screen:
        screen.until_text(".where", "Final, provisional")
        assert not screen.visible(".corrections")

        post(paris, unit=unit, competitor=eva, faculty="ITA", mark="41.20")
        screen.until_text(".where", "Final, running")
        post(paris, unit=unit, competitor=ana, faculty="FRA", mark="41.30", version=2)
        screen.until_text(".corrections", "Ana Ruiz, France: corrected, version 2")
        post(paris, unit=unit, competitor=eva, faculty="ITA", status="withdrawn", version=2)
        screen.until_text(".corrections", "Eva Paz, Italy: withdrawn, version 2")
        assert screen.violations() == []


def test_an_address_of_before_still_leads_there(chromium: Chromium, paris: Stack) -> None:
    with chromium.opened(f"{paris.gateway.url}/#/units/swimming/{FREESTYLE}") as screen:
        screen.until("document.querySelectorAll('main tbody tr').length === 8")
        assert screen.run("location.pathname") == f"/events/swimming/{FREESTYLE}"
        screen.goto(f"{paris.gateway.url}/#/search?q=50 free men")
        screen.until("document.querySelectorAll('.listing a').length > 3")
        assert screen.run("location.pathname + location.search") == "/search?q=50+free+men"


def test_what_is_refused_is_not_asked_again(chromium: Chromium, paris: Stack) -> None:
    with chromium.opened(f"{paris.gateway.url}/search?q={'x' * 101}", lasting=True) as screen:
        screen.run("performance.setResourceTimingBufferSize(9999)")
        screen.until("/at most 100/.test(document.querySelector('main').innerText)")
        asked = (
            "performance.getEntriesByType('resource')"
            ".filter(it => /events[?]/.test(it.name)).length"
        )
        before = screen.run(asked)
        # A list that asks again does so every two seconds. One question may be under way.
        screen.run("window.lives = 0; setInterval(() => { window.lives += 1 }, 1000)")
        screen.until("window.lives >= 7")
        assert 0 < before <= screen.run(asked) <= before + 1


def test_every_word_is_there_in_both_languages(chromium: Chromium, paris: Stack) -> None:
    with chromium.opened(paris.gateway.url) as screen:
        english, spanish = screen.run(
            "import('/page/words.js').then(it => [it.WORDS.en, it.WORDS.es])"
        )

    assert set(english) == set(spanish)
    assert set(english["phase"]) == set(spanish["phase"])


def test_the_theme_is_the_systems_until_one_is_chosen(chromium: Chromium, paris: Stack) -> None:
    def dark() -> bool:
        color = screen.run("getComputedStyle(document.body).backgroundColor")
        red = int(color.removeprefix("rgb(").split(",")[0])
        return red < 128

    with chromium.opened(paris.gateway.url, color_scheme="dark") as screen:
        assert dark()
        screen.click("#theme")
        assert not dark()
        screen.reload()
        assert not dark()


def test_the_big_screen_shows_all_faculties_and_sports_in_turn_and_nothing_to_press(
    chromium: Chromium, many: Stack
) -> None:
    snapshot = many.snapshot()
    assert snapshot is not None
    table = [it["faculty"] for it in snapshot.faculties]
    url = f"{many.gateway.url}/?kiosk=1"
    with chromium.opened(url, width=1080, height=1920) as screen:
        screen.until_text("#about", "20 – 29 November 2026 · Córdoba")
        assert screen.text("#games") == "Inter-University Games of the South"
        title = "Medal table · Inter-University Games of the South"
        screen.until(f"document.title === {json.dumps(title)}")
        # What comes in turn, and what is there whatever comes.
        screen.run(
            "(window.seen = new Set(), window.stay = new Set(), setInterval(() => {"
            "const rows = [...document.querySelectorAll('tbody tr')];"
            "for (const it of rows) seen.add(it.dataset.faculty);"
            "stay.add(rows.slice(0, 3).map(it => it.dataset.faculty).join());"
            "const sports = document.querySelectorAll('[data-sport]');"
            "for (const it of sports) seen.add(it.dataset.sport);"
            "}, 100))"
        )
        assert not any(
            screen.visible(it) for it in (".controls", "nav", "footer", ".rate, .totals")
        )
        sports = [it for it, counts in snapshot.sports.items() if counts["entries"]]
        for names in (table, sports[::2], sports):  # each wait has its own bound
            screen.until(f"{json.dumps(names)}.every(it => seen.has(it))")
        assert screen.run("[...stay]") == [",".join(table[:3])]

        screen.press("Escape")
        screen.until("!document.documentElement.classList.contains('kiosk')")


def test_names_on_the_big_screen_can_be_told_apart(chromium: Chromium, many: Stack) -> None:
    faculties = load_catalogue(many.settings.catalogue).faculties
    with chromium.opened(f"{many.gateway.url}/?kiosk=600", width=1280, height=720) as screen:
        screen.until("document.querySelectorAll('.whole').length > 3")
        names = screen.run(
            "[...document.querySelectorAll('tbody tr')].map(it => [it.dataset.faculty,"
            " it.querySelector('.called').innerText, it.querySelector('.name').innerText])"
        )
    assert len(names) > 6
    for faculty, called, name in names:
        it = faculties[faculty]
        assert called == (it.short or it.title)
        assert name in (called, f"{called}\n{it.title}")


def test_the_big_screen_tells_what_just_came_in(chromium: Chromium, paris: Stack) -> None:
    unit = a_unit()
    ana, eva = {"id": "1", "name": "Ana Ruiz"}, {"id": "2", "name": "Eva Paz"}
    url = f"{paris.gateway.url}/?kiosk=600"
    with chromium.opened(url, width=1280, height=720) as screen:
        screen.until("document.querySelectorAll('main tbody tr').length > 3")
        post(paris, unit=unit, competitor=ana, faculty="FRA", mark="20.00")
        post(paris, unit=unit, competitor=eva, faculty="ITA", mark="21.00")
        screen.until_text(".news", unit)
        screen.until_text(".news", "Eva Paz")
        said = [it for it in screen.text(".news").split("\n") if it]
        assert (said[0], said[2], said[3]) == ("Just in", "Swimming", unit)
        medals = "[...document.querySelectorAll('.news li')].map(it => it.textContent)"
        assert screen.run(medals) == ["Gold Ana Ruiz France 20.00", "Silver Eva Paz Italy 21.00"]

        post(paris, unit=unit, competitor=ana, faculty="FRA", irm="DSQ", version=2)

        screen.until_text(".news", "After the disqualification of Ana Ruiz.")
        assert screen.run(medals) == ["Gold Eva Paz Italy 21.00"]
        assert cut_off(screen) == []
        assert screen.violations() == []


@pytest.mark.parametrize(
    ("language", "size", "shown", "disqualified", "gold"),
    [
        ("en", (1280, 800), 5, "After the disqualification of Ana Ruiz.", "Gold: Eva Paz, Italy."),
        ("es", (390, 780), 1, "Tras la descalificación de Ana Ruiz.", "Oro: Eva Paz, Italy."),
    ],
)
def test_the_medal_table_has_what_just_came_in_beside_it(
    chromium: Chromium,
    paris: Stack,
    language: str,
    size: tuple[int, int],
    shown: int,
    disqualified: str,
    gold: str,
) -> None:
    unit = a_unit()
    ana, eva = {"id": "1", "name": "Ana Ruiz"}, {"id": "2", "name": "Eva Paz"}
    url = f"{paris.gateway.url}/?lang={language}"
    with chromium.opened(url, width=size[0], height=size[1]) as screen:
        screen.until("document.querySelectorAll('.just-in .changes > li').length === 5")
        heard = "document.querySelector('.just-in [aria-live]').textContent"
        assert screen.run(heard) == ""  # who opens the page reads the list
        post(paris, unit=f"{unit}, heat 1", competitor=ana, mark="20.50", phase="round")
        screen.until_text(".just-in li", f"{unit}, heat 1")
        assert screen.run(heard) == ""  # nobody has a medal of a heat
        post(paris, unit=unit, competitor=eva, faculty="ITA", mark="21.00")
        screen.until(f"{heard}.includes({json.dumps(gold)})")
        post(paris, unit=unit, competitor=ana, faculty="FRA", mark="20.00")

        post(paris, unit=unit, competitor=ana, faculty="FRA", irm="DSQ", version=2)

        screen.until_text(".just-in li", disqualified)
        leaders = screen.run("document.querySelector('.just-in .leaders').textContent")
        assert leaders.startswith(gold.split(":")[0] + " Eva Paz ")
        # A medal was read out; what comes within half a minute is not.
        assert disqualified not in screen.run(heard)
        visible = "[...document.querySelectorAll('.just-in .changes > li')]"
        screen.until(f"{visible}.filter(it => it.getClientRects().length).length === {shown}")
        first = "document.querySelector('.just-in li').getBoundingClientRect().bottom"
        assert screen.run(first) < size[1]
        assert screen.violations() == []

        screen.click(".just-in li strong a")
        screen.until_text("h1", unit)
        screen.run("history.back()")
        screen.until("document.querySelector('.just-in a[href*=latest]')")
        screen.click(".just-in a[href*=latest]")
        screen.until("document.querySelectorAll('.changes > li').length > 50")
        assert screen.run("location.pathname") == "/latest"
        assert disqualified in screen.text(".changes li")
        assert screen.run("document.documentElement.scrollWidth") == size[0]
        assert screen.violations() == []


def cut_off(screen: Screen) -> list[str]:
    """Return what a screen that nobody can scroll does not show to its end."""
    cut: list[str] = screen.run(
        "[...document.querySelectorAll('main *')].filter(it => it.getClientRects().length)"
        ".filter(it => it.getBoundingClientRect().bottom > innerHeight"
        " || it.getBoundingClientRect().right > innerWidth"
        " || (it.matches('.name, .side, th, ul') && it.scrollWidth > it.clientWidth + 1)"
        " || (it.matches('.side, .news, main') && it.scrollHeight > it.clientHeight + 1))"
        ".map(it => it.outerHTML)"
    )
    return cut


def test_of_many_faculties_each_is_found_in_the_table(chromium: Chromium, many: Stack) -> None:
    with chromium.opened(many.gateway.url, width=390) as screen:
        screen.until("document.querySelectorAll('main tbody tr').length === 50")
        screen.until_text(".more", "Show all 200 faculties")
        screen.click(".more")
        screen.until("document.querySelectorAll('main tbody tr').length === 200")

        # Further down the head is still there.
        screen.run("scrollTo(0, 4000)")
        assert screen.run("document.querySelector('thead th').getBoundingClientRect().top") == 0

        for text, title in (
            ("PATAGONIA veterinarias zoo", "Facultad de Ciencias Veterinarias y Zootecnia de la "),
            ("quim que", "Facultad de Ciencias Químicas y Farmacia de Quetzaltenango"),
        ):
            screen.click("#find-faculty")
            screen.press("Control+a")
            screen.type(text)
            screen.until("document.querySelectorAll('main tbody tr').length === 1")
            assert screen.rows()[0][1].startswith(title)
        assert screen.violations() == []
        screen.type("zz")
        screen.until_text(".table [role=status]", "No faculty is called so.")
        screen.press("Backspace", "Backspace", "Enter")
        assert screen.run("document.activeElement.className") == "name"


def test_all_of_many_sports_are_reached_from_the_head(chromium: Chromium, many: Stack) -> None:
    with chromium.opened(many.gateway.url, width=390) as screen:
        screen.until("document.querySelectorAll('nav a').length > 3")
        assert screen.text("nav a:nth-child(2)") == "All 51 sports"
        screen.click("nav a:nth-child(2)")
        screen.until_text("h1", "Sports")
        sports = "document.querySelectorAll('.all-sports [data-sport]').length"
        screen.until(f"{sports} === 51")
        assert screen.text("[data-sport=karate]").startswith("Karate")
        assert screen.run("document.documentElement.scrollWidth") == 390
        assert screen.violations() == []

        screen.click("#find-sport")
        screen.type("voley play")
        screen.until(f"{sports} === 1")
        screen.press("Enter")
        screen.press("Enter")
        screen.until_text("h1", "Beach Volleyball")


@pytest.mark.parametrize("size", [(1024, 768), (1080, 1920), (1280, 720), (3840, 2160)])
def test_nothing_is_cut_off_on_whatever_big_screen(
    chromium: Chromium, paris: Stack, many: Stack, size: tuple[int, int]
) -> None:
    width, height = size
    for games in (paris, many):
        url = f"{games.gateway.url}/?kiosk=600&lang=es"
        with chromium.opened(url, width=width, height=height) as screen:
            screen.until("document.querySelectorAll('main tbody tr').length > 5")
            screen.until("document.querySelectorAll('.side li').length > 0")

            assert cut_off(screen) == []


@pytest.mark.parametrize("language", ["en", "es"])
def test_nothing_is_wider_than_the_narrowest_phone(
    chromium: Chromium, paris: Stack, language: str
) -> None:
    url = f"{paris.gateway.url}/?lang={language}"
    with chromium.opened(url, width=320, height=640) as screen:
        for place, row in (
            ("#/", ".medals tbody tr"),
            ("#/sports/boxing", ".listing a"),
            ("#/search?q=men", ".listing a"),
            ("#/faculties/FRA", ".listing a"),
            (f"#/units/swimming/{FREESTYLE}", "table.unit tbody tr"),
            ("#/events/swimming/SWMM50MFR", "table.unit tbody tr"),
            ("#/competitors/1946161", ".listing a"),
            ("#/latest", ".changes a"),
        ):
            screen.goto(url + place)
            screen.until(f"document.querySelectorAll('{row}').length > 0")

            assert screen.run("document.documentElement.scrollWidth") == 320
            # The names of the views may be swept sideways; nothing else is cut off.
            cut = screen.run(
                "[...document.querySelectorAll('main *')].filter(it => "
                "it.getBoundingClientRect().right > 320.5).map(it => it.outerHTML)"
            )
            assert cut == []


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(
    "place",
    [
        "",
        "#/sports/boxing",
        f"#/units/swimming/{FREESTYLE}",
        "#/search?q=france",
        "#/faculties/FRA",
        "events/swimming/SWMM50MFR",
        "competitors/1946161",
        "latest",
        "?kiosk=600",
    ],
)
def test_axe_finds_nothing_that_shuts_anybody_out(
    chromium: Chromium, paris: Stack, theme: Any, place: str
) -> None:
    with chromium.opened(f"{paris.gateway.url}/{place}", color_scheme=theme) as screen:
        screen.until("document.querySelector('main tbody tr, .listing a, .changes a')")
        screen.until("document.querySelector('.dot') && document.title !== ''")

        assert screen.violations() == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_what_has_to_be_seen_stands_out_and_is_told_apart_without_colour(
    chromium: Chromium, paris: Stack, theme: Any
) -> None:
    url = f"{paris.gateway.url}/#/sports/boxing"
    with chromium.opened(url, color_scheme=theme) as screen:
        screen.until("document.querySelector('.bar .gold')")
        screen.run("document.getElementById('language').focus()")
        screen.press("Tab")

        def style(selector: str, name: str) -> str:
            found = f"getComputedStyle(document.querySelector('{selector}'))['{name}']"
            return str(screen.run(found))

        paper = style("body", "background-color")
        fills = {it: style(f".split .{it}", "background-image") for it in ("winners", "losers")}
        colours = {
            **{it: style(f".bar .{it}", "background-color") for it in ("gold", "silver", "bronze")},
            **{
                f"disc {it}": style(f".disc.{it}", "box-shadow")
                for it in ("gold", "silver", "bronze")
            },
            "won": style(".split .winners", "background-color"),
            "lost": fills["losers"].partition("deg, ")[2],
            "did not start": style(".split .did_not_start", "border-top-color"),
            "focus": style("#theme", "outline-color"),
        }

    assert {
        it: round(contrast(of, paper), 1) for it, of in colours.items() if contrast(of, paper) < 3
    } == {}
    assert fills["winners"] == "none"
    assert fills["losers"].startswith("repeating-linear-gradient")


def contrast(one: str, other: str) -> float:
    """Return how much brighter one colour is than the other, as WCAG 2 counts it."""
    # https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    """Return the relative luminance of the first colour in a text, from 0 to 1."""
    found = re.search(r"rgb\((\d+), (\d+), (\d+)\)", colour)
    assert found, colour
    parts = [int(it) / 255 for it in found.groups()]
    red, green, blue = (
        it / 12.92 if it <= 0.04045 else ((it + 0.055) / 1.055) ** 2.4 for it in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_who_wants_no_motion_gets_none(chromium: Chromium, paris: Stack) -> None:
    with chromium.opened(paris.gateway.url, reduced_motion="reduce") as screen:
        screen.until("document.querySelectorAll('main tbody tr').length > 30")
        before = screen.text(".totals dd")

        post(paris, unit=a_unit(), faculty="ARG", mark="20.00")

        screen.until(f"document.querySelector('.totals dd').innerText !== '{before}'")
        assert screen.run("document.getAnimations().length") == 0


def test_too_many_viewers_still_see_the_standings(chromium: Chromium, paris: Stack) -> None:
    full = paris.add_gateway(max_viewers="0")
    full.wait_ready()
    with chromium.opened(full.url, lasting=True) as screen:
        screen.until_text("#notice", "Many are watching")

        assert len(screen.rows()) > 30
        # Names come from the catalogue, here too; and what is not told is not zero.
        screen.until("!document.body.innerText.includes('USA')")
        assert "Swimming" in screen.text(".sports")
        assert not screen.visible(".rate")

    url = f"{full.url}/?kiosk=600"
    with chromium.opened(url, width=1920, height=1080, lasting=True) as screen:
        screen.until_text("#notice", "Many are watching")

        screen.until("document.querySelectorAll('main tbody tr').length > 3")
        assert cut_off(screen) == []  # although the notice takes some of its room


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_before_the_first_result_it_says_what_will_be(
    chromium: Chromium, paris: Stack, theme: Any
) -> None:
    empty = paris.add_gateway(redis_prefix="nothing-here:", catalogue=str(GAMES))
    empty.wait_ready()
    with chromium.opened(empty.url, width=320, color_scheme=theme) as screen:
        screen.until_text("h1", "Olympic Games Paris 2024")

        said = screen.text("main")
        assert "26 July – 11 August 2024 · Paris" in said
        assert "No results yet." in said
        assert "Sports: Boxing, Canoe Slalom, " in said
        assert "curl" not in said
        assert screen.text(".brand").split("\n") == [
            "Olympic Games Paris 2024",
            "26 July – 11 August 2024 · Paris",
        ]
        assert screen.run("document.title") == "No results yet · Olympic Games Paris 2024"
        assert screen.run("document.documentElement.scrollWidth") == 320
        assert screen.violations() == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_topic_that_was_made_again_is_told_with_what_helps(
    chromium: Chromium, paris: Stack, theme: Any
) -> None:
    # given standings of this epoch that are of another topic
    prefix = "made-again:"
    numbers = dict.fromkeys(("snapshot", "results", "provisional", "rejected", "conflicts"), 0)
    meta = {"epoch": 1, "log": "another", "updated_at": time.time(), "age": 0, "offsets": "{}"}
    with Redis.from_url(paris.settings.redis) as redis:
        redis.hset(SnapshotKeys(prefix).meta, mapping=numbers | meta)
    gateway = paris.add_gateway(redis_prefix=prefix)
    said = another_log(paris.settings.results_topic, 1)
    wait_until(lambda: said in (gateway.problem() or ""), timeout=120, what=gateway.log)
    with chromium.opened(gateway.url, width=320, color_scheme=theme) as screen:
        screen.until("document.documentElement.dataset.state === 'stopped'")

        assert said in screen.text("#notice")
        assert screen.run("document.documentElement.scrollWidth") == 320
        assert screen.violations() == []
