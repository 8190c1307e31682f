"""What the topic of rejected records says of one: where it lies, what is wrong, its bytes."""

import base64
import hashlib
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from streams.standings import Rejected

#: Bytes of a rejected record's value, and of its key, that its note keeps. In base64, with the
#: rest of the note, that is less than half a mebibyte, and fits into the topic whatever was sent.
KEPT_OF_VALUE: Final = 256 * 1024
KEPT_OF_KEY: Final = 32 * 1024
#: Characters of the beginning that are shown as text, and of what is said about the record.
_TEXT_LENGTH: Final = 500
_ERROR_LENGTH: Final = 1_000


def rejected_records(
    topic: str, partition: int, rejected: Iterable[Rejected]
) -> list[tuple[bytes | None, bytes]]:
    """Return (key, value) for each of the *rejected* records of a partition of *topic*.

    Of a key or value that is too large for a note only the beginning is kept, with the length of
    the whole (bytes) and its SHA-256.
    """
    return [
        (
            f"{partition}:{record.offset}".encode(),
            msgspec.json.encode(
                {
                    "topic": topic,
                    "partition": partition,
                    "offset": record.offset,
                    "field": record.error.field[:_ERROR_LENGTH],
                    "error": record.error.error[:_ERROR_LENGTH],
                    "key": _kept(record.key, KEPT_OF_KEY),
                    "value": _kept(record.value, KEPT_OF_VALUE),
                }
            ),
        )
        for record in rejected
    ]


def _kept(data: bytes | None, limit: int) -> dict[str, Any] | None:
    if data is None:
        return None
    kept = data[:limit]
    # A character has four bytes at most, so the cut is beyond what is shown.
    text = data[: 4 * _TEXT_LENGTH].decode(errors="replace")[:_TEXT_LENGTH]
    note: dict[str, Any] = {"base64": base64.b64encode(kept).decode(), "text": text}
    if len(data) > limit:
        note |= {"length": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    return note
