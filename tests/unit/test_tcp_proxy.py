"""The proxy of the fault tests does what it says, or those tests prove nothing."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from tests.support.tcp_proxy import TcpProxy
from tests.support.waiting import wait_until


@pytest.fixture
def echo() -> Iterator[tuple[str, int]]:
    """A server that says everything back."""
    listening = socket.create_server(("127.0.0.1", 0))
    threads: list[threading.Thread] = []

    def serve(connection: socket.socket) -> None:
        with connection:
            try:
                while piece := connection.recv(65536):
                    connection.sendall(piece)
            except OSError:
                pass

    def accept() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            threads.append(threading.Thread(target=serve, args=(connection,)))
            threads[-1].start()

    acceptor = threading.Thread(target=accept)
    acceptor.start()
    yield listening.getsockname()
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()
    acceptor.join()
    for thread in threads:
        thread.join()


@pytest.fixture
def proxy(echo: tuple[str, int]) -> Iterator[TcpProxy]:
    with TcpProxy(echo) as open_proxy:
        yield open_proxy


@pytest.fixture
def client(proxy: TcpProxy) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=10) as connection:
        connection.sendall(b"ping")
        assert connection.recv(4) == b"ping"
        yield connection


def test_bytes_pass_both_ways_in_order(client: socket.socket, proxy: TcpProxy) -> None:
    sent = bytes(range(256)) * 4000
    sender = threading.Thread(target=client.sendall, args=(sent,))
    sender.start()
    received = b""
    while len(received) < len(sent):
        received += client.recv(65536)
    sender.join()

    assert received == sent
    # It counts when it has passed them on, and by then they may have been read.
    wait_until(lambda: proxy.passed_up == proxy.passed_down == len(sent) + 4)


def test_an_end_is_passed_on(client: socket.socket, proxy: TcpProxy) -> None:
    client.shutdown(socket.SHUT_WR)

    assert client.recv(1) == b""
    wait_until(lambda: proxy.connections == 0)


def test_what_is_held_comes_after_all(client: socket.socket, proxy: TcpProxy) -> None:
    proxy.hold()
    client.sendall(b"late")
    client.settimeout(0.1)
    with pytest.raises(TimeoutError):
        client.recv(4)
    assert proxy.passed_up == 4

    proxy.heal()
    client.settimeout(10)
    assert client.recv(4) == b"late"


def test_held_answers_have_reached_the_server(client: socket.socket, proxy: TcpProxy) -> None:
    proxy.hold_answers()
    client.sendall(b"late")
    wait_until(lambda: proxy.passed_up == 8)
    assert proxy.passed_down == 4

    proxy.heal()
    assert client.recv(4) == b"late"


def test_a_cut_resets_old_and_new_connections_until_it_is_healed(
    client: socket.socket, proxy: TcpProxy
) -> None:
    proxy.cut()
    with pytest.raises(ConnectionResetError):
        client.recv(1)
    with pytest.raises(ConnectionError):
        _ping(proxy)

    proxy.heal()
    assert _ping(proxy) == b"ping"


@pytest.mark.parametrize("fault", [{"delay": 0.1}, {"rate": 40.0}])
def test_a_slow_proxy_takes_its_time(
    client: socket.socket, proxy: TcpProxy, fault: dict[str, float]
) -> None:
    for name, value in fault.items():
        setattr(proxy, name, value)
    started = time.monotonic()
    client.sendall(b"ping")

    assert client.recv(4) == b"ping"
    assert time.monotonic() - started >= 0.2


def test_a_server_that_is_away_is_a_reset() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        address = gone.getsockname()
    with TcpProxy(address) as proxy, pytest.raises(ConnectionError):
        _ping(proxy)


def _ping(proxy: TcpProxy) -> bytes:
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=10) as client:
        client.sendall(b"ping")
        return client.recv(4)


def test_what_is_stranded_comes_late_though_its_client_was_told_that_the_connection_is_gone(
    echo: tuple[str, int], client: socket.socket, proxy: TcpProxy
) -> None:
    proxy.strand(0.2)
    client.sendall(b"stranded")
    with pytest.raises(ConnectionResetError):
        client.recv(1)

    # when the client says it again, and more, on a new connection
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=10) as again:
        again.sendall(b"stranded, more")
        assert again.recv(64) == b"stranded, more"
        passed = proxy.passed_up

        # then its first words come after these
        proxy.heal()
        wait_until(lambda: proxy.passed_up > passed)

        assert proxy.passed_up == passed + len(b"stranded")
        wait_until(lambda: proxy.connections == 1)
