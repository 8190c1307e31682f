"""What the topic of rejected records says of one: where it lies, what is wrong, its bytes."""

import base64
from collections.abc import Iterable

import msgspec

from streams.standings import Rejected


def rejected_records(
    topic: str, partition: int, rejected: Iterable[Rejected]
) -> list[tuple[bytes | None, bytes]]:
    """Return (key, value) for each of the *rejected* records of a partition of *topic*."""
    return [
        (
            f"{partition}:{record.offset}".encode(),
            msgspec.json.encode(
                {
                    "topic": topic,
                    "partition": partition,
                    "offset": record.offset,
                    "field": record.error.field,
                    "error": record.error.error,
                    "key": _text(record.key),
                    "value": _text(record.value),
                }
            ),
        )
        for record in rejected
    ]


def _text(data: bytes | None) -> dict[str, str] | None:
    if data is None:
        return None
    return {"base64": base64.b64encode(data).decode(), "text": data.decode(errors="replace")[:500]}
