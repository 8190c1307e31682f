"""FastAPI and uvicorn (uvloop, httptools) with ``send()`` a record, awaited.

Runs in a virtual environment of its own, as a file: nothing of the project is imported.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Literal

import uvicorn
from aiokafka import AIOKafkaProducer
from fastapi import FastAPI
from pydantic import BaseModel, Field

Text = Annotated[str, Field(min_length=1, max_length=64)]


class Competitor(BaseModel):
    """A person or a team."""

    id: Text
    name: str | None = None
    age: Annotated[int, Field(ge=0, le=150)] | None = None


class Result(BaseModel):
    """One competitor's result in one unit."""

    sport: Literal["swimming", "athletics", "boxing"]
    unit: Text
    competitor: Competitor
    faculty: Literal["engineering", "agronomy"]
    mark: Annotated[str, Field(pattern=r"^\d+[.,]\d+$")]
    phase: str = "round"
    status: str = "official"
    version: int = 1


# FastAPI looks at the annotations of the module, so what they name must be here.
producer: AIOKafkaProducer
topic = os.environ.get("BENCH_TOPIC", "")


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    """Keep the producer while the application serves."""
    global producer
    producer = AIOKafkaProducer(
        bootstrap_servers=os.environ["BENCH_KAFKA"], acks="all", enable_idempotence=True
    )
    await producer.start()
    yield
    await producer.stop()


async def ready() -> dict[str, str]:
    """Say that it serves."""
    return {"status": "ready"}


async def post(found: Result | list[Result]) -> dict[str, int]:
    """Take one result or many."""
    results = [found] if isinstance(found, Result) else found
    acknowledged = [
        await producer.send(
            topic,
            result.model_dump_json(exclude_none=True).encode(),
            key=f"{result.sport}/{result.unit}".encode(),
        )
        for result in results
    ]
    await asyncio.gather(*acknowledged)
    return {"accepted": len(results)}


app = FastAPI(lifespan=lifespan)
app.get("/readyz")(ready)
app.post("/v1/results", status_code=202)(post)


if __name__ == "__main__":
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(os.environ["BENCH_PORT"]),
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
    )
