"""Notices, while a worker runs, that a topic is another one, and that a partition is nobody's."""

import logging
from typing import TYPE_CHECKING, Final, cast

from faust.types import TP

from faust_bulk.fatal import end_process
from faust_bulk.topics import TopicFacts

if TYPE_CHECKING:
    from faust_bulk.app import BulkApp
    from faust_bulk.transport import Consumer

logger = logging.getLogger("faust_bulk")

#: Seconds between two looks. A look is three requests, of the size of the topics' metadata.
INTERVAL: Final = 2.0
#: Looks in a row that find a partition without an owner before the worker joins anew: during one
#: the group may be about to assign it.
_LOOKS: Final = 2


async def watch_topics(consumer: "Consumer") -> None:
    """Look at the topics every few seconds until the consumer stops.

    Ends the process if one was deleted and made again. Keeps ``app.problem`` true. If partitions
    are nobody's although the group is at rest, the worker leaves the group and joins anew: the
    group assigned what it knew of then, and a named member would get the same again.
    """
    app = cast("BulkApp", consumer.app)
    seen = 0
    while not consumer.should_stop:
        await consumer.sleep(INTERVAL)
        try:
            topics = await consumer.find_topics(app.used_topics)
            if missing := sorted(app.used_topics - topics.keys()):
                app.topics_problem = f"topic {missing[0]!r} does not exist"
                continue
            _check(consumer, app, topics)
            owned = await _owned(consumer, app, topics)
        except Exception as error:
            # Of whatever kind: Faust would end the process for it. What is known stays as it is.
            logger.debug("topics_unknown error=%r", error)
            continue
        app.topics_problem = None
        if owned is None or not app.restored:
            continue
        orphan = min(_wanted(app, topics) - owned, default=None)
        app.covered = orphan is None
        seen = seen + 1 if orphan else 0
        if orphan is not None:
            app.topics_problem = (
                f"no member of the group has {orphan.topic}/{orphan.partition}; joining anew"
            )
            if seen >= _LOOKS:
                seen = 0
                logger.warning("joining_anew nobody_has=%s/%d", *orphan)
                await consumer.join_anew()


def _check(consumer: "Consumer", app: "BulkApp", topics: dict[str, TopicFacts]) -> None:
    """End the process if a topic is another one than when the partitions were assigned."""
    for tp, assignment in consumer.assignments.items():
        note = assignment.note
        if note is None:
            continue
        found = topics[tp.topic]
        if found.id != note.log.id:
            if tp.topic not in app.rewound_topics:
                end_process(app.another_log(tp.topic, app.epoch))
            end_process(
                f"topic {tp.topic!r} was deleted and made again; the next start reads it from its "
                "beginning"
            )
        for table in app.bulk_tables:
            if table.source == tp.topic and topics[table.changelog].id != note.changelog:
                end_process(
                    f"the changelog {table.changelog!r} was deleted and made again; the next start "
                    f"fills it from {table.source!r}"
                )


def _wanted(app: "BulkApp", topics: dict[str, TopicFacts]) -> set[TP]:
    return {TP(it, p) for it in app.bulk_topics for p in range(topics[it].partitions)}


async def _owned(
    consumer: "Consumer", app: "BulkApp", topics: dict[str, TopicFacts]
) -> set[TP] | None:
    """Return what the group's members have; None while it is not at rest."""
    if not app.restored:
        return None
    own = set(consumer.assignments)
    return own if _wanted(app, topics) <= own else await consumer.owned_by_group()
