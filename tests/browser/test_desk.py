"""The officials' desk in a real Chromium of a phone's size, over a real system."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from gateway.auth.tokens import digest_of, line_of
from tests.browser.games import running_games
from tests.browser.screen import Chromium, Screen
from tests.support.stack import Stack
from tests.support.waiting import wait_until

# All in one process: they share the browser and the system.
pytestmark = [pytest.mark.system, pytest.mark.xdist_group("browser")]

PHONE: dict[str, Any] = {"width": 390, "height": 844, "has_touch": True, "is_mobile": True}
TOKENS = "\n".join((line_of("ana", digest_of("secret-a")), line_of("ben", digest_of("secret-b"))))

_units = itertools.count(1)


@pytest.fixture(scope="module")
def games(kafka: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A gateway that asks for tokens, and a worker."""
    environment = {"tokens": TOKENS}
    with running_games(kafka, redis_url, tmp_path_factory.mktemp("desk"), environment) as stack:
        yield stack


def a_unit() -> str:
    """Return the name of a unit that no other test uses."""
    return f"desk {next(_units)} freestyle final"


def desk(games: Stack, unit: str | None = None) -> str:
    path = "" if unit is None else f"#/event/swimming/{quote(unit, safe='')}"
    return f"{games.gateway.url}/desk{path}"


def sign_in(screen: Screen, token: str = "secret-a") -> None:
    screen.until("document.querySelector('#token')")
    screen.fill("#token", token)
    screen.press("Enter")
    screen.until("!document.querySelector('#token') && document.querySelector('h1')")


def send(screen: Screen, button: str) -> None:
    """Press a button that sends, and wait for the gateway's answer."""
    screen.tap(button)
    screen.until("document.querySelector('#outbox').hidden")


def cell(row: int, field: str) -> str:
    return f".row:nth-of-type({row}) [data-field={field}]"


def history(games: Stack, unit: str) -> dict[str, list[dict[str, Any]]]:
    status, body = games.gateway.request(
        "GET",
        f"/v1/history/swimming/{quote(unit, safe='')}",
        headers={"Authorization": "Bearer secret-b"},
    )
    return body["competitors"] if status == 200 else {}


def a_change(unit: str, competitor: str = "1", replaces: int = 0, **fields: Any) -> dict[str, Any]:
    return {
        **{"sport": "swimming", "unit": unit, "phase": "final", "faculty": "agronomy"},
        **{"competitor": {"id": competitor}, "mark": "60", "replaces": replaces, **fields},
    }


def change(games: Stack, unit: str, competitor: str, replaces: int, **fields: Any) -> None:
    """Change a result as another official does."""
    result = a_change(unit, competitor, replaces, **fields)
    status, answer = games.gateway.request(
        "POST", "/v1/changes", result, {"Authorization": "Bearer secret-b"}
    )
    assert status == 202, answer


def versions(games: Stack, unit: str) -> dict[str, list[tuple[int, str, str | None]]]:
    """Return (version, status, mark or IRM) of each competitor's results, the first first."""
    return {
        competitor: [
            (
                it["result"]["version"],
                it["result"]["status"],
                it["result"].get("irm") or it["result"].get("mark"),
            )
            for it in reversed(its)
        ]
        for competitor, its in history(games, unit).items()
    }


def enter_eight(screen: Screen) -> None:
    """Paste a final of eight, as from a spreadsheet."""
    rows = [
        f"{it}\tSwimmer {it}\t{'engineering' if it % 2 else 'agronomy'}\t5{it}.10"
        for it in range(1, 9)
    ]
    screen.paste(cell(1, "id"), "\n".join(rows))
    screen.until("document.querySelectorAll('.row').length === 9")


