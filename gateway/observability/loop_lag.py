"""How late the event loop is: the one number that says that a process has too much to do."""

import asyncio
from typing import Final

from gateway.metrics import Metrics

_TICK: Final = 0.1


async def watch_loop(metrics: Metrics) -> None:
    """Measure until cancelled."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + _TICK
        await asyncio.sleep(_TICK)
        metrics.loop_lag.observe(max(0.0, loop.time() - due))
