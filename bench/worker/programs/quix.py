"""Full peer: Quix Streams with its RocksDB state and changelog.

Its state belongs to a message's key, which is the unit: exactly what is needed. The counts are
kept in memory beside it: with Quix's own means they would take a second, repartitioned topic.
"""

from __future__ import annotations

import threading
from typing import Any

from quixstreams import Application
from redis import Redis

from bench.worker.programs.rules import Counts, decode_result, decode_unit, encode_unit
from bench.worker.programs.task import read_task

_REPORT_SECONDS = 0.05


def main() -> None:
    """Run the peer."""
    task = read_task()
    app = Application(
        broker_address=task.kafka,
        consumer_group=task.group,
        auto_offset_reset="earliest",
        commit_interval=0.5,
        state_dir=task.directory / "state",
        loglevel="WARNING",
    )
    topic = app.topic(task.topic, key_deserializer="bytes", value_deserializer="bytes")
    counts = Counts()
    processed = 0

    def keep(data: bytes, state: Any) -> None:
        nonlocal processed
        result = decode_result(data)
        stored = state.get_bytes("unit")
        unit = {} if stored is None else decode_unit(stored)
        if counts.change(result.sport, unit, (result,)):
            state.set_bytes("unit", encode_unit(unit))
        processed += 1

    def report() -> None:
        redis = Redis.from_url(task.redis)
        reported = 0
        pause = threading.Event()
        while not pause.wait(_REPORT_SECONDS):
            if processed != reported:
                # First the number, then the counts: they are never older than it says.
                reported = processed
                pipeline = redis.pipeline(transaction=True)
                for key, fields in counts.commands(task.prefix):
                    pipeline.hset(key, mapping=fields)
                pipeline.hset(f"{task.prefix}meta", "snapshot", reported)
                pipeline.execute()

    dataframe = app.dataframe(topic)
    dataframe.update(keep, stateful=True)
    threading.Thread(target=report, daemon=True).start()
    app.run()


if __name__ == "__main__":
    main()
