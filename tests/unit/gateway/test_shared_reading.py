"""What the gateway reads from Redis for all who ask at about the same time."""

from __future__ import annotations

import asyncio

from gateway.reading.snapshot_cache import _Kept


def test_what_is_asked_for_anew_is_not_what_was_read_before() -> None:
    async def story() -> tuple[str, str]:
        answers: list[asyncio.Future[str]] = []

        async def read() -> str:
            answers.append(asyncio.get_running_loop().create_future())
            return await answers[-1]

        async def give_way() -> None:
            for _ in range(5):
                await asyncio.sleep(0)

        kept = _Kept(read, max_age=60.0)
        first = asyncio.create_task(kept.get())
        await give_way()
        anew = asyncio.create_task(kept.newest())
        await give_way()
        answers[0].set_result("before")
        await give_way()
        if not answers[-1].done():
            answers[-1].set_result("after")
        return await first, await anew

    assert asyncio.run(story()) == ("before", "after")
