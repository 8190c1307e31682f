"""Faust in bulk: a partition's fetched records as one event, a batch's writes as one publication.

An extension of faust-streaming at its own extension points: a transport, an ``App`` and a table.
It knows nothing of what the records mean. ``docs/bulk.md`` explains it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from faust_bulk.app import BulkApp
    from faust_bulk.delivery import Batch
    from faust_bulk.state import DictState, KeyedState, PartitionState
    from faust_bulk.table import BulkTable

# RocksState is in faust_bulk.rocks: it needs a package that not everybody has.
__all__ = ["Batch", "BulkApp", "BulkTable", "DictState", "KeyedState", "PartitionState"]


def __getattr__(name: str) -> Any:
    # When it is asked for: who asks for topics alone (faust_bulk.topics) needs no Faust.
    modules = {"BulkApp": "app", "Batch": "delivery", "BulkTable": "table"}
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{modules.get(name, 'state')}"), name)
