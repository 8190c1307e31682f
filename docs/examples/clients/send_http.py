"""Send results and an entry over HTTP: ``python send_http.py http://127.0.0.1:8080``.

Needs ``pip install requests``. A token, if the gateway asks for one, is read from MEDALLERO_TOKEN.
"""

from __future__ import annotations

import json
import os
import sys
import time
import uuid
from typing import Any

import requests

#: After these, and after a connection that broke, the same request may be sent again.
RETRYABLE = (408, 429, 503)
ATTEMPTS = 10


def main(gateway: str) -> None:
    """Send three requests and print the answers."""
    with requests.Session() as session:
        if token := os.environ.get("MEDALLERO_TOKEN"):
            session.headers["Authorization"] = f"Bearer {token}"

        results = [
            {
                "sport": "swimming",
                "unit": "100 m breaststroke final",
                "phase": "final",
                "competitor": {"id": number, "name": name},
                "faculty": faculty,
                "mark": mark,
            }
            for number, name, faculty, mark in (
                ("8", "Ana", "engineering", "1:05.28"),
                ("9", "Eva", "agronomy", "1:05.54"),
            )
        ]
        print(post(session, f"{gateway}/v1/results", json.dumps(results)))

        # NDJSON may come from a file or a generator of any length. A retry needs it again from
        # its beginning, so it is bytes here.
        lines = "\n".join(json.dumps(result | {"version": 2}) for result in results)
        print(
            post(
                session, f"{gateway}/v1/results", lines, **{"Content-Type": "application/x-ndjson"}
            )
        )

        # The key is made once, before the first attempt: it makes the retries safe.
        entry = {"student": "Alvaro García", "age": 20, "faculty": "Ingeniería", "discipline": 1}
        key = str(uuid.uuid4())
        print(post(session, f"{gateway}/v1/entries", json.dumps(entry), **{"Idempotency-Key": key}))


def post(session: requests.Session, url: str, body: str, **headers: str) -> dict[str, Any]:
    """Post until the gateway has taken the records for good, or says that it never will."""
    headers = {"Content-Type": "application/json", **headers}
    for attempt in range(1, ATTEMPTS + 1):
        wait = min(2.0**attempt / 10, 10.0)
        try:
            answer = session.post(url, data=body.encode(), headers=headers, timeout=60)
        except requests.ConnectionError as error:
            problem = str(error)
        else:
            if answer.status_code not in RETRYABLE:
                if answer.status_code != 202:
                    raise SystemExit(f"{answer.status_code}: {answer.text}")
                taken: dict[str, Any] = answer.json()
                for bad in taken["rejected"]:
                    print(f"record {bad['index']}: {bad['field']}: {bad['error']}", file=sys.stderr)
                return taken
            problem = f"{answer.status_code}: {answer.text}"
            wait = float(answer.headers.get("Retry-After", wait))
        if attempt < ATTEMPTS:
            time.sleep(wait)
    raise SystemExit(f"after {ATTEMPTS} attempts: {problem}")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8080")
