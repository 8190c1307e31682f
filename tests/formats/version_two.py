"""A version to come, which writes one field more everywhere.

``python -m tests.formats.version_two worker`` runs a worker of it. Everything that it adds has the
form that a real new version would give it: a field with a default at the end of what is a list, a
field with a new name in what is an object.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final
from unittest.mock import patch

import msgspec

from contracts.redis_keys import SnapshotKeys
from olympics.latest import Latest, latest_of
from olympics.result import Result
from streams.board import Board, Tables
from streams.rejects import rejected_records
from streams.standings import Rejected, Standings
from streams.tallies import TallyRecord, tally_of

#: What stands in most of the new fields.
WRITER: Final = "version 2"


class Result2(Result, frozen=True, omit_defaults=True, kw_only=True, gc=False):
    """A result that says how strong the wind was."""

    wind: str | None = None


class Latest2(Latest, frozen=True, array_like=True, gc=False):
    """What is kept of it."""

    wind: str | None = None


class RejectedCount2(msgspec.Struct, frozen=True, array_like=True):
    """The number of records that are no results, and who counted them."""

    end: int
    count: int
    writer: str = ""


class RulesEnd2(msgspec.Struct, frozen=True, array_like=True):
    """How far the rules have come, and who says so."""

    end: int
    writer: str = ""


class TallyRecord2(TallyRecord, frozen=True, kw_only=True):
    """A tally that names its writer, and has a ninth count in each row."""

    writer: str = ""


def encode2(result: Result, wind: str) -> bytes:
    """Return the record of a result with its wind, as a gateway of that version writes it."""
    return msgspec.json.encode({**msgspec.to_builtins(result), "wind": wind})


@contextmanager
def installed() -> Iterator[None]:
    """Be version 2 within the block."""
    import mode.loop

    # As a worker does before it imports its app.
    mode.loop.use("uvloop")
    import olympics.result
    import olympics.tally
    import streams.standings
    import streams.worker

    decode_latest = msgspec.msgpack.Decoder(Latest2).decode
    decode_together = msgspec.msgpack.Decoder(list[Latest2]).decode
    encode = streams.standings._encode
    decode_rules = msgspec.msgpack.Decoder(int | RulesEnd2).decode
    totals, fence, tables = Board.totals, Board.fence, Board.tables

    def latest_of2(result: Any, data: bytes, offset: int) -> Latest:
        latest = latest_of(result, data, offset)
        known = msgspec.structs.asdict(latest)
        return Latest2(**known, wind=result.wind)

    def encode_own(value: object) -> bytes:
        return encode([value, WRITER] if isinstance(value, int) else value)

    def count2(end: int, count: int) -> RejectedCount2:
        return RejectedCount2(end, count, WRITER)

    def decode_rules2(data: bytes) -> Any:
        found = decode_rules(data)
        return found.end if isinstance(found, RulesEnd2) else found

    def tally_of2(standings: Standings, **fields: Any) -> TallyRecord:
        tally = msgspec.structs.asdict(tally_of(standings, **fields))
        tally["rows"] = [(sport, faculty, (*row, 1)) for sport, faculty, row in tally["rows"]]
        return TallyRecord2(writer=WRITER, **tally)

    def rejected_records2(
        topic: str, partition: int, rejected: Iterable[Rejected]
    ) -> list[tuple[bytes | None, bytes]]:
        return [
            (key, msgspec.json.encode({**json.loads(value), "writer": WRITER}))
            for key, value in rejected_records(topic, partition, rejected)
        ]

    def totals2(self: Board) -> dict[str, Any]:
        return {**totals(self), "writer": WRITER}

    def fence2(self: Board) -> dict[str, Any]:
        return {partition: (*mark, WRITER) for partition, mark in fence(self).items()}

    def tables2(self: Board, keys: SnapshotKeys) -> Tables:
        found = tables(self, keys)
        for fields in (*found.hashes.values(), *found.medal_table, *found.sports):
            fields["ninth"] = 1
        return found

    with (
        patch.object(olympics.result, "_DECODER", msgspec.json.Decoder(Result2)),
        patch.multiple(
            olympics.tally, decode_latest=decode_latest, decode_together=decode_together
        ),
        patch.multiple(
            streams.standings,
            # Its own compiled code would make and take what latest_of2 makes.
            COMPILED=False,
            latest_of=latest_of2,
            _encode=encode_own,
            _RejectedCount=count2,
            _decode_rejected=msgspec.msgpack.Decoder(RejectedCount2).decode,
            _decode_rules=decode_rules2,
        ),
        patch.multiple(
            streams.worker,
            tally_of=tally_of2,
            decode_tally=msgspec.json.Decoder(TallyRecord2).decode,
            rejected_records=rejected_records2,
        ),
        patch.multiple(Board, totals=totals2, fence=fence2, tables=tables2),
    ):
        yield


def main() -> None:
    """Be `medallero` in version 2."""
    from medallero.cli import main as medallero

    with installed():
        medallero()


if __name__ == "__main__":
    main()