def test_an_official_enters_a_final_declares_it_and_disqualifies_one(
    chromium: Chromium, games: Stack, tmp_path: Path
) -> None:
    unit = a_unit()
    with chromium.opened(desk(games, unit), lasting=True, **PHONE) as screen:
        sign_in(screen)
        screen.until("document.querySelector('.row')")
        enter_eight(screen)

        # While typing: ranking and medals, as they would be.
        screen.until_text(".row", "gold")
        screen.until_text(".medals-moved", "gold")
        assert history(games, unit) == {}
        assert screen.run("document.documentElement.scrollWidth") <= 390

        send(screen, "#provisional")
        screen.until_text(".row .tag", "provisional")
        assert set(versions(games, unit)["1"]) == {(1, "unofficial", "51.100")}

        send(screen, "#declare")
        screen.until_text(".row .tag", "official")
        screen.until_text(".row .facts", "version 2")
        assert all(it[-1][:2] == (2, "official") for it in versions(games, unit).values())
        screen.until_text(".medals-moved", "stays as it is")

        screen.tap(".row:nth-of-type(1) .does button:first-child")
        screen.until_text(".medals-moved", "−1 gold, +1 silver, −1 bronze")
        send(screen, "#declare")
        screen.until_text(".row .facts", "version 3")
        assert versions(games, unit)["1"][-1] == (3, "official", "DSQ")
        assert versions(games, unit)["2"][-1][0] == 2
        # What changed, by whom.
        screen.until_text(".log", "51.100 · DSQ")
        assert "ana" in screen.text(".log")
        assert screen.violations() == []
        assert "secret-a" not in screen.run("location.href + document.cookie")


def test_it_works_with_the_keyboard_alone(chromium: Chromium, games: Stack) -> None:
    unit = a_unit()
    with chromium.opened(desk(games, unit), lasting=True, **PHONE) as screen:
        sign_in(screen)
        screen.until("document.querySelector('.row')")
        screen.run(f"document.querySelector({cell(1, 'id')!r}).focus()")
        screen.type("7")
        screen.press("Enter")
        screen.type("8")
        screen.press("ArrowUp", "Tab")
        screen.type("Ana")
        screen.press("Tab")
        screen.type("engineering")
        screen.press("Tab", "Tab")
        screen.type("slow")
        # Beside its cell, in the words of the API.
        screen.until_text(".row .error", "Mark: expected")
        assert (
            screen.run(f"document.querySelector({cell(1, 'mark')!r}).getAttribute('aria-invalid')")
            == "true"
        )
        described = screen.run(
            f"document.getElementById(document.querySelector({cell(1, 'mark')!r})"
            ".getAttribute('aria-describedby')).textContent"
        )
        assert "slow" in described
        # With an error nothing is sent.
        screen.run("document.querySelector('#declare').focus()")
        screen.press("Enter")
        screen.until_text("#announcement", "Nothing was sent")
        assert history(games, unit) == {}


def test_another_officials_change_is_told_and_neither_is_overwritten(
    chromium: Chromium, games: Stack
) -> None:
    unit = a_unit()
    change(games, unit, "1", 0)
    change(games, unit, "2", 0, mark="61")
    with chromium.opened(desk(games, unit), lasting=True, **PHONE) as screen:
        sign_in(screen)
        screen.until("document.querySelectorAll('.row').length === 3")
        screen.fill(cell(1, "mark"), "59")
        change(games, unit, "1", 1, mark="58")
        send(screen, "#declare")
        screen.until_text(".row .rival", "ben has changed this: 58.000 (version 2)")
        assert versions(games, unit)["1"] == [(1, "official", "60.000"), (2, "official", "58.000")]
        assert screen.run(f"document.querySelector({cell(1, 'mark')!r}).value") == "59"

        # What nobody touches here follows the others by itself.
        change(games, unit, "2", 1, mark="57")
        screen.until(f"document.querySelector({cell(2, 'mark')!r}).value === '57.000'")

        screen.tap(".row .rival button:nth-of-type(2)")
        screen.until("document.querySelector('.row .rival').hidden")
        send(screen, "#declare")
        screen.until_text(".row .facts", "version 3")
        assert versions(games, unit)["1"][-1] == (3, "official", "59.000")


