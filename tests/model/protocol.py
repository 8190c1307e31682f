"""The protocol's rules as switches: the protocol has all of them, a mutant leaves one out."""

from typing import Literal, NamedTuple

#: What a new owner reads before it serves, in this order. ``changelog`` is all of it at one moment,
#: or, after ``changelog-end``, what is still there of what was there at that look; ``again`` looks
#: at its end once more and goes back if there is more. ``log`` is the end of the results topic;
#: where it is not named, it is read last.
Reading = Literal["committed", "changelog-end", "changelog", "again", "log"]
Fence = Literal["vector", "offset first", "revision first", "sum", "counter", "position", "none"]


class Protocol(NamedTuple):
    """Which rules are kept; numbers are those of docs/protocol.md."""

    #: 3: the changelog's key has a tag of the assignment
    tags: bool = True
    #: 3: a restore joins all values of an identity, whoever wrote them
    join: bool = True
    #: 3: nothing is deleted (a new owner does not tidy up what former owners wrote)
    keep: bool = True
    #: 3: the changelog's producer is idempotent
    idempotent: bool = True
    #: 4: the changes are acknowledged before their offset is committed
    durable_first: bool = True
    #: 5: the committed offset, then the changelog, then the end of the log
    reads: tuple[Reading, ...] = ("committed", "changelog")
    #: 10: a restore begins no later than where its rules have come, whatever was committed
    marker: bool = True
    #: 5: whether an owner whose partition comes back keeps its state: never, only if all of its
    #: changes have landed, or always
    keeps: Literal["never", "landed", "always"] = "never"
    #: 11: each tag is marked with the topic's id before anything is written under it
    marks: bool = True
    #: 11: each commit carries the topic's id
    notes: bool = True
    #: 6: silent after a restore until all offsets that the changelog knows of are passed
    quiet: bool = True
    #: 6: a tally is published when a partition was taken over, even if nothing is new
    on_assignment: bool = True
    #: 6: a tally is published again now and then, even if nothing has changed
    heartbeat: bool = True
    #: 7: the scoreboard writes only when it has heard all partitions
    complete: bool = True
    #: 7: tallies of different rules are not added up
    one_revision: bool = True
    #: 8: what a snapshot in Redis is compared by
    fence: Fence = "vector"
    #: 8: the snapshot is written again every second, even if it is as before
    rewrite: bool = True


class Mutant(NamedTuple):
    """The protocol without one rule, and the small world in which that shows."""

    name: str
    #: what it does instead, for people
    does: str
    protocol: Protocol
    #: name of the world, see :mod:`tests.model.worlds`
    world: str


CORRECT = Protocol()
#: The same with a state that does not know how far it has come: the commit alone must be right.
BY_COMMIT = CORRECT._replace(marker=False)
#: The same with a changelog that is read step by step, while others write and the broker compacts.
STEP_BY_STEP = CORRECT._replace(reads=("committed", "changelog-end", "changelog", "again"))
#: The same with workers that keep the state of a partition that comes back.
KEEPING = CORRECT._replace(keeps="landed")
KEEPING_BY_COMMIT = BY_COMMIT._replace(keeps="landed")

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "no tag",
        "the changelog's key is the identity alone",
        CORRECT._replace(tags=False),
        "versions",
    ),
    Mutant(
        "no join",
        "a restore takes the last value of an identity instead of joining all",
        CORRECT._replace(join=False),
        "versions",
    ),
    Mutant(
        "tombstones",
        "a new owner writes what it restored under its own tag and deletes the other tags",
        CORRECT._replace(keep=False),
        "versions",
    ),
    Mutant(
        "no idempotence",
        "a batch whose acknowledgement was lost is sent again and may land a second time, late",
        CORRECT._replace(idempotent=False),
        "versions",
    ),
    Mutant(
        "commit before acknowledgement",
        "what was applied may be committed while its changes are on their way, and the state does "
        "not know by itself how far it has come",
        BY_COMMIT._replace(durable_first=False),
        "versions",
    ),
    Mutant(
        "changelog before commit",
        "the committed offset is read after the changelog, as Faust does, and the state does not "
        "know by itself how far it has come",
        BY_COMMIT._replace(reads=("changelog", "committed")),
        "versions",
    ),
    Mutant(
        "end of the log first",
        "state is compared with an end of the log that was read before it",
        CORRECT._replace(reads=("log", "committed", "changelog")),
        "versions",
    ),
    Mutant(
        "no second look at the changelog",
        "the changelog is read to the end that it had at first, however it changes meanwhile",
        CORRECT._replace(reads=("committed", "changelog-end", "changelog")),
        "versions",
    ),
    Mutant(
        "a state kept that the changelog lacks",
        "an owner whose partition comes back keeps its state also while changes are under way, and "
        "the state does not know by itself how far it has come",
        KEEPING_BY_COMMIT._replace(keeps="always"),
        "kept",
    ),
    Mutant(
        "no topic id",
        "neither the state nor the commit says of which topic it is; only offsets beyond the end "
        "tell of another",
        CORRECT._replace(marks=False, notes=False),
        "made again",
    ),
    Mutant(
        "no topic id with the commit",
        "the state says of which topic it is, the commit does not, and the state does not know by "
        "itself how far it has come",
        BY_COMMIT._replace(notes=False),
        "made again",
    ),
    Mutant(
        "no quiet period after a restore",
        "a tally is published although the state may be ahead of its offset",
        CORRECT._replace(quiet=False),
        "versions",
    ),
    Mutant(
        "no republishing",
        "a tally is published only when an offset was passed, not on assignment or now and then",
        CORRECT._replace(on_assignment=False, heartbeat=False),
        "whole",
    ),
    Mutant(
        "no heartbeat",
        "a tally is published on assignment and on change, but not again now and then",
        CORRECT._replace(heartbeat=False),
        "mirror",
    ),
    Mutant(
        "no rewriting",
        "a snapshot is written only when it differs from the one before",
        CORRECT._replace(rewrite=False),
        "mirror",
    ),
    Mutant(
        "incomplete board",
        "a snapshot is written before all partitions were heard",
        CORRECT._replace(complete=False),
        "mirror",
    ),
    Mutant(
        "mixed tallies",
        "the furthest tally of each partition is shown, whatever rules it is of",
        CORRECT._replace(one_revision=False),
        "rules",
    ),
    Mutant(
        "fence by offset first",
        "a snapshot is refused only if an offset is lower, or is the same by older rules",
        CORRECT._replace(fence="offset first"),
        "rules, two scoreboards",
    ),
    Mutant(
        "fence by revision first",
        "a snapshot is refused only if it is by older rules, or by the same with a lower offset",
        CORRECT._replace(fence="revision first"),
        "rules, two scoreboards",
    ),
    Mutant(
        "fence by sum",
        "a snapshot is refused only if the sum of its offsets is lower",
        CORRECT._replace(fence="sum"),
        "boards",
    ),
    Mutant(
        "fence by counter",
        "a snapshot is refused only if its scoreboard has counted fewer snapshots",
        CORRECT._replace(fence="counter"),
        "boards",
    ),
    Mutant(
        "fence by the tallies' offset",
        "a snapshot is refused only if its scoreboard has read less of the topic `tallies`",
        CORRECT._replace(fence="position"),
        "boards",
    ),
    Mutant(
        "no fence",
        "a snapshot is never refused",
        CORRECT._replace(fence="none"),
        "boards",
    ),
)
