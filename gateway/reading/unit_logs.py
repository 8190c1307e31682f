"""Every version of a unit's results, read from the results topic.

No process keeps them: whoever asks has them read. Questions that come while others are being
answered are answered together, by the next pass over the partitions; what was read is kept for a
while, so that only what is new is read for whoever asks again. A pass gives way to other work all
the time, and costs the workers nothing.
"""

import asyncio
from collections.abc import Collection
from typing import Final

import structlog

from contracts.raw_topic import TopicUnavailable, open_topic
from contracts.unit_log import UnitLog, UnitName, UnitRecords, log_of, read_records
from gateway.errors import Reason, Refused
from gateway.limits.budget import Shares
from gateway.settings import GatewaySettings
from olympics.catalogue import Catalogue

_log = structlog.get_logger("gateway.unit_logs")

#: Units that may wait for a pass.
_WAITING: Final = 128
#: Records taken before others have their turn: a few milliseconds.
_AT_ONCE: Final = 1000
#: Records of a unit at most: their answer is made in one piece.
MOST: Final = 20_000
#: Records that are kept.
_KEPT: Final = 40_000


class UnitLogs:
    """Reads units for those who ask; a client is the name of a token, or a network."""

    def __init__(self, settings: GatewaySettings, catalogue: Catalogue) -> None:
        self._settings = settings
        self._catalogue = catalogue
        self._places = Shares(_WAITING)
        #: who waits for the next pass
        self._waiting: dict[UnitName, asyncio.Future[UnitRecords | Refused]] = {}
        self._reading: asyncio.Task[None] | None = None
        #: what was read, who was asked for last at the end
        self._kept: dict[UnitName, UnitRecords] = {}

    async def read(
        self, client: str, units: Collection[UnitName], most: int = MOST
    ) -> dict[UnitName, UnitLog]:
        """Return all that the topic holds of *units*, at least up to its end of this moment.

        *most*: so many records a unit may have.

        :raises Refused: too busy; too large; unavailable, while Kafka cannot be read.
        """
        if not self._places.fit(client, len(units)):
            raise Refused(Reason.TOO_BUSY, "many ask for the history of units at this moment")
        self._places.take(client, len(units))
        try:
            loop = asyncio.get_running_loop()
            asked = {it: self._waiting.setdefault(it, loop.create_future()) for it in units}
            if self._reading is None:
                self._reading = asyncio.create_task(self._read())
            return {
                name: self._log_of(name, await asyncio.shield(read), most)
                for name, read in asked.items()
            }
        finally:
            self._places.give_back(client, len(units))

    async def close(self) -> None:
        """Let those wait in vain who wait, and end."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait([self._reading])

    def _log_of(self, name: UnitName, read: UnitRecords | Refused, most: int) -> UnitLog:
        if isinstance(read, Refused):
            raise read
        if len(read.records) > most:
            raise Refused(
                Reason.TOO_LARGE,
                f"{name[0]}: {name[1]!r} has more than {most} records, the most for this",
            )
        return log_of(name, read, self._settings.partitions, self._catalogue)

    async def _read(self) -> None:
        try:
            async with open_topic(self._settings, at_once=_AT_ONCE) as topic:
                while self._waiting:
                    # Whoever asks from now on may want what comes from now on.
                    asked, self._waiting = self._waiting, {}
                    try:
                        read = await read_records(topic, asked, self._kept, MOST)
                    except BaseException:
                        self._waiting = asked | self._waiting
                        raise
                    for name, future in asked.items():
                        self._keep(name, read[name])
                        _settle(future, read[name])
        except TopicUnavailable as error:
            self._refuse_all(Refused(Reason.UNAVAILABLE, error.problem))
        except asyncio.CancelledError:
            self._refuse_all(Refused(Reason.UNAVAILABLE, "the gateway is stopping"))
            raise
        except Exception as error:
            _log.exception("units_unread", error=repr(error))
            self._refuse_all(Refused(Reason.INTERNAL, "the gateway has a fault; its log says more"))
        finally:
            self._reading = None
            if self._waiting:  # somebody asked while the topic was closed
                self._reading = asyncio.create_task(self._read())

    def _refuse_all(self, refused: Refused) -> None:
        waiting, self._waiting = self._waiting, {}
        for future in waiting.values():
            _settle(future, refused)

    def _keep(self, name: UnitName, read: UnitRecords) -> None:
        self._kept.pop(name, None)
        if len(read.records) > MOST:
            return
        self._kept[name] = read
        total = sum(len(it.records) + 1 for it in self._kept.values())
        while total > _KEPT:
            oldest = next(iter(self._kept))
            total -= len(self._kept.pop(oldest).records) + 1


def _settle(future: asyncio.Future[UnitRecords | Refused], read: UnitRecords | Refused) -> None:
    if not future.done():
        future.set_result(read)
