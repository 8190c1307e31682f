"""Fetched records without aiokafka's dataclass around each: it costs more than reading them."""

from collections.abc import Container
from typing import Any, Protocol


class LightRecord(Protocol):
    """A fetched record: aiokafka's record of the wire format, or its ``ConsumerRecord``.

    ``timestamp`` is in milliseconds.
    """

    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...


def lighten(fetcher: Any, topics: Container[str]) -> None:
    """Let *fetcher* return what it has buffered of *topics* as it came from the wire.

    To be called right before records are taken: what is fetched later is not affected. The
    fetcher's consumer must have no deserializers.
    """
    for tp, result in fetcher._records.items():
        if tp.topic in topics:
            records = getattr(result, "_partition_records", None)  # errors have none
            if records is not None:
                records._consumer_record = _as_it_is


def _as_it_is(_tp: Any, record: Any) -> Any:
    return record
