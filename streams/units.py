"""The rankings of units, for those who read them, and the worker goes on while they are made."""

import asyncio
import time
from collections.abc import Callable
from typing import Final, NamedTuple, TypeVar

from olympics.ranking import Ranking, Steps
from streams.standings import Standings

#: How long steps may follow one another before others have their turn, seconds.
TURN: Final = 0.001
#: A ranking that takes longer is used again until it is so old, seconds, whatever happens: else a
#: large unit that changes all the time would keep the worker busy with ranking it.
FRESH: Final = 1.0
#: How long one is kept at most, for the pages that are still to be read, seconds.
KEPT: Final = 60.0
#: How many are kept at most.
MANY: Final = 8

_Value = TypeVar("_Value")


class Ranked(NamedTuple):
    """The ranking of a unit after all results of its partition before ``offset``."""

    ranking: Ranking
    offset: int


class Rankings:
    """Ranks units, and keeps the rankings of large ones for a while."""

    def __init__(self, turn: float = TURN, fresh: float = FRESH) -> None:
        self._turn = turn
        self._fresh = fresh
        self._kept: dict[bytes, _Kept] = {}

    async def ranking(self, state: Standings, key: bytes) -> Ranked | None:
        """Return the ranking of a unit of *state*; None if the unit has no results.

        Changes of a large unit show after FRESH seconds at the latest, and those that it takes to
        rank it.
        """
        version = state.tally.version(key)
        if version is None:
            return None
        kept = self._kept.get(key)
        if kept is None or not kept.serves(state, version, self._fresh):
            steps = state.tally.ranking(key)
            ranking = _in_one_turn(steps, self._turn)
            if ranking is not None:
                return Ranked(ranking, state.offset)
            kept = _Kept(state, version, steps, self._turn)
            self._keep(key, kept)
        return Ranked(await asyncio.shield(kept.making), kept.offset)

    def close(self) -> None:
        """Stop making rankings."""
        for key in list(self._kept):
            self._kept[key].making.cancel()
            self._forget(key)

    def _keep(self, key: bytes, kept: "_Kept") -> None:
        self._forget(key)  # what takes its place is the youngest
        self._kept[key] = kept
        if len(self._kept) > MANY:
            self._forget(next(iter(self._kept)))
        kept.timer = asyncio.get_running_loop().call_later(KEPT, self._forget, key)

    def _forget(self, key: bytes) -> None:
        kept = self._kept.pop(key, None)
        # The timer names a key, which may be another ranking's by then.
        if kept is not None and kept.timer is not None:
            kept.timer.cancel()


class _Kept:
    """A ranking that is being made, or was."""

    def __init__(
        self, state: Standings, version: object, steps: Steps[Ranking], turn: float
    ) -> None:
        self.offset = state.offset
        self.making = asyncio.create_task(self._make(steps, turn))
        self.timer: asyncio.TimerHandle | None = None
        self._state = state
        self._version = version
        self._ready_at: float | None = None

    def serves(self, state: Standings, version: object, fresh: float) -> bool:
        """Whether this is what those get who ask now, when the unit has *version*."""
        if self._state is not state:
            return False  # the partition was away in between
        if self._ready_at is None:
            return not self.making.done()
        return time.monotonic() < self._ready_at + fresh or self._version == version

    async def _make(self, steps: Steps[Ranking], turn: float) -> Ranking:
        ranking = await in_turns(steps, turn)
        self._ready_at = time.monotonic()
        return ranking


async def in_turns(steps: Steps[_Value], turn: float = TURN) -> _Value:
    """Return what *steps* make, and let others have the event loop every now and then."""
    while True:
        made = _in_one_turn(steps, turn)
        if made is not None:
            return made
        await asyncio.sleep(0)


def measured(steps: Steps[_Value], spend: Callable[[float], None]) -> Steps[_Value]:
    """Go through *steps*, and tell *spend* the processor time of each, in seconds.

    What others do between the steps is not counted.
    """
    while True:
        began = time.thread_time()
        try:
            next(steps)
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]
        finally:
            spend(time.thread_time() - began)
        yield


def _in_one_turn(steps: Steps[_Value], turn: float) -> _Value | None:
    """Go on with *steps* for some seconds; return what they have made if that was enough."""
    end = time.monotonic() + turn
    try:
        while True:
            next(steps)
            if time.monotonic() >= end:
                return None
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]
