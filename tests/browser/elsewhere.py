"""A site of another origin, and what its pages can do to send results without being asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from tests.browser.screen import Screen

#: JavaScript that posts the text ``body`` to ``url`` in one of the ways that need no preflight.
SENDERS: Final = {
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


def result_from(what: str) -> dict[str, Any]:
    """Return a result that nobody but *what* sends."""
    return {
        "sport": "swimming",
        "unit": unit_from(what),
        "competitor": {"id": "1"},
        "faculty": "AFG",
        "rank": 1,
    }


def unit_from(what: str) -> str:
    """Return the unit of the result that *what* sends."""
    return f"from elsewhere: {what}"


def send_in_every_way(screen: Screen, url: str, faculty: str = "AFG") -> None:
    """Let the page send a result to *url* in each of the ways."""
    for what, script in SENDERS.items():
        body = json.dumps({**result_from(what), "faculty": faculty})
        call = f"((url, body) => {script})({json.dumps(url)}, {json.dumps(body)})"
        # Whatever the browser says of it, the request has left by then.
        screen.run(f"Promise.resolve().then(() => {call}).then(() => 0, () => 0)")
