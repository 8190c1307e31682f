"""What a gateway can answer to a batch, whatever the protocol."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

from medallero.files.inputs import Kind
from medallero.formatting import plain

#: A gateway lists at most so many rejected records an answer, so no batch may be larger.
MOST_REJECTED: Final = 1000
#: What to do where nothing listens.
NOBODY_THERE: Final = (
    "Is the gateway running? `medallero up` starts one. If it listens elsewhere, give its address "
    "with --endpoint or MEDALLERO_ENDPOINT; `source DIR/env` sets it, DIR being the data directory "
    "of `up` (.medallero, unless it was told another)."
)


class Rejection(NamedTuple):
    """A record that the gateway refused: its place in the batch, the field, what was expected."""

    place: int
    field: str
    error: str


class Answer(NamedTuple):
    """Every record of the batch is accounted for: it is on the topic, or it was refused."""

    accepted: int
    rejected: Sequence[Rejection]


class TryAgain(Exception):
    """Not now: the gateway is busy or away.

    ``retry_after``: what it asked for, in seconds. ``remedy``: what a person can do about it.
    """

    def __init__(
        self, reason: str, retry_after: float | None = None, *, remedy: str | None = None
    ) -> None:
        self.reason = plain(reason)
        super().__init__(self.reason)
        self.retry_after = retry_after
        self.remedy = remedy


class BadRequest(Exception):
    """The request as a whole is refused because of something in it: a part of it may do."""

    def __init__(self, reason: str) -> None:
        self.reason = plain(reason)
        super().__init__(self.reason)


class RequestRefused(Exception):
    """No such request will ever be accepted: wrong address, wrong token, not a gateway."""

    def __init__(self, reason: str) -> None:
        self.reason = plain(reason)
        super().__init__(self.reason)


class Client(Protocol):
    """A connection to a gateway."""

    async def send(self, kind: Kind, bodies: Sequence[bytes]) -> Answer:
        """Send a batch, each a JSON object, once.

        :raises TryAgain: nothing is known of the batch, or it was not taken; send it again.
        :raises BadRequest: the batch as a whole cannot be read.
        :raises RequestRefused: do not try again.
        """

    async def close(self) -> None:
        """Give the connections back."""


def checked(answer: Answer, sent: int) -> Answer:
    """Return *answer*, its texts made plain, if it accounts for all *sent* records.

    :raises RequestRefused: it does not, so it cannot be trusted.
    """
    total = answer.accepted + len(answer.rejected)
    if total != sent or any(not 0 <= it.place < sent for it in answer.rejected):
        raise RequestRefused(
            f"the gateway accounts for {total} of {sent} records; is this a Medallero gateway?"
        )
    rejected = [Rejection(it.place, plain(it.field), plain(it.error)) for it in answer.rejected]
    return Answer(answer.accepted, rejected)
