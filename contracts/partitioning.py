"""Which partition a key belongs to."""

from aiokafka.partitioner import murmur2


def partition_of(key: bytes, partitions: int) -> int:
    """Return the partition of *key* by Kafka's default (Java) partitioner.

    librdkafka's default is another one (CRC32); records that it placed are found
    by comparing this number with the partition that they lie in.
    """
    partition: int = (murmur2(key) & 0x7FFFFFFF) % partitions
    return partition
