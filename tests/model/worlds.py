"""The worlds that are searched: which records there are, and how much may happen."""

import dataclasses
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple
from uuid import uuid4

from olympics.catalogue import Catalogue, load_catalogue
from tests.model.board import Boards, Script
from tests.model.protocol import (
    BY_COMMIT,
    CORRECT,
    KEEPING,
    KEEPING_BY_COMMIT,
    STEP_BY_STEP,
    Protocol,
)
from tests.model.records import Records, Result
from tests.model.worker import Bounds
from tests.model.world import Limits, Model


class Setting(NamedTuple):
    """A world to search."""

    name: str
    says: str
    logs: tuple[tuple[Result, ...], ...]
    limits: Limits
    protocol: Protocol = CORRECT
    #: whether an owner may have older rules, which reject what agronomy sends
    two_rules: bool = False
    #: the records of the topic that is made when it was deleted
    again: tuple[tuple[Result, ...], ...] = ()


V1 = Result("a's result")
V2 = Result("a's version 2, for another faculty", version=2, faculty="agronomy")
V3 = Result("a's version 3, unofficial", version=3, status="unofficial")
OTHER = Result("a's result with other contents", rank=2)
B = Result("b's result", "b")
NEW = Result("c's result, whose faculty older rules do not know", "c", faculty="agronomy")
GARBAGE = Result("a record that is no result", garbage=True)

_TWO = Limits(worker=Bounds(owners=2), boards=0)
_THREE = Limits(worker=Bounds(owners=3), boards=0)
_MIRROR = Limits(boards=1, tallies=4, free=True)
_RULES = Limits(boards=1, tallies=4, free=True, redis_faults=False)
_BOARDS = Limits(boards=2, tallies=3, free=True, redis_faults=False)

#: Searched whole by every run of the tests.
SMALL: tuple[Setting, ...] = (
    Setting("versions", "a result and its correction, two owners", ((V1, V2),), _TWO),
    Setting("commit", "only the commit says where to begin", ((V1, V2),), _TWO, BY_COMMIT),
    Setting("late", "the correction comes first", ((V2, V1),), _TWO),
    Setting("conflict", "two contents of one version", ((OTHER, V1),), _TWO),
    Setting("rejected", "a record that is no result", ((GARBAGE, B),), _TWO),
    Setting("three owners", "one result", ((V1,),), _THREE),
    Setting(
        "step by step", "the changelog is read while it changes", ((V1, V2),), _TWO, STEP_BY_STEP
    ),
    Setting(
        "kept",
        "a partition comes back, and its state was kept",
        ((V1, V2),),
        _TWO,
        KEEPING_BY_COMMIT,
    ),
    Setting(
        "new rules",
        "an owner with older rules, which reject the second record, and one with newer ones",
        ((B, NEW),),
        _TWO,
        two_rules=True,
    ),
    Setting(
        "made again",
        "the topic is deleted and made again, and outgrows what it was; two owners",
        ((V1, V2),),
        _TWO,
        BY_COMMIT,
        again=((B, V2),),
    ),
    Setting("mirror", "a scoreboard; Redis wiped and rolled back", ((B,), (B,)), _MIRROR),
    Setting(
        "rules",
        "a scoreboard; tallies by older and by newer rules in any order",
        ((B,), ()),
        _RULES,
        two_rules=True,
    ),
    Setting(
        "rules, two scoreboards",
        "the same with one partition and two scoreboards",
        ((B,),),
        Limits(boards=2, tallies=2, free=True, redis_faults=False),
        two_rules=True,
    ),
    Setting(
        "whole",
        "worker, scoreboard and Redis together",
        ((V1,),),
        Limits(worker=Bounds(owners=1), boards=1, tallies=2),
    ),
)

#: Searched whole by the long search.
LARGE: tuple[Setting, ...] = (
    Setting("boards", "two scoreboards", ((B,), (B,)), _BOARDS),
    Setting("three versions", "a result corrected twice, two owners", ((V1, V2, V3),), _TWO),
    Setting("two zombies", "a result and its correction, three owners", ((V1, V2),), _THREE),
    Setting(
        "kept, with another owner in between",
        "a partition comes back, and its state was kept, three owners",
        ((V1, V2),),
        _THREE,
        KEEPING_BY_COMMIT,
    ),
    Setting(
        "made again, three owners",
        "the topic is deleted and made again, and outgrows what it was; three owners",
        ((V1,),),
        _THREE,
        again=((B, V2),),
    ),
    Setting(
        "rules, a record in each partition",
        "a scoreboard; tallies by older and by newer rules in any order",
        ((B,), (B,)),
        _RULES,
        two_rules=True,
    ),
    Setting(
        "whole with older rules",
        "two owners, one of them with older rules, a scoreboard and Redis together",
        ((NEW,),),
        Limits(worker=Bounds(owners=2), boards=1, tallies=3),
        two_rules=True,
    ),
    Setting(
        "whole with a zombie",
        "two owners, a scoreboard and Redis together",
        ((V1,),),
        Limits(worker=Bounds(owners=2), boards=1, tallies=3),
    ),
)

#: What random histories walk in.
WILD = Setting(
    "wild",
    "two partitions, everything",
    ((V1, OTHER, GARBAGE, V3, V2), (V2, B, V1, OTHER, GARBAGE)),
    Limits(worker=Bounds(owners=4, under_way=3, commits=3, batch=3), boards=3, tallies=10),
    KEEPING,
    two_rules=True,
)

_ALL = {setting.name: setting for setting in (*SMALL, *LARGE, WILD)}


@contextmanager
def world_of(
    setting: str | Setting, redis_url: str, protocol: Protocol | None = None
) -> Iterator[Model]:
    """Make the model of a setting, under its own protocol or a mutant's, over a real Redis."""
    if isinstance(setting, str):
        setting = _ALL[setting]
    protocol = protocol or setting.protocol
    catalogues: Sequence[Catalogue] = old_and_new_rules() if setting.two_rules else ()
    records = Records(
        setting.logs,
        catalogues,
        again=setting.again,
        quiet=protocol.quiet,
        marker=protocol.marker,
    )
    boards = Boards(records, mixed=not (protocol.one_revision and protocol.complete))
    script = Script(redis_url, f"model-{uuid4().hex[:8]}:", boards, records)
    try:
        yield Model(protocol, records, setting.limits, script, boards)
    finally:
        script.close()


def old_and_new_rules() -> tuple[Catalogue, Catalogue]:
    """Return a catalogue without agronomy, and a later revision that has it."""
    newer = load_catalogue()
    faculties = {name: it for name, it in newer.faculties.items() if name != "agronomy"}
    older = dataclasses.replace(newer, faculties=faculties)
    return older, dataclasses.replace(newer, revision=newer.revision + 1)
