"""Which partition a key belongs to."""

from typing import Final

from murmurhash2 import murmurhash2

#: of Kafka's murmur2
SEED: Final = 0x9747B28C


def partition_of(key: bytes, partitions: int) -> int:
    """Return the partition of *key* by Kafka's default (Java) partitioner: murmur2, sign cut off.

    librdkafka's default is another one (CRC32); records that it placed are found
    by comparing this number with the partition that they lie in.
    """
    return (murmurhash2(key, SEED) & 0x7FFFFFFF) % partitions
