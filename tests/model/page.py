"""Writes docs/model.md: what was searched, and the shortest story of each mutant."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from tests.model.protocol import MUTANTS, Mutant
from tests.model.search import Found, explore
from tests.model.story import tell
from tests.model.worlds import SMALL, Setting, world_of

PAGE: Final = Path(__file__).parents[2] / "docs" / "model.md"

_HEAD: Final = """# What the model tells

Written by `make model ARGS=--page`; a test compares it with what the model says now. What the model
is, and is not, stands in [the protocol](protocol.md#the-model).

## The protocol

Every state that can be reached was visited; none is wrong.

| world | states | steps between them | longest way |
| --- | ---: | ---: | ---: |
"""


class Caught(NamedTuple):
    """What became of a mutant; ``story`` is in words, and empty if it was not caught."""

    mutant: Mutant
    found: Found
    story: tuple[str, ...]


def search_protocol(setting: Setting, redis_url: str) -> Found:
    """Visit every state of a small world under the protocol."""
    with world_of(setting, redis_url) as model:
        return explore(model)


def search_mutant(mutant: Mutant, redis_url: str) -> Caught:
    """Find the shortest story in which a mutant goes wrong."""
    with world_of(mutant.world, redis_url, mutant.protocol) as model:
        found = explore(model)
        return Caught(mutant, found, tuple(tell(model, found.story)) if found.story else ())


def page_of(found: Sequence[tuple[Setting, Found]], caught: Sequence[Caught]) -> str:
    """Return the page's text."""
    lines = [
        f"| {it.name}: {it.says} | {f.states:,} | {f.steps:,} | {f.depth} |" for it, f in found
    ]
    text = _HEAD + "\n".join(lines) + "\n\n## Without one of its rules\n"
    for it in caught:
        steps = "\n".join(f"{n}. {sentence}" for n, sentence in enumerate(it.story, 1))
        text += f"\n### {it.mutant.name.capitalize()}\n\n"
        text += f"Here {it.mutant.does}. After {it.found.states:,} states:\n\n{steps}\n"
    return text


def written_page(redis_url: str) -> str:
    """Search everything that the page tells of, and return its text."""
    found = [(setting, search_protocol(setting, redis_url)) for setting in SMALL]
    return page_of(found, [search_mutant(mutant, redis_url) for mutant in MUTANTS])
