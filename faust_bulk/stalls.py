"""Ends a process that has stopped working without having failed.

Faust logs that, every few seconds, for ever.
"""

import time
from typing import TYPE_CHECKING, cast

from faust.types import TP

from faust_bulk.assignment import Assignment
from faust_bulk.fatal import end_process

if TYPE_CHECKING:
    from faust_bulk.app import BulkApp
    from faust_bulk.transport import Consumer


async def watch_for_stalls(consumer: "Consumer", timeout: float) -> None:
    """Look at every assignment now and then, until the consumer stops.

    Ends the process if one that has batches finishes none of them for *timeout* seconds, or if
    one has records to read that are not read although no agent has anything to do. A batch that
    cannot be read is none of these: another process could not read it either.
    """
    app = cast("BulkApp", consumer.app)
    progress: dict[Assignment, tuple[object, float]] = {}
    while not consumer.should_stop:
        await consumer.sleep(min(5.0, timeout / 4))
        now = time.monotonic()
        assignments = consumer.assignments if app.restored else {}
        idle = not any(assignment.busy for assignment in assignments.values())
        known, progress = progress, {}
        for tp, assignment in assignments.items():
            unread = idle and tp not in app.damaged and _unread(consumer, tp)
            mark = (assignment.busy, unread, assignment.finished, assignment.delivered)
            since = now
            if (assignment.busy or unread) and assignment in known:
                last, last_since = known[assignment]
                since = last_since if last == mark else now
            progress[assignment] = (mark, since)
            if now - since > timeout:
                what = "an agent finishes nothing" if assignment.busy else "nothing is read"
                end_process(
                    f"stalled: {what} of {tp.topic}/{tp.partition} for {timeout:g} s "
                    f"(delivered to {assignment.delivered}, finished to {assignment.finished})"
                )


def _unread(consumer: "Consumer", tp: TP) -> bool:
    """Whether the broker has told of records that were not read yet."""
    state = consumer.fetch_state(tp)
    return (
        state is not None
        and state.has_valid_position
        and state.highwater is not None
        and state.highwater > state.position
    )
