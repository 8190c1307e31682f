"""Plays the day against a gateway, as those who enter results would."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final

from medallero.client.connect import GatewayAddress, connect
from medallero.client.delivery import Delivery, Plan, Report
from medallero.client.reading import answer_of, problem_of, session
from medallero.demo.day import CATALOGUE, Step, demo_catalogue, steps
from medallero.files.inputs import Record, Unreadable
from medallero.stop_flag import StopFlag
from medallero.terminal import CannotDo
from olympics.result import encode

_TICK: Final = 0.1


def play(
    gateway: GatewayAddress, say: Callable[[str], None], stop: StopFlag, *, speed: float, seed: int
) -> bool:
    """Send the day's results when they happen, and say what happens; return whether it ended.

    :param speed: how much faster than a day of fifteen minutes.
    :param stop: ends it early.
    :raises CannotDo: the gateway is away, has other rules, or refuses.
    """
    catalogue = demo_catalogue()
    report, refused = asyncio.run(_play(gateway, steps(catalogue, seed), say, stop, speed))
    if report.failure:
        raise CannotDo(f"The day broke off: {report.failure}.", report.remedy or "")
    if refused:
        raise CannotDo(f"The gateway rejected {len(refused):,} results: {refused[0]}.")
    return report.complete


async def _play(
    gateway: GatewayAddress,
    day: Sequence[Step],
    say: Callable[[str], None],
    stop: StopFlag,
    speed: float,
) -> tuple[Report, list[str]]:
    await _check(gateway, say)
    client = connect(gateway, connections=4)
    refused: list[str] = []
    delivery = Delivery(client, Plan(connections=4), lambda _, field, error: refused.append(error))
    watch = asyncio.create_task(_stop_with(stop, delivery))
    try:
        return await delivery.run(_happening(day, say, speed)), refused
    finally:
        watch.cancel()
        await asyncio.wait({watch})
        await client.close()


async def _happening(
    day: Sequence[Step], say: Callable[[str], None], speed: float
) -> AsyncIterator[list[Record | Unreadable]]:
    """Yield what is to be sent, when it happens."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    for step in day:
        await asyncio.sleep(began + step.at / speed - loop.time())
        if step.line:
            minutes, seconds = divmod(int(step.at), 60)
            say(f"{minutes:02}:{seconds:02}  {step.line}")
        yield [
            Record("results", encode(it), it.unit, "the day", 0, 0, 0, False) for it in step.results
        ]


async def _stop_with(stop: StopFlag, delivery: Delivery) -> None:
    while not await asyncio.to_thread(stop.wait, _TICK):
        pass
    delivery.stop()


async def _check(gateway: GatewayAddress, say: Callable[[str], None]) -> None:
    """Look whether the gateway has the day's rules: it would count the results by others.

    :raises CannotDo: it has not, or does not answer.
    """
    async with session(gateway) as client:
        status, rules = await answer_of(client, gateway, "GET", "/v1/catalogue")
        if status != 200 or not isinstance(rules, dict):
            raise problem_of(gateway, status, rules)
        status, standings = await answer_of(client, gateway, "GET", "/v1/standings")
    catalogue = demo_catalogue()
    its = rules["games"]["title"], {it["name"] for it in rules["faculties"]}
    if its != (catalogue.games.title, set(catalogue.faculties)):
        raise CannotDo(
            f"The gateway at {gateway.endpoint} has another catalogue than the demonstration, so "
            "nothing is sent to it.",
            f"`medallero demo` without --gateway starts one; or give yours {CATALOGUE}.",
        )
    meta = standings.get("meta") if status == 200 and isinstance(standings, dict) else None
    if meta and meta["results"]:
        say(f"{meta['results']:,} results are there already; what is sent again changes nothing.")
