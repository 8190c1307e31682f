"""A process without one of its safeties: ``python -m tests.soak.unsafe SAFETY worker``.

The verifier must see what each of them is for; who takes one out of the system itself is to be
told so by a run.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple

from aiohttp.web import BaseRequest

from tests.soak.schedule import LATE, REMADE

_DELAY: Final = 3.0


class Safety(NamedTuple):
    """What is left out, and the faults under which that shows.

    One with *seen* shows beside greedy clients and browsers, as what these words say; of the others
    numbers or a view of the mirror are wrong.
    """

    leave_out: Callable[[], None]
    kinds: tuple[str, ...]
    means: str
    seen: str = ""

    @property
    def hostile(self) -> bool:
        """Whether it shows only beside greedy clients and browsers."""
        return bool(self.seen)


def _without_versions() -> None:
    from olympics import tally

    vars(tally)["join"] = lambda _one, other: other


def _without_waiting() -> None:
    from faust_bulk.producer import DurableProducer, Written
    from streams.standings import Standings

    publish = DurableProducer.publish
    later: set[asyncio.Task[Any]] = set()

    async def publish_later(
        self: DurableProducer,
        topic: str,
        partition: int,
        records: Iterable[tuple[bytes | None, bytes]],
    ) -> Written | None:
        kept = list(records)

        async def run() -> None:
            if "changelog" in topic:
                await asyncio.sleep(_DELAY)
            await publish(self, topic, partition, kept)

        task = asyncio.create_task(run())
        later.add(task)
        task.add_done_callback(later.discard)
        return None

    def restored(self: Standings, committed: int, end: int) -> int:
        self.offset = committed
        return committed

    DurableProducer.publish = publish_later  # type: ignore[method-assign]
    # The marker that says how far the changelog has come would begin before what is missing.
    Standings.restored = restored  # type: ignore[method-assign]


def _without_fence() -> None:
    _change_script("if known_epoch and known_fence then", "if false then")


def _without_atomicity() -> None:
    from streams.snapshot_writer import SnapshotWriter

    async def offer(self: SnapshotWriter, payload: bytes) -> bool:
        new, keys = json.loads(payload), self._keys
        for key, fields in new["hashes"].items():
            await self._redis.hset(key, mapping=fields)
        await self._redis.delete(keys.medal_table)
        for row in new["medal_table"]:
            await self._redis.xadd(keys.medal_table, row)
        await self._redis.delete(keys.owners)
        await self._redis.hset(keys.owners, mapping=new["owners"])
        await self._redis.hset(keys.meta, mapping=new["meta"])
        return True

    SnapshotWriter._offer = offer  # type: ignore[method-assign]


def _without_idempotence() -> None:
    from faust_bulk import producer

    make = vars(producer)["AIOKafkaProducer"]

    def make_without(**settings: Any) -> Any:
        assert settings["enable_idempotence"]
        return make(**{**settings, "enable_idempotence": False})

    vars(producer)["AIOKafkaProducer"] = make_without


def _without_id() -> None:
    from faust_bulk import logs, recovery, watch
    from gateway.kafka.topic_watch import TopicWatch

    TopicWatch._is_another = lambda self, log: False  # type: ignore[method-assign]
    vars(watch)["_check"] = lambda *_args: None
    vars(recovery)["read_note"] = vars(logs)["read_note"] = lambda _metadata: None


def _without_answer() -> None:
    from gateway.kafka.batching import LogWriter

    refresh = LogWriter._refresh

    def refresh_without(self: LogWriter) -> None:
        refresh(self)
        # What a look at the topic says, and nothing that Kafka answers to records.
        self._problem = self._link.problem

    LogWriter._refresh = refresh_without  # type: ignore[method-assign]


def _without_shares() -> None:
    from gateway.limits.budget import Shares

    def fit(self: Shares, client: str, size: int = 1) -> bool:
        return self.used + size <= self._limit

    Shares.fit = fit  # type: ignore[method-assign]


def _without_origin() -> None:
    from gateway.http.rules import HttpRules

    def check(request: BaseRequest) -> None:
        del request

    HttpRules.check_sender = staticmethod(check)  # type: ignore[method-assign]


def _change_script(old: str, new: str) -> None:
    from streams.snapshot_writer import SnapshotWriter

    make = SnapshotWriter.__init__

    def make_without(self: SnapshotWriter, *args: Any, **kwargs: Any) -> None:
        make(self, *args, **kwargs)
        text = str(self._script.script)
        assert old in text
        self._script = self._redis.register_script(text.replace(old, new))

    SnapshotWriter.__init__ = make_without  # type: ignore[method-assign]


SAFETIES: Final = {
    "versions": Safety(_without_versions, ("worker-kill",), "the last result of a key counts"),
    "waiting": Safety(
        _without_waiting, ("worker-kill",), "offsets are committed before the changelog has them"
    ),
    "idempotence": Safety(
        _without_idempotence, (LATE,), "a retried batch may come after its successor"
    ),
    "fence": Safety(_without_fence, ("worker-freeze",), "any snapshot replaces any other"),
    "atomicity": Safety(_without_atomicity, ("worker-term",), "a snapshot is written bit by bit"),
    "id": Safety(
        _without_id,
        (REMADE,),
        "a topic that was made again is the same one",
        seen="says topic .* was deleted and made again",
    ),
    "answer": Safety(
        _without_answer,
        ("refused-times",),
        "what Kafka answers to records says nothing",
        seen="is not ready|took nothing",
    ),
    "shares": Safety(
        _without_shares, ("gateway-term",), "who comes first gets all", seen="an honest client"
    ),
    "origin": Safety(
        _without_origin, (REMADE,), "any page may send", seen="answers 200 to the unit"
    ),
}


def main() -> None:
    """Leave the safety out and be `medallero` with the other arguments."""
    from medallero.cli import main as medallero

    name = sys.argv.pop(1)
    SAFETIES[name].leave_out()
    medallero()


if __name__ == "__main__":
    main()
