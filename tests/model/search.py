"""Searches a model: every state of a small world, or random histories of a larger one."""

import random
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from tests.model.worker import Label
from tests.model.world import Model, World


class Story(NamedTuple):
    """How something goes wrong."""

    steps: tuple[Label, ...]
    problem: str


class Found(NamedTuple):
    """What a search has seen: different states (or steps of histories), and what went wrong."""

    states: int
    steps: int
    depth: int
    story: Story | None
    #: whether there was nothing left to look at
    whole: bool
    seconds: float


#: Called now and then with (states so far, states that wait).
Progress = Callable[[int, int], None]


def explore(model: Model, limit: int = 1_000_000, progress: Progress | None = None) -> Found:
    """Visit every reachable state, the nearest first, until one is wrong or *limit* are known.

    The story is a shortest one.
    """
    began = time.process_time()
    start = model.start
    came_from: dict[World, tuple[World, Label] | None] = {start: None}
    waiting = deque([start])
    steps = depth = 0
    layer_end = start
    wrong = model.problem(None, start)
    if wrong:
        return Found(1, 0, 0, Story((), wrong), False, 0.0)
    while waiting:
        world = waiting.popleft()
        for label, after, problem in model.steps(world):
            steps += 1
            if problem is None:
                if after in came_from:
                    continue
                came_from[after] = (world, label)
                problem = model.problem(world, after)
            if problem is not None:
                story = Story((*_way(came_from, world), label), problem)
                seconds = time.process_time() - began
                return Found(len(came_from), steps, len(story.steps), story, False, seconds)
            waiting.append(after)
            if progress is not None and len(came_from) % 2_000 == 0:
                progress(len(came_from), len(waiting))
        if len(came_from) > limit:
            break
        if world == layer_end and waiting:
            depth += 1
            layer_end = waiting[-1]
    seconds = time.process_time() - began
    return Found(len(came_from), steps, depth, None, not waiting, seconds)


def wander(
    model: Model,
    seed: int,
    histories: int,
    length: int,
    progress: Progress | None = None,
) -> Found:
    """Walk *histories* random histories of *length* steps, until one goes wrong; shrink its story.

    *states* of the answer are the steps that were looked at.
    """
    began = time.process_time()
    chance = random.Random(seed)
    steps = 0
    for number in range(histories):
        labels: list[Label] = []
        world = model.start
        for _ in range(length):
            step = model.random_step(world, chance)
            if step is None:
                continue
            label, after, problem = step
            labels.append(label)
            steps += 1
            problem = problem or model.problem(world, after)
            if problem:
                story = shrink(model, labels)
                seconds = time.process_time() - began
                return Found(steps, steps, len(labels), story, False, seconds)
            world = after
        if progress is not None:
            progress(number + 1, histories - number - 1)
    return Found(steps, steps, length, None, True, time.process_time() - began)


def shrink(model: Model, labels: Sequence[Label]) -> Story:
    """Return a story from which no step, and no group of steps, can be left out."""
    story = _replay(model, labels)
    assert story is not None
    size = max(1, len(story.steps) // 2)
    while True:
        at = 0
        shorter = False
        while at < len(story.steps):
            shortened = _replay(model, story.steps[:at] + story.steps[at + size :])
            if shortened is not None and len(shortened.steps) < len(story.steps):
                story = shortened
                shorter = True
            else:
                at += size
        if size > 1:
            size //= 2
        elif not shorter:
            return story


def _replay(model: Model, labels: Sequence[Label]) -> Story | None:
    """Take the steps that are possible, in order; return the story if something goes wrong."""
    world = model.start
    taken: list[Label] = []
    for label in labels:
        step = next((step for step in model.steps(world) if step[0] == label), None)
        if step is None:
            continue
        taken.append(label)
        _, after, problem = step
        problem = problem or model.problem(world, after)
        if problem:
            return Story(tuple(taken), problem)
        world = after
    return None


def _way(came_from: dict[World, tuple[World, Label] | None], world: World) -> tuple[Label, ...]:
    labels: list[Label] = []
    while (step := came_from[world]) is not None:
        world, label = step
        labels.append(label)
    return tuple(reversed(labels))
