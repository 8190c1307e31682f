"""Stories in words: what a search has found, so that a person can follow it."""

from collections.abc import Callable
from typing import Any

from tests.model.search import Found, Story
from tests.model.worker import Label
from tests.model.world import Model, World


def tell(model: Model, story: Story) -> list[str]:
    """Return the steps of *story* as sentences; the last one says what is wrong then."""
    world = model.start
    sentences: list[str] = []
    for label in story.steps:
        sentences.append(_sentence(model, world, label))
        world = next(after for it, after, _ in model.steps(world) if it == label)
    return [*sentences, f"{story.problem[0].upper()}{story.problem[1:]}."]


def counted(found: Found) -> str:
    """Return what a search has seen, in short."""
    return f"{found.states:,} states, {found.steps:,} steps, {found.depth} deep"


def _sentence(model: Model, world: World, label: Label) -> str:
    kind, *rest = label
    if kind in _OF_BOARDS:
        return _OF_BOARDS[kind](model, rest)
    p = rest[0]
    where = f" of partition {p}" if model.records.partitions > 1 else ""
    part = world.partitions[p]
    records = model.records
    match kind, rest[1:]:
        case "append", []:
            what = records.results[p + records.partitions * part.log][part.end].what
            return f"Record {part.end}{where} is acknowledged: {what}."
        case "assign", [i, rules]:
            with_rules = ""
            if len(records.catalogues) > 1:
                with_rules = ", with the older rules" if rules == 0 else ", with the newer rules"
            former = f"; owner {i} is not told" if i else ""
            return f"Owner {i + 1} gets the partition{where}{with_rules}{former}."
        case "come back", [i, former]:
            return f"The partition{where} comes back to owner {former + 1}, now owner {i + 1}."
        case "read", [i, "committed"]:
            return f"Owner {i + 1} reads the committed offset: {part.committed}."
        case "read", [i, "changelog"]:
            return f"Owner {i + 1} reads the changelog."
        case "read", [i, "changelog-end"]:
            return f"Owner {i + 1} looks up the end of the changelog."
        case "read", [i, "again"]:
            return f"Owner {i + 1} looks up the end of the changelog again."
        case "read", [i, _]:
            return f"Owner {i + 1} looks up the end of the log: {part.end}."
        case "apply", [i, end]:
            first = records.seen(part.owners[i].state).offset
            one = f"record {first}" if end == first + 1 else f"records {first} to {end - 1}"
            return f"Owner {i + 1} applies {one}{where}; its changes are under way."
        case "land" | "land, unheard" | "land again", change:
            key, tag, value = change[-3:]
            who = f"owner {tag + 1}" if kind == "land again" else f"owner {change[0] + 1}"
            what = f"{who}'s change of {records.named_key(key)} ({records.named_value(value)})"
            under = f", under tag {tag + 1}" if model.protocol.tags else ""
            if kind == "land, unheard":
                return f"The changelog has {what}{under}; the answer is lost."
            if kind == "land again":
                return f"The changelog has {what} once more, as it was sent again."
            return f"The changelog has {what}{under}."
        case "send commit", [i, offset]:
            return f"Owner {i + 1} sends its commit of offset {offset}{where}."
        case "commit arrives", [offset, _log]:
            return f"The commit of offset {offset}{where} arrives."
        case "recreate", []:
            return "The topic is deleted and made again."
        case "raise epoch", []:
            return "The epoch is raised: new owners are of the next one."
        case "compact", []:
            return f"The changelog{where} is compacted."
        case "publish", [i, offset, revision]:
            who = "A worker" if i is None else f"Owner {i + 1}"
            return f"{who} publishes the tally{where} at offset {offset}{model.by(revision)}."
    raise AssertionError(label)


_OF_BOARDS: dict[str, Callable[[Model, list[Any]], str]] = {
    "compact tallies": lambda _model, _: "The topic `tallies` is compacted.",
    "new scoreboard": lambda _, r: (
        f"Scoreboard {r[0] + 1} begins" + (f"; scoreboard {r[0]} is not told." if r[0] else ".")
    ),
    "hear": lambda _, r: f"Scoreboard {r[0] + 1} reads the next tally.",
    "snapshot": lambda model, r: f"Scoreboard {r[0] + 1} sends the snapshot {model.named(r[1])}.",
    "write": lambda model, r: (
        f"Redis {'takes' if r[2] else 'refuses'} scoreboard {r[0] + 1}'s snapshot "
        f"{model.named(r[1])}."
    ),
    "wipe": lambda _model, _: "Redis loses everything.",
    "roll back": lambda model, r: f"Redis is rolled back to {model.named(r[0])}.",
}
