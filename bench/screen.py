"""From a result posted to the screen of a real Chromium: ``python -m bench.screen``.

Posts results, one after the other, to a running gateway that nobody else uses meanwhile, and lets
the page note when it shows each of them: the delay ends with the frame that the browser draws
after the change. With ``--names`` each result is of an event and a competitor of its own, and the
delay ends when that name is in *Just in*. Prints one JSON object.
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

# What the page shows → when: the sum of all results, or a name in Just in.
_NOTE = """
window.shown = new Map();
new MutationObserver(() => {
  const count = document.querySelector('.totals dd').innerText.replace(/\\D/g, '');
  const names = [...document.querySelectorAll('.just-in a.who')].map(it => it.innerText);
  requestAnimationFrame(() => setTimeout(() => {
    for (const it of [count, ...names]) {
      if (!shown.has(it)) shown.set(it, performance.timeOrigin + performance.now());
    }
  }));
}).observe(document.querySelector('main'), { childList: true, characterData: true,
  subtree: true });
"""


def measure(chromium: Chromium, url: str, results: int, *, names: bool) -> dict[str, Any]:
    """Post *results* to the gateway at *url*; return the delays' percentiles in milliseconds.

    *names*: until a name is in *Just in*; else until the sum of all results is there.
    """
    with chromium.opened(url) as screen:
        screen.until("document.querySelector('.totals dd')")
        screen.run(_NOTE)
        catalogue = _request(url, "GET", "/v1/catalogue")
        faculty, sport = (catalogue[it][0]["name"] for it in ("faculties", "sports"))
        first = _count(screen)
        delays = []
        for number in range(first + 1, first + results + 1):
            mark = f"screen {time.time_ns()}"
            began = time.time() * 1000
            if names:
                _request(url, "POST", "/v1/results", _a_result(sport, faculty, mark))
                waited = f"shown.get({json.dumps(mark)})"
            else:
                _request(url, "POST", "/v1/entries", _an_entry(sport, faculty, mark))
                waited = f"shown.get('{number}')"
            screen.until(waited)
            delays.append(screen.run(waited) - began)
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
    parser.add_argument("--names", action="store_true", help="wait for names in Just in")
    options = parser.parse_args()
    try:
        _request(options.url, "GET", "/healthz")
    except OSError:
        sys.exit(f"nothing answers at {options.url}: start it with make up, or name it with --url")
    chromium = Chromium()
    try:
        measured = measure(chromium, options.url, options.results, names=options.names)
    finally:
        chromium.close()
    sys.stdout.write(json.dumps(measured, indent=1) + "\n")


def _count(screen: Screen) -> int:
    return int("".join(filter(str.isdigit, screen.text(".totals dd"))))


def _an_entry(sport: str, faculty: str, mark: str) -> dict[str, Any]:
    return {"id": mark, "student": "Ana", "age": 20, "faculty": faculty, "discipline": sport}


def _a_result(sport: str, faculty: str, mark: str) -> dict[str, Any]:
    competitor = {"id": mark, "name": mark}
    return {
        "sport": sport,
        "unit": mark,
        "phase": "final",
        "competitor": competitor,
        "faculty": faculty,
        "rank": 1,
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
