"""Requests that are being answered, counted so that a gateway that stops can wait for them."""

import asyncio

from gateway.metrics import Metrics


class InFlight:
    """The number of HTTP requests that are being answered."""

    def __init__(self, metrics: Metrics) -> None:
        self._number = 0
        self._none: asyncio.Future[None] | None = None
        metrics.in_flight_requests.labels("http").set_function(lambda: self._number)

    def begin(self) -> None:
        self._number += 1

    def end(self) -> None:
        self._number -= 1
        if not self._number and self._none is not None and not self._none.done():
            self._none.set_result(None)

    async def drained(self) -> None:
        """Return when there is none."""
        while self._number:
            self._none = asyncio.get_running_loop().create_future()
            await self._none
