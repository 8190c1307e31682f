"""A partition's fetched records as one Faust event."""

from collections.abc import Sequence
from typing import Any

import faust
from faust.types import TP, AppT
from faust.types.tuples import ConsumerMessage

from faust_bulk.assignment import Assignment, Range
from faust_bulk.light import LightRecord


class Batch:
    """Records of one partition, in the order of their offsets; never empty.

    ``end`` is the offset after the last one, ``assignment`` the ownership under which they
    were fetched. To make one is to deliver it.
    """

    __slots__ = ("assignment", "delivered", "end", "records")

    def __init__(self, records: Sequence[LightRecord], assignment: Assignment) -> None:
        self.records = records
        self.end = records[-1].offset + 1
        self.assignment = assignment
        #: finished when what it stands for may be committed
        self.delivered: Range = assignment.deliver(self.end)

    @property
    def partition(self) -> int:
        """The partition that all records are of."""
        return self.assignment.tp.partition

    def __len__(self) -> int:
        return len(self.records)


class BulkMessage(ConsumerMessage):
    """What Faust passes around for a batch; its offset is that of the first record."""

    __slots__ = ()

    def __init__(self, tp: TP, batch: Batch, generation_id: int) -> None:
        first = batch.records[0]
        super().__init__(
            tp.topic,
            tp.partition,
            first.offset,
            first.timestamp / 1000.0,
            0,
            None,
            None,
            batch,  # type: ignore[arg-type]  # Faust only hands it on to our schema
            None,
            0,
            0,
            tp,
            generation_id=generation_id,
        )


class BulkSchema(faust.Schema[Any, Any]):
    """Hands a batch to the agent as it is: decoding is the agent's, in one loop."""

    def compile(self, app: AppT, **_kwargs: Any) -> Any:
        create_event = app.create_event

        async def decode(message: BulkMessage, *, propagate: bool = False) -> Any:
            return create_event(None, message.value, None, message)

        return decode
