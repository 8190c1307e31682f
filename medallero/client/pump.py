"""Reading in a thread, so that a slow pipe does not hold up the requests."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Iterator
from typing import TypeVar

_T = TypeVar("_T")
_MOST_AHEAD = 10_000


async def in_pieces(items: Iterator[_T]) -> AsyncIterator[list[_T]]:
    """Yield what *items* has given so far, at least one each time; its errors are raised here.

    Items are read ahead, up to some thousand. The thread is a daemon: one that hangs in a read
    from a terminal must not keep the process alive.
    """
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    lock = threading.Lock()
    room = threading.Semaphore(_MOST_AHEAD)
    pile: list[_T] = []
    ended: list[BaseException | None] = []
    abandoned = threading.Event()

    def wake() -> None:
        # The loop is closed if nobody waits any more.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(ready.set)

    def read() -> None:
        outcome: BaseException | None = None
        try:
            for item in items:
                room.acquire()
                if abandoned.is_set():
                    return
                with lock:
                    pile.append(item)
                    first = len(pile) == 1
                if first:
                    wake()
        except BaseException as error:
            outcome = error
        finally:
            ended.append(outcome)
            wake()

    threading.Thread(target=read, name="read-ahead", daemon=True).start()
    try:
        while True:
            await ready.wait()
            ready.clear()
            done = list(ended)
            with lock:
                piece, pile[:] = list(pile), []
            if piece:
                room.release(len(piece))
                yield piece
            if done:
                if done[0] is not None:
                    raise done[0]
                return
    finally:
        abandoned.set()
        room.release()
