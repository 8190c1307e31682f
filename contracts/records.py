"""Which records of the results topic are results: the one check that worker and audit share."""

from contracts.partitioning import partition_of
from olympics.catalogue import Catalogue
from olympics.result import Result, ResultError, decode, key_of


def read_record(
    key: bytes | None,
    value: bytes | None,
    partition: int,
    partitions: int,
    catalogue: Catalogue,
) -> Result:
    """Return the result that a record of the results topic holds.

    *partition* is where the record lies, *partitions* how many the topic has. Content comes
    first: only a readable result says which key it should have had. A record under another
    key, or in another partition, would be counted by a worker that does not hold the rest of
    its unit; so it is refused rather than counted wrongly.

    :raises ResultError: with field ``value`` (no value at all), the field of the result that is
        wrong, ``key``, or ``partition``.
    """
    if value is None:
        raise ResultError("value", "expected a result, found a record without a value")
    result = decode(value, catalogue)
    check_place(result, key, partition, partitions)
    return result


def check_place(result: Result, key: bytes | None, partition: int, partitions: int) -> None:
    """Check that *result* lies under its own key, and in the partition of that key.

    :raises ResultError: with field ``key`` or ``partition``.
    """
    expected = key_of(result.sport, result.unit)
    if key != expected:
        found = "no key" if key is None else _readable(key)
        raise ResultError("key", f"expected {_readable(expected)}, found {found}")
    home = partition_of(expected, partitions)
    if home != partition:
        raise ResultError(
            "partition",
            f"expected {home} by Kafka's default partitioner (murmur2 of the key), "
            f"found {partition}",
        )


def _readable(key: bytes) -> str:
    """Return *key* for an error message: quoted, escaped, and never long."""
    text = key.decode("utf-8", "backslashreplace")
    return repr(text if len(text) <= 200 else text[:200] + "…")
