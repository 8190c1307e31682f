"""The mirror: the scoreboard's snapshot in Redis, whole or not at all."""

import time
from hashlib import blake2b
from importlib.resources import files
from typing import Any

import msgspec
import structlog
from redis.asyncio import Redis
from redis.exceptions import ReadOnlyError

from contracts.redis import REDIS_AWAY
from contracts.redis_keys import SnapshotKeys
from streams import metrics
from streams.board import Board, Tables
from streams.settings import WorkerSettings

log: structlog.stdlib.BoundLogger = structlog.get_logger("streams.mirror")

_SCRIPT = files("streams").joinpath("snapshot_writer.lua")
_encode = msgspec.json.Encoder().encode

#: Faculties that a dashboard draws lines for: the first ones of the medal table.
LEADERS = 10

#: Why the script refuses standings of another log than Redis has.
_ANOTHER_LOG = "another log"

#: Refused for so long, the mirror is wrong and somebody must look: seconds.
REFUSED_TOO_LONG = 30.0


class SnapshotWriter:
    """Writes snapshots, and knows since when it could not.

    Failures are kept, logged once a change, and tried again at the next write: the mirror is
    rewritten every second anyway, which heals whatever happened to Redis.
    """

    def __init__(self, settings: WorkerSettings) -> None:
        self._settings = settings
        self._keys = SnapshotKeys(settings.redis_prefix)
        self._redis: Redis = Redis.from_url(
            settings.redis, decode_responses=True, socket_timeout=5, socket_connect_timeout=2
        )
        self._script = self._redis.register_script(_SCRIPT.read_text())
        self._last_history: tuple[float, int] | None = None
        self._problem: str | None = None
        self._refused_since: float | None = None
        #: the rules revision of what Redis had when it last refused
        self._known_revision = 0
        #: whether Redis has standings of another log of this epoch
        self.of_another_log = False

    @property
    def problem(self) -> str | None:
        """Why the last write did not happen; None if it did."""
        return self._problem

    @property
    def refused_too_long(self) -> bool:
        """Whether the fence has refused every snapshot for half a minute."""
        since = self._refused_since
        return since is not None and time.monotonic() - since > REFUSED_TOO_LONG

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()

    async def write(self, board: Board) -> bool:
        """Write the snapshot of *board*, which is complete; return whether it is in Redis now."""
        now = time.time()
        tables = board.tables(self._keys)
        history = self._history(board, tables.medal_table, now)
        payload = self._payload(board, tables, history, now)
        # Now: what is heard while Redis writes is for the next snapshot.
        waiting = board.take_waiting()
        revision, _ = board.rules()
        if not await self._offer(payload):
            board.never_before(self._known_revision)
            board.wait(waiting)
            return False
        board.never_before(revision)
        self._count(board, waiting, now)
        if history is not None:
            self._last_history = (now, board.snapshot_number)
        if self._problem is not None:
            log.info("mirror_written_again", after=self._problem)
        self._problem = self._refused_since = None
        self.of_another_log = False
        return True

    async def _offer(self, payload: bytes) -> bool:
        keys = self._keys
        try:
            answer = await self._script(
                keys=[
                    keys.meta,
                    keys.index,
                    keys.owners,
                    keys.medal_table,
                    keys.sports,
                    keys.history,
                    keys.latest,
                    keys.medallists,
                ],
                args=[payload],
            )
        except ReadOnlyError as error:
            # The primary became a replica; its address may lead elsewhere by now.
            await self._redis.connection_pool.disconnect()
            self._failed("read_only", error)
            return False
        except REDIS_AWAY as error:
            self._failed("unreachable", error)
            return False
        if answer[0] != 1:
            self._known_revision = answer[2]
            self._refused(answer[1])
            return False
        return True

    @staticmethod
    def _count(board: Board, waiting: dict[int, float], began: float) -> None:
        written = time.time()
        metrics.WRITTEN.inc()
        metrics.SNAPSHOT_TIME.set(written)
        metrics.MIRROR_SECONDS.observe(max(0.0, written - began))
        if board.written:
            for since in waiting.values():
                metrics.LATENCY.observe(max(0.0, written - since))
        board.written = True

    def _payload(
        self,
        board: Board,
        tables: Tables,
        history: dict[str, Any] | None,
        now: float,
    ) -> bytes:
        revision, rules = board.rules()
        fence = board.fence()
        changes, medals = board.latest()
        meta = {
            "updated_at": f"{now:.3f}",
            "snapshot": board.snapshot_number,
            **board.totals(),
            "revision": revision,
            "rules": rules,
            **board.change_of_rules(),
            "epoch": self._settings.epoch,
            "log": board.log,
            "latest": _digest(changes),
            "medallists": _digest(medals),
            "latest_offsets": _encode(board.latest_offsets()).decode(),
            "offsets": _encode(fence).decode(),
            "age": f"{max(0.0, now - board.heard_at()):.3f}",
        }
        return _encode(
            {
                "epoch": self._settings.epoch,
                "fence": fence,
                "meta": meta,
                "owners": board.owners(),
                "hashes": tables.hashes,
                "medal_table": tables.medal_table,
                "sports": tables.sports,
                "latest": changes,
                "medallists": medals,
                "choices": self._choices(tables),
                "history": history,
                "history_length": self._settings.history_length,
            }
        )

    def _choices(self, tables: Tables) -> dict[str, list[str]]:
        """Return the members of each set that dashboards choose from."""
        table = tables.medal_table
        return {
            self._keys.sport_choices: [f"{it['sport']}={it['title']}" for it in tables.sports],
            self._keys.faculty_choices: [f"{it['faculty']}={it['title']}" for it in table],
            self._keys.leaders: [it["faculty"] for it in table[:LEADERS]],
        }

    def _history(
        self, board: Board, table: list[dict[str, Any]], now: float
    ) -> dict[str, Any] | None:
        last = self._last_history
        if last is not None and now - last[0] < self._settings.history_interval:
            return None
        number = board.snapshot_number
        rate = 0.0 if last is None else max(0.0, (number - last[1]) / (now - last[0]))
        entry: dict[str, Any] = {**board.totals(), "results_per_second": f"{rate:.1f}"}
        for count in ("entries", "winners", "losers", "ties", "did_not_start"):
            entry[count] = sum(row[count] for row in table)
        for row in table:
            for medal in ("gold", "silver", "bronze"):
                # With two hundred faculties the zeros would be most of the stream.
                if row[medal]:
                    entry[f"{row['faculty']}_{medal}"] = row[medal]
            # With the title too: a dashboard finds a line by the name, and shows the title.
            if row["gold"]:
                entry[f"gold {row['faculty']} {row['title']}"] = row["gold"]
        return entry

    def _failed(self, problem: str, error: Exception) -> None:
        metrics.FAILED.inc()
        if self._problem != problem:
            log.warning("mirror_not_written", problem=problem, error=str(error))
        self._problem = problem

    def _refused(self, reason: str) -> None:
        metrics.REFUSED.inc()
        self.of_another_log = reason == _ANOTHER_LOG
        if self._refused_since is None:
            self._refused_since = time.monotonic()
            log.warning("mirror_refused", reason=reason)
        self._problem = f"refused: {reason}"


def _digest(rows: list[dict[str, str]]) -> str:
    """Return what tells a list from another one; nothing for an empty one."""
    return blake2b(_encode(rows), digest_size=8).hexdigest() if rows else ""
