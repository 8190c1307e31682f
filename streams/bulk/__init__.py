"""Faust in bulk: a partition's fetched records as one event, a batch's writes as one publication.

An extension of faust-streaming at its own extension points: a transport, an ``App`` and a table.
It knows nothing of what the records mean. ``docs/bulk.md`` explains it.
"""

from streams.bulk.app import BulkApp
from streams.bulk.delivery import Batch
from streams.bulk.state import DictState, KeyedState, PartitionState
from streams.bulk.table import BulkTable

# RocksState is in streams.bulk.rocks: it needs a package that not everybody has.
__all__ = ["Batch", "BulkApp", "BulkTable", "DictState", "KeyedState", "PartitionState"]
