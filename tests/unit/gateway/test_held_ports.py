"""The port that several processes share is held for them, whatever was there before."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from gateway.multiprocess.supervisor import _held


@contextmanager
def listening(address: tuple[str, int], *, shared: bool) -> Iterator[socket.socket]:
    """A server's socket, as asyncio makes them."""
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        server.bind(address)
        server.listen()
        yield server


def test_connections_of_a_former_single_process_do_not_keep_the_port() -> None:
    with listening(("127.0.0.1", 0), shared=False) as server:
        host, port = server.getsockname()
        with socket.create_connection((host, port)) as client:
            server.accept()[0].close()  # who closes first holds the port: TIME_WAIT
            assert client.recv(1) == b""
    with pytest.raises(OSError, match="in use"), socket.socket() as plain:
        plain.bind((host, port))

    with _held(host, port, "HTTP"), ExitStack() as processes:
        for _ in range(2):
            processes.enter_context(listening((host, port), shared=True))


def test_nobody_else_takes_a_port_that_is_held_before_the_processes_listen() -> None:
    with (
        _held("127.0.0.1", 0, "HTTP") as held,
        pytest.raises(OSError, match="in use"),
        listening(held.getsockname(), shared=False),
    ):
        pass
