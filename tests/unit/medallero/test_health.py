"""The container's health check asks whoever runs in the container."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from medallero import health
from tests.support.ports import free_port


class Answers(BaseHTTPRequestHandler):
    """Alive, and not ready."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/healthz" else 503)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def served() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("here", "elsewhere"),
    [
        ("MEDALLERO_HTTP_PORT", "MEDALLERO_WORKER_PORT"),
        ("MEDALLERO_WORKER_PORT", "MEDALLERO_HTTP_PORT"),
    ],
)
def test_a_gateway_or_a_worker_that_answers_is_enough(
    monkeypatch: pytest.MonkeyPatch, served: int, here: str, elsewhere: str
) -> None:
    monkeypatch.setenv(here, str(served))
    monkeypatch.setenv(elsewhere, str(free_port()))
    monkeypatch.setattr("sys.argv", ["health"])

    health.main()


def test_an_answer_that_is_not_200_is_none(monkeypatch: pytest.MonkeyPatch, served: int) -> None:
    monkeypatch.setenv("MEDALLERO_HTTP_PORT", str(served))
    monkeypatch.setenv("MEDALLERO_WORKER_PORT", str(free_port()))
    monkeypatch.setattr("sys.argv", ["health", "/readyz"])

    with pytest.raises(SystemExit, match="503"):
        health.main()
