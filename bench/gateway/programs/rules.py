"""What the peers in Python know of a result: its shape, and when it is good."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


class Competitor(msgspec.Struct, omit_defaults=True):
    """A person or a team."""

    id: Text
    name: str | None = None
    age: Annotated[int, msgspec.Meta(ge=0, le=150)] | None = None


class Result(msgspec.Struct):
    """One competitor's result in one unit."""

    sport: Literal["swimming", "athletics", "boxing"]
    unit: Text
    competitor: Competitor
    faculty: Literal["engineering", "agronomy"]
    mark: Annotated[str, msgspec.Meta(pattern=r"^\d+[.,]\d+$")]
    phase: str = "round"
    status: str = "official"
    version: int = 1


decode = msgspec.json.Decoder(Result | list[Result]).decode
encode = msgspec.json.Encoder().encode


def key_of(result: Result) -> bytes:
    """Return the record's key in Kafka."""
    return f"{result.sport}/{result.unit}".encode()
