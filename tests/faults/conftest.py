"""A Kafka behind a bad network, for tests that hurt it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.servers import Server, running_kafka_behind_proxy
from tests.support.tcp_proxy import TcpProxy


@pytest.fixture(scope="module")
def hurt_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, TcpProxy]]:
    """A broker of this module alone; its address is that of the proxy before it."""
    with running_kafka_behind_proxy(tmp_path_factory.mktemp("kafka")) as both:
        yield both
