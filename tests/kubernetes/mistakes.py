"""Mistakes as data, and their making; ``python -m tests.kubernetes.mistakes`` shows a table."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final, NamedTuple

from tests.kubernetes.reading import load_all
from tests.kubernetes.rendered import Cluster, Object, name_of, rendered

_FILE: Final = Path(__file__).with_name("mistakes.yml")


class Mistake(NamedTuple):
    """One mistake: where it is made, how, and what catches it."""

    title: str
    overlay: str
    place: str
    patch: list[dict[str, Any]]
    more: list[Object]
    caught_by: str

    def made(self) -> tuple[Cluster, Object]:
        """Return the overlay with the mistake in it, and the object that it is in."""
        cluster = rendered(self.overlay)
        kind, _, name = self.place.partition("/")
        # The names of generated maps end with a hash of their content.
        pattern = re.compile(re.escape(name) + r"(-[a-z0-9]{10})?")
        (wrong,) = [it for it in cluster.of(kind) if pattern.fullmatch(name_of(it))]
        for step in self.patch:
            _apply(wrong, step)
        return Cluster((*cluster.objects, *self.more)), wrong


def mistakes() -> list[Mistake]:
    """Return the mistakes of the file."""
    (entries,) = load_all(_FILE.read_text("utf-8"))
    return [
        Mistake(
            it["mistake"], it["overlay"], it["in"], it["patch"], it.get("more", []), it["caught_by"]
        )
        for it in entries
    ]


def table() -> str:
    """Return the mistakes as a table for the documentation."""
    lines = ["| mistake | where | caught by |", "| --- | --- | --- |"]
    for it in mistakes():
        catcher = {"schema": "schemas", "cluster": "the API server"}.get(
            it.caught_by, f"`{it.caught_by}`"
        )
        lines.append(f"| {it.title} | {it.overlay}: {it.place} | {catcher} |")
    return "\n".join(lines) + "\n"


def _apply(target: Any, step: dict[str, Any]) -> None:
    """Apply one operation of a JSON Patch (RFC 6902): add, remove, replace."""
    *way, last = [
        it.replace("~1", "/").replace("~0", "~") for it in step["path"].removeprefix("/").split("/")
    ]
    for name in way:
        target = target[int(name)] if isinstance(target, list) else target[name]
    if isinstance(target, list):
        index = len(target) if last == "-" else int(last)
        if step["op"] == "add":
            target.insert(index, step["value"])
        elif step["op"] == "remove":
            del target[index]
        else:
            target[index] = step["value"]
    elif step["op"] == "remove":
        del target[last]
    else:
        if (last in target) != (step["op"] == "replace"):
            raise KeyError(f"{step['op']} {step['path']}")
        target[last] = step["value"]


if __name__ == "__main__":
    print(table(), end="")
