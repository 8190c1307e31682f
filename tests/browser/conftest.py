"""Fixtures for tests in a browser: the browser, and one running system for all of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.browser.games import many_games, paris_games
from tests.browser.screen import Chromium
from tests.support.stack import Stack


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chromium]:
    """A running Chromium."""
    browser = Chromium()
    try:
        yield browser
    finally:
        browser.close()


@pytest.fixture(scope="module")
def paris(kafka: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A gateway and a worker that have counted Paris 2024. Tests may add units of their own."""
    with paris_games(kafka, redis_url, tmp_path_factory.mktemp("paris")) as games:
        yield games


@pytest.fixture(scope="module")
def many(kafka: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A gateway and a worker that have counted two hundred faculties in forty sports."""
    with many_games(kafka, redis_url, tmp_path_factory.mktemp("many")) as games:
        yield games
