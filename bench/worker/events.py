"""What it costs a worker to tell who won: ``python -m bench.worker.events --events 50000``.

It counts events of five competitors in four partitions in memory, and then asks. The longest stop
is how long nothing else of the process could go on, such as counting.
"""

from __future__ import annotations

import asyncio
import gc
import statistics
import time
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

import click

from contracts.events import EventsAnswer, EventsQuestion, MedallistsAnswer, MedallistsQuestion
from contracts.partitioning import partition_of
from olympics.catalogue import load_catalogue
from olympics.result import Competitor, Result, encode, key_of
from streams.events import Events
from streams.standings import Standings

_PARTITIONS: Final = 4
_COMPETITORS: Final = 5
_ALL: Final = tuple(range(_PARTITIONS))
_PAGE: Final = Path("/proc/self/statm")

_QUESTIONS: Final[dict[str, EventsQuestion | MedallistsQuestion]] = {
    "events, all": EventsQuestion(_ALL, 100),
    "events, finals": EventsQuestion(_ALL, 100, phase="final"),
    "events, words": EventsQuestion(_ALL, 100, text="1234 free"),
    "medallists, all": MedallistsQuestion(_ALL, 100),
    "medallists of a faculty": MedallistsQuestion(_ALL, 100, faculty="engineering"),
}


class _Record(NamedTuple):
    offset: int
    key: bytes
    value: bytes


class _Worker:
    """The states of a worker, and what is asked of them."""

    def __init__(self) -> None:
        catalogue = load_catalogue()
        self.states = {it: Standings(it, _PARTITIONS, catalogue) for it in _ALL}
        for state in self.states.values():
            state.restored(0, 0)
        self.events = Events(catalogue, lambda: self.states.items())
        self.longest_stop = 0.0

    def put(self, numbers: Iterable[int], version: int = 1) -> None:
        """Count the events of these numbers; each version of one has other marks."""
        batches: defaultdict[int, list[_Record]] = defaultdict(list)
        for number in numbers:
            unit = f"100 m freestyle heat {number}"
            key = key_of("swimming", unit)
            partition = partition_of(key, _PARTITIONS)
            batch = batches[partition]
            for place in range(_COMPETITORS):
                result = Result(
                    sport="swimming",
                    unit=unit,
                    phase="final" if number % 5 == 0 else "round",
                    competitor=Competitor(f"{number}-{place}", f"Competitor {number} {place}"),
                    faculty="engineering" if place % 2 else "agronomy",
                    status="official",
                    version=version,
                    mark=f"{50 + place + version}.780",
                )
                offset = self.states[partition].offset + len(batch)
                batch.append(_Record(offset, key, encode(result)))
        for partition, records in batches.items():
            self.states[partition].apply(records)

    async def ask(
        self, question: EventsQuestion | MedallistsQuestion
    ) -> tuple[float, EventsAnswer | MedallistsAnswer]:
        """Return the seconds until the answer, and the answer."""
        began = time.perf_counter()
        answer: EventsAnswer | MedallistsAnswer
        if isinstance(question, EventsQuestion):
            answer = await self.events.events(question)
        else:
            answer = await self.events.medallists(question)
        return time.perf_counter() - began, answer

    async def watch(self) -> None:
        """Note for how long nobody else had a turn."""
        last = time.perf_counter()
        while True:
            await asyncio.sleep(0)
            now = time.perf_counter()
            self.longest_stop = max(self.longest_stop, now - last)
            last = now

    def stop(self) -> str:
        """Return the longest stop since the last call, in words."""
        longest, self.longest_stop = self.longest_stop, 0.0
        return f"longest stop {longest * 1000:.0f} ms"


@click.command()
@click.option("--events", "count", default=50_000, show_default=True, help="Events to count.")
@click.option("--rounds", default=9, show_default=True, help="Times that each question is asked.")
def main(count: int, rounds: int) -> None:
    """Print what the list costs, and how long questions take."""
    worker = _Worker()
    for begin in range(0, count, 2000):
        worker.put(range(begin, min(begin + 2000, count)))
    gc.collect()
    gc.freeze()
    asyncio.run(_measure(worker, count, rounds))


async def _measure(worker: _Worker, count: int, rounds: int) -> None:
    watching = asyncio.create_task(worker.watch())
    before, began, questions = _memory(), time.perf_counter(), 0
    while True:
        questions += 1
        _, answer = await worker.ask(_QUESTIONS["events, all"])
        if len(answer.offsets) == _PARTITIONS:
            break
    seconds, more = time.perf_counter() - began, _memory() - before
    click.echo(
        f"list of {count} events: {seconds:.1f} s and {questions} questions, "
        f"{more / count:.0f} bytes an event, {worker.stop()}"
    )
    for name, question in _QUESTIONS.items():
        times = [(await worker.ask(question))[0] for _ in range(rounds)]
        click.echo(
            f"{name}: median {statistics.median(times) * 1000:.0f} ms, "
            f"longest {max(times) * 1000:.0f} ms, {worker.stop()}"
        )
    worker.put(range(min(count, 2000)), version=2)
    worker.stop()
    took, _ = await worker.ask(_QUESTIONS["events, words"])
    click.echo(f"events, words, after 10000 results: {took * 1000:.0f} ms, {worker.stop()}")
    watching.cancel()


def _memory() -> int:
    return int(_PAGE.read_text("ascii").split()[1]) * 4096


if __name__ == "__main__":
    main()
