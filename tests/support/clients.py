"""The clients' examples, run as their readers run them; and a gateway that first says no."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
CLIENTS: Final = ROOT / "docs" / "examples" / "clients"


def run(*argv: str | Path, directory: Path = CLIENTS, timeout: float = 120, **more: str) -> str:
    """Run a command, with more environment; return its output, of which it must be proud."""
    done = subprocess.run(
        argv,
        cwd=directory,
        env={**os.environ, "PYTHONPATH": str(ROOT), **more},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class Seen:
    """The requests that a reluctant gateway has seen: path, key, body."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str | None, bytes]] = []


@contextmanager
def reluctant(refusals: int) -> Iterator[tuple[str, Seen]]:
    """Serve what answers 503 to the first requests, and 202 to the others; yield its URL."""
    seen = Seen()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            seen.requests.append((self.path, self.headers.get("Idempotency-Key"), body))
            refused = len(seen.requests) <= refusals
            answer = (
                b'{"error": "not now", "retryable": true}'
                if refused
                else b'{"accepted": 1, "minted": [], "rejected_count": 0, "rejected": []}'
            )
            self.send_response(503 if refused else 202)
            if refused:
                self.send_header("Retry-After", "0")
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
