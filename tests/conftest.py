"""Fixtures for all tests, and how tests are shared out among the processes that run them.

`kafka` and `redis_url` are real servers, started once a process on free ports; a session that
runs beside this one has its own. `stack` starts gateways and workers as processes over them.
"""

from __future__ import annotations

import faulthandler
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import settings as hypothesis_settings

from contracts.settings import CommonSettings
from tests.support.environment import forget_settings
from tests.support.servers import Server, class_path, running_kafka, running_redis
from tests.support.stack import Stack, StackFactory, unique_settings

_MOST_PROCESSES: Final = 8

_LONGEST_TEARDOWN: Final = 300.0

_STACKS: Final = pytest.StashKey[list[Stack]]()
_STDERR: Final = pytest.StashKey[int]()


def pytest_configure(config: pytest.Config) -> None:
    forget_settings()
    config.stash[_STDERR] = os.dup(2)  # before pytest captures what tests write to it
    # How long an example may take says more about who else uses the machine than about the code.
    hypothesis_settings.register_profile("patient", hypothesis_settings(), deadline=None)
    hypothesis_settings.load_profile("patient")


def pytest_xdist_auto_num_workers() -> int | None:
    """Return how many processes `-n auto` means: one more than processors, as tests mostly wait.

    Each may start a Kafka of its own, of half a gigabyte; so not too many.
    """
    if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return None
    return min((os.cpu_count() or 1) + 1, _MOST_PROCESSES)


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep tests that share a fixture of their module in one process, in their order."""
    for item in items:
        if item.get_closest_marker("xdist_group") is None and _shares_a_fixture(item):
            item.add_marker(pytest.mark.xdist_group(item.nodeid.partition("::")[0]))


def _shares_a_fixture(item: pytest.Item) -> bool:
    if not isinstance(item, pytest.Function):
        return False
    definitions = item._fixtureinfo.name2fixturedefs.values()
    return any(it[-1].scope not in ("function", "session") for it in definitions)


@pytest.fixture(scope="session")
def kafka_jars() -> tuple[Path, ...]:
    """Kafka's class path, for tests that run a broker of their own."""
    return class_path()


@pytest.fixture(scope="session")
def kafka_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The session's Kafka broker. Tests that stop it must start their own instead."""
    with running_kafka(tmp_path_factory.mktemp("kafka")) as server:
        yield server


@pytest.fixture(scope="session")
def kafka(request: pytest.FixtureRequest) -> str:
    """Bootstrap server of a Kafka; MEDALLERO_TEST_KAFKA names one that is already there."""
    named = os.environ.get("MEDALLERO_TEST_KAFKA")
    return named or str(request.getfixturevalue("kafka_server").address)


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The session's Redis. Tests that stop it must start their own instead."""
    with running_redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="session")
def redis_url(request: pytest.FixtureRequest) -> str:
    """URL of a Redis; MEDALLERO_TEST_REDIS names one that is already there."""
    named = os.environ.get("MEDALLERO_TEST_REDIS")
    return named or str(request.getfixturevalue("redis_server").address)


@pytest.fixture
def common_settings(kafka: str, redis_url: str) -> CommonSettings:
    """Settings with topics and keys of this test alone; the topics are not created yet."""
    return unique_settings(kafka, redis_url)


@pytest.fixture
def stack(
    request: pytest.FixtureRequest, kafka: str, redis_url: str, tmp_path: Path
) -> Iterator[StackFactory]:
    """Start a gateway and workers as processes, and return them when they are ready.

    `stack(workers=2, gateways=1, environment={"publish_interval": "0.05"}, partitions=3)`: the
    environment is for all of its processes, further arguments are fields of the settings. What
    is started is stopped after the test; if that failed, its report has the logs' ends.
    """
    stacks: list[Stack] = []
    request.node.stash[_STACKS] = stacks

    def start(
        *,
        workers: int = 1,
        gateways: int = 1,
        environment: dict[str, str] | None = None,
        **fields: Any,
    ) -> Stack:
        settings = unique_settings(fields.pop("kafka", kafka), redis_url, **fields)
        directory = tmp_path / f"stack-{len(stacks) + 1}"
        directory.mkdir()
        started = Stack(settings, directory, environment or {})
        stacks.append(started)
        started.create_topics()
        for _ in range(gateways):
            started.add_gateway()
        for _ in range(workers):
            started.add_worker()
        started.wait_ready()
        return started

    try:
        yield start
    finally:
        for started in stacks:
            started.stop()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Any:
    """End the process, stacks and all, if what a test has started cannot be put away.

    pytest's own timer is no longer set where the test has failed.
    """
    faulthandler.dump_traceback_later(_LONGEST_TEARDOWN, exit=True, file=item.config.stash[_STDERR])
    try:
        return (yield)
    finally:
        faulthandler.cancel_dump_traceback_later()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Any:
    """Add the ends of the processes' logs to the report of a failed test."""
    report = yield
    if report.when == "call" and report.failed:
        for stack in item.stash.get(_STACKS, []):
            report.sections.append(("processes", stack.logs()))
    return report
