"""From a result posted to the screen of a real Chromium: ``python -m bench.screen``.

Posts results, one after the other, to a running gateway that nobody else uses meanwhile, and lets
the page note when it shows each of them: the delay ends with the frame that the browser draws
after the change. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import http.client
import json
import sys
import time
from typing import Any
from urllib.parse import urlsplit

from tests.browser.screen import Chromium, Screen

_NOTE = """
window.shown = {};
new MutationObserver(() => {
  const count = Number(document.querySelector('.totals dd').innerText.replace(/\\D/g, ''));
  requestAnimationFrame(() => setTimeout(() => {
    window.shown[count] ??= performance.timeOrigin + performance.now();
  }));
}).observe(document.querySelector('.totals dd'), { childList: true, characterData: true,
  subtree: true });
"""


def measure(chromium: Chromium, url: str, results: int) -> dict[str, Any]:
    """Post *results* to the gateway at *url*; return the delays' percentiles in milliseconds."""
    with chromium.opened(url) as screen:
        screen.until("document.querySelector('.totals dd')")
        screen.run(_NOTE)
        first = _count(screen)
        entry = _an_entry(url)
        delays = []
        for number in range(first + 1, first + results + 1):
            began = time.time() * 1000
            _request(url, "POST", "/v1/entries", entry | {"id": f"screen-{time.time_ns()}"})
            screen.until(f"Object.keys(window.shown).some(it => it >= {number})")
            shown = screen.run(f"window.shown[{number}] ?? Math.max(...Object.values(shown))")
            delays.append(shown - began)
    delays.sort()
    return {
        "results": results,
        "shown_p50_ms": round(delays[len(delays) // 2], 1),
        "shown_p99_ms": round(delays[min(len(delays) - 1, int(0.99 * len(delays)))], 1),
        "shown_max_ms": round(delays[-1], 1),
    }


def main() -> None:
    """Measure, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:8080", help="the gateway")
    parser.add_argument("--results", type=int, default=100, help="results posted")
    options = parser.parse_args()
    try:
        _request(options.url, "GET", "/healthz")
    except OSError:
        sys.exit(f"nothing answers at {options.url}: start it with make up, or name it with --url")
    chromium = Chromium()
    try:
        measured = measure(chromium, options.url, options.results)
    finally:
        chromium.close()
    sys.stdout.write(json.dumps(measured, indent=1) + "\n")


def _count(screen: Screen) -> int:
    return int("".join(filter(str.isdigit, screen.text(".totals dd"))))


def _an_entry(url: str) -> dict[str, Any]:
    catalogue = _request(url, "GET", "/v1/catalogue")
    return {
        "student": "Ana",
        "age": 20,
        "faculty": catalogue["faculties"][0]["name"],
        "discipline": catalogue["sports"][0]["name"],
    }


def _request(url: str, method: str, path: str, body: Any = None) -> Any:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "127.0.0.1", parts.port, timeout=30)
    try:
        data = None if body is None else json.dumps(body)
        connection.request(method, path, data, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        told = json.loads(answer.read())
    finally:
        connection.close()
    if answer.status not in (200, 202):
        raise SystemExit(f"the gateway answers {answer.status}: {told}")
    return told


if __name__ == "__main__":
    main()
