"""What a page of another origin can do to a gateway that asks for no token, in a real Chromium."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote

import pytest

from tests.browser.screen import Chromium
from tests.support.stack import Stack

pytestmark = [pytest.mark.system, pytest.mark.xdist_group("browser")]

#: JavaScript that posts the text ``body`` to ``url`` in one of the ways that need no preflight.
SENDERS = {
    "a Blob": "fetch(url, {method: 'POST', mode: 'no-cors', body: new Blob([body])})",
    "bytes": "fetch(url, {method: 'POST', mode: 'no-cors', body: new TextEncoder().encode(body)})",
    "text": "fetch(url, {method: 'POST', mode: 'no-cors', body})",
    "a beacon": "navigator.sendBeacon(url, new Blob([body]))",
    "a beacon of text": "navigator.sendBeacon(url, body)",
    "JSON with a preflight": (
        "fetch(url, {method: 'POST', body, headers: {'Content-Type': 'application/json'}})"
    ),
    "a form": """(() => {
        const form = document.createElement('form');
        Object.assign(form, {action: url, method: 'POST', enctype: 'text/plain', target: 'frame'});
        const input = document.createElement('input');
        const cut = body.indexOf(':') + 1;
        Object.assign(input, {name: body.slice(0, cut) + '"', value: '",' + body.slice(cut)});
        form.append(input);
        document.body.append(form);
        form.submit();
    })()""",
}


@contextmanager
def another_site() -> Iterator[str]:
    """Serve an empty page; yield its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(
                b"<title>elsewhere</title><link rel=icon href=data:,><iframe name=frame></iframe>"
            )

        def log_message(self, *_args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            # Another name too: a browser calls another port of one host the same site.
            yield f"http://elsewhere.localhost:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


def result(unit: str) -> dict[str, Any]:
    competitor = {"id": "1"}
    return {
        **{"sport": "swimming", "unit": unit, "competitor": competitor, "faculty": "AFG"},
        "rank": 1,
    }


def test_no_page_of_another_origin_can_send(chromium: Chromium, paris: Stack) -> None:
    url = f"{paris.gateway.url}/v1/results"
    with another_site() as site, chromium.opened(site, foreign=True) as screen:
        for what, script in SENDERS.items():
            body = json.dumps(result(f"from elsewhere: {what}"))
            call = f"((url, body) => {script})({json.dumps(url)}, {json.dumps(body)})"
            # Whatever the browser says of it, the request has left by then.
            screen.run(f"Promise.resolve().then(() => {call}).then(() => 0, () => 0)")
        screen.run("new Promise(done => setTimeout(done, 500))")

    # The same result from a program: the gateway takes it, so nothing else kept the page's out.
    status, answer = paris.gateway.request("POST", "/v1/results", result("from a program"))
    assert (status, answer["accepted"]) == (202, 1)
    paris.settled()
    for what in SENDERS:
        status, _ = paris.gateway.request(
            "GET", f"/v1/units/swimming/{quote(f'from elsewhere: {what}')}"
        )
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
