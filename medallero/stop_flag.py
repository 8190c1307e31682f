"""A flag that a signal's handler may set."""

from __future__ import annotations

import time
from typing import Final

_SLICE: Final = 0.05


class StopFlag:
    """Like `threading.Event`, but without a lock.

    Python runs a signal's handler between two instructions of the main thread. While that
    thread waits for an event, it holds the event's lock for a moment; a handler that sets the
    event at that moment waits for the lock for ever, and so does the program.
    """

    def __init__(self) -> None:
        self._set = False

    def is_set(self) -> bool:
        """Return whether `set` has been called."""
        return self._set

    def set(self) -> None:
        """Set the flag, from a signal's handler or from any thread."""
        self._set = True

    def wait(self, seconds: float) -> bool:
        """Wait until the flag is set or so many seconds have passed; return whether it is set."""
        end = time.monotonic() + seconds
        while not self._set and (left := end - time.monotonic()) > 0:
            time.sleep(min(left, _SLICE))
        return self._set
