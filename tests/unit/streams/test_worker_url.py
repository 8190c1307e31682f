"""How a worker tells the gateway where it is."""

from __future__ import annotations

import socket

import pytest

from streams.settings import WorkerSettings


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "http://127.0.0.1:6066"),
        ({"worker_host": "10.0.0.7", "worker_port": 7000}, "http://10.0.0.7:7000"),
        ({"worker_host": "0.0.0.0"}, f"http://{socket.gethostname()}:6066"),
        ({"worker_host": "::"}, f"http://{socket.gethostname()}:6066"),
        ({"worker_host": "0.0.0.0", "worker_url": "http://a:1"}, "http://a:1"),
    ],
)
def test_the_address_is_one_that_can_be_reached(given: dict[str, object], told: str) -> None:
    assert WorkerSettings.model_validate(given).own_url == told