@pytest.mark.parametrize("left", [False, True], ids=["open", "left"])
def test_a_change_of_what_was_refused_overwrites_nobody(
    chromium: Chromium, games: Stack, left: bool
) -> None:
    unit = a_unit()
    change(games, unit, "1", 0)
    with chromium.opened(desk(games, unit), lasting=True, **PHONE) as screen:
        sign_in(screen)
        screen.until("document.querySelectorAll('.row').length === 2")
        screen.block("**/v1/changes")
        for count, mark in enumerate(("59", "58.5"), 1):
            screen.fill(cell(1, "mark"), mark)
            screen.tap("#declare")
            screen.until_text("#outbox", f"{count} not delivered yet")
        if left:
            screen.run("location.hash = '#/'")
            screen.until("document.querySelector('#decisions')")
        # The second one of this tab names the version that is this one by now.
        change(games, unit, "1", 1, mark="57")
        screen.unblock("**/v1/changes")
        screen.until("document.querySelector('#outbox').hidden")
        if left:
            screen.run("history.back()")
        screen.until_text(".row .rival", "ben has changed this: 57.000 (version 2)")
        assert versions(games, unit)["1"] == [(1, "official", "60.000"), (2, "official", "57.000")]
        assert screen.run(f"document.querySelector({cell(1, 'mark')!r}).value") == "58.5"

        screen.tap(".row .rival button:nth-of-type(2)")
        screen.until("document.querySelector('.row .rival').hidden")
        send(screen, "#declare")
        screen.until_text(".row .facts", "version 3")
        assert versions(games, unit)["1"][-1] == (3, "official", "58.500")


def test_what_is_sent_without_a_network_arrives_once_when_it_is_back(
    chromium: Chromium, games: Stack
) -> None:
    unit = a_unit()
    with chromium.opened(desk(games, unit), lasting=True, **PHONE) as screen:
        sign_in(screen)
        screen.until("document.querySelector('.row')")
        enter_eight(screen)
        screen.until_text(".row", "gold")
        # The answer is lost, after the gateway has written.
        screen.lose_answers("**/v1/changes")
        screen.tap("#provisional")
        screen.until_text("#outbox", "8 not delivered yet")
        wait_until(lambda: len(versions(games, unit)) == 8, what="the results are written")
        screen.offline(True)
        screen.until_text("#state", "No connection")
        # What is typed and sent meanwhile is kept too.
        screen.fill(cell(3, "mark"), "40.5")
        screen.tap("#declare")
        screen.until_text("#outbox", "16 not delivered yet")
        screen.until_text(".row .tag", "not delivered yet")

        screen.offline(False)
        screen.unblock("**/v1/changes")
        screen.until("document.querySelector('#outbox').hidden")
        screen.until_text(".row .facts", "version 2")

    told = history(games, unit)
    assert len(told) == 8
    for competitor, its in told.items():
        mark = "40.500" if competitor == "3" else f"5{competitor}.100"
        assert next((it["result"]["version"], it["result"]["mark"]) for it in its) == (2, mark)
        assert [it["result"]["version"] for it in its] == [2, 1]
        assert [len(it["records"]) for it in its] == [1, 1]  # nothing twice


def test_a_reload_loses_neither_what_is_typed_nor_what_is_not_delivered(
    chromium: Chromium, games: Stack
) -> None:
    unit = a_unit()
    change(games, unit, "1", 0)
    with chromium.opened(desk(games, unit), lasting=True, **PHONE) as screen:
        sign_in(screen)
        screen.until("document.querySelectorAll('.row').length === 2")
        screen.block("**/v1/changes")
        screen.fill(cell(1, "mark"), "55")
        screen.tap("#declare")
        screen.until_text("#outbox", "1 not delivered yet")
        screen.fill(cell(2, "name"), "Eva")
        screen.reload()
        screen.until("document.querySelectorAll('.row').length === 3")
        screen.until(f"document.querySelector({cell(1, 'mark')!r}).value === '55'")
        assert screen.run(f"document.querySelector({cell(2, 'name')!r}).value") == "Eva"
        screen.unblock("**/v1/changes")
        screen.until("document.querySelector('#outbox').hidden")
    assert versions(games, unit)["1"][-1] == (2, "official", "55.000")


