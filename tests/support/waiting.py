"""Waiting for something to become true."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")


def wait_until(
    look: Callable[[], Found | None],
    *,
    timeout: float = 60.0,
    pause: float = 0.05,
    what: str | Callable[[], object] = "what was waited for",
) -> Found:
    """Call *look* until it returns something true, and return that.

    :param what: names it, or is asked for the state of things when the time is over.
    """
    deadline = time.monotonic() + timeout
    while not (found := look()):
        if time.monotonic() > deadline:
            raise AssertionError(
                f"not within {timeout:g} s: {what if isinstance(what, str) else what()}"
            )
        time.sleep(pause)
    return found
