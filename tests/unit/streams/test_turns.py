"""What is made in steps, between which others have their turn."""

from __future__ import annotations

import pytest

from olympics.ranking import Steps
from streams.units import measured


class Clock:
    """A clock that goes on when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def thread_time(self) -> float:
        return self.now


def test_of_what_is_made_in_steps_the_time_of_others_is_not_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock()
    monkeypatch.setattr("streams.units.time", clock)

    def making() -> Steps[str]:
        for _ in range(3):
            clock.now += 1.0
            yield
        clock.now += 1.0
        return "made"

    spent: list[float] = []
    result: list[str] = []

    def whole() -> Steps[None]:
        result.append((yield from measured(making(), spent.append)))

    for _ in whole():
        clock.now += 100.0

    assert result == ["made"]
    assert spent == [1.0, 1.0, 1.0, 1.0]