def test_what_one_official_has_sent_never_goes_out_in_the_name_of_another(
    chromium: Chromium, games: Stack
) -> None:
    unit = a_unit()
    change(games, unit, "1", 0)
    with chromium.opened(desk(games, unit), lasting=True, **PHONE) as screen:
        sign_in(screen)
        screen.until("document.querySelectorAll('.row').length === 2")
        screen.block("**/v1/changes")
        screen.fill(cell(1, "mark"), "55")
        screen.tap("#declare")
        screen.until_text("#outbox", "1 not delivered yet")
        # Her token is not accepted any more.
        screen.unblock("**/v1/changes")
        screen.answer("**/v1/changes", 401, '{"error": "the token ana has expired"}')
        screen.tap("#outbox button")
        screen.until_text(".error", "What is not delivered stays here")
        screen.unblock("**/v1/changes")

        sign_in(screen, "secret-b")
        screen.until_text("#outbox", "1 of ana not delivered")
        screen.fill(cell(1, "mark"), "54")
        screen.tap("#declare")
        both = [(1, "official", "60.000"), (2, "official", "54.000")]
        wait_until(lambda: versions(games, unit)["1"] == both, what="what he sent is written")

        # When she is back it goes out, and finds what has happened meanwhile.
        screen.run("sessionStorage.setItem('medallero.desk.token', 'secret-a')")
        screen.reload()
        screen.until("document.querySelector('#outbox').hidden")
        screen.until_text(".row .rival", "ben has changed this: 54.000 (version 2)")
        assert versions(games, unit)["1"] == both


def test_the_answer_to_an_official_who_has_left_signs_nobody_out(
    chromium: Chromium, games: Stack
) -> None:
    with chromium.opened(desk(games), lasting=True, **PHONE) as screen:
        screen.until("document.querySelector('#token')")

        # Ben signs in while Ana's request is under way, and her token has expired.
        seen = screen.run(
            """(async () => {
                const { Outbox } = await import("/page/outbox.js");
                let sender = "ana";
                const answers = [];
                window.fetch = async () => {
                    sender = "ben";
                    return new Response("{}", { status: 401 });
                };
                const outbox = new Outbox({
                    token: () => ({}), sender: () => sender, reached() {}, changed() {},
                    answered: (_, status) => answers.push(status),
                });
                await outbox.add({ sport: "swimming", unit: "1", changes: [] });
                return [answers, outbox.ofOthers().length];
            })()"""
        )

        assert seen == [[], 1]


def test_what_another_has_left_behind_can_be_forgotten(chromium: Chromium, games: Stack) -> None:
    unit = a_unit()
    sent = a_change(unit, status="official")
    left = [{"sport": "swimming", "unit": unit, "sender": "ana", "changes": [sent]}]
    with chromium.opened(desk(games), lasting=True, **PHONE) as screen:
        screen.until("document.querySelector('#token')")
        screen.run(
            f"sessionStorage.setItem('medallero.desk.outbox', {json.dumps(json.dumps(left))})"
        )
        screen.reload()
        sign_in(screen, "secret-b")
        screen.until_text("#outbox", "1 of ana not delivered")
        screen.tap("#forget")
        screen.until("document.querySelector('#outbox').hidden")
        assert screen.run("sessionStorage.getItem('medallero.desk.outbox')") is None
    assert versions(games, unit) == {}


@pytest.mark.parametrize("status", [500, 501, 505])
def test_an_answer_that_will_not_pass_is_told_and_not_asked_for_again(
    chromium: Chromium, games: Stack, status: int
) -> None:
    unit = a_unit()
    change(games, unit, "1", 0)
    with chromium.opened(desk(games, unit), lasting=True, **PHONE) as screen:
        sign_in(screen)
        screen.until("document.querySelectorAll('.row').length === 2")
        # As a proxy before the gateway may say it.
        screen.answer("**/v1/changes", status, "<h1>no</h1>")
        screen.fill(cell(1, "mark"), "55")
        send(screen, "#declare")
        screen.until_text("main > .error", f"Not taken: {status}")
        assert screen.run(f"document.querySelector({cell(1, 'mark')!r}).value") == "55"


