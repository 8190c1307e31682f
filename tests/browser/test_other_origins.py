"""What a page of another origin can do to a gateway that asks for no token, in a real Chromium."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from tests.browser.elsewhere import (
    SENDERS,
    another_site,
    result_from,
    send_in_every_way,
    unit_from,
)
from tests.browser.screen import Chromium
from tests.support.stack import Stack

pytestmark = [pytest.mark.system, pytest.mark.xdist_group("browser")]


def test_no_page_of_another_origin_can_send(chromium: Chromium, paris: Stack) -> None:
    url = f"{paris.gateway.url}/v1/results"
    with another_site() as site, chromium.opened(site, foreign=True) as screen:
        send_in_every_way(screen, url)
        screen.run("new Promise(done => setTimeout(done, 500))")

    # The same result from a program: the gateway takes it, so nothing else kept the page's out.
    status, answer = paris.gateway.request("POST", "/v1/results", result_from("a program"))
    assert (status, answer["accepted"]) == (202, 1)
    paris.settled()
    for what in SENDERS:
        status, _ = paris.gateway.request("GET", f"/v1/units/swimming/{quote(unit_from(what))}")
        assert status == 404, what


@pytest.mark.parametrize("allowed", [False, True])
def test_pages_of_another_origin_read_only_where_the_setting_says_so(
    chromium: Chromium, paris: Stack, allowed: bool
) -> None:
    with another_site() as site:
        gateway = paris.add_gateway(**({"cors_origins": site} if allowed else {}))
        gateway.wait_ready()
        with chromium.opened(site, foreign=True) as screen:
            read = (
                f"fetch('{gateway.url}/v1/standings')"
                ".then(answer => answer.json()).then(it => 'medal_table' in it, () => false)"
            )
            stream = (
                f"new Promise(done => {{ const it = new EventSource('{gateway.url}/v1/stream');"
                "it.onerror = () => { it.close(); done(false); };"
                "it.addEventListener('standings', () => { it.close(); done(true); }); })"
            )
            assert screen.run(read) is allowed
            assert screen.run(stream) is allowed
