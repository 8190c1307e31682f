"""A real RabbitMQ for tests: on free ports, with its data in a directory of the test.

Needs the operating system's package (marker `system`). Fixtures: import `rabbitmq` into a
`conftest.py` or a test module; use `running_rabbitmq` for one that may be hurt.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from medallero.embedded import rabbitmq as embedded
from medallero.embedded.processes import Process, stop_all
from medallero.embedded.rabbitmq import EmbeddedRabbitMq
from tests.support.ports import free_port
from tests.support.waiting import wait_until

_ATTEMPTS: Final = 3
_START_TIMEOUT: Final = 120.0


class RabbitMq:
    """A running broker that a test may freeze, kill, and start again on the same data and port."""

    def __init__(self, broker: EmbeddedRabbitMq) -> None:
        self.broker = broker
        self._epmd = Process(broker.prepare_epmd())
        self._process = Process(broker.prepare())

    @property
    def url(self) -> str:
        """Its address for clients; user and virtual host are the default ones."""
        return self.broker.url

    def kill(self) -> None:
        """End it at once, as a power failure would."""
        self._process.kill()

    def stop(self) -> None:
        """End it in order."""
        stop_all([self._process], grace=30.0)

    def start(self) -> None:
        """Start it again and wait until it serves."""
        self._process = Process(self.broker.prepare())
        assert self.serves(), f"it does not start again:\n{self.log_tail()}"

    def freeze(self) -> None:
        """Let it keep its connections and answer nothing."""
        os.killpg(self._process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGCONT)

    def serves(self) -> bool:
        """Wait until it answers; false if it ends first."""
        return wait_until(
            lambda: (
                embedded.answers(self.broker.host, self.broker.port)
                or self._process.exit_code is not None
            ),
            timeout=_START_TIMEOUT,
            pause=0.1,
            what=lambda: f"RabbitMQ answers:\n{self.log_tail()}",
        ) and (self._process.exit_code is None)

    def close(self) -> None:
        """End it for good, the port mapper too."""
        self.thaw()
        self._process.kill()
        self._epmd.kill()

    def log_tail(self) -> str:
        return self._process.log_tail(50)


@contextmanager
def running_rabbitmq(directory: Path) -> Iterator[RabbitMq]:
    """Run a broker; anew on other ports if somebody took them in between."""
    for attempt in range(1, _ATTEMPTS + 1):
        place = directory / f"rabbitmq-{attempt}"
        broker = EmbeddedRabbitMq(
            place,
            "127.0.0.1",
            free_port(),
            dist_port=free_port(),
            epmd_port=free_port(),
            log=directory / f"rabbitmq-{attempt}.log",
        )
        server = RabbitMq(broker)
        try:
            if server.serves():
                yield server
                return
            if attempt == _ATTEMPTS:
                raise AssertionError(f"it does not start:\n{server.log_tail()}")
        finally:
            server.close()


@pytest.fixture(scope="session")
def rabbitmq(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a broker that the tests of a session share; give each its own queue name."""
    with running_rabbitmq(tmp_path_factory.mktemp("rabbitmq")) as server:
        yield server.url