def test_what_is_refused_as_a_whole_is_told_and_stays(chromium: Chromium, games: Stack) -> None:
    unit = a_unit()
    with chromium.opened(desk(games, unit), lasting=True, **PHONE) as screen:
        sign_in(screen)
        screen.until("document.querySelector('.row')")
        for field, text in (("id", "1"), ("faculty", "engineering"), ("name", "x" * 600_000)):
            screen.fill(cell(1, field), text)
        send(screen, "#provisional")
        screen.until_text("main > .error", "Not taken: the body is larger than")
        assert screen.run(f"document.querySelector({cell(1, 'name')!r}).value.length") == 600_000

        for field, text in (("name", "Ana"), ("mark", "50")):
            screen.fill(cell(1, field), text)
        send(screen, "#provisional")
        screen.until("document.querySelector('main > .error').hidden")
        assert versions(games, unit) == {"1": [(1, "unofficial", "50.000")]}


def test_an_address_need_not_be_encoded(chromium: Chromium, games: Stack) -> None:
    unit = f"{a_unit()}, 50% / heat 1"
    change(games, unit, "1", 0)
    address = f"{games.gateway.url}/desk#/event/swimming/{unit}"
    with chromium.opened(address, lasting=True, **PHONE) as screen:
        sign_in(screen)
        screen.until_text("h1", unit)
        screen.until(f"document.querySelector({cell(1, 'id')!r}).value === '1'")


def test_the_desk_lists_what_needs_a_decision_and_a_conflict_is_settled(
    chromium: Chromium, games: Stack
) -> None:
    unit = a_unit()
    for mark in ("50", "51"):
        games.gateway.request(
            "POST",
            "/v1/results",
            {
                **{"sport": "swimming", "unit": unit, "phase": "final", "faculty": "agronomy"},
                **{"competitor": {"id": "1"}, "mark": mark, "version": 2},
            },
            {"Authorization": "Bearer secret-b"},
        )
    change(games, unit.upper(), "1", 0, status="unofficial")
    games.settled()
    with chromium.opened(desk(games), lasting=True, **PHONE) as screen:
        sign_in(screen)
        screen.until_text("#decisions", "1 in conflict")
        told = screen.text("#decisions")
        assert "a final that is not official" in told
        assert f"spelled almost like another event: {unit.upper()}" in told
        assert screen.violations() == []
        screen.run(f"location.hash = '#/event/swimming/' + encodeURIComponent({json.dumps(unit)})")
        screen.until_text(".row .rival", "Two contents have this version")
        screen.tap(".row .rival button")
        send(screen, "#declare")
        screen.until_text(".row .facts", "version 3")
    assert versions(games, unit)["1"][-1][0] == 3
    assert not any(it["conflict"] for it in history(games, unit)["1"])


def test_a_wrong_token_opens_nothing_and_logging_out_forgets_it(
    chromium: Chromium, games: Stack
) -> None:
    with chromium.opened(desk(games), lasting=True, locale="es-GT", **PHONE) as screen:
        screen.until("document.querySelector('#token')")
        assert screen.violations() == []
        screen.fill("#token", "wrong")
        screen.press("Enter")
        screen.until_text(".error", "the token is not one that may send here")
        sign_in(screen)
        screen.until_text("h1", "Mesa")
        assert screen.run("Object.values(sessionStorage).join()") == "secret-a"
        screen.tap("#logout")
        screen.until("document.querySelector('#token')")
        assert screen.run("sessionStorage.length") == 0


def test_the_desk_says_everything_in_both_languages(chromium: Chromium, games: Stack) -> None:
    with chromium.opened(desk(games), lasting=True, **PHONE) as screen:
        english, spanish = screen.run(
            "import('./page/desk_words.js').then(it => [it.WORDS.en, it.WORDS.es])"
        )

    def named(words: dict[str, Any], prefix: str = "") -> dict[str, str]:
        found: dict[str, str] = {}
        for name, text in words.items():
            found |= named(text, f"{name}.") if isinstance(text, dict) else {prefix + name: text}
        return found

    assert named(english).keys() == named(spanish).keys()
    same = {name for name, text in named(english).items() if named(spanish)[name] == text}
    assert same == {"token", "fields.irm", "phase.final", "moved", "unofficial"}
