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

# Measured, not computed: these take minutes and a gigabyte, which no test may.
_LONGER: Final = """
## Searched for longer

`make model` searches larger worlds, and walks random histories of one that is too large for that:
two partitions of five records each, four owners, three scoreboards, steps of every kind. None of
what it has visited is wrong either. `make model ARGS="--seed 7 --states 1500000"`, in seconds of
one processor:

| world | states | steps | longest way | seconds |
| --- | ---: | ---: | ---: | ---: |
| two scoreboards | 161,303, all | 749,156 | 32 | 22 |
| a result corrected twice, two owners | 494,554, all | 1,581,383 | 32 | 44 |
| a result and its correction, three owners | 1,500,001, not all | 4,787,805 | 30 | 159 |
| two owners, a scoreboard and Redis together | 22,932, all | 113,978 | 29 | 4 |
| a partition comes back, three owners | 978,355, all | 2,747,946 | 29 | 67 |
| 2,000 random histories of 150 steps | | 258,377 | | 64 |

Chance alone meets the mistakes of some rules soon (no join after 4,178 random steps, no tag after
44,431) and those of others late or not at all; so each has a small world that is searched whole.
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
    text = _HEAD + "\n".join(lines) + "\n" + _LONGER + "\n## Without one of its rules\n"
    for it in caught:
        steps = "\n".join(f"{n}. {sentence}" for n, sentence in enumerate(it.story, 1))
        text += f"\n### {it.mutant.name.capitalize()}\n\n"
        text += f"Here {it.mutant.does}. After {it.found.states:,} states:\n\n{steps}\n"
    return text


def written_page(redis_url: str) -> str:
    """Search everything that the page tells of, and return its text."""
    found = [(setting, search_protocol(setting, redis_url)) for setting in SMALL]
    return page_of(found, [search_mutant(mutant, redis_url) for mutant in MUTANTS])
