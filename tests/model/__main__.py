"""The long search: larger worlds whole, many random histories, the mutants' among them."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from tests.model.page import PAGE, written_page
from tests.model.protocol import MUTANTS, Mutant
from tests.model.search import Found, explore, wander
from tests.model.story import counted, tell
from tests.model.world import Model
from tests.model.worlds import LARGE, SMALL, WILD, Setting, world_of
from tests.support.servers import running_redis


@click.command()
@click.option("--seed", default=1, show_default=True, help="of the random histories")
@click.option(
    "--histories", default=2_000, show_default=True, help="random histories of the protocol"
)
@click.option("--length", default=150, show_default=True, help="steps of a history")
@click.option(
    "--states", default=1_000_000, show_default=True, help="give a world up beyond so many states"
)
@click.option("--page", is_flag=True, help="only write docs/model.md anew")
def main(seed: int, histories: int, length: int, states: int, page: bool) -> None:
    """Search the protocol's model for longer than the tests do.

    Visits every state of larger worlds, walks random histories in a world that is too large for
    that, and lets random histories find the mistake of every mutant. Ends with 1 if the protocol
    goes wrong anywhere. That every mutant is caught is what the tests show, in small worlds.
    """
    with tempfile.TemporaryDirectory() as directory, running_redis(Path(directory)) as redis:
        if page:
            PAGE.write_text(written_page(redis.address), "utf-8")
            return
        search = _Search(redis.address, seed, length)
        for setting in (*SMALL, *LARGE):
            search.whole(setting, states)
        search.random(histories)
        for mutant in MUTANTS:
            search.mutant(mutant, histories)
    raise SystemExit(1 if search.failed else 0)


class _Search:
    def __init__(self, redis_url: str, seed: int, length: int) -> None:
        self.failed = False
        self._redis_url = redis_url
        self._seed = seed
        self._length = length
        self._console = Console()

    def whole(self, setting: Setting, states: int) -> None:
        with world_of(setting, self._redis_url) as model:
            with self._bar(f"{setting.name}: {setting.says}") as bar:
                found = explore(model, states, bar)
            end = "" if found.whole else ", not all of them"
            self._say(model, setting.name, found, counted(found) + end)

    def random(self, histories: int) -> None:
        with world_of(WILD, self._redis_url) as model:
            with self._bar("random histories") as bar:
                found = wander(model, self._seed, histories, self._length, bar)
            self._say(model, "random histories", found, f"{found.steps:,} steps")

    def mutant(self, mutant: Mutant, histories: int) -> None:
        name = mutant.name
        with world_of(WILD, self._redis_url, mutant.protocol) as model:
            with self._bar(name) as bar:
                found = wander(model, self._seed, histories, self._length, bar)
            if found.story is None:
                # The tests catch it all the same, by visiting every state of a small world.
                self._console.print(f"[yellow]not met[/] {name}: {found.steps:,} random steps")
                return
            self._console.print(f"[green]caught[/] {name}: after {found.steps:,} random steps")
            for number, sentence in enumerate(tell(model, found.story), 1):
                self._console.print(f"  {number:2}. {sentence}", highlight=False)

    def _say(self, model: Model, name: str, found: Found, seen: str) -> None:
        seconds = f"{found.seconds:.0f} s"
        if found.story is None:
            self._console.print(f"[green]right[/] {name}: {seen}, {seconds}")
            return
        self.failed = True
        self._console.print(f"[red]WRONG[/] {name}: {seen}, {seconds}")
        for number, sentence in enumerate(tell(model, found.story), 1):
            self._console.print(f"  {number:2}. {sentence}", highlight=False)

    @contextmanager
    def _bar(self, name: str) -> "Iterator[_Bar]":
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.completed:,} done, {task.fields[left]:,} wait"),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=self._console, transient=True) as progress:
            yield _Bar(progress, name)


class _Bar:
    """How far a search is; what waits grows and shrinks, so its end is not known before."""

    def __init__(self, progress: Progress, name: str) -> None:
        self._progress = progress
        self._task = progress.add_task(name, total=None, left=0)

    def __call__(self, done: int, left: int) -> None:
        self._progress.update(self._task, completed=done, total=done + left, left=left)


if __name__ == "__main__":
    main()
